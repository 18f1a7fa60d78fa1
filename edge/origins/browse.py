"""A few pictures of a folder origin, for the page of examples."""

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from edge.errors import InvalidPath, OriginalNotFound
from edge.origins.paths import EXTENSIONS
from edge.origins.routes import Route
from edge.variants import paths

_LOOKED_AT = 2_000
"""Files and folders that are looked at before a huge catalogue is left alone."""

_LIMIT = 12
_KEPT = 60.0
_PATIENCE = 2.0


class Listing:
    """Up to a dozen URL paths without their leading slash, from each folder in turn.

    Buckets and web servers are not listed: a listing there may cost money or seconds. A folder is
    walked at most once a minute, however many ask, in a thread of its own: one that hangs on a
    network share holds up neither pictures nor, for more than two seconds, the page.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = routes
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="listing")
        self._found: tuple[str, ...] = ()
        self._walk: asyncio.Future[tuple[str, ...]] | None = None
        self._walked_at = float("-inf")
        self._closed = False

    async def paths(self) -> Sequence[str]:
        """What the last walk found, or after two seconds what the one before did."""
        if self._walk is None and time.monotonic() - self._walked_at > _KEPT:
            loop = asyncio.get_running_loop()
            self._walk = loop.run_in_executor(self._thread, self._browse)
            self._walk.add_done_callback(self._take)
        if self._walk is not None:
            await asyncio.wait((self._walk,), timeout=_PATIENCE)
        return self._found

    async def close(self) -> None:
        """Begin no further walk, and end one under way with its next file."""
        self._closed = True
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _take(self, walk: asyncio.Future[tuple[str, ...]]) -> None:
        self._walk, self._walked_at = None, time.monotonic()
        if not walk.cancelled() and walk.exception() is None:
            self._found = walk.result()

    def _browse(self) -> tuple[str, ...]:
        found: list[str] = []
        for route in self._routes:
            if route.scheme == "folder" and route.template is None:
                start = f"{route.prefix[1:]}/" if route.prefix else ""
                listed = islice(self._pictures(Path(route.target)), _LIMIT)
                found += [start + path for path in listed]
        return tuple(found[:_LIMIT])

    def _pictures(self, root: Path) -> Iterator[str]:
        """Folder by folder; of each no more is read than may be looked at in all."""
        left, folders = _LOOKED_AT, [root]
        while folders and left > 0 and not self._closed:
            entries = _entries(folders.pop(), left)
            left -= len(entries)
            below = [Path(entry.path) for entry in entries if _is_catalogue(entry)]
            folders += reversed(below)
            for entry in entries:
                path = Path(entry.path).relative_to(root).as_posix()
                if _is_named_like_a_picture(path) and entry.is_file():
                    yield path


def _entries(folder: Path, most: int) -> list[os.DirEntry[str]]:
    """What is not hidden, in the order of names."""
    try:
        with os.scandir(folder) as entries:
            seen = [entry for entry in islice(entries, most) if not entry.name.startswith(".")]
    except OSError:
        return []
    return sorted(seen, key=lambda entry: entry.name)


def _is_catalogue(entry: os.DirEntry[str]) -> bool:
    """A folder of products; the bundled scenes are grounds."""
    return entry.name != "scenes" and entry.is_dir(follow_symlinks=False)


def _is_named_like_a_picture(path: str) -> bool:
    """Not like a hidden file, nor one whose name is no UTF-8 or cannot stand in a URL."""
    try:
        paths.check_kind(paths.clean(path))
    except (InvalidPath, OriginalNotFound):
        return False
    return path.rpartition(".")[2].lower() in EXTENSIONS
