"""Decodes each input twice, in two processes whose memory is filled differently, and compares.

What memory held before shows in one of the two, so that a decoder which answers what it never wrote
answers twice. glibc fills every block of its own (MALLOC_PERTURB_), Python's small ones go there
too (PYTHONMALLOC), and what a process has answered before is different in either.
"""

import json
import os
import random
import select
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.fuzz.mutations import mutated
from tests.fuzz.pieces import kind

CORPUS = Path(__file__).parent / "corpus"
SECONDS = 5.0
"""Processor time of one input; by the clock a busy machine is given four times as much."""

MEMORY = 1_500_000_000
"""Bytes that one input may make a process take."""

_FILLS = ("85", "170")


@dataclass(frozen=True)
class Finding:
    """An input that should not do what it does: crash, hang, memory, escaped or differs."""

    kind: str
    detail: str
    body: bytes


class Process:
    """One decoding process, started again whenever it ends.

    Args:
        fill: 1 to 255, what its memory is filled with.
        environment: more variables for it.
    """

    def __init__(self, fill: str, environment: dict[str, str] | None = None) -> None:
        self._environment = {
            **os.environ, "MALLOC_PERTURB_": fill, "PYTHONMALLOC": "malloc", **(environment or {})
        }  # fmt: skip
        self._running: subprocess.Popen[bytes] | None = None

    def request(self, body: bytes) -> None:
        """Hand an input over; `answer` says what came of it."""
        process = self._process()
        assert process.stdin
        with suppress(BrokenPipeError):
            process.stdin.write(struct.pack(">I", len(body)) + body)
            process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """What `target.answer` says; or of kind crash, or hang."""
        process = self._process()
        assert process.stdout
        ready, _, _ = select.select([process.stdout], [], [], 4 * SECONDS)
        if not ready:
            self.close()
            return {"kind": "hang", "detail": f"no answer within {4 * SECONDS:g} s"}
        line = process.stdout.readline()
        if not line:
            code = process.wait()
            self.close()
            return {"kind": "crash", "detail": f"ended with {code}"}
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        if self._running:
            self._running.kill()
            self._running.wait()
            for pipe in (self._running.stdin, self._running.stdout):
                with suppress(OSError):
                    if pipe:
                        pipe.close()
        self._running = None

    def _process(self) -> subprocess.Popen[bytes]:
        if self._running is None:
            self._running = self._started()
        return self._running

    def _started(self) -> subprocess.Popen[bytes]:
        """One that has imported what it needs: that is no input's time."""
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.fuzz.target"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self._environment,
            cwd=Path(__file__).parents[2],
        )
        assert process.stdout
        if process.stdout.readline() != b"{}\n":
            raise RuntimeError(f"a decoding process ended at its start with {process.wait()}")
        return process


class Pair:
    """Two processes of differently filled memory."""

    def __init__(self, environment: dict[str, str] | None = None) -> None:
        self._both = [Process(fill, environment) for fill in _FILLS]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._both:
            process.close()

    def finding(self, body: bytes) -> Finding | None:
        """What is wrong with how this is decoded; None where nothing is."""
        for process in self._both:
            process.request(body)
        first, second = [process.answer() for process in self._both]
        for answer in (first, second):
            if answer["kind"] in ("crash", "hang", "escaped"):
                return Finding(answer["kind"], answer["detail"], body)
            if answer["seconds"] > SECONDS:
                return Finding("hang", f"{answer['seconds']:.1f} s: {answer['detail']}", body)
            if answer["peak"] > MEMORY:
                return Finding("memory", f"{answer['peak'] / 1e6:.0f} MB", body)
        if first["digest"] != second["digest"]:
            return Finding("differs", f"{first['detail']} and {second['detail']}", body)
        return None


def seeds(format: str | None = None) -> list[Path]:
    """The corpus, or the files of it that are of one format."""
    paths = sorted(path for path in CORPUS.rglob("*") if path.is_file())
    return [path for path in paths if format is None or path.suffix == f".{format}"]


def inputs(paths: list[Path], seed: str) -> Iterator[bytes]:
    """Mutations of these files without end; the same for the same seed."""
    bodies = [path.read_bytes() for path in paths]
    number = 0
    while True:
        draw = random.Random(f"{seed} {number}")
        body = draw.choice(bodies)
        alike = [other for other in bodies if kind(other) == kind(body)]
        yield mutated(body, draw.choice(alike), draw)
        number += 1


def hunt(
    paths: list[Path],
    seed: str,
    seconds: float,
    found: Callable[[Finding], None],
    environment: dict[str, str] | None = None,
) -> int:
    """Decode mutations for so long, and tell of every finding; answers how many were decoded."""
    end, count = time.monotonic() + seconds, 0
    with Pair(environment) as pair:
        for body in inputs(paths, seed):
            if time.monotonic() > end:
                break
            if finding := pair.finding(body):
                found(finding)
            count += 1
    return count


def minimised(finding: Finding, tries: int = 400) -> Finding:
    """The same finding in fewer bytes, by leaving out ever smaller parts of the file."""
    body = finding.body
    with Pair() as pair:
        step = len(body) // 2
        while step and tries > 0:
            at = 0
            while at < len(body) and tries > 0:
                shorter = body[:at] + body[at + step :]
                tries -= 1
                same = pair.finding(shorter) if shorter else None
                if same and same.kind == finding.kind:
                    body = shorter
                else:
                    at += step
            step //= 2
    return Finding(finding.kind, finding.detail, body)
