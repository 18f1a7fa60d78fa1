"""The chart under the real helm: it renders for every set of values, and refuses what is wrong."""

import json
import re
import tarfile
from pathlib import Path

import pytest
import yaml

from tests.kubernetes.chart import (
    CHART,
    EXAMPLES,
    RELEASE,
    SETS,
    VERSIONS,
    component,
    environment,
    helm,
    named,
    objects,
    refusal,
    rendered,
    template,
)
from tests.test_docs import script

pytestmark = pytest.mark.slow


SCRIPT = script("chart")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", SETS)
def test_every_set_renders_for_every_kubernetes(name: str, version: str) -> None:
    found = rendered(name, version)
    assert {"Deployment", "Service", "Pod"} <= {each["kind"] for each in found}
    names = [(each["kind"], each["metadata"]["name"]) for each in found]
    assert len(set(names)) == len(names), "two objects of one name"
    assert {each["metadata"]["namespace"] for each in found} == {"pictures"}


@pytest.mark.parametrize("example", ["", *sorted(p.name for p in EXAMPLES.glob("*.yaml"))])
def test_lint_has_nothing_to_say(example: str) -> None:
    values = ["--values", str(EXAMPLES / example)] if example else []
    done = helm("lint", "--strict", "--quiet", str(CHART), *values)
    assert done.returncode == 0, done.stdout
    assert done.stdout == ""


def test_a_kubernetes_that_is_too_old_is_refused() -> None:
    done = helm("template", str(CHART), "--kube-version", "1.29")
    assert done.returncode != 0
    assert ">=1.30" in done.stderr


def test_it_packs_and_the_package_renders_the_same(tmp_path: Path) -> None:
    done = helm("package", str(CHART), "--destination", str(tmp_path))
    assert done.returncode == 0, done.stderr
    [package] = tmp_path.glob("*.tgz")
    with tarfile.open(package) as packed:
        assert "edge/values.schema.json" in packed.getnames()
        assert "edge/files/dashboard.json" in packed.getnames()
    again = helm("template", RELEASE, str(package), "--namespace", "pictures")
    assert again.stdout == template({})


def test_its_version_is_that_of_edge() -> None:
    from edge import __version__

    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == __version__


