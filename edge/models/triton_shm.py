"""One region of system shared memory, cut into slots: how tensors reach a server nearby.

The region is a file under /dev/shm whose lock its owner holds. A crash frees the lock but leaves
the file; the next owner on the machine finds and removes it.
"""

import asyncio
import fcntl
import logging
import math
import mmap
import os
import secrets
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from edge.arrays import Tensor
from edge.breaker import Breaker
from edge.errors import EdgeError, ModelUnavailable

_log = logging.getLogger(__name__)

FOLDER = Path("/dev/shm")
PREFIX = "edge-tensors-"
SLOTS = 8
SLOT_BYTES = 8 * 2**20
"""Room for two tiles of 224x224 enlarged by 4, the largest request that upscaling makes (5.1 MB);
eight of them fill the 64 MB of /dev/shm that a container gets by default, so that is the end."""

PICTURE_SLOTS = (4, 32 * 2**20)
"""Slots, and bytes of each, for whole pictures: a canvas of 2048x2048 with its matte has 16.8 MB, a
photo for it 1 to 15 MB. Made where a picture is first sent whole; larger ones, and a fifth at a
time, go inline."""

TRY_AGAIN_SECONDS = 30.0
REST_SECONDS = 30.0
"""How long a slot is left alone after a request whose end nobody saw: the server may still write
into it. Queues drop the cancelled and the late, so one run of a network is all that is left."""


@dataclass(frozen=True, slots=True)
class MemorySlice:
    """Where one tensor lies in the region: bytes from its start, and how many."""

    offset: int
    length: int


class Region:
    """The slots of one process. Not thread-safe: it belongs to the event loop."""

    def __init__(self, file: int, path: Path, slots: int, slot_bytes: int) -> None:
        self.name = path.name
        self.bytes = slots * slot_bytes
        self._file = file
        self._path = path
        self._slot_bytes = slot_bytes
        self._memory = mmap.mmap(file, self.bytes)
        self._free = list(range(slots))

    @classmethod
    def make(cls, slots: int = SLOTS, slot_bytes: int = SLOT_BYTES, folder: Path = FOLDER) -> Self:
        """A new region, its memory reserved.

        Raises:
            ModelUnavailable: no shared memory on this machine, or not so much of it.
        """
        path = folder / f"{PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
        try:
            file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        except OSError as error:
            raise ModelUnavailable(f"no shared memory: {error}") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Reserved now: a page that is missing later would kill the process (SIGBUS).
            os.posix_fallocate(file, 0, slots * slot_bytes)
            return cls(file, path, slots, slot_bytes)
        except OSError as error:
            path.unlink(missing_ok=True)
            os.close(file)
            raise ModelUnavailable(f"not enough shared memory: {error}") from error

    @property
    def free(self) -> int:
        return len(self._free)

    def take(self, lengths: Iterable[int]) -> "Slot | None":
        """A slot with room for tensors of so many bytes each; None when none is free or large."""
        offset, places = 0, []
        for length in lengths:
            places.append(MemorySlice(offset, length))
            offset += -(-length // mmap.PAGESIZE) * mmap.PAGESIZE
        if offset > self._slot_bytes or not self._free:
            return None
        number = self._free.pop()
        start = number * self._slot_bytes
        return Slot(self, number, tuple(MemorySlice(start + p.offset, p.length) for p in places))

    def give_back(self, number: int) -> None:
        self._free.append(number)

    def view(self, place: MemorySlice) -> Tensor:
        """The bytes of one tensor, uint8 [length]; the array must not outlive the region."""
        return np.frombuffer(self._memory, np.uint8, place.length, place.offset)

    def close(self) -> None:
        """Remove the region; whoever still maps it keeps its own view."""
        self._path.unlink(missing_ok=True)
        os.close(self._file)
        with suppress(BufferError):  # a view is still about; the memory goes with the last one
            self._memory.close()


@dataclass(frozen=True, slots=True)
class Slot:
    """Part of a region, lent to one request."""

    region: Region
    number: int
    places: tuple[MemorySlice, ...]

    def write(self, index: int, tensor: Tensor) -> None:
        """Copy a tensor [...] into its place, which is as long as it."""
        self.region.view(self.places[index])[:] = tensor.reshape(-1)

    def read(self, index: int, shape: tuple[int, ...]) -> Tensor:
        """A tensor [*shape], copied: the slot is lent to somebody else as soon as it is given back.
        It may be smaller than its place."""
        return self.region.view(self.places[index])[: math.prod(shape)].reshape(shape).copy()

    def give_back(self) -> None:
        self.region.give_back(self.number)


def sweep(folder: Path = FOLDER) -> tuple[str, ...]:
    """Remove the regions of owners that are gone; answers their names."""
    removed = []
    for path in folder.glob(f"{PREFIX}*"):
        try:
            file = os.open(path, os.O_RDWR)
        except OSError:
            continue  # gone meanwhile, or another user's
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
            removed.append(path.name)
        except OSError:
            continue  # its owner lives
        finally:
            os.close(file)
    return tuple(removed)


class SharedMemory:
    """Lends slots of a region that the server maps. Whatever goes wrong, the answer is None: send
    inline.

    Args:
        register: makes the server map a region, by name and size in bytes; raises `EdgeError`.
        unregister: makes it forget one; raises `EdgeError`.
        slots, slot_bytes: of the region.
    """

    def __init__(
        self,
        register: Callable[[str, int], Awaitable[None]],
        unregister: Callable[[str], Awaitable[None]],
        slots: int = SLOTS,
        slot_bytes: int = SLOT_BYTES,
    ) -> None:
        self._shape = slots, slot_bytes
        self._register = register
        self._unregister = unregister
        self._region: Region | None = None
        self._registered = False
        self._breaker = Breaker(rest=TRY_AGAIN_SECONDS)
        self._lock = asyncio.Lock()
        self._closed = False

    async def slot(self, lengths: Sequence[int]) -> Slot | None:
        """Room for tensors of so many bytes each."""
        if not self._registered and not await self._ready():
            return None
        return self._region.take(lengths) if self._region else None

    def rest(self, slot: Slot) -> None:
        """Give a slot back later, because the server may still write into it."""
        asyncio.get_running_loop().call_later(REST_SECONDS, slot.give_back)

    def lost(self) -> None:
        """The server does not know the region (any more); register it before the next use."""
        self._registered = False

    async def close(self) -> None:
        self._closed = True
        region, self._region, self._registered = self._region, None, False
        if region is None:
            return
        region.close()
        # Also where we think it is not known: a server may register after we have stopped waiting.
        await self._forget(region.name)

    async def _ready(self) -> bool:
        async with self._lock:
            if self._registered or self._closed or not self._breaker.allows():
                return self._registered
            try:
                await self._introduce()
                self._breaker.succeeded()
            except EdgeError as error:
                self._breaker.failed()
                _log.warning("tensors go inline, not through shared memory: %s", error.detail)
            return self._registered

    async def _introduce(self) -> None:
        if self._region is None:
            for name in sweep():
                await self._forget(name)
            self._region = Region.make(*self._shape)
        else:
            await self._forget(self._region.name)  # a server that still knows it would refuse
        await self._register(self._region.name, self._region.bytes)
        self._registered = True

    async def _forget(self, name: str) -> None:
        try:
            await self._unregister(name)
        except EdgeError as error:
            _log.debug("the model server keeps region %s: %s", name, error.detail)
