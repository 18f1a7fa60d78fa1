"""The durable tier on this machine: one file per rendition, bounded by bytes.

`<folder>/<first two digits>/<key>` is one packed entry; the index beside them knows their bytes,
use and tags. Every step below a shard is taken relative to an open folder and follows no symbolic
link, so nothing outside can be read, overwritten or removed.
"""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from edge.cache.base import (
    HEAD_BYTES,
    RECALLED,
    Reach,
    Usage,
    check_key,
    pack,
    tagged_key,
    unpack,
    unpack_heads,
    unpack_tags,
)
from edge.cache.folder_index import SHARDS, FolderIndex, Shards, read_file, write_file
from edge.errors import SettingsError, TierError
from edge.images import Rendition
from edge.in_thread import in_thread

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")

_THREADS = 4
_BLOCK = 4096
_INDEX_BYTES = 768
"""What an entry of five tags costs in the index: 730 bytes, measured over 3,000 entries."""

_LARGEST_SHARE = 0.25
_AT_ONCE = 200
_TOUCHES_KEPT = 1000


class FolderTier:
    """Renditions in a folder that several processes may share; the least recently used are evicted.

    It runs on threads of its own, so a disk that hangs delays nothing else.

    Raises:
        SettingsError: the folder cannot be made.
    """

    name = "folder"
    reach = Reach.MACHINE

    def __init__(self, path: str | Path, limit_bytes: int) -> None:
        self._root = Path(path).absolute()
        self._limit = limit_bytes
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(
                f"EDGE_CACHE_STORE_URL: the folder {self._root} cannot be made: {error}"
            ) from error
        self._shards = Shards(self._root)
        self._index = FolderIndex(self._root / "index.sqlite3")
        self._changing = threading.Lock()
        self._touched: dict[str, float] = {}
        self._openings_swept = 1
        self._closed = False
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="folder-tier")
        self._swept: Future[None] = self._threads.submit(self._sweep)

    async def get(self, key: str) -> Rendition | None:
        return await self._in_thread(self._read, check_key(key))

    async def put(self, key: str, rendition: Rendition) -> None:
        await self._in_thread(self._write, check_key(key), rendition)

    async def purge(self, tag: str) -> int:
        removed = 0
        while True:
            # Until the sweep is over, the index may not know of entries that carry the tag.
            swept = self._swept
            await asyncio.wait((asyncio.wrap_future(swept),))
            removed += await self._in_thread(self._purge, tag)
            if swept is self._swept:
                return removed

    async def recall(self, tag: str) -> Sequence[Rendition]:
        return await self._in_thread(self._recall, tag)

    async def ping(self) -> None:
        await self._in_thread(self._probe)

    async def usage(self) -> Usage:
        return await self._in_thread(self._usage)

    async def close(self) -> None:
        if not self._closed:
            await self._in_thread(self._finish)
            self._threads.shutdown(wait=False)

    async def _in_thread(self, work: Callable[..., _Result], *arguments: object) -> _Result:
        try:
            return await in_thread(self._threads, work, *arguments)
        except OSError as error:
            raise TierError(
                f"the folder failed: {error.strerror}", private=f"{self._root}: {error}"
            ) from error

    # What follows runs in the tier's threads.

    def _read(self, key: str) -> Rendition | None:
        try:
            with self._shards.open(key) as shard:
                rendition = unpack(read_file(shard, key), key)
        except FileNotFoundError:
            return None
        except TierError as error:
            _log.warning("damaged entry removed", extra={"tier": self.name, "why": error.detail})
            with suppress(TierError, OSError), self._change():
                self._remove(key)
            return None
        self._touched[key] = time.time()
        if len(self._touched) > _TOUCHES_KEPT:
            self._note_uses()
        return rendition

    def _note_uses(self) -> None:
        """A folder that cannot be written still serves what it holds."""
        try:
            with self._change():
                pass
        except (TierError, OSError):
            self._touched = {}

    def _write(self, key: str, rendition: Rendition) -> None:
        entry = pack(rendition, key)
        cost = _cost(len(entry))
        if cost > self._limit * _LARGEST_SHARE:
            return
        with self._change():
            self._remove(key)
            self._make_room(cost)
            with self._shards.open(key, make=True) as shard:
                write_file(shard, key, entry)
            self._index.add(key, cost, rendition.tags, time.time())

    def _purge(self, tag: str) -> int:
        if (single := tagged_key(tag)) is not None:
            with self._change():
                return int(self._remove(single))
        removed = 0
        while True:
            with self._change():
                keys = self._index.tagged(tag, _AT_ONCE)
                removed += sum(self._remove(key) for key in keys)
            if not keys:
                return removed

    def _recall(self, tag: str) -> tuple[Rendition, ...]:
        keys = self._query(lambda: self._index.latest(tag, RECALLED))
        return unpack_heads(self._head(key) for key in keys)

    def _head(self, key: str) -> bytes | None:
        try:
            with self._shards.open(key) as shard:
                return read_file(shard, key, HEAD_BYTES)
        except (FileNotFoundError, TierError):
            return None

    def _query(self, read: Callable[[], _Result]) -> _Result:
        """The result of a query on the index, also where it cannot be written."""
        try:
            with self._change():
                return read()
        except (TierError, OSError):
            with self._changing, self._index.reading():
                return read()

    def _usage(self) -> Usage:
        held = self._query(self._index.usage)
        return Usage(held.entries, held.bytes, self._limit)

    def _probe(self) -> None:
        with self._shards.open("00", make=True) as shard:
            write_file(shard, f"ping-{os.getpid()}", b"")
            os.unlink(f"ping-{os.getpid()}", dir_fd=shard)

    def _finish(self) -> None:
        with suppress(TierError), self._change():
            pass
        with self._changing:
            self._closed = True
            self._index.close()

    @contextmanager
    def _change(self) -> Iterator[None]:
        """Locks the folder against other changes while the block runs; pending uses are written."""
        with self._changing:
            if self._closed:
                raise TierError("the folder is closed")
            with self._index.changing():
                self._sweep_again_if_lost()
                touched, self._touched = self._touched, {}
                self._index.touch(touched)
                yield

    def _sweep_again_if_lost(self) -> None:
        if self._index.openings > self._openings_swept:
            self._openings_swept = self._index.openings
            self._swept = self._threads.submit(self._sweep)

    def _make_room(self, cost: int) -> None:
        """Evict least recently used entries until `cost` bytes are free."""
        while (self._index.usage().bytes or 0) + cost > self._limit:
            for key in self._index.oldest(_AT_ONCE):
                self._remove(key)
                if (self._index.usage().bytes or 0) + cost <= self._limit:
                    return

    def _remove(self, key: str) -> bool:
        """Whether there was such an entry."""
        self._index.remove(key)
        try:
            with self._shards.open(key) as shard:
                os.unlink(key, dir_fd=shard)
        except FileNotFoundError:
            return False
        return True

    def _sweep(self) -> None:
        """Reconcile index and files: a crash or a lost index leaves them apart."""
        try:
            for start in SHARDS:
                if self._closed:
                    return
                self._sweep_shard(start)
            with self._change():
                self._make_room(0)
        except (TierError, OSError) as error:
            if not self._closed:
                _log.warning(
                    "the folder's index may miss entries",
                    extra={"tier": self.name, "why": str(error)},
                )

    def _sweep_shard(self, start: str) -> None:
        with self._change():
            known = self._index.starting_with(start)
            found = self._shards.listed(start)
            for key in known - found.keys():
                self._index.remove(key)
            for key in [key for key in found if key not in known]:
                self._adopt(key, found[key])

    def _adopt(self, key: str, facts: os.stat_result) -> None:
        """Add a file that the index lacks; a file that is no entry is removed."""
        try:
            with self._shards.open(key) as shard:
                tags = unpack_tags(read_file(shard, key, HEAD_BYTES), key)
            self._index.add(check_key(key), _cost(facts.st_size), tags, facts.st_mtime)
        except (TierError, OSError):
            self._remove(check_key(key))


def _cost(length: int) -> int:
    """Bytes that an entry of this length takes on the disk and in the index."""
    return -(-length // _BLOCK) * _BLOCK + _INDEX_BYTES
