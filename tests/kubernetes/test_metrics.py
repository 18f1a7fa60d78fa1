"""Dashboard, alerts and scalers ask a real Prometheus that scrapes a real edge and Triton."""

import json
import re
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.kubernetes.chart import CHART, NAMESPACE, RELEASE, objects, run, tool
from tests.models import networks
from tests.models.servers import TritonServer, installation
from tests.parts import free_port, wait_for
from tests.running import photo
from tests.test_serving import serving

pytestmark = pytest.mark.slow

SET = "large-shop"
DASHBOARD = json.loads((CHART / "files" / "dashboard.json").read_text())


def panels() -> Iterator[tuple[str, str]]:
    """Title and query of everything that the dashboard shows, as Grafana would ask it."""
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", []):
            text = target["expr"].replace("$namespace", NAMESPACE).replace("$release", RELEASE)
            yield panel["title"], text.replace("$__rate_interval", "1m")


def alerts() -> list[dict]:
    [rules] = objects(SET, "PrometheusRule")
    return [rule for group in rules["spec"]["groups"] for rule in group["rules"]]


def scalers() -> Iterator[tuple[str, str]]:
    for each in objects(SET, "ScaledObject"):
        for trigger in each["spec"]["triggers"]:
            if trigger["type"] == "prometheus":
                yield each["metadata"]["name"], trigger["metadata"]["query"]


def queries() -> list[tuple[str, str]]:
    asked = [(rule["alert"], rule["expr"]) for rule in alerts()]
    return [*panels(), *asked, *scalers()]


@dataclass(frozen=True, slots=True)
class Prometheus:
    url: str

    def ask(self, query: str) -> list[dict]:
        """An instant query's series.

        Raises:
            HTTPError: Prometheus does not take the query.
        """
        given = urllib.parse.urlencode({"query": query})
        with urllib.request.urlopen(f"{self.url}/api/v1/query?{given}", timeout=30) as answer:
            return json.load(answer)["data"]["result"]

    def names(self) -> set[str]:
        with urllib.request.urlopen(f"{self.url}/api/v1/label/__name__/values") as answer:
            return set(json.load(answer)["data"])


