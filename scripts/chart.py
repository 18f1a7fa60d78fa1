"""Writes helm/edge/values.schema.json: the types below, values.yaml's comments, edge's settings.

Every object names its properties as an enumeration, so that a refusal tells what there is instead
of only that something is not. `--check` only says whether the file is behind.
"""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge import settings

CHART = Path(__file__).resolve().parent.parent / "helm" / "edge"
TARGET = CHART / "values.schema.json"

Schema = dict[str, Any]


def form(pattern: str, allowed: str, kinds: str | list[str] = "string") -> Schema:
    """Text of a form. What does not have it is told the words instead of the pattern."""
    return {"type": kinds, "if": {"pattern": pattern}, "else": {"const": allowed}}


TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
MAP: Schema = {"type": "object"}
OBJECTS: Schema = {"type": "array", "items": {"type": "object"}}
DIGEST = form("^(sha256:[0-9a-f]{64})?$", "sha256: and 64 hexadecimal digits")
TAG = form("^[A-Za-z0-9_.-]{0,128}$", "letters, digits, . _ -")
BUCKET = form("^(s3://[a-z0-9.-]+/.+)?$", "s3://bucket/prefix")
GRPC = form("^(grpc://.+:[0-9]+)?$", "grpc://host:port")
ADDRESS = form("^([^:/]+:[0-9]+)?$", "host:port")
URL = form("^https?://", "http://host:port or https://host")
DURATION = form("^([0-9]+(ms|s|m|h))+$", "a duration such as 30s or 1h")
QUANTITY = form(
    "^[0-9]+(\\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$",
    "a quantity as Kubernetes has it, such as 500m, 2 or 512Mi",
    ["string", "number"],
)
SHARE = form("^[0-9]+%$", "a whole number or a percentage", ["string", "integer"]) | {"minimum": 0}
STRINGS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
SCALARS: Schema = {
    "type": "object",
    "propertyNames": {"pattern": "^[A-Z][A-Z0-9_]*$"},
    "additionalProperties": {"type": ["string", "number", "boolean"]},
}
HOSTS: Schema = {
    "type": "array",
    "items": form(
        "^(\\*\\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", "a host name such as img.example.com"
    ),
}
PORTS: Schema = {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 65535}}


def whole(low: int, high: int) -> Schema:
    return {"type": "integer", "minimum": low, "maximum": high}


def one_of(*words: str) -> Schema:
    return {"type": "string", "enum": list(words)}


def some_of(*words: str) -> Schema:
    return {"type": "array", "uniqueItems": True, "items": {"type": "string", "enum": list(words)}}


def names(kind: Schema = TEXT) -> Schema:
    return {"type": "array", "items": kind}


PULL = one_of("Always", "IfNotPresent", "Never")
IMAGE = {"repository": TEXT, "tag": TAG, "digest": DIGEST, "pullPolicy": PULL}
RESOURCES = {
    part: {"type": "object", "additionalProperties": QUANTITY} for part in ("requests", "limits")
}
MODELS = {
    "source": one_of("image", "volume", "bucket"),
    "volume": MAP,
    "bucket": BUCKET,
    "bucketImage": TEXT,
    "fetch": names(
        form("^[a-z0-9][a-z0-9-]*$", "the name of a network that `edge models fetch` knows")
    ),
}
PLACE = {"nodeSelector": STRINGS, "tolerations": OBJECTS, "affinity": MAP}
ROLLING = {"maxSurge": SHARE, "maxUnavailable": SHARE}
SCRATCH = {"tmp": QUANTITY, "shm": QUANTITY}
REPLICAS = whole(0, 1000)
PEERS = {"to": OBJECTS, "ports": PORTS}

OWNED = {
    "EDGE_SERVER_HOST", "EDGE_SERVER_PORT", "EDGE_SERVER_ADMIN_PORT", "EDGE_SERVER_THREADS",
    "EDGE_SERVER_DRAIN", "EDGE_SERVER_SHUTDOWN_DELAY", "EDGE_PRESETS_FILE", "EDGE_TRITON_URL",
    "EDGE_MODELS_FOLDER", "EDGE_MODELS_FETCHED", "EDGE_MODELS_THREADS", "EDGE_DECODE_WORKERS",
    "EDGE_SIGNING_KEYS",
    "EDGE_SIGNING_FILE", "EDGE_ADMIN_TOKEN", "EDGE_ADMIN_FILE", "EDGE_JOBS_WEBHOOK_SECRET",
}  # fmt: skip
"""Settings that the chart sets itself, or that are secrets: not under `settings`."""
SECRET_KEYS = (
    "EDGE_ADMIN_TOKEN", "EDGE_SIGNING_KEYS", "EDGE_JOBS_WEBHOOK_SECRET", "EDGE_CACHE_REDIS_URL",
    "EDGE_ORIGIN_URL",
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
)  # fmt: skip
SECRET_FILES = ("EDGE_ADMIN_FILE", "EDGE_SIGNING_FILE")


