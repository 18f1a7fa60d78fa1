"""What is installed is what was locked: every file has a hash, build tools included."""

import json
import os
import re
import subprocess
import sys
import tomllib
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.parts import absent

ROOT = Path(__file__).parent.parent
LOCKS = sorted(
    [*ROOT.glob("requirements*.lock"), *(ROOT / "edge" / "tools" / "triton").glob("*.lock")]
)


def pins(lock: Path) -> dict[str, str]:
    """The block of every package."""
    blocks = re.split(r"^(?=[A-Za-z0-9])", lock.read_text(), flags=re.MULTILINE)
    return {
        re.match(r"[\w.-]+", block)[0].lower(): block for block in blocks if block[:1].isalnum()
    }


def test_there_are_locks_for_all_that_is_installed():
    assert {lock.name for lock in LOCKS} == {
        "requirements.lock", "requirements-dev.lock", "requirements-build.lock",
        "requirements-engine.lock", "requirements-audit.lock", "requirements-openvino.lock",
        "triton_server.lock", "triton_libraries.lock", "triton_gpu_libraries.lock",
    }  # fmt: skip


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_package_is_pinned_and_has_hashes(lock):
    assert pins(lock)
    for name, block in pins(lock).items():
        assert re.match(r"[\w.\[\]-]+==\S+", block), name
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), name


def test_openvino_is_installed_as_it_is_tested():
    tested, served = (pins(ROOT / f"requirements-{name}.lock") for name in ("dev", "openvino"))
    assert served == {name: block for name, block in tested.items() if "openvino" in name}


def test_the_tools_that_build_are_locked():
    built = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    names = {re.match(r"[\w-]+", requirement)[0] for requirement in built}
    assert names | {"setuptools", "pybind11", "wheel"} <= set(
        pins(ROOT / "requirements-build.lock")
    )


def test_nothing_is_installed_without_its_hash():
    script = (ROOT / "scripts" / "environment").read_text()
    for line in re.findall(r".*\bpip (?:install|wheel)\b.*", script):
        own = " -e ." in line or '$wheels"/' in line  # built here, of what was held against hashes
        assert "--require-hashes" in line or own, line
        assert "--no-build-isolation" in line or "-e ." not in line, line


@pytest.mark.parametrize(
    ("report", "code", "told"),
    [
        (None, 3, "cannot be reached"),
        ([{"name": "a", "skip_reason": "not on PyPI"}], 3, "no advisories"),
        ([{"name": "a", "version": "1", "vulns": []}], 0, "1 of 1 audited, 0 advisories"),
        (
            [{"name": "a", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}],
            1,
            "a 1: CVE-1, fixed in 2",
        ),
    ],
)
def test_an_audit_says_what_it_could_not_ask_and_fails_on_what_it_found(
    tmp_path, report, code, told
):
    file = tmp_path / "report"
    file.write_text("" if report is None else json.dumps({"dependencies": report}))
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "audited.py", "x.lock", file],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == code
    assert told in done.stdout


class Advisories:
    """An OSV API (https://google.github.io/osv.dev/post-v1-query) on 127.0.0.1.

    Args:
        affected: the package that has an advisory.
        status: of every answer.
        delay: seconds before each.
    """

    def __init__(self, affected: str = "", status: int = 200, delay: float = 0) -> None:
        known = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                question = self.rfile.read(int(self.headers["Content-Length"]))
                name = json.loads(question)["package"]["name"]
                known.asked.append(name)
                known.over.wait(delay)
                answer = _advisory(name) if name == affected else {}
                self.send_response(status)
                self.end_headers()
                with suppress(OSError):
                    self.wfile.write(json.dumps(answer).encode() if status == 200 else b"no")

            def log_message(self, *given):
                pass

        self.asked: list[str] = []
        self.over = Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1/query"

    def __enter__(self) -> "Advisories":
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()


def _advisory(name: str) -> dict:
    package = {"name": name, "ecosystem": "PyPI"}
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.1"}]}]
    affected = [{"package": package, "ranges": ranges}]
    return {"vulns": [{"id": "OSV-1", "summary": "a hole", "affected": affected}]}


@pytest.fixture(scope="module")
def small_lock(tmp_path_factory) -> Path:
    """A lock of three packages, with hashes."""
    lock = tmp_path_factory.mktemp("locks") / "small.lock"
    names = ("alpha", "beta", "gamma")
    lock.write_text("".join(f"{name}==1.0 --hash=sha256:{'0' * 64}\n" for name in names))
    return lock


def audit(url: str, lock: Path, seconds: int = 30) -> subprocess.CompletedProcess:
    environ = {**os.environ, "EDGE_AUDIT_OSV": url, "EDGE_AUDIT_SECONDS": str(seconds)}
    done = subprocess.run(
        [ROOT / "scripts" / "audit", lock], env=environ, capture_output=True, text=True
    )
    if "cannot be installed" in done.stderr:
        absent("pip-audit cannot be installed")
    return done


@pytest.mark.slow
def test_lint_fails_on_an_advisory_for_what_is_locked(small_lock):
    with Advisories(affected="beta") as advisories:
        done = audit(advisories.url, small_lock)
    assert "beta 1.0: OSV-1, fixed in 99.1" in done.stderr
    assert "3 of 3 audited, 1 advisories" in done.stderr
    assert done.returncode == 1


@pytest.mark.slow
def test_lint_passes_where_nothing_is_known_of_what_is_locked(small_lock):
    with Advisories() as advisories:
        done = audit(advisories.url, small_lock)
    assert set(advisories.asked) >= {"alpha", "beta", "gamma"}
    assert "3 of 3 audited, 0 advisories" in done.stderr
    assert done.returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("trouble", [{"status": 404}, {"delay": 600}], ids=["none", "late"])
def test_who_has_no_advisories_is_asked_once_and_fails_nothing(small_lock, trouble):
    with Advisories(affected="beta", **trouble) as advisories:
        done = audit(advisories.url, small_lock)
        assert advisories.asked == ["pip"]
    assert "nothing was audited" in done.stderr
    assert done.returncode == 0


@pytest.mark.slow
def test_a_registry_that_is_slow_all_the_time_is_left_after_a_while(small_lock):
    """Its answers are early enough for the first question, and too late for all of them."""
    with Advisories(affected="gamma", delay=1) as advisories:
        done = audit(advisories.url, small_lock, seconds=2)
    assert "not audited" in done.stderr
    assert done.returncode == 0


@pytest.mark.slow
def test_without_a_network_lint_passes(small_lock):
    done = audit("http://127.0.0.1:9/v1/query", small_lock)
    assert "nothing was audited" in done.stderr
    assert done.returncode == 0
