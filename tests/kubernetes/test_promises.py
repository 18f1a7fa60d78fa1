"""What the chart says of edge holds in edge: routes, settings, times, ports, secrets, users."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from edge import settings
from edge.cli import main
from edge.settings import loading
from tests.cli.test_main import fetched
from tests.kubernetes.chart import (
    SETS,
    component,
    containers,
    environment,
    named,
    objects,
    pods,
    probes,
    rendered,
)
from tests.parts import free_port
from tests.test_docs import script
from tests.test_serving import exchange, request, serving

pytestmark = pytest.mark.slow

EDGE = {row.variable for row in settings.rows()}
FOREIGN = {
    "HOME", "AWS_REGION", "AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
    "PICTURES", "ADMIN", "PICTURE",
}  # fmt: skip
schema = script("chart").schema
EACH_SET = pytest.mark.parametrize("name", SETS)


def servers(name: str) -> list[dict]:
    return [
        container
        for _, pod in pods(name)
        for container in pod["containers"]
        if container.get("args") == ["serve"]
    ]


@EACH_SET
def test_every_environment_variable_is_a_setting_that_exists(name: str) -> None:
    given = {key for _, pod in pods(name) for c in containers(pod) for key in environment(c)}
    assert given - FOREIGN <= EDGE


@EACH_SET
def test_edge_takes_every_value(name: str) -> None:
    """Read by edge's own reader, with something in the place of each secret."""
    known = {
        "EDGE_SIGNING_KEYS": "a:0123456789abcdef", "EDGE_ADMIN_TOKEN": "0123456789abcdef",
        "EDGE_CACHE_REDIS_URL": "redis://redis:6379/0",
    }  # fmt: skip
    for _, pod in pods(name):
        for container in containers(pod):
            values = environment(container)
            mine = {key: value or known[key] for key, value in values.items() if key in EDGE}
            settings.load(mine)


def test_every_probe_is_a_route_that_answers() -> None:
    port, admin = free_port(), free_port()
    with serving(port, admin=admin):
        for name in SETS:
            for container in servers(name):
                ports = {each["name"]: each["containerPort"] for each in container["ports"]}
                values = environment(container)
                assert ports == {
                    "http": int(values["EDGE_SERVER_PORT"]),
                    "admin": int(values["EDGE_SERVER_ADMIN_PORT"]),
                }
                for kind, probe in probes(container).items():
                    assert probe["httpGet"]["port"] == "admin"
                    asked = request(path=probe["httpGet"]["path"], connection="close")
                    told = exchange(admin, asked)
                    assert told.startswith(b"HTTP/1.1 200"), (name, kind)


@EACH_SET
def test_servers_and_tritons_have_all_three_probes_and_others_none(name: str) -> None:
    for made_by, pod in pods(name):
        for container in pod["containers"]:
            asked = {port["name"] for port in container.get("ports", [])} & {"http"}
            kinds = {"startupProbe", "readinessProbe", "livenessProbe"} if asked else set()
            assert set(probes(container)) == kinds, made_by


@EACH_SET
def test_the_grace_period_is_longer_than_all_that_goes_on_in_it(name: str) -> None:
    for made_by, pod in pods(name):
        for container in pod["containers"]:
            values = environment(container)
            pause = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {})
            whole = pause.get("seconds", 0) + float(values.get("EDGE_SERVER_SHUTDOWN_DELAY", 0))
            whole += float(values.get("EDGE_SERVER_DRAIN", 0))
            exits = [re.match(r"--exit-timeout-secs=(\d+)", a) for a in container.get("args", [])]
            whole += sum(int(found[1]) for found in exits if found)
            grace = pod.get("terminationGracePeriodSeconds", 30)
            assert grace >= whole + 5, (made_by, grace, whole)
            assert "readinessProbe" not in container or pause["seconds"] >= 1, made_by


def test_a_request_may_take_as_long_as_the_drain_lets_it() -> None:
    deadline = settings.Settings().server.deadline
    for container in servers("defaults"):
        values = environment(container)
        told = float(values["EDGE_SERVER_SHUTDOWN_DELAY"]) + float(values["EDGE_SERVER_DRAIN"])
        assert told > deadline, "a request that began before SIGTERM may take this long"


def test_the_gateway_waits_longer_than_edge() -> None:
    for each in objects("large-shop", "HTTPRoute"):
        for rule in each["spec"]["rules"]:
            seconds = float(rule["timeouts"]["request"].removesuffix("s"))
            assert seconds > settings.Settings().server.deadline


@EACH_SET
def test_no_secret_is_in_a_config_map_or_a_value(name: str) -> None:
    """Every secret setting comes from a Secret; nothing that looks like a key is written down."""
    secret = {f"EDGE_{section}_{name}".upper() for section, name, info in loading._fields()
              if info.metadata["secret"]} | {"AWS_SECRET_ACCESS_KEY"}  # fmt: skip
    assert not secret & set(schema()["properties"]["settings"]["properties"])
    assert not objects(name, "Secret")
    for _, pod in pods(name):
        for container in containers(pod):
            for each in container.get("env", []):
                if each["name"] in secret:
                    assert set(each) == {"name", "valueFrom"}
                    assert set(each["valueFrom"]) == {"secretKeyRef"}
    for each in objects(name, "ConfigMap"):
        text = json.dumps(each["data"])
        assert not secret & set(re.findall(r"\w+", text))
        assert not re.search(r"://[^/\s]*@|password|BEGIN [A-Z ]*PRIVATE", text)