def setting_of(row: settings.SettingRow) -> Schema:
    """What YAML may have for one setting: its own type, in its bounds."""
    schema = {"description": f"{row.help} Allowed: {row.allowed}."}
    if " | " in row.allowed:
        return schema | {"type": "string", "enum": row.allowed.split(" | ")}
    if row.allowed == "0 or 1":
        return schema | {"type": "boolean"}
    bounds = re.search(r", (?:at least )?([\d.e+]+)(?: to ([\d.e+]+))?$", row.allowed)
    low, high = bounds.groups() if bounds else (None, None)
    limits = {"minimum": low, "maximum": high}
    schema |= {name: float(value) for name, value in limits.items() if value}
    kind = row.allowed.partition(",")[0]
    if kind in ("a whole number", "a port"):
        return schema | {"type": "integer"}
    if kind == "a number of seconds":
        return schema | {"type": "number"}
    if kind == "a number of bytes":
        return schema | form("^[0-9.]+ ?([kKmMgG]i?)?B?$", row.allowed, ["integer", "string"])
    if row.allowed == "whole numbers separated by commas":
        return schema | form("^[0-9]+(, ?[0-9]+)*$", row.allowed, ["string", "integer"])
    return schema | {"type": "string"}


def settings_schema() -> Schema:
    return closed({r.variable: setting_of(r) for r in settings.rows() if r.variable not in OWNED})


def closed(properties: Mapping[str, Any]) -> Schema:
    """An object of these properties; a bare mapping inside is one, too."""
    inner = {
        name: value if _is_schema(value) else closed(value) for name, value in properties.items()
    }
    return {
        "type": "object",
        "propertyNames": {"enum": list(inner)},
        "additionalProperties": False,
        "properties": inner,
    }


def _is_schema(value: Mapping[str, Any]) -> bool:
    return "type" in value and not isinstance(value["type"], dict)


def autoscaling(*modes: str, **further: Schema) -> dict[str, Schema]:
    return {
        "mode": one_of(*modes),
        "minReplicas": REPLICAS,
        "maxReplicas": whole(1, 1000),
    } | further


