"""The image, as far as it can be held without an engine: linted, its lines carried out, tried.

No engine builds it here. What is not tried: the base image's own Python, the second stage's
apt-get, NVIDIA's image.
"""

import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jsonschema
import pytest
import yaml
from PIL import Image

from edge import settings
from tests.cli.test_main import fetched
from tests.kubernetes.chart import run, tool
from tests.kubernetes.dockerfile import ROOT, carry_out, owner, stages
from tests.parts import absent, free_port
from tests.running import photo

pytestmark = pytest.mark.slow

BUILD, FINAL = stages(ROOT / "Dockerfile")
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.triton"])
def test_hadolint_has_nothing_to_say(name: str) -> None:
    done = run([tool("venv/bin/hadolint"), "--failure-threshold", "style", ROOT / name])
    assert (done.returncode, done.stdout) == (0, "")


def test_the_last_stage_has_no_compiler_and_no_root() -> None:
    assert not re.search(r"gcc|build-essential|-dev\b", " ".join(FINAL.of("RUN")))
    assert FINAL.of("USER") == ["10001:10001"]
    assert FINAL.base == BUILD.base, "the virtual environment is made for the one Python"
    labels = " ".join(FINAL.of("LABEL"))
    for key in ("title", "description", "version", "revision", "licenses"):
        assert f"org.opencontainers.image.{key}=" in labels


def test_what_is_copied_is_in_the_context() -> None:
    """.dockerignore leaves out everything but what it names."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    let_in = {line[1:] for line in lines if line.startswith("!")}
    copied = {word for text in BUILD.of("COPY") for word in text.split()[:-1]}
    assert copied == let_in
    assert all((ROOT / each).exists() for each in copied)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What the first stage leaves behind, without the public networks."""
    if os.geteuid() != 0:
        absent("the image's lines install Debian packages, which needs root")
    root = Path("/var/tmp") / f"edge-image-{os.getpid()}"
    try:
        yield carry_out(BUILD, root, {"NETWORKS": ""})
    finally:
        shutil.rmtree(root, ignore_errors=True)


BY_CHANCE = {"libxcb1", "libfreetype6"}
"""pillow-simd links these too where a machine has their headers; the first stage has not."""


def test_the_last_stage_has_every_library_that_the_first_one_linked(built: Path) -> None:
    [installing] = [text for text in FINAL.of("RUN") if "apt-get install" in text]
    listed = set(re.findall(r"\blib[\w.+-]+", installing))
    needed = set()
    for extension in built.glob(".venv/lib/python*/site-packages/PIL/_*.so"):
        needed |= set(re.findall(r"=> /\S+/(\S+)", run(["ldd", extension]).stdout))
    owners = set(map(owner, needed))
    leave = ["recommends", "suggests", "conflicts", "breaks", "replaces", "enhances"]
    options = ["--recurse", *(f"--no-{kind}" for kind in leave)]

    def closure(packages: set[str]) -> set[str]:
        told = run(["apt-cache", "depends", *options, *packages]).stdout
        return packages | set(re.findall(r"Depends: ([\w.+-]+)", told))

    there = closure(listed | BY_CHANCE)
    assert owners, "pillow-simd was not built here"
    assert owners - there == set()


_RESTRICTED = """
mount --make-rprivate /
if [ "$CLOSED" ]; then  # the interpreter lies where only root may go: open a way to it alone
    mkdir "$SCRATCH/hold"
    mount --bind "$PYTHON" "$SCRATCH/hold"
    mount -t tmpfs -o mode=755 tmpfs "$CLOSED"
    mkdir -p "$PYTHON"
    mount --bind "$SCRATCH/hold" "$PYTHON"
fi
mount -t tmpfs -o mode=1777 tmpfs "$SCRATCH"
mount -o remount,ro,bind /
exec setpriv --reuid 10001 --regid 10001 --clear-groups --no-new-privs \
    --bounding-set -all --inh-caps -all "$@"
"""
"""A mount namespace in which only one folder can be written to, and a user without a capability."""