@EACH_SET
def test_pods_keep_to_what_pod_security_restricted_asks(name: str) -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/ and a read-only root."""
    allowed = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral",
               "persistentVolumeClaim", "projected", "secret"}  # fmt: skip
    for made_by, pod in pods(name):
        assert pod["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        for volume in pod.get("volumes", []):
            assert set(volume) - {"name"} <= allowed, made_by
        for container in containers(pod):
            context = container["securityContext"]
            assert context["runAsNonRoot"] is True
            assert context["runAsUser"] > 10_000
            assert context["allowPrivilegeEscalation"] is False
            assert context["readOnlyRootFilesystem"] is True
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert context["seccompProfile"] == {"type": "RuntimeDefault"}
            assert {"cpu", "memory"} <= set(container["resources"]["requests"])
            assert "memory" in container["resources"]["limits"]


@EACH_SET
def test_every_reference_leads_to_an_object_or_to_what_values_name(name: str) -> None:
    """Services select pods, policies and budgets too, routes and scalers name what is there."""
    found = {(each["kind"], each["metadata"]["name"]) for each in rendered(name)}
    labels = [
        each["spec"]["template"]["metadata"]["labels"] for each in objects(name, "Deployment")
    ]

    def selects(selector: dict) -> bool:
        return any(selector.items() <= each.items() for each in labels)

    for each in objects(name, "Service"):
        assert selects(each["spec"]["selector"]), each["metadata"]["name"]
    for each in objects(name, "PodDisruptionBudget", "PodMonitor"):
        assert selects(each["spec"]["selector"]["matchLabels"]), each["metadata"]["name"]
    for each in objects(name, "ServiceMonitor"):
        wanted = each["spec"]["selector"]["matchLabels"].items()
        [service] = [
            s for s in objects(name, "Service") if wanted <= s["metadata"]["labels"].items()
        ]
        [endpoint] = each["spec"]["endpoints"]
        assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    for each in objects(name, "ScaledObject", "HorizontalPodAutoscaler"):
        assert ("Deployment", each["spec"]["scaleTargetRef"]["name"]) in found
        target = named(name, "Deployment", each["spec"]["scaleTargetRef"]["name"])
        assert "replicas" not in target["spec"], "the scaler's number would be undone by an upgrade"
    for each in objects(name, "HTTPRoute"):
        for backend in each["spec"]["rules"][0]["backendRefs"]:
            assert ("Service", backend["name"]) in found
    for each in objects(name, "Ingress"):
        for rule in each["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                assert path["backend"]["service"]["port"] == {"name": "http"}
                assert ("Service", path["backend"]["service"]["name"]) in found
    for _, pod in pods(name):
        volumes = {volume["name"] for volume in pod.get("volumes", [])}
        for container in containers(pod):
            assert {m["name"] for m in container.get("volumeMounts", [])} <= volumes
        for volume in pod.get("volumes", []):
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in found


@EACH_SET
def test_the_admin_port_is_reached_by_the_named_alone(name: str) -> None:
    """No Service that may be public leads there; the policy lets in whom adminFrom names."""
    admin = [
        each
        for each in objects(name, "Service")
        if any(port["targetPort"] == "admin" for port in each["spec"]["ports"])
    ]
    assert [each["spec"]["type"] for each in admin] == ["ClusterIP"]
    for policy in objects(name, "NetworkPolicy"):
        for rule in policy["spec"]["ingress"]:
            if {"admin", "metrics"} & {port["port"] for port in rule["ports"]}:
                assert rule["from"], policy["metadata"]["name"]


@EACH_SET
def test_policies_let_through_what_the_settings_name(name: str) -> None:
    policies = {each["metadata"]["name"]: each for each in objects(name, "NetworkPolicy")}
    if not policies:
        assert SETS[name]["networkPolicy"] == {"enabled": False}
        return
    mine = policies[next(iter(sorted(policies, key=len)))]
    open_ports = {port["port"] for rule in mine["spec"]["egress"] for port in rule["ports"]}
    for container in servers(name):
        for key, value in environment(container).items():
            if key in ("EDGE_TRITON_URL", "EDGE_CACHE_REDIS_URL", "EDGE_S3_ENDPOINT_URL"):
                port = re.search(r":(\d+)(/|$)", value)
                assert not port or int(port[1]) in open_ports, (key, value)
    assert 53 in open_ports


@EACH_SET
def test_memory_limits_hold_the_caches_the_decoders_and_the_rest(name: str) -> None:
    """docs/running.md: half a gigabyte for the interpreter, networks and pictures at work."""
    units = {"Mi": 2**20, "Gi": 2**30}
    for made_by, pod in pods(name):
        for container in pod["containers"]:
            if container["name"] not in ("edge", "worker"):
                continue
            mine = environment(container)
            given = settings.load(
                {k: v for k, v in mine.items() if re.match("EDGE_(CACHE|DECODE)", k) and v}
            )
            cache, decode = given.cache, given.decode
            held = cache.memory_bytes + cache.original_bytes + cache.enlarged_bytes
            held += decode.workers * decode.memory_bytes + 2**29
            text = container["resources"]["limits"]["memory"]
            assert float(text[:-2]) * units[text[-2:]] >= held, made_by
            cores = float(container["resources"]["requests"]["cpu"])
            keys = ("EDGE_SERVER_THREADS", "EDGE_MODELS_THREADS", "EDGE_DECODE_WORKERS")
            assert {float(mine[key]) for key in keys} == {cores}, "not those of the node"


@EACH_SET
def test_every_command_is_one_that_the_command_line_takes(name: str) -> None:
    for _, pod in pods(name):
        for container in containers(pod):
            arguments = container.get("args", [])
            if container["name"] in ("edge", "worker"):
                main.parser().parse_args(arguments)
            for line in re.findall(r"^ *edge (.*)$", "\n".join(map(str, arguments)), re.MULTILINE):
                main.parser().parse_args(line.split())


def test_the_helm_test_asks_a_running_edge_for_its_picture(tmp_path: Path) -> None:
    """The pod's own command and variables, with the addresses of a real edge; signed as well."""
    [(_, pod)] = [each for each in pods("small-shop") if each[0].endswith("-test")]
    [container] = pod["containers"]
    keys = "a:0123456789abcdef0123"
    port, admin = free_port(), free_port()
    signed = {"EDGE_SIGNING_KEYS": keys, "EDGE_SIGNING_REQUIRED": "1"}
    with serving(port, admin=admin, **signed):
        addresses = {"PICTURES": f"http://127.0.0.1:{port}", "ADMIN": f"http://127.0.0.1:{admin}"}
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        environ = {**environment(container), **addresses, "EDGE_SIGNING_KEYS": keys, "PATH": path}
        for picture, code, says in (
            ("/bottle.jpg?fm=jpg&w=400", 0, "picture: JPEG (400, 533)"),
            ("/no/such.jpg?w=400", 1, "404"),
            ("", 0, "no picture was asked for"),
        ):
            done = subprocess.run(
                [sys.executable, *container["command"][1:], *container["args"]],
                env=environ | {"PICTURE": picture}, capture_output=True, text=True, timeout=60,
            )  # fmt: skip
            assert done.returncode == code, done.stderr
            assert says in done.stdout + done.stderr
            assert "readiness: ready" in done.stdout