def test_every_value_has_its_comment_and_its_type() -> None:
    """values.yaml reads as documentation, and nothing in it goes past the schema."""
    told = SCRIPT.comments((CHART / "values.yaml").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = SCRIPT.schema()

    def walk(at: tuple[str, ...], value: object, types: dict) -> None:
        properties = types.get("properties")
        if properties is None:
            assert any(told.get(at[:depth]) for depth in (len(at), len(at) - 1)), at
            return
        assert isinstance(value, dict), at
        assert set(value) <= set(properties), at
        assert set(properties) - set(value) <= {"global"} | settings_without_default(at), at
        for name in value:
            if at != ("settings",):
                walk((*at, name), value[name], properties[name])

    def settings_without_default(at: tuple[str, ...]) -> set[str]:
        open_ended = (("settings",), ("canary", "image"), ("canary", "models"),
                      ("monitoring", "tokenSecret"))  # fmt: skip
        return set(SCRIPT.settings_schema()["properties"]) | {
            "repository", "tag", "digest", "pullPolicy", "source", "volume", "bucket",
            "bucketImage", "fetch", "name", "key",
        } if at in open_ended else set()  # fmt: skip

    walk((), values, schema)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"replcas": 3}, ["'replcas'", "'replicas'"]),
        ({"replicas": "three"}, ["/replicas", "string", "integer"]),
        ({"replicas": -1}, ["/replicas", "minimum", "0"]),
        ({"service": {"type": "Loadbalancer"}}, ["/service/type", "'LoadBalancer'"]),
        ({"settings": {"EDGE_HTTP_MAXAGE": 60}}, ["'EDGE_HTTP_MAXAGE'", "'EDGE_HTTP_MAX_AGE'"]),
        ({"settings": {"EDGE_HTTP_MAX_AGE": "60"}}, ["EDGE_HTTP_MAX_AGE", "want integer"]),
        ({"settings": {"EDGE_SERVER_DEADLINE": 601}}, ["EDGE_SERVER_DEADLINE", "want 600"]),
        ({"settings": {"EDGE_SERVER_LOG": "xml"}}, ["EDGE_SERVER_LOG", "'json', 'text'"]),
        ({"settings": {"EDGE_QUERY_STRICT": "yes"}}, ["EDGE_QUERY_STRICT", "want boolean"]),
        (
            {"settings": {"EDGE_CACHE_MEMORY_BYTES": "1 pound"}},
            ["/settings/EDGE_CACHE_MEMORY_BYTES", "units as in 256MiB"],
        ),
        ({"settings": {"EDGE_ADMIN_TOKEN": "x" * 20}}, ["'EDGE_ADMIN_TOKEN'", "not allowed"]),
        ({"settings": {"EDGE_SERVER_PORT": 80}}, ["'EDGE_SERVER_PORT'", "not allowed"]),
        ({"resources": {"limits": {"memory": "2 GB"}}}, ["/limits/memory", "such as 500m"]),
        ({"triton": {"gpus": 1.5}}, ["/triton/gpus", "integer"]),
        ({"triton": {"url": "http://triton:8000"}}, ["/triton/url", "grpc://"]),
        ({"models": {"source": "disk"}}, ["/models/source", "'image', 'volume', 'bucket'"]),
        ({"ingress": {"hosts": ["https://img.example.com"]}}, ["/ingress/hosts/0", "a host name"]),
        ({"secrets": {"keys": ["PASSWORD"]}}, ["/secrets/keys/0", "'EDGE_ADMIN_TOKEN'"]),
        ({"shutdown": {"preStopSeconds": 0}}, ["/shutdown/preStopSeconds", "want 1"]),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_with_its_name_and_what_is_allowed(values, says) -> None:
    told = refusal(values)
    for word in says:
        assert word in told, told


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"secrets": {"keys": ["EDGE_ADMIN_TOKEN"]}}, "secrets.name is empty: it must name"),
        (
            {"settings": {"EDGE_CACHE_REDIS_URL": "redis://:secret@redis:6379/0"}},
            "settings.EDGE_CACHE_REDIS_URL has credentials in its URL",
        ),
        (
            {"settings": {"EDGE_CACHE_STORE_URL": "/var/cache"}},
            "settings.EDGE_CACHE_STORE_URL is a folder: allowed is s3://bucket/prefix",
        ),
        ({"settings": {"EDGE_ORIGIN_URL": "/photos"}}, "photos must name the volume"),
        (
            {"settings": {"EDGE_SIGNING_REQUIRED": True}},
            "EDGE_SIGNING_KEYS must be in secrets.keys",
        ),
        (
            {"triton": {"enabled": True, "url": "grpc://other:8001"}},
            "triton.url and triton.enabled: allowed is one of them",
        ),
        ({"models": {"source": "volume"}}, "models.volume must be a volume source"),
        ({"models": {"source": "bucket"}}, "models.bucket must be s3://bucket/prefix"),
        (
            {"canary": {"enabled": True, "models": {"source": "bucket"}}},
            "canary.models.bucket must be s3://bucket/prefix",
        ),
        ({"ingress": {"enabled": True}}, "ingress.hosts is empty"),
        ({"gateway": {"enabled": True, "hosts": ["a.example.com"]}}, "gateway.parents"),
        ({"worker": {"enabled": True}}, "EDGE_CACHE_REDIS_URL must be in settings or secrets.keys"),
        (
            {"autoscaling": {"mode": "hpa", "minReplicas": 9, "maxReplicas": 3}},
            "autoscaling.minReplicas is 9: allowed is at most maxReplicas, 3",
        ),
        (
            {"settings": {"EDGE_S3_ENDPOINT_URL": "http://minio:9000"}},
            "settings.EDGE_S3_ENDPOINT_URL is on port 9000, which networkPolicy.origins.ports "
            "does not let through: allowed is 443",
        ),
        ({"rollingUpdate": {"maxSurge": 0}}, "maxSurge or maxUnavailable must be above 0"),
        (
            {"secrets": {"name": "a", "keys": ["EDGE_ORIGIN_URL"]},
             "settings": {"EDGE_ORIGIN_URL": "s3://a/b"}},
            "EDGE_ORIGIN_URL is given twice",
        ),
    ],
)  # fmt: skip
def test_values_that_do_not_fit_together_are_refused_in_a_sentence(values, sentence) -> None:
    assert sentence in refusal(values)


