"""A small pool of worker processes: what a photo does to its decoder, it does to one of these.

A job is one file handed over in memory, and pixels handed back in memory that was zero before. A
worker that ends, hangs or answers nonsense is ended and replaced; the job that did it fails.
"""

import mmap
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from PIL import Image

from edge import errors
from edge.deadline import Deadline
from edge.errors import Busy, DeadlineExceeded, OriginalCorrupt
from edge.rendering.engine import pillow
from edge.rendering.engine.children import ENVIRONMENT, Child, Gone, Pool
from edge.rendering.source.decoders import messages
from edge.rendering.source.decoders.options import DecodeOptions, Loaded

_ROOM = {"L": 1, "RGB": 4, "RGBA": 4, "CMYK": 4, "LAB": 3}
"""Bytes of a pixel as it is handed back; the engine keeps RGB in four."""

_BYTES_PER_PIXEL = 5  # the most that is handed back: four channels and alpha
_START_SECONDS = 60.0
_STARTS = 3  # tries, before a request is told that none can be started
_SHORTEST = 0.05
_REFUSALS = {
    name: getattr(errors, name)
    for name in ("OriginalCorrupt", "OriginalUnsupported", "OriginalTooLarge")
}

_PROGRAM = """
import sys
from importlib.util import find_spec
sys.path.insert(0, sys.argv[1])
beside = find_spec("stock_pillow")
if beside:
    sys.path.insert(0, next(iter(beside.submodule_search_locations)))
from edge.rendering.source.decoders.worker import main
main(int(sys.argv[2]), int(sys.argv[3]))
"""
"""Where a stock Pillow lies beside pillow-simd, it takes the name in a worker."""


def possible() -> bool:
    """Whether this system can hand memory to another process the way it is done here."""
    return hasattr(os, "memfd_create") and hasattr(socket, "send_fds")


