"""Keeps recently enlarged tiles and cut-out subjects for the next preset of the same photo.

Tiles are kept, not pictures: presets of one photo keep different regions of it, and share what
these have in common. A tile is named by the pixels of the picture that it was cut from, so nothing
has to be known of where they came from, and what is found is what would be made. It stays in this
process and as it is: an entry of Redis would have to be compressed without loss first.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from weakref import WeakValueDictionary

import numpy as np
from cachetools import LRUCache

from edge.arrays import Tensor
from edge.deadline import Deadline
from edge.telemetry import Metrics

_OVERHEAD = 400
_CUTOUT = -1
"""In the place of a tile's number."""

_TAGS_LATE = 100
"""Names of tiles that have gone may stay so many longer than the tiles."""

_LARGEST_SHARE = 0.25
"""Of the limit: a picture that needs more would push out all others, and its own first tiles."""


class TileCache:
    """Enlarged tiles of recent pictures, and the subjects cut out of them, never more than
    `limit_bytes` of both; used on the event loop only."""

    def __init__(self, limit_bytes: int, metrics: Metrics | None = None) -> None:
        self._tiles: LRUCache[tuple[str, int], Tensor] = LRUCache(
            max(1, limit_bytes), getsizeof=lambda tile: tile.nbytes + _OVERHEAD
        )
        self._tags: dict[tuple[str, int], tuple[str, ...]] = {}
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._count = cache((metrics or Metrics()).upscale_tiles.labels)

    @property
    def bytes(self) -> int:
        """What it holds now."""
        return int(self._tiles.currsize)

    @asynccontextmanager
    async def picture_tiles(
        self,
        picture: str,
        model: str,
        expected_bytes: int,
        deadline: Deadline,
        tags: tuple[str, ...] = (),
    ) -> AsyncIterator["PictureTiles"]:
        """The tiles of one picture by one network, for one caller at a time.

        A second caller waits for the first, and makes only the tiles that are still missing.

        Args:
            picture: the name that `name_of` gives.
            model: name and digest of the network.
            expected_bytes: of all tiles that the caller needs; too many of them are not kept.
            tags: what a purge names them by.

        Raises:
            DeadlineExceeded: the others took until then.
        """
        name, label = f"{model} {picture}", model.partition(" ")[0]
        if expected_bytes > self._tiles.maxsize * _LARGEST_SHARE:
            yield PictureTiles(self, name, label, tags, keeps=False)  # there is nothing to wait for
            return
        async with self.turn(name, deadline):
            yield PictureTiles(self, name, label, tags, keeps=True)

    @asynccontextmanager
    async def turn(self, name: str, deadline: Deadline) -> AsyncIterator[None]:
        """One caller at a time for what lies under this name. Raises `DeadlineExceeded`."""
        lock = self._turns.setdefault(name, asyncio.Lock())
        await deadline.bound(lock.acquire(), "the photo was enlarged for another request")
        try:
            yield
        finally:
            lock.release()

    def forget(self, tag: str) -> None:
        """Forget what was made for a picture that carries the tag."""
        for name in [name for name, tags in self._tags.items() if tag in tags]:
            self._tiles.pop(name, None)
            del self._tags[name]

    def get(self, name: str, index: int) -> Tensor | None:
        """One enlarged cell, uint8 [h, w, 3], if it is still there."""
        return self._tiles.get((name, index))

    def put(self, name: str, cells: Mapping[int, Tensor], tags: tuple[str, ...]) -> None:
        """Keep enlarged cells, uint8 [h, w, 3] by number; those larger than all of it are not."""
        most = self._tiles.maxsize - _OVERHEAD
        fitting = {(name, index): cell for index, cell in cells.items() if cell.nbytes <= most}
        self._keep(fitting, tags)

    def cutout(self, name: str) -> Tensor | None:
        """uint8 [H, W, 4] under the name of the picture that it was cut out of."""
        return self._tiles.get((name, _CUTOUT))

    def put_cutout(self, name: str, cutout: Tensor, tags: tuple[str, ...] = ()) -> None:
        """Keep uint8 [H, W, 4], unless it would take too large a share of the cache."""
        if cutout.nbytes <= self._tiles.maxsize * _LARGEST_SHARE:
            self._keep({(name, _CUTOUT): cutout}, tags)

    def _keep(self, tiles: Mapping[tuple[str, int], Tensor], tags: tuple[str, ...]) -> None:
        for name, tile in tiles.items():
            self._tiles[name] = tile
        self._tags.update(dict.fromkeys(tiles, tags))
        if len(self._tags) > 2 * len(self._tiles) + _TAGS_LATE:
            self._tags = {name: self._tags[name] for name in self._tiles}

    def counted(self, model: str, source: str, cells: int = 1) -> None:
        self._count(model, source).inc(cells)


class PictureTiles:
    """One picture's tiles in the tile cache: an `edge.models.upscaling.TileStore`."""

    def __init__(
        self, tile_cache: TileCache, name: str, model: str, tags: tuple[str, ...], *, keeps: bool
    ) -> None:
        self._tile_cache = tile_cache
        self._name = name
        self._model = model
        self._tags = tags
        self.keeps = keeps

    def get(self, index: int) -> Tensor | None:
        """One enlarged cell, uint8 [h, w, 3], if it is still there; counted."""
        found = self._tile_cache.get(self._name, index)
        if found is not None:
            self._tile_cache.counted(self._model, "kept")
        return found

    def put(self, cells: Mapping[int, Tensor]) -> None:
        """Keep what was just made, uint8 [h, w, 3] by number; counted."""
        self._tile_cache.counted(self._model, "made", len(cells))
        if self.keeps:
            self._tile_cache.put(self._name, cells, self._tags)


def name_of(pixels: Tensor) -> str:
    """A picture's name by its pixels [H, W, C]; a thread's work: half a millisecond per megabyte
    where the processor has instructions for SHA-256."""
    named = hashlib.sha256(",".join(map(str, (*pixels.shape, ""))).encode())
    named.update(np.ascontiguousarray(pixels).data)
    return named.hexdigest()