@contextmanager
def restricted(
    built: Path, scratch: Path, *command: str, **environ: str
) -> Iterator[subprocess.Popen]:
    """The image's program as a pod has it: read-only root, user 10001, no capability."""
    scratch.mkdir(exist_ok=True)
    declared = re.findall(r'(\w+)=("[^"]*"|\S+)', " ".join(FINAL.of("ENV")))
    moved = {"/tmp": str(scratch), "/app/networks": f"{built}/networks"}
    mine = {key: moved.get(value, value.strip('"')) for key, value in declared}
    mine["PATH"] = f"{built}/.venv/bin:{os.environ['PATH']}"
    python = (built / ".venv/bin/python").resolve().parents[1]
    closed = [each for each in reversed(python.parents) if not each.stat().st_mode & 0o001]
    mine |= {"PYTHON": str(python), "CLOSED": str(next(iter(closed), ""))}
    process = subprocess.Popen(
        ["unshare", "--mount", "bash", "-euc", _RESTRICTED, "restricted", *command],
        env={"SCRATCH": str(scratch), **mine, **environ}, cwd=scratch,
        stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=60)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that others may enter, unlike pytest's."""
    folder = Path("/var/tmp") / f"edge-run-{os.getpid()}"
    folder.mkdir()
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_it_serves_with_a_read_only_root_and_no_privilege(built: Path, place: Path) -> None:
    """Also formats whose decoder is a worker process of its own, and the networks."""
    photos = place / "photos"
    photos.mkdir()
    photo(600, 800).save(photos / "a.tif")
    photo(100, 80).save(photos / "b.jpg")
    port, admin = free_port(), free_port()
    given = {
        "EDGE_SERVER_HOST": "127.0.0.1", "EDGE_SERVER_PORT": str(port),
        "EDGE_SERVER_ADMIN_PORT": str(admin), "EDGE_ORIGIN_URL": str(photos),
        "EDGE_SERVER_ENGINE": "pillow-simd",
    }  # fmt: skip
    command = [*FINAL.command("ENTRYPOINT"), *FINAL.command("CMD")]
    with restricted(built, place / "scratch", *command, **given) as process:
        health = json.loads(fetched(f"http://127.0.0.1:{admin}/-/healthz"))
        assert health == {"status": "ok"}
        for path, size in (("a.tif?w=300&fm=webp", (300, 400)), ("b.jpg?w=200&up=2", (200, 160))):
            body = fetched(f"http://127.0.0.1:{port}/{path}")
            assert Image.open(io.BytesIO(body)).size == size
        assert json.loads(fetched(f"http://127.0.0.1:{admin}/-/readyz"))["status"] == "ready"
        check_health(admin, 0)
        check_health(free_port(), 1)
        process.terminate()
        process.wait(60)
    assert process.returncode == 0


def check_health(port: int, code: int) -> None:
    """The image's own health check, against that port."""
    done = subprocess.run(
        [sys.executable, *FINAL.command("HEALTHCHECK")[1:]],
        env={"EDGE_SERVER_ADMIN_PORT": str(port)}, capture_output=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == code, done.stderr


def test_that_root_is_read_only_indeed(built: Path, place: Path) -> None:
    script = "id -u; grep CapEff /proc/self/status; touch scratch-file; touch $1/x || exit 3"
    with restricted(built, place / "scratch", "sh", "-c", script, "sh", str(built)) as process:
        told, complaint = process.communicate(timeout=60)
    assert process.returncode == 3
    assert told.split() == ["10001", "CapEff:", "0000000000000000"]
    assert "Read-only file system" in complaint


def compose_schema() -> dict:
    """The Compose specification's schema, out of the wheel of the former docker-compose."""
    [wheel] = tool("compose").glob("docker_compose-*.whl")
    with zipfile.ZipFile(wheel) as packed:
        return json.loads(packed.read("compose/config/compose_spec.json"))


def test_the_compose_file_is_what_its_specification_says() -> None:
    jsonschema.Draft7Validator(compose_schema()).validate(COMPOSE)
    assert set(COMPOSE["services"]) >= {"edge", "redis", "minio", "triton", "varnish"}


def test_compose_gives_edge_settings_that_exist_and_opens_this_machine_only() -> None:
    known = {row.variable for row in settings.rows()}
    mine = COMPOSE["services"]["edge"]
    default = re.compile(r"\$\{\w+:-([^}]*)\}")
    given = {key: default.sub(r"\1", value) for key, value in mine["environment"].items()}
    assert {key for key in given if key.startswith("EDGE_")} <= known
    loaded = settings.load(given)
    grace = float(mine["stop_grace_period"].removesuffix("s"))
    assert grace >= loaded.server.shutdown_delay + loaded.server.drain + 5
    for service in COMPOSE["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
        assert service.get("build") or re.search(r":[\w.-]*\d[\w.-]*$", service["image"])


def test_compose_s_varnish_runs_the_configuration_of_the_docs_with_edge_s_name() -> None:
    """test_cdn.py runs that configuration; here only the name of the backend is another."""
    command = COMPOSE["services"]["varnish"]["command"][0]
    [edit] = re.findall(r"sed '([^']+)'", command)
    vcl = ROOT / "docs" / "varnish.vcl"
    text = run(["sed", edit, vcl]).stdout
    assert text == vcl.read_text().replace('.host = "127.0.0.1"', '.host = "edge"')
    assert text != vcl.read_text()