_ENVIRONMENT = {**ENVIRONMENT, "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}


class _Worker(Child):
    def __init__(self, memory: int) -> None:
        super().__init__(_PROGRAM, (str(memory),), _ENVIRONMENT)

    def _begin(self) -> None:
        self.sandbox = str(self._answer(_START_SECONDS).get("sandbox"))

    def decode(self, data: bytes, request: DecodeOptions, seconds: float, longest: float) -> Loaded:
        """Raises: Gone, and what the decoder raised."""
        room = _BYTES_PER_PIXEL * request.size.pixels
        with _memory(data=data) as source, _memory(size=room) as target:
            message = {"options": request.as_json(), "length": len(data), "seconds": longest}
            try:
                messages.send(self._link, message, (source, target))
            except OSError as error:
                raise Gone("died") from error
            answer = self._answer(seconds)
            if "error" in answer:
                raise _refusal(answer)
            return _loaded(answer, target, room)

    def _answer(self, seconds: float) -> dict[str, Any]:
        self._link.settimeout(max(_SHORTEST, seconds))
        try:
            return messages.receive(self._link)[0]
        except TimeoutError as error:
            raise Gone("late") from error
        except (EOFError, OSError, ValueError) as error:
            raise Gone("died") from error


class DecoderPool(Pool[_Worker]):
    """At most `count` processes, each started when it is first needed.

    Args:
        memory: bytes that one may take for itself.
        seconds: the longest that one may take for a picture.
        replaced: told the reason, `died` or `late`, when one had to be.
    """

    def __init__(
        self,
        count: int,
        memory: int,
        seconds: float,
        replaced: Callable[[str], None] = lambda reason: None,
    ) -> None:
        super().__init__(replaced)
        self.count, self.memory, self.seconds = count, memory, seconds

    def decode(
        self, data: bytes, request: DecodeOptions, deadline: Deadline | None = None
    ) -> Loaded:
        """What `decoders.load` answers, from another process.

        Raises:
            OriginalError: the decoder refused it, crashed on it, or took too long over it.
            DeadlineExceeded: the request's time was over first.
            Busy: no worker came free in time, or none can be started.
        """
        worker = self._take(deadline)
        seconds = min(self.seconds, deadline.remaining) if deadline else self.seconds
        try:
            loaded = worker.decode(data, request, seconds, self.seconds)
        except Gone as gone:
            self._replace(worker, str(gone))
            raise self._blame(str(gone), seconds, request) from gone
        except errors.OriginalError:
            self._give(worker)
            raise
        except BaseException:
            self._replace(worker, "died")
            raise
        self._give(worker)
        return loaded

    def _take(self, deadline: Deadline | None) -> _Worker:
        """One that lives: what ended it while it had nothing to do is no picture's fault."""
        while not (worker := self._next(deadline)).lives:
            self._replace(worker, "died")
        return worker

    def _next(self, deadline: Deadline | None) -> _Worker:
        end = time.monotonic() + (deadline.remaining if deadline else 10 * self.seconds)
        with self._free:
            while not self._idle and self._started >= self.count:
                left = end - time.monotonic()
                if left <= 0 or not self._free.wait(left):
                    raise Busy("no decoder came free in time")
            if self._idle:
                return self._idle.pop()
            self._started += 1
        return self._new()

    def _new(self) -> _Worker:
        """One just started; where its start fails, another: that is no picture's fault either."""
        for left in reversed(range(_STARTS)):
            try:
                return _Worker(self.memory)
            except (OSError, Gone) as error:
                if not left:
                    self._forget()
                    raise Busy("no decoder can be started") from error
            except BaseException:
                self._forget()
                raise
        raise AssertionError("the last try returns or raises")

    def _blame(self, reason: str, seconds: float, request: DecodeOptions) -> errors.EdgeError:
        if reason == "late" and seconds < self.seconds:
            return DeadlineExceeded("the request's time was over while the original was decoded")
        if reason == "late":
            return OriginalCorrupt(
                f"the original takes too long to decode as {request.format.value}",
                allowed=f"at most {self.seconds:g} seconds",
            )
        return OriginalCorrupt(f"the original ends its decoder for {request.format.value}")


@contextmanager
def _memory(*, data: bytes = b"", size: int = 0) -> Iterator[int]:
    """A file in memory, of these bytes or of so many zeros."""
    file = os.memfd_create("edge", os.MFD_CLOEXEC)
    try:
        if size:
            os.ftruncate(file, size)
        written = 0
        while written < len(data):
            written += os.write(file, memoryview(data)[written:])
        yield file
    finally:
        os.close(file)


def _refusal(answer: dict[str, Any]) -> errors.OriginalError:
    kind = _REFUSALS.get(str(answer["error"]), OriginalCorrupt)
    error: errors.OriginalError = kind(
        str(answer.get("detail"))[:500], allowed=answer.get("allowed") and str(answer["allowed"])
    )
    return error


def _loaded(answer: dict[str, Any], target: int, room: int) -> Loaded:
    """The planes that it says it has written; raises `Gone` where that cannot be."""
    try:
        kinds = [(str(mode), int(wide), int(high)) for mode, wide, high in answer["planes"]]
        sizes = [_ROOM[mode] * wide * high for mode, wide, high in kinds]
    except (KeyError, TypeError, ValueError) as error:
        raise Gone("died") from error
    if (
        len(kinds) not in (1, 2)
        or min(sizes) < 1
        or sum(sizes) > room
        or len({kind[1:] for kind in kinds}) > 1
        or (len(kinds) == 2 and kinds[1][0] != "L")
    ):
        raise Gone("died")
    kept = mmap.mmap(target, sum(sizes), mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)
    levels, images, at = np.frombuffer(kept, np.uint8), [], 0
    for (mode, wide, high), size in zip(kinds, sizes, strict=True):
        images.append(_image(levels[at : at + size], mode, wide, high))
        at += size
    return Loaded(*images)


def _image(levels: Any, mode: str, wide: int, high: int) -> Image.Image:
    if mode == "LAB":
        return Image.frombytes("LAB", (wide, high), levels.tobytes())
    return pillow.image_on(levels.reshape(high, wide, _ROOM[mode]), mode)