def notes(name: str) -> str:
    """What helm prints after an installation, which a dry run shows without a cluster."""
    done = helm(
        "install", RELEASE, str(CHART), "--namespace", "pictures", "--dry-run=client",
        "--values", "-", given=json.dumps(SETS[name]),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.partition("NOTES:")[2]


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("defaults", "http://127.0.0.1:8080/bottle.jpg?w=400"),
        ("small-shop", "https://img.example.com/sku/1.jpg?fm=jpg&w=400"),
        ("large-shop", "https://img.example.com/sku/1.jpg?fm=jpg&w=400"),
        ("everything-a-cluster-asks", "http://img.example.com/PATH/OF/A/PHOTO.jpg?w=400"),
    ],
)
def test_the_notes_begin_with_a_url_to_open(name: str, url: str) -> None:
    assert re.search(r"https?://\S+", notes(name))[0] == url


def test_the_notes_say_what_is_missing_and_no_more() -> None:
    assert "Without EDGE_CACHE_REDIS_URL" in notes("defaults")
    assert "Without" not in notes("large-shop")


def test_large_numbers_arrive_as_they_were_written() -> None:
    deployment = named("everything-a-cluster-asks", "Deployment")
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    assert {"name": "EDGE_LIMITS_PIXELS", "value": "250000000"} in container["env"]


def test_other_networks_have_another_triton_service() -> None:
    """In a rollout old and new replicas of edge stand side by side; each asks its own networks."""
    before = template({"triton": {"enabled": True}})
    for change in (
        {"models": {"source": "bucket", "bucket": "s3://networks/2"}},
        {"image": {"tag": "0.2.0"}},
        {"models": {"fetch": ["u2netp"]}},
    ):
        after = template({"triton": {"enabled": True}, **change})
        names = [
            re.search(r"grpc://(\S+?)\.pictures\.svc:8001", text)[1] for text in (before, after)
        ]
        assert names[0] != names[1], change
    assert template({"triton": {"enabled": True}, "replicas": 9}).count(names[0]) == before.count(
        names[0]
    )


def test_the_canary_shares_the_service_and_nothing_of_the_networks() -> None:
    """A key is made of the networks that edge has, so they must be those that its Triton runs."""
    service = named("canary", "Service", RELEASE + "-edge")["spec"]["selector"]
    tritons = [
        each for each in objects("canary", "Service")
        if each["spec"].get("clusterIP") == "None" and each["spec"]["ports"][0]["port"] == 8001
    ]  # fmt: skip
    assert len(tritons) == 2
    for track in ("main", "canary"):
        server = component("canary", "server", track)["spec"]["template"]
        triton = component("canary", "triton", track)["spec"]["template"]
        assert service.items() <= server["metadata"]["labels"].items()
        url = environment(server["spec"]["containers"][0])["EDGE_TRITON_URL"]
        [its] = [each for each in tritons if f"//{each['metadata']['name']}." in url]
        assert its["spec"]["selector"].items() <= triton["metadata"]["labels"].items()
        other = component("canary", "triton", "canary" if track == "main" else "main")
        labels = other["spec"]["template"]["metadata"]["labels"]
        assert not its["spec"]["selector"].items() <= labels.items()
        sources = [pod["spec"]["initContainers"][0]["command"] for pod in (server, triton)
                   if pod["spec"].get("initContainers")]  # fmt: skip
        assert len({str(source) for source in sources}) == 1
