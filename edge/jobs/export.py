"""Writes a job's pictures to a folder, a bucket or one ZIP; no file is ever visible half written.

In a folder a file is written beside its place, hidden and locked, and then renamed. A process that
is killed leaves it behind, and its lock goes with it: so the next export into that folder knows
which ones nobody writes any more. A bucket shows an object when it is whole; a ZIP is put together
at the end, and so are the manifests.
"""

import asyncio
import errno
import fcntl
import os
import re
import secrets
import tempfile
import threading
import time
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from edge import buckets
from edge.buckets import Bucket
from edge.errors import FeedRejected, JobsUnavailable

_NAME = re.compile(r"\.edge-[0-9a-f]{16}\.part")
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS})
_OLD_SECONDS = 86_400.0
"""Where the file system has no locks: nobody writes one picture for so long."""


@contextmanager
def replacing(target: Path) -> Iterator[BinaryIO]:
    """A file beside `target` that takes its place once the block has ended without an error.

    Raises:
        OSError: it cannot be written; nothing is left of it.
    """
    descriptor, beside = _temporary(target.parent)
    try:
        with os.fdopen(descriptor, "wb") as sink:
            yield sink
            sink.flush()
            os.replace(beside, target)
    finally:
        beside.unlink(missing_ok=True)


def clear(root: Path) -> int:
    """Remove abandoned temporary files in this folder and below; returns how many.

    Files of other names, and those that another process is writing now, are left alone.
    """
    removed = 0
    for folder, _, names in os.walk(root):
        for name in names:
            if _NAME.fullmatch(name):
                with suppress(OSError):
                    removed += _removed(Path(folder, name))
    return removed


def _temporary(folder: Path) -> tuple[int, Path]:
    """A new file, locked, and its path."""
    while True:
        beside = folder / f".edge-{secrets.token_hex(8)}.part"
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor, beside
        os.close(descriptor)  # cleared by another process before it was locked


def _removed(path: Path) -> bool:
    with path.open("rb") as file:
        if not _abandoned(file):
            return False
        path.unlink()
    return True


def _abandoned(file: BinaryIO) -> bool:
    """Whether no process writes it; takes its lock, so that no other removes it either."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError as error:
        old = time.time() - os.fstat(file.fileno()).st_mtime > _OLD_SECONDS
        return error.errno in _NO_LOCKS and old


_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
"""Of every entry, so that the same pictures make the same file."""


class Target(Protocol):
    """Where files go; names are relative, with slashes, and checked by `naming`."""

    async def write(self, name: str, body: bytes, content_type: str) -> None: ...

    async def upload(self, name: str, file: Path, content_type: str) -> None: ...

    async def remove(self, name: str) -> None: ...

    async def close(self) -> None: ...


class FolderTarget:
    """Files in a folder. Temporary files of killed processes are removed before the first write."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._clearing = threading.Lock()
        self._cleared = False

    async def write(self, name: str, body: bytes, content_type: str) -> None:
        await _kept(asyncio.to_thread(self._write, name, body), name)

    async def upload(self, name: str, file: Path, content_type: str) -> None:
        await _kept(asyncio.to_thread(self._move, name, file), name)

    async def remove(self, name: str) -> None:
        await _kept(asyncio.to_thread((self._root / name).unlink, missing_ok=True), name)

    async def close(self) -> None:
        return None

    def _write(self, name: str, body: bytes) -> None:
        with self._beside(name) as sink:
            sink.write(body)

    def _move(self, name: str, file: Path) -> None:
        with self._beside(name) as sink, file.open("rb") as source:
            while piece := source.read(2**20):
                sink.write(piece)

    @contextmanager
    def _beside(self, name: str) -> Iterator[BinaryIO]:
        """A file that takes its place once the block has ended well."""
        with self._clearing:
            if not self._cleared:
                clear(self._root)
                self._cleared = True
        target = self._root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as sink:
            yield sink


