"""Originals in a folder."""

import errno
import os
import stat
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TypeVar, TypeVarTuple, Unpack
from unicodedata import normalize

from edge.deadline import Deadline
from edge.errors import (
    InvalidPath,
    OriginalNotFound,
    OriginalTooLarge,
    OriginTruncated,
    OriginUnavailable,
)
from edge.images import Original, Stamp
from edge.in_thread import in_thread
from edge.origins.base import SETTLING_SECONDS, in_time
from edge.origins.paths import Neighbours, neighbours

_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EISDIR, errno.ENXIO})

_AHEAD_SECONDS = 60.0
"""By which the clock of a file server may be ahead of this machine's."""

_THREADS = 8

Result = TypeVar("Result")
Given = TypeVarTuple("Given")

_MOST_LISTED = 50_000
"""Entries of a folder that are compared with a name that is not there."""


class FolderOrigin:
    """Regular files below one folder. Symbolic links are followed as long as they stay inside.

    A version is modification time and size, and no inode number: two servers with a copy each of
    the same folder then share their renditions.

    Args:
        path: the folder; may itself be a symbolic link, which is looked up anew each time.
        max_bytes: of one original.
        neighbours: whether another extension of the same name will do.
    """

    def __init__(self, path: str | Path, max_bytes: int, *, neighbours: bool = True) -> None:
        self._root = str(Path(path).absolute())
        self._max_bytes = max_bytes
        self._neighbours = Neighbours(self._existing if neighbours else None)
        # It runs on threads of its own, so a file system that hangs delays nothing else.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="folder")
        self.name = f"folder {self._root}"

    async def stamp(self, path: str, deadline: Deadline) -> Stamp:
        async with in_time(path, deadline):
            return await self._neighbours.find(path, lambda name: self._run(self._stamp, name))

    async def fetch(self, path: str, deadline: Deadline) -> Original:
        async with in_time(path, deadline):
            return await self._neighbours.find(path, lambda name: self._run(self._fetch, name))

    async def ping(self) -> None:
        if not await self._run(os.access, self._root, os.R_OK | os.X_OK):
            raise OriginUnavailable("the folder of originals cannot be read")

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, job: Callable[[Unpack[Given]], Result], *given: *Given) -> Result:
        return await in_thread(self._threads, job, *given)

    async def _existing(self, path: str) -> list[str]:
        def existing() -> list[str]:
            return self._alike(path) + [
                name for name in neighbours(path) if os.path.isfile(os.path.join(self._root, name))
            ]

        return await self._run(existing)

    # What follows runs in threads.

    def _alike(self, path: str) -> list[str]:
        """Files of the same folder whose names are canonically the same (Unicode Standard Annex
        15): forms mixed within one name, and letters such as the Angstrom sign that no form
        keeps."""
        composed = normalize("NFC", path)
        if path.isascii() or path != composed:
            return []  # asked once, for the composed spelling
        folder, _, name = path.rpartition("/")
        try:
            with os.scandir(os.path.join(self._root, folder)) as entries:
                names = [entry.name for entry in islice(entries, _MOST_LISTED)]
        except OSError:
            return []
        below = f"{folder}/" if folder else ""
        alike = (each for each in names if not each.isascii() and each != name)
        return [below + each for each in alike if normalize("NFC", each) == name]

    def _stamp(self, path: str) -> Stamp:
        descriptor = self._open(path)
        try:
            return _stamp_of(os.fstat(descriptor))
        finally:
            os.close(descriptor)

    def _fetch(self, path: str) -> Original:
        with os.fdopen(self._open(path), "rb") as file:
            before = os.fstat(file.fileno())
            if before.st_size > self._max_bytes:
                raise OriginalTooLarge(
                    f"the original has {before.st_size} bytes, over the limit of {self._max_bytes}"
                )
            body = file.read(before.st_size + 1)
            after = os.fstat(file.fileno())
        if len(body) != before.st_size or not _unchanged(before, after):
            raise OriginTruncated("the original changed while it was read")
        return Original(path, body, _stamp_of(after))

    def _open(self, path: str) -> int:
        """A descriptor of a regular file inside the folder."""
        try:
            descriptor = self._open_inside(path)
        except OSError as error:
            if error.errno in _ABSENT:
                raise OriginalNotFound("there is no such original") from error
            if error.errno == errno.ELOOP:
                raise InvalidPath(
                    "the path is a symbolic link that was not there before"
                ) from error
            raise OriginUnavailable(
                "the original cannot be read", private=f"{path}: {error.strerror}"
            ) from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OriginalNotFound("there is no such original")
        return descriptor

    def _open_inside(self, path: str) -> int:
        root = os.path.realpath(self._root)
        target = os.path.realpath(os.path.join(root, path))
        if os.path.commonpath((root, target)) != root:
            raise InvalidPath("the path leads out of its folder")
        try:
            folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise OriginUnavailable("the folder of originals cannot be read") from error
        # The links are resolved; one that appears from here on is not followed.
        *folders, name = os.path.relpath(target, root).split(os.sep)
        try:
            for step in folders:
                inner = os.open(step, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
                os.close(folder)
                folder = inner
            # O_NONBLOCK: opening a pipe would otherwise wait for someone to write into it.
            return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        finally:
            os.close(folder)


def _stamp_of(facts: os.stat_result) -> Stamp:
    """A file that was written just now may still be; what was read of it is never mistaken for what
    is there once it has settled, even where the clock of its times stood still in between."""
    version = f"{facts.st_mtime_ns:x}-{facts.st_size:x}"
    age = time.time() - facts.st_mtime
    if -_AHEAD_SECONDS < age < SETTLING_SECONDS:
        return Stamp(f"{version}-unsettled", facts.st_size, settled=False)
    return Stamp(version, facts.st_size)


def _unchanged(before: os.stat_result, after: os.stat_result) -> bool:
    return (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size)
