"""One region of system shared memory, cut into slots: how tensors reach a server nearby.

The region is a file under /dev/shm whose lock its owner holds. A crash frees the lock but leaves
the file; the next owner on the machine finds and removes it.
"""

import fcntl
import mmap
import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from edge.errors import ModelUnavailable
from edge.models.base import Tensor

FOLDER = Path("/dev/shm")
PREFIX = "edge-tensors-"
SLOTS = 8
SLOT_BYTES = 8 * 2**20
"""Room for two tiles of 224x224 enlarged by 4, the largest request that upscaling makes (5.1 MB);
eight of them fill the 64 MB of /dev/shm that a container gets by default, so that is the end."""


@dataclass(frozen=True, slots=True)
class Place:
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
            places.append(Place(offset, length))
            offset += -(-length // mmap.PAGESIZE) * mmap.PAGESIZE
        if offset > self._slot_bytes or not self._free:
            return None
        number = self._free.pop()
        start = number * self._slot_bytes
        return Slot(self, number, tuple(Place(start + p.offset, p.length) for p in places))

    def give_back(self, number: int) -> None:
        self._free.append(number)

    def view(self, place: Place) -> Tensor:
        """The bytes of one tensor as a flat array; it must not outlive the region."""
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
    places: tuple[Place, ...]

    def write(self, index: int, tensor: Tensor) -> None:
        self.region.view(self.places[index])[:] = tensor.reshape(-1)

    def read(self, index: int, shape: tuple[int, ...]) -> Tensor:
        """A copy: the slot is lent to somebody else as soon as it is given back."""
        return self.region.view(self.places[index]).reshape(shape).copy()

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