class BucketTarget:
    def __init__(self, bucket: Bucket, prefix: str) -> None:
        self._bucket = bucket
        self._prefix = buckets.prefix_of(prefix)

    async def write(self, name: str, body: bytes, content_type: str) -> None:
        await _kept(self._put(name, body, content_type), name)

    async def upload(self, name: str, file: Path, content_type: str) -> None:
        with file.open("rb") as body:
            await _kept(self._put(name, body, content_type), name)

    async def remove(self, name: str) -> None:
        client = await self._bucket.client()
        await _kept(client.delete_object(Bucket=self._bucket.name, Key=self._prefix + name), name)

    async def close(self) -> None:
        await self._bucket.close()

    async def _put(self, name: str, body: Any, content_type: str) -> None:
        client = await self._bucket.client()
        await client.put_object(
            Bucket=self._bucket.name, Key=self._prefix + name, Body=body, ContentType=content_type
        )


@dataclass(frozen=True, slots=True)
class ExportTarget:
    """A job's `to`, read: the folder or bucket that it names, and the name of its ZIP, if any."""

    scheme: str
    root: str
    archive: str = ""

    @classmethod
    def of(cls, to: str) -> "ExportTarget":
        """Raises `FeedRejected`: it is neither a folder nor s3://bucket."""
        scheme = "s3" if to.startswith("s3://") else "folder"
        root = to.removeprefix("s3://").rstrip("/")
        if "://" in root or not root or "\0" in root or (scheme == "s3" and root.startswith("/")):
            raise FeedRejected(
                f"to={to[:80]!r} is no place to write to", param="to",
                allowed="a folder, s3://bucket/prefix; either with a name that ends with .zip",
            )  # fmt: skip
        if not root.lower().endswith(".zip"):
            return cls(scheme, root)
        parent, _, name = root.rpartition("/")
        if scheme == "s3" and not parent:
            raise FeedRejected("the ZIP needs a bucket: s3://bucket/name.zip", param="to")
        return cls(scheme, parent or ("/" if root.startswith("/") else "."), name)

    def allowed_by(self, places: Sequence[str]) -> bool:
        """Whether it is one of these, or below one."""
        return any(self._below(ExportTarget.of(place)) for place in places)

    def _below(self, other: "ExportTarget") -> bool:
        if self.scheme != other.scheme:
            return False
        if self.scheme == "folder":  # what a link or two dots lead to counts
            mine, theirs = os.path.realpath(self.root), os.path.realpath(other.root)
        elif ".." in self.root.split("/"):
            return False
        else:
            mine, theirs = self.root, other.root
        return f"{mine}/".startswith(f"{theirs.rstrip('/')}/")

    def open(self, endpoint: str, timeout: float) -> Target:
        if self.scheme == "folder":
            return FolderTarget(Path(self.root))
        bucket, _, prefix = self.root.partition("/")
        return BucketTarget(Bucket(bucket, endpoint, timeout, attempts=3), prefix)


Entry = tuple[str, Callable[[], Awaitable[bytes]]]
"""A file's name in the ZIP, and a function that returns its bytes."""


async def write_archive(target: Target, name: str, entries: AsyncIterator[Entry]) -> None:
    """Put all entries into one ZIP, uncompressed (pictures are), and then in its place."""
    with tempfile.TemporaryDirectory(prefix="edge-export-") as folder:
        file = Path(folder, "export.zip")
        with zipfile.ZipFile(file, "w") as archive:
            async for inner, body in entries:
                info = zipfile.ZipInfo(inner, _ZIP_TIME)
                info.external_attr = 0o644 << 16
                await asyncio.to_thread(archive.writestr, info, await body())
        await target.upload(name, file, "application/zip")


async def _kept(work: Awaitable[Any], name: str) -> None:
    try:
        await work
    except buckets.TROUBLE as error:
        raise JobsUnavailable(
            f"{name} cannot be written: {buckets.explained(error)} {error}"[:300]
        ) from error