def test_presets_of_values_are_served() -> None:
    """What the ConfigMap has is a file that edge starts with."""
    [presets] = [
        each for each in objects("everything-a-cluster-asks", "ConfigMap")
        if each["metadata"]["name"].endswith("-presets")
    ]  # fmt: skip
    assert presets["data"] == {"presets.toml": SETS["everything-a-cluster-asks"]["presets"]}


def test_secrets_that_may_change_are_files() -> None:
    pod = component("large-shop", "server")["spec"]["template"]["spec"]
    values = environment(pod["containers"][0])
    [mount] = [m for m in pod["containers"][0]["volumeMounts"] if m["name"] == "secrets"]
    [volume] = [v for v in pod["volumes"] if v["name"] == "secrets"]
    for key in ("EDGE_SIGNING_FILE", "EDGE_ADMIN_FILE"):
        assert values[key] == f"{mount['mountPath']}/{key}"
        assert {"key": key, "path": key} in volume["secret"]["items"]
    assert "subPath" not in mount, "a file mounted so is not exchanged"


def test_workers_are_scaled_by_the_keys_that_jobs_have_in_redis() -> None:
    """The queue's list, and the set of jobs, without which no worker would come to fill it."""
    from edge.jobs.dramatiq_queue import QUEUE
    from edge.jobs.redis_feed import NAMESPACE

    [scaler] = [
        each for each in objects("large-shop", "ScaledObject")
        if each["metadata"]["name"].endswith("-worker")
    ]  # fmt: skip
    watched = {trigger["metadata"]["listName"] for trigger in scaler["spec"]["triggers"]}
    assert watched == {f"{NAMESPACE}:{QUEUE}", f"{NAMESPACE}:active"}


def test_a_worker_starts_as_charted_shows_metrics_and_ends_well(redis_url: str) -> None:
    [container] = component("workers", "worker")["spec"]["template"]["spec"]["containers"]
    port = free_port()
    named_ports = {each["name"]: str(each["containerPort"]) for each in container["ports"]}
    arguments = [
        str(port) if each == named_ports["metrics"] else each for each in container["args"]
    ]
    given = environment(container) | {"EDGE_CACHE_REDIS_URL": redis_url, "HOME": os.environ["HOME"]}
    process = subprocess.Popen(
        [sys.executable, "-m", "edge", *arguments], env={**os.environ, **given},
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert b"edge_job_items_total" in fetched(f"http://127.0.0.1:{port}/metrics")
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
