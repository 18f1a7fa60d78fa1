"""The chart, rendered by the real helm: sets of values, objects, and the tools that judge them."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.parts import absent

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "edge"
EXAMPLES = ROOT / "helm" / "values"
TOOLS = ROOT / ".edge" / "kubernetes"
VERSIONS = ("1.30", "1.34", "1.37")
RELEASE, NAMESPACE = "shop", "pictures"

Object = dict[str, Any]

SETS: Mapping[str, Mapping[str, Any]] = {
    "defaults": {},
    "laptop": yaml.safe_load((EXAMPLES / "laptop.yaml").read_text()),
    "small-shop": yaml.safe_load((EXAMPLES / "small-shop.yaml").read_text()),
    "large-shop": yaml.safe_load((EXAMPLES / "large-shop.yaml").read_text()),
    "hpa": {
        "autoscaling": {"mode": "hpa", "metricName": "edge_admission_waiting"},
        "triton": {"enabled": True, "autoscaling": {"mode": "hpa"}},
    },
    "keda-alone": {"autoscaling": {"mode": "keda", "admissionWaiting": 0}},
    "triton-on-processors": {
        "triton": {"enabled": True, "gpus": 0, "options": ["--log-verbose=1"]}
    },
    "triton-elsewhere": {"triton": {"url": "grpc://triton.gpu.svc:9001"}},
    "networks-in-a-volume": {
        "models": {
            "source": "volume",
            "volume": {"persistentVolumeClaim": {"claimName": "networks", "readOnly": True}},
        },
        "triton": {"enabled": True},
    },
    "networks-in-a-bucket": {
        "models": {"source": "bucket", "bucket": "s3://networks/edge/2026-11"},
        "secrets": {"name": "edge", "keys": ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]},
        "settings": {"EDGE_S3_ENDPOINT_URL": "http://minio.storage.svc:9000"},
        "networkPolicy": {"origins": {"ports": [443, 9000]}},
    },
    "networks-fetched": {"models": {"fetch": ["u2netp"]}, "triton": {"enabled": True}},
    "canary": {
        "replicas": 3,
        "canary": {
            "enabled": True,
            "models": {"source": "bucket", "bucket": "s3://networks/edge/2026-12"},
        },
        "triton": {"enabled": True, "replicas": 2},
        "monitoring": {"enabled": True, "kind": "ServiceMonitor"},
    },
    "everything-a-cluster-asks": {
        "fullnameOverride": "pictures",
        "imagePullSecrets": ["registry"],
        "image": {"repository": "registry.example.com/edge", "digest": "sha256:" + "0a" * 32},
        "photos": {"persistentVolumeClaim": {"claimName": "photos", "readOnly": True}},
        "presets": '[presets.own]\ntitle = "Ours: 100 %"\nwords = "w=300&fm=jpg"\n',
        "settings": {"EDGE_ORIGIN_URL": "/photos/{stem}.jpg", "EDGE_LIMITS_PIXELS": 250_000_000},
        "service": {"type": "LoadBalancer", "port": 8080, "annotations": {"a": "b"}},
        "serviceAccount": {"create": False, "name": "mine"},
        "podLabels": {"team": "shop"},
        "podAnnotations": {"reloader.stakater.com/auto": "true"},
        "nodeSelector": {"pool": "pictures"},
        "tolerations": [{"key": "pictures", "operator": "Exists"}],
        "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
            {"weight": 1, "podAffinityTerm": {"topologyKey": "kubernetes.io/hostname"}}
        ]}},
        "ingress": {"enabled": True, "hosts": ["img.example.com", "*.img.example.com"]},
        "monitoring": {"enabled": True, "tokenSecret": {"name": "edge", "key": "metrics"}},
        "networkPolicy": {"extraEgress": [{"ports": [{"port": 8443}]}]},
    },
    "workers": {
        "settings": {"EDGE_CACHE_REDIS_URL": "redis://redis.shop.svc:6379/1"},
        "worker": {"enabled": True, "replicas": 3},
    },
}  # fmt: skip
"""What operators ask of the chart; one name per set of values."""


def tool(name: str) -> Path:
    """A program that `scripts/kubernetes` fetched; without it the test is skipped, never in CI."""
    path = TOOLS / name
    if not path.exists():
        absent(f"{name} is not in {TOOLS}: run scripts/kubernetes")
    return path


def helm(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(tool("helm")), *arguments], input=given, capture_output=True, text=True, timeout=120
    )


def template(values: Mapping[str, Any], version: str = VERSIONS[-1], *options: str) -> str:
    """What `helm template` renders; fails with what helm says."""
    done = helm(
        "template", RELEASE, str(CHART), "--namespace", NAMESPACE, "--values", "-",
        "--kube-version", version, *options, given=json.dumps(values),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def refusal(values: Mapping[str, Any]) -> str:
    """What `helm lint` says of values that it must refuse."""
    done = helm("lint", "--strict", str(CHART), "--values", "-", given=json.dumps(values))
    assert done.returncode != 0, done.stdout
    return done.stdout + done.stderr


@cache
def rendered(name: str, version: str = VERSIONS[-1]) -> tuple[Object, ...]:
    """The objects of a set of values."""
    return tuple(each for each in yaml.safe_load_all(template(SETS[name], version)) if each)


def objects(name: str, *kinds: str) -> list[Object]:
    return [each for each in rendered(name) if each["kind"] in kinds]


def named(name: str, kind: str, suffix: str = "") -> Object:
    """The one object of a kind whose name ends so."""
    found = [each for each in objects(name, kind) if each["metadata"]["name"].endswith(suffix)]
    assert len(found) == 1, [each["metadata"]["name"] for each in found]
    return found[0]


def pods(name: str) -> Iterator[tuple[str, Object]]:
    """Each pod's specification with the name of what makes it."""
    for each in rendered(name):
        if each["kind"] == "Deployment":
            yield each["metadata"]["name"], each["spec"]["template"]["spec"]
        elif each["kind"] == "Pod":
            yield each["metadata"]["name"], each["spec"]


def containers(pod: Object) -> list[Object]:
    return [*pod.get("initContainers", []), *pod["containers"]]


def environment(container: Object) -> dict[str, str]:
    """The variables that have a value; those of Secrets are empty."""
    return {each["name"]: each.get("value", "") for each in container.get("env", [])}


def component(name: str, which: str, track: str = "main") -> Object:
    """The Deployment of one component."""
    for each in objects(name, "Deployment"):
        labels = each["metadata"]["labels"]
        if (labels["app.kubernetes.io/component"], labels["edge/track"]) == (which, track):
            return each
    raise AssertionError(f"{name} has no {which} of the track {track}")


def probes(container: Object) -> dict[str, Object]:
    kinds = ("startupProbe", "readinessProbe", "livenessProbe")
    return {kind: container[kind] for kind in kinds if kind in container}


def run(command: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(each) for each in command], capture_output=True, text=True, timeout=1800, **options
    )
