"""A few pictures of a folder origin, for the page of examples."""

import asyncio
import os
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from edge.errors import InvalidPath, OriginalNotFound
from edge.origins.paths import EXTENSIONS
from edge.origins.routes import Route
from edge.variants import paths

_LOOKED_AT = 2_000
"""Files that are looked at before a huge catalogue is left alone."""


async def browse(routes: Sequence[Route], limit: int = 12) -> tuple[str, ...]:
    """Up to `limit` URL paths without their leading slash, from each folder in turn.

    Buckets and web servers are not listed: a listing there may cost money or seconds.
    """
    return await asyncio.to_thread(_browse, routes, limit)


def _browse(routes: Sequence[Route], limit: int) -> tuple[str, ...]:
    found: list[str] = []
    for route in routes:
        if route.scheme == "folder" and route.template is None:
            start = f"{route.prefix[1:]}/" if route.prefix else ""
            found += [start + path for path in islice(_pictures(Path(route.target)), limit)]
    return tuple(found[:limit])


def _pictures(root: Path) -> Iterator[str]:
    looked_at = 0
    for folder, folders, files in os.walk(root):
        folders.sort()
        # The bundled scenes are grounds, not products; hidden folders are nobody's catalogue.
        folders[:] = [name for name in folders if name != "scenes" and not name.startswith(".")]
        for name in sorted(files):
            looked_at += 1
            if looked_at > _LOOKED_AT:
                return
            path = (Path(folder) / name).relative_to(root).as_posix()
            if name.rpartition(".")[2].lower() in EXTENSIONS and _has_url(path):
                yield path


def _has_url(path: str) -> bool:
    """Not of a hidden file, nor of one whose name is no UTF-8 or cannot stand in a URL."""
    try:
        paths.check_kind(paths.clean(path))
    except (InvalidPath, OriginalNotFound):
        return False
    return True
