"""A Dockerfile read into stages, and its RUN lines carried out in a folder instead of an engine."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass
class Stage:
    """What stands between one FROM and the next: instruction and its text, in order."""

    base: str
    name: str
    lines: list[tuple[str, str]] = field(default_factory=list)

    def of(self, instruction: str) -> list[str]:
        return [text for kind, text in self.lines if kind == instruction]

    def command(self, instruction: str) -> list[str]:
        """The words of ENTRYPOINT, CMD or HEALTHCHECK's CMD in their JSON form."""
        [text] = self.of(instruction)
        words: list[str] = json.loads(text[text.index("[") :])
        return words


def stages(path: Path) -> list[Stage]:
    """Read a Dockerfile: https://docs.docker.com/reference/dockerfile/, as far as ours goes."""
    text = re.sub(r"^\s*#.*\n", "", path.read_text(), flags=re.MULTILINE)
    found: list[Stage] = []
    for line in re.sub(r"\\\n", " ", text).splitlines():
        kind, _, rest = line.strip().partition(" ")
        if kind == "FROM":
            base, _, name = rest.partition(" AS ")
            found.append(Stage(base, name.strip()))
        elif kind and found:
            found[-1].lines.append((kind, rest.strip()))
    return found


def carry_out(stage: Stage, root: Path, environ: Mapping[str, str]) -> Path:
    """Copy what the stage copies and run what it runs, its WORKDIR being a folder below `root`.

    Raises:
        AssertionError: a line fails; says what it printed.
    """
    [workdir] = stage.of("WORKDIR")
    folder = root / workdir.lstrip("/")
    folder.mkdir(parents=True)
    arguments = dict(text.replace('"', "").split("=", 1) for text in stage.of("ARG"))
    for kind, text in stage.lines:
        if kind == "COPY":
            *sources, target = text.split()
            for source in sources:
                copy(ROOT / source, folder / target)
        elif kind == "RUN":
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", text], cwd=folder, capture_output=True,
                text=True, env={**os.environ, **arguments, **environ}, timeout=1800,
            )  # fmt: skip
            assert done.returncode == 0, f"{text}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    return folder


def owner(library: str) -> str:
    """The Debian package that a file of this name belongs to; empty where there is none."""
    return _owners().get(library, "")


@cache
def _owners() -> dict[str, str]:
    """As `dpkg -S` says it, which takes a quarter of a second for each."""
    return {
        Path(line).name: listed.stem.partition(":")[0]
        for listed in Path("/var/lib/dpkg/info").glob("*.list")
        for line in listed.read_text().splitlines()
        if ".so" in line
    }


def copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        whole = target / source.name if target.is_dir() else target
        whole.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, whole)
