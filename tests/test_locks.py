"""What is installed is what was locked: every file has a hash, build tools included."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LOCKS = sorted([*ROOT.glob("requirements*.lock"), *(ROOT / "edge" / "models").glob("*.lock")])


def pins(lock: Path) -> dict[str, str]:
    """The block of every package."""
    blocks = re.split(r"^(?=[A-Za-z0-9])", lock.read_text(), flags=re.MULTILINE)
    return {
        re.match(r"[\w.-]+", block)[0].lower(): block for block in blocks if block[:1].isalnum()
    }


def test_there_are_locks_for_all_that_is_installed():
    assert {lock.name for lock in LOCKS} == {
        "requirements.lock", "requirements-dev.lock", "requirements-build.lock",
        "requirements-engine.lock", "requirements-audit.lock", "triton_server.lock",
        "triton_libraries.lock",
    }  # fmt: skip


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_package_is_pinned_and_has_hashes(lock):
    assert pins(lock)
    for name, block in pins(lock).items():
        assert re.match(r"[\w.\[\]-]+==\S+", block), name
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), name


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
