"""Pure rooms are tested without any library that they do not need, servers least of all."""

import os
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PURE = (
    "tests/variants", "tests/test_breaker.py", "tests/test_deadline.py",
    "tests/test_reported.py", "tests/test_single_flight.py", "tests/test_background_tasks.py",
    "tests/test_admission.py", "tests/dialects/test_dialects.py",
)  # fmt: skip
TOOLS = ("pytest", "pytest-asyncio", "hypothesis")


def needed(*names: str) -> set[str]:
    """These packages and all that they need, as far as it is installed."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in found:
            continue
        try:
            wanted = distribution(name).requires or ()
        except PackageNotFoundError:
            continue
        found.add(name)
        waiting += [re.split(r"[^A-Za-z0-9._-]", w)[0] for w in wanted if "extra ==" not in w]
    return found


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A folder of the tools that run tests, and of nothing else."""
    folder = tmp_path / "bare"
    folder.mkdir()
    for name in needed(*TOOLS):
        packed = distribution(name)
        for top in {Path(file).parts[0] for file in packed.files or ()} - {"..", "__pycache__"}:
            source = Path(str(packed.locate_file(top)))
            if source.exists() and not (folder / top).exists():
                (folder / top).symlink_to(source)
    return folder


@pytest.mark.slow
def test_pure_rooms_are_tested_with_nothing_but_the_tools_that_run_tests(bare: Path) -> None:
    environ = {**os.environ, "PYTHONPATH": f"{bare}:{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-S", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *PURE],
        cwd=ROOT, env=environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "skipped" not in done.stdout.splitlines()[-1]


def test_without_site_packages_no_server_can_be_reached_at_all(bare: Path) -> None:
    """What the test above stands on."""
    code = "import importlib.util as u; print([bool(u.find_spec(n)) for n in ('pytest', 'boto3')])"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={**os.environ, "PYTHONPATH": str(bare)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "[True, False]"