def scrape(component: str, target: str, path: str) -> dict:
    """A job whose labels are those that the chart's monitors would add."""
    labels = {
        "namespace": NAMESPACE,
        "pod": f"{RELEASE}-{component}-0",
        "app_kubernetes_io_instance": RELEASE,
        "app_kubernetes_io_component": component,
        "edge_track": "main",
    }
    configs = [{"targets": [target], "labels": labels}]
    return {"job_name": component, "metrics_path": path, "static_configs": configs}


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Has scraped a minute's worth, at one a second, of pictures of every kind."""
    folder = tmp_path_factory.mktemp("metrics")
    repository, photos = folder / "models", folder / "photos"
    networks.nearest(repository, "upscale_x2", 64, 2, overlap=4)
    photos.mkdir()
    photo(120, 90).save(photos / "a.jpg")
    triton = TritonServer(installation(), repository, folder / "triton.log").start()
    port, admin, own = free_port(), free_port(), free_port()
    config = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [
            scrape("server", f"127.0.0.1:{admin}", "/-/metrics"),
            scrape("triton", f"127.0.0.1:{triton.ports.metrics}", "/metrics"),
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    environ = {
        "EDGE_ORIGIN_URL": str(photos),
        "EDGE_TRITON_URL": triton.url,
        "EDGE_MODELS_FOLDER": str(repository),
        "EDGE_LIMITS_CLASSICAL_RUNNING": "1",
        "EDGE_LIMITS_CLASSICAL_WAITING": "0",
    }
    with ExitStack() as stack:
        stack.callback(triton.stop)
        stack.enter_context(serving(port, admin=admin, **environ))
        process = subprocess.Popen(
            [
                tool("prometheus"), f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{own}",
            ],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        stack.callback(process.wait)
        stack.callback(process.kill)
        server = Prometheus(f"http://127.0.0.1:{own}")
        wait_for("prometheus", lambda: server.ask("up") is not None, process)
        for number in range(12):
            for path in (
                f"w={20 + number}&up=off",
                "w=20&up=off",
                f"w={180 + number}&up=2",
                "w=no",
            ):
                asked(f"http://127.0.0.1:{port}/a.jpg?{path}")
            asked(f"http://127.0.0.1:{port}/a.jpg?fmt=instagram&w={300 + number}&up=off")
            asked(f"http://127.0.0.1:{port}/none.jpg")
            time.sleep(1)  # a scrape between two
        yield server


def asked(url: str) -> None:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        error.read()


_SILENT = {
    "Refused by admission control", "Tiers that fail", "Reasons for review a second",
    "EdgeDown", "EdgeFailing", "EdgeSlow", "EdgeRefusing", "EdgeTierFailing", "EdgeOriginFailing",
    "EdgeNetworksAway", "EdgeTritonQueue", "EdgeTritonFailing",
    "EdgeReloadFailed", "EdgeNotCompliant", "EdgeRenderersMixed",
}  # fmt: skip
"""What has nothing to show while all is well: two panels of troubles, and every alert."""


@pytest.mark.parametrize(("name", "query"), queries(), ids=lambda value: value[:40])
def test_prometheus_answers_with_what_is_running(
    prometheus: Prometheus, name: str, query: str
) -> None:
    found = prometheus.ask(query)
    assert (found == []) == (name in _SILENT), found
    for series in found:
        assert series["value"][1] != "NaN" or "/" in query


def test_every_metric_that_is_named_is_exported(prometheus: Prometheus) -> None:
    """Also those inside of what is silent: a counter of troubles is described before the first."""
    text = " ".join(query for _, query in queries())
    named = set(re.findall(r"\b(?:edge|nv)_[a-z_]+\b", text)) - {"edge_track"}
    assert len(named) > 20
    families = described(prometheus)
    families |= {f"{each}_{part}" for each in families for part in ("bucket", "sum", "count")}
    assert named - families == set()


def described(prometheus: Prometheus) -> set[str]:
    """Every family that edge and Triton describe in their exposition, with or without a series."""
    found = set()
    for series in prometheus.ask("up"):
        path = "/-/metrics" if series["metric"]["job"] == "server" else "/metrics"
        with urllib.request.urlopen(f"http://{series['metric']['instance']}{path}") as answer:
            found |= set(re.findall(r"^# TYPE (\S+)", answer.read().decode(), re.MULTILINE))
    return found


def test_a_scaler_reads_a_number_also_when_nothing_runs(prometheus: Prometheus) -> None:
    for name, query in scalers():
        [series] = prometheus.ask(query)
        assert float(series["value"][1]) >= 0, name
        [idle] = prometheus.ask(query.replace(RELEASE, "nobody")) or [None]
        assert idle is None or float(idle["value"][1]) == 0


def series(name: str, component: str, **labels: str) -> str:
    given = {
        "namespace": NAMESPACE, "app_kubernetes_io_instance": RELEASE,
        "app_kubernetes_io_component": component, "edge_track": "main", **labels,
    }  # fmt: skip
    return name + "{" + ",".join(f'{key}="{value}"' for key, value in given.items()) + "}"


TROUBLES = {
    "EdgeDown": {series("up", "server"): "0x20"},
    "EdgeFailing": {
        series("edge_requests_total", "server", route="image", status="200"): "0+600x20",
        series("edge_requests_total", "server", route="image", status="503"): "0+60x20",
    },
    "EdgeSlow": {
        series("edge_request_seconds_bucket", "server", route="image", source="render", le="10"):
            "0+1x30",
        series("edge_request_seconds_bucket", "server", route="image", source="render", le="30"):
            "0+60x30",
        series("edge_request_seconds_bucket", "server", route="image", source="render", le="+Inf"):
            "0+60x30",
    },
    "EdgeRefusing": {series("edge_admission_refused_total", "server", cost="network"): "0+6x20"},
    "EdgeTierFailing": {
        series("edge_tier_lookups_total", "server", tier="redis", outcome="error"): "0+60x30",
        series("edge_tier_lookups_total", "server", tier="redis", outcome="hit"): "0+60x30",
    },
    "EdgeOriginFailing": {
        series("edge_failures_total", "server", error="OriginTimeout"): "0+60x20"
    },
    "EdgeNetworksAway": {series("edge_triton_breaker_open", "server"): "1x20"},
    "EdgeReloadFailed": {series("edge_reload_successful", "server", file="presets"): "1x5 0x20"},
    "EdgeNotCompliant": {
        series("edge_compliance_total", "server", preset="amazon", verdict="fail"): "0+6x30",
        series("edge_compliance_total", "server", preset="amazon", verdict="pass"): "0+6x30",
    },
    "EdgeRenderersMixed": {
        series("edge_build_info", "server", render_version=version): "1x60"
        for version in ("12", "13")
    },
    "EdgeTritonQueue": {
        series("nv_inference_queue_duration_us", "triton", model="matting"): "0+60000000x30",
        series("nv_inference_exec_count", "triton", model="matting"): "0+60x30",
    },
    "EdgeTritonFailing": {
        series("nv_inference_request_failure", "triton", model="matting"): "0+60x20"
    },
}  # fmt: skip
"""For each alert the series that must raise it, in promtool's notation: start+step x minutes."""


_WHEN = {"EdgeRenderersMixed": "45m"}
"""When a trouble is old enough to be told, where that is later than with the others."""


def rule_file(folder: Path) -> Path:
    [rules] = objects(SET, "PrometheusRule")
    path = folder / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": rules["spec"]["groups"]}))
    return path


def test_promtool_takes_the_rules(tmp_path: Path) -> None:
    done = run([tool("promtool"), "check", "rules", "--lint-fatal", rule_file(tmp_path)])
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("alert", TROUBLES)
def test_an_alert_is_raised_by_its_trouble_and_by_no_other(tmp_path: Path, alert: str) -> None:
    given = TROUBLES[alert]
    rules = rule_file(tmp_path)
    up = {} if alert == "EdgeDown" else {series("up", "server"): "1x40"}
    probe = tmp_path / "test.yaml"

    def raised(given: dict[str, str]) -> set[str]:
        names = [rule["alert"] for rule in alerts()]
        found = set()
        for name in names:
            checks = [{"eval_time": _WHEN.get(name, "18m"), "alertname": name, "exp_alerts": []}]
            inputs = [{"series": key, "values": value} for key, value in given.items()]
            tests = [{"interval": "1m", "input_series": inputs, "alert_rule_test": checks}]
            probe.write_text(
                yaml.safe_dump({"rule_files": [rules.name], "evaluation_interval": "1m",
                                "tests": tests})
            )  # fmt: skip
            if run([tool("promtool"), "test", "rules", probe], cwd=tmp_path).returncode:
                found.add(name)
        return found

    assert raised({**up, **given}) == {alert}


def test_every_alert_has_its_trouble_here() -> None:
    assert set(TROUBLES) == {rule["alert"] for rule in alerts()}


def test_every_alert_says_what_to_look_at() -> None:
    for rule in alerts():
        assert {"summary", "description"} <= set(rule["annotations"])
        assert rule["labels"]["severity"] in ("critical", "warning")
