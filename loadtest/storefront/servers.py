"""The servers under load: replicas of edge behind one rotation, a Redis, and the photos they serve.

The rotation is what a balancer does: it asks each replica's readiness, hands requests out in turn
to those that are ready, and tries the next one where a connection is refused.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

from PIL import Image, ImageEnhance

from loadtest.common import ROOT, free_port

SAMPLES = ROOT / "edge" / "samples"
_OLD = 86_400
"""Seconds since the photos were written, as the server sees it: new ones are kept for moments."""


def make_photos(folder: Path, count: int, longest: int = 1600) -> list[str]:
    """Different originals from the bundled samples, as JPEG; their paths in the folder."""
    samples = sorted(SAMPLES.glob("*.jpg"))
    for index in range(count):
        picture = Image.open(samples[index % len(samples)]).convert("RGB")
        picture = ImageEnhance.Brightness(picture).enhance(1 - (index // len(samples)) / 400)
        scale = longest / max(picture.size)
        size = (round(picture.width * scale), round(picture.height * scale))
        path = folder / f"{index // 100:03d}" / f"{index:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.resize(size, Image.Resampling.LANCZOS).save(path, quality=90)
        os.utime(path, (time.time() - _OLD,) * 2)
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.jpg"))


def photos_in(folder: Path) -> list[str]:
    """The paths of a shop's own JPEGs."""
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.suffix.lower() in (".jpg", ".jpeg")
    )


@contextmanager
def redis_server(folder: Path) -> Iterator[str | None]:
    """A Redis until the block ends, and its URL; None where none is installed."""
    program = shutil.which("redis-server")
    if program is None:
        yield None
        return
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    command += ["--save", "", "--maxmemory", "256mb", "--maxmemory-policy", "volatile-ttl"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait()


@dataclass
class Replica:
    """One edge process, which can be replaced by a new one on a port of its own."""

    environ: Mapping[str, str]
    quiet: bool = False
    """Whether its log goes nowhere: under overload each refusal has a line."""

    base: str = ""
    process: subprocess.Popen[bytes] | None = None
    ready: bool = False

    def start(self) -> None:
        """Start it and wait until it is ready.

        Raises:
            RuntimeError: it ended, or was not ready in a minute.
        """
        port = free_port()
        self.base = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "edge", "serve"],
            env={**os.environ, **self.environ, "EDGE_SERVER_PORT": str(port)},
            cwd=ROOT,
            stdout=subprocess.DEVNULL if self.quiet else None,
            stderr=subprocess.DEVNULL if self.quiet else None,
        )
        for _ in range(600):
            if self.process.poll() is not None:
                raise RuntimeError(f"edge ended with {self.process.returncode} at its start")
            if self.probe():
                return
            time.sleep(0.1)
        raise RuntimeError("edge was not ready in a minute")

    def probe(self) -> bool:
        """Ask its readiness, and remember the answer."""
        try:
            with urlopen(f"{self.base}/-/readyz", timeout=5) as answer:
                self.ready = answer.status == 200
        except HTTPError:
            self.ready = False
        except OSError:
            self.ready = False
        return self.ready

    def stop(self) -> int:
        """As a deploy does: SIGTERM, and wait; its exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def resident(self) -> float:
        """Resident memory in MiB; 0 while it is being replaced."""
        with suppress(OSError, AttributeError):
            assert self.process is not None
            for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
                if line.startswith("VmRSS"):
                    return int(line.split()[1]) / 1024
        return 0.0

    def metrics(self) -> dict[str, float]:
        """What it counts, summed over labels; nothing while it is being replaced."""
        found: dict[str, float] = {}
        with suppress(OSError):
            with urlopen(f"{self.base}/-/metrics", timeout=5) as answer:
                text = answer.read().decode()
            for line in text.splitlines():
                name, _, value = line.rpartition(" ")
                if name and not line.startswith("#"):
                    name = name.partition("{")[0]
                    found[name] = found.get(name, 0.0) + float(value)
        return found


@dataclass
class Rotation:
    """Hands out the replicas that are ready, in turn."""

    replicas: list[Replica]
    _turn: int = 0
    exits: list[int] = field(default_factory=list)

    def next(self) -> str:
        """The base URL of one that is ready; of any, where none is."""
        ready = [each for each in self.replicas if each.ready] or self.replicas
        self._turn += 1
        return ready[self._turn % len(ready)].base

    def probe(self) -> None:
        for replica in self.replicas:
            replica.probe()

    def deploy(self) -> None:
        """Replace every replica by a new process, one after the other, as a rolling update does:
        where there is one alone, the new one is ready before the old one is told to stop."""
        for place, old in enumerate(list(self.replicas)):
            new = Replica(old.environ, old.quiet)
            new.start()
            self.replicas[place] = new
            self.exits.append(old.stop())

    def stop(self) -> None:
        for replica in self.replicas:
            if replica.process is not None and replica.process.poll() is None:
                self.exits.append(replica.stop())


@contextmanager
def rotation(count: int, environ: Mapping[str, str], *, quiet: bool = False) -> Iterator[Rotation]:
    """So many replicas until the block ends."""
    replicas = [Replica(environ, quiet) for _ in range(count)]
    all_of_them = Rotation(replicas)
    try:
        for replica in replicas:
            replica.start()
        yield all_of_them
    finally:
        all_of_them.stop()
