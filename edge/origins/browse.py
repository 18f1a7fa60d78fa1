"""The pictures of folders and buckets, for the gallery of the page at `/`."""

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from edge.buckets import TROUBLE, Bucket, prefix_of
from edge.errors import InvalidPath, OriginalNotFound
from edge.origins.paths import EXTENSIONS
from edge.origins.routes import Route
from edge.variants import paths

_LOOKED_AT = 100_000
"""Files, folders and keys that are looked at before a huge catalogue is left alone."""

_FEW = 12
_KEPT = {"folder": 60.0, "s3": 600.0}
"""Seconds; a bucket's listing costs money."""

_WALK_SECONDS = 2.0
_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class SearchPage:
    """One page of a search: URL paths without their leading slash.

    `matches` is how many there are in all; `complete`: everything has been looked at; `lists`:
    there is an origin that can be listed at all.
    """

    paths: tuple[str, ...]
    matches: int
    complete: bool
    lists: bool


class Listing:
    """What is in the origins that can be listed: folders and buckets without a template.

    They are walked once a minute (buckets: ten) at most, when asked, however many ask, up to
    100,000 entries. Folders are walked in a thread of their own: one that hangs on a network share
    holds up neither pictures nor, for more than two seconds, the page.

    Args:
        routes: the rows of the setting.
        endpoint: see `edge.buckets.Bucket`.
    """

    def __init__(self, routes: Sequence[Route], endpoint: str | None = None) -> None:
        self._routes = [
            route for route in routes if route.scheme in _KEPT and route.template is None
        ]
        self._kept = max((_KEPT[route.scheme] for route in self._routes), default=_KEPT["folder"])
        self._endpoint = endpoint
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="listing")
        self._found: list[str] = []
        self._complete = False
        self._walk: asyncio.Task[None] | None = None
        self._walked_at = float("-inf")
        self._closed = False

    async def paths(self) -> Sequence[str]:
        """A dozen of them."""
        return (await self.find(limit=_FEW)).paths

    async def find(self, search: str = "", start: int = 0, limit: int = _FEW) -> SearchPage:
        """The pictures whose path holds every word of `search`, in any case.

        After two seconds, what has been found so far.
        """
        await self._refreshed()
        words = search.lower().split()
        known = tuple(self._found)
        fitting = [p for p in known if all(w in p.lower() for w in words)] if words else known
        page = tuple(fitting[start : start + limit])
        return SearchPage(page, len(fitting), self._complete, bool(self._routes))

    async def close(self) -> None:
        """Begin no further walk, and end one under way with its next file."""
        self._closed = True
        self._thread.shutdown(wait=False, cancel_futures=True)
        if self._walk is not None:
            self._walk.cancel()
            with suppress(asyncio.CancelledError):
                await self._walk

    async def _refreshed(self) -> None:
        if self._walk is None and time.monotonic() - self._walked_at > self._kept:
            self._walk = asyncio.create_task(self._list())
            self._walk.add_done_callback(self._listed)
        if self._walk is not None:
            await asyncio.wait((self._walk,), timeout=_WALK_SECONDS)

    def _listed(self, walk: asyncio.Task[None]) -> None:
        self._walk, self._walked_at = None, time.monotonic()
        if not walk.cancelled():
            walk.exception()  # what was found until then is shown

    async def _list(self) -> None:
        found: list[str] = []
        if not self._found:
            self._found = found  # the first walk is shown while it grows
        loop, complete = asyncio.get_running_loop(), True
        for route in self._routes:
            start = f"{route.prefix[1:]}/" if route.prefix else ""
            if route.scheme == "folder":
                walk = loop.run_in_executor(self._thread, self._gather, route.target, start, found)
                complete &= await walk
            else:
                complete &= await self._gather_keys(route.target, start, found)
        self._found, self._complete = found, complete

    def _gather(self, folder: str, start: str, found: list[str]) -> bool:
        """Whether all of the folder was seen."""
        count = 0
        for path in self._files(Path(folder)):
            count += 1
            if path is not None:
                found.append(start + path)
        return count < _LOOKED_AT and not self._closed

    def _files(self, root: Path) -> Iterator[str | None]:
        """Folder by folder; None for what is no picture. Of each no more is read than may be
        looked at in all."""
        left, folders = _LOOKED_AT, [root]
        while folders and left > 0 and not self._closed:
            entries = _entries(folders.pop(), left)
            left -= len(entries)
            below = [Path(entry.path) for entry in entries if _is_catalogue(entry)]
            folders += reversed(below)
            for entry in entries:
                path = Path(entry.path).relative_to(root).as_posix()
                yield path if _is_named_like_a_picture(path) and entry.is_file() else None

    async def _gather_keys(self, target: str, start: str, found: list[str]) -> bool:
        """Whether all of the bucket was seen; it may be one that nobody may list."""
        name, _, folder = target.partition("/")
        prefix = prefix_of(folder)
        bucket, count = Bucket(name, self._endpoint, _TIMEOUT), 0
        try:
            pages = (await bucket.client()).get_paginator("list_objects_v2")
            async for page in pages.paginate(Bucket=name, Prefix=prefix):
                keys = [row["Key"].removeprefix(prefix) for row in page.get("Contents", ())]
                found += [start + key for key in keys if _is_shown(key)]
                count += len(keys)
                if count >= _LOOKED_AT:
                    return False
            return True
        except TROUBLE:
            return False
        finally:
            await bucket.close()


def _entries(folder: Path, most: int) -> list[os.DirEntry[str]]:
    """What is not hidden, in the order of names."""
    try:
        with os.scandir(folder) as entries:
            shown = [entry for entry in islice(entries, most) if not entry.name.startswith(".")]
    except OSError:
        return []
    return sorted(shown, key=lambda entry: entry.name)


def _is_catalogue(entry: os.DirEntry[str]) -> bool:
    """A folder of products; the bundled scenes are backgrounds."""
    return entry.name != "scenes" and entry.is_dir(follow_symlinks=False)


def _is_shown(key: str) -> bool:
    return not any(part.startswith(".") for part in key.split("/")) and _is_named_like_a_picture(
        key
    )


def _is_named_like_a_picture(path: str) -> bool:
    """Not like a hidden file, nor one whose name is no UTF-8 or cannot stand in a URL."""
    try:
        paths.check_kind(paths.clean(path))
    except (InvalidPath, OriginalNotFound):
        return False
    return path.rpartition(".")[2].lower() in EXTENSIONS