def values() -> dict[str, Any]:
    """The type of every value, in the order of values.yaml."""
    return {
        "global": MAP,
        "nameOverride": TEXT,
        "fullnameOverride": form(
            "^([a-z]([a-z0-9-]{0,38}[a-z0-9])?)?$", "a DNS label of at most 40 characters"
        ),
        "imagePullSecrets": names(),
        "image": IMAGE,
        "replicas": REPLICAS,
        "settings": settings_schema(),
        "photos": MAP,
        "presets": TEXT,
        "secrets": {
            "name": TEXT,
            "keys": some_of(*SECRET_KEYS),
            "files": some_of(*SECRET_FILES),
            "externalSecret": {
                "enabled": FLAG,
                "storeName": TEXT,
                "storeKind": one_of("SecretStore", "ClusterSecretStore"),
                "remoteKey": TEXT,
                "refreshInterval": DURATION,
            },
        },
        "models": MODELS,
        "resources": RESOURCES,
        "scratch": SCRATCH,
        "shutdown": {
            "preStopSeconds": whole(1, 300),
            "delaySeconds": whole(0, 300),
            "drainSeconds": whole(0, 600),
        },
        "probes": {
            "startupSeconds": whole(10, 3600),
            "readinessExclude": some_of("tiers", "origins", "models"),
            "readinessPeriodSeconds": whole(1, 300),
        },
        "autoscaling": autoscaling(
            "none", "hpa", "keda",
            cpuPercent=whole(1, 1000), admissionWaiting=whole(0, 10_000), metricName=TEXT,
        ),
        "podDisruptionBudget": {"enabled": FLAG, "maxUnavailable": SHARE},
        "rollingUpdate": ROLLING,
        "service": {
            "type": one_of("ClusterIP", "NodePort", "LoadBalancer"),
            "port": whole(1, 65535),
            "annotations": STRINGS,
        },
        "ingress": {
            "enabled": FLAG, "className": TEXT, "annotations": STRINGS, "hosts": HOSTS,
            "tlsSecret": TEXT,
        },
        "gateway": {"enabled": FLAG, "parents": OBJECTS, "hosts": HOSTS, "timeout": DURATION},
        "serviceAccount": {"create": FLAG, "name": TEXT, "annotations": STRINGS},
        "networkPolicy": {
            "enabled": FLAG, "from": OBJECTS, "adminFrom": OBJECTS, "redis": PEERS,
            "origins": PEERS, "extraEgress": OBJECTS,
        },
        "monitoring": {
            "enabled": FLAG,
            "kind": one_of("PodMonitor", "ServiceMonitor"),
            "interval": DURATION,
            "labels": STRINGS,
            "tokenSecret": {"name": TEXT, "key": TEXT},
            "rules": FLAG,
            "dashboard": FLAG,
            "prometheusUrl": URL,
        },
        "podLabels": STRINGS,
        "podAnnotations": STRINGS,
        **PLACE,
        "topologySpread": one_of("DoNotSchedule", "ScheduleAnyway"),
        "priorityClassName": TEXT,
        "env": SCALARS,
        "triton": {
            "enabled": FLAG,
            "url": GRPC,
            "image": IMAGE,
            "replicas": REPLICAS,
            "gpus": whole(0, 16),
            "gpuResource": TEXT,
            "resources": RESOURCES,
            "scratch": SCRATCH,
            "options": names(form("^--", "an option of tritonserver, --name=value")),
            "startupSeconds": whole(10, 7200),
            "preStopSeconds": whole(1, 600),
            "drainSeconds": whole(1, 600),
            **PLACE,
            "priorityClassName": TEXT,
            "runtimeClassName": TEXT,
            "rollingUpdate": ROLLING,
            "autoscaling": autoscaling(
                "none", "hpa", "keda", queueMilliseconds=whole(1, 60_000), metricName=TEXT
            ),
        },
        "canary": {
            "enabled": FLAG, "replicas": REPLICAS, "image": IMAGE, "models": MODELS,
            "tritonReplicas": REPLICAS,
        },
        "worker": {
            "enabled": FLAG,
            "replicas": REPLICAS,
            "resources": RESOURCES,
            "drainSeconds": whole(0, 600),
            "autoscaling": autoscaling(
                "none", "keda",
                queueLength=whole(1, 1_000_000), redisAddress=ADDRESS,
                redisDatabase=whole(0, 1000), authentication=TEXT,
            ),
        },
        "test": {"path": form("^(/.*)?$", "a path and query, such as /sku/1.jpg?w=400")},
    }  # fmt: skip


def comments(text: str) -> dict[tuple[str, ...], str]:
    """The comment above each key of a YAML text of two spaces an indent, by the key's path."""
    found: dict[tuple[str, ...], str] = {}
    path: list[str] = []
    block: list[str] = []
    for line in text.splitlines():
        if comment := re.match(r" *# ?(.*)", line):
            block.append(comment[1])
        elif key := re.match(r"( *)([\w.-]+):", line):
            path[len(key[1]) // 2 :] = [key[2]]
            found[tuple(path)] = " ".join(block)
            block = []
        else:
            block = []
    return found


def described(schema: Schema, told: Mapping[tuple[str, ...], str], at: tuple[str, ...]) -> Schema:
    inner = {
        name: described(value, told, (*at, name))
        for name, value in schema.get("properties", {}).items()
    }
    description = {"description": told[at]} if told.get(at) else {}
    return schema | description | ({"properties": inner} if inner else {})


def schema() -> Schema:
    """The whole schema."""
    told = comments((CHART / "values.yaml").read_text("utf-8"))
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Values of edge"}
    return head | described(closed(values()), told, ())


def text() -> str:
    return json.dumps(schema(), indent=2) + "\n"


def main() -> int:
    behind = not TARGET.exists() or TARGET.read_text("utf-8") != text()
    if behind:
        print(TARGET.name)
        if "--check" not in sys.argv:
            TARGET.write_text(text(), "utf-8")
    return 1 if behind and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
