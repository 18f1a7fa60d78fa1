"""One matte for all presets of a photo: found in the tiers, waited for, or made and put there.

A segmentation depends on the original's bytes and the networks alone, so it is stored under their
digests, beside the renditions and in the same tiers, and is purged with the original's. One process
computes it once for all callers at a time, and the replicas under one lease.
"""

import hashlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from PIL import Image

from edge.cache.tiers import Tiers
from edge.errors import DeadlineExceeded
from edge.images import Size
from edge.models.base import Models
from edge.rendering.engine.threads import Engine
from edge.rendering.matting import entry as entry_module
from edge.rendering.matting import segment
from edge.rendering.matting.mattes import Segmentation
from edge.rendering.request import Stopwatch
from edge.rendering.step import Tools
from edge.single_flight import Leases, NoLeases, SingleFlight, find_or_make
from edge.telemetry import Metrics
from edge.variants.variant import model_tag

_ORIGINAL = "original:"

Search = Callable[[Image.Image, Tools, Stopwatch], Awaitable[Segmentation]]
"""Segments a picture."""

Sourced = tuple[Segmentation, str]
"""A segmentation and its source: a tier's name, `joined` (another render made it), `made`, or
`fallback` (made without networks, and not stored)."""


@dataclass(frozen=True, slots=True)
class MatteSource:
    """An original whose matte is wanted.

    `digest` is that of its bytes, `size` that of the whole upright picture; `tags` are what a purge
    names its renditions by. `picture` gives the pixels to cut out, on an engine thread.
    """

    digest: str
    size: Size
    tags: tuple[str, ...]
    picture: Callable[[], Image.Image]


class MatteStore:
    """Gives renders the segmentation of their original: stored, or made and stored.

    Args:
        version: of the code that makes them; another one never finds what this one stored.
        tiers: the tiers; None keeps nothing.
    """

    def __init__(
        self,
        engine: Engine,
        models: Models,
        version: str,
        *,
        tiers: Tiers | None = None,
        leases: Leases | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self._engine = engine
        self._models = models
        self._version = version
        self._tiers = tiers
        self._leases = leases or NoLeases()
        self._metrics = metrics or Metrics()
        self._single_flight: SingleFlight[Sourced] = SingleFlight()

    async def of(
        self,
        original: MatteSource,
        tools: Tools,
        watch: Stopwatch,
        *,
        fallback: bool = False,
        search: Search = segment.search,
    ) -> Sourced:
        """The segmentation of one original; `fallback` waits for no network and stores nothing.

        Args:
            search: segments the original where no segmentation is stored; every such function must
                yield the same result.

        Raises:
            DeadlineExceeded: before it was there.
            ModelError, OriginalError: from the segmentation.
        """
        start = time.perf_counter()
        key = self._key(original)
        sourced = await self._find(key, original)
        if sourced is None and fallback:
            sourced = (
                await self._engine.run(
                    lambda: segment.segment_without_network(original.picture(), watch)
                ),
                "fallback",
            )
        elif sourced is None:
            sourced = await self._wait(key, original, tools, watch, search)
        if sourced[1] not in ("made", "fallback"):
            watch.timings.append(("matte-lookup", time.perf_counter() - start))
        self._metrics.mattes.labels(sourced[1]).inc()
        return sourced

    async def close(self) -> None:
        """Cancel the segmentations under way."""
        await self._single_flight.close()

    def _key(self, original: MatteSource) -> str:
        """64 hexadecimal digits that no rendition's name has, whatever is in it."""
        networks = segment.networks(self._models)
        parts = (
            "matte",
            self._version,
            original.digest,
            *_own(original.tags),
            *map(str, networks),
        )
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    async def _find(self, key: str, original: MatteSource) -> Sourced | None:
        found = await self._tiers.get(key) if self._tiers else None
        if found is None:
            return None
        entry, tier = found
        segmentation = await self._engine.run(entry_module.unpack, entry, original.size)
        return (segmentation, tier) if segmentation else None

    async def _wait(
        self,
        key: str,
        original: MatteSource,
        tools: Tools,
        watch: Stopwatch,
        search: Search,
    ) -> Sourced:
        """The result of the shared call; where that ran out of its leader's time, call again."""
        while True:
            led = Stopwatch()
            leads = key not in self._single_flight
            call = self._single_flight.join(
                key, partial(self._lead, key, original, tools, led, search)
            )
            try:
                segmentation, source = await tools.deadline.bound(call, "the subject was cut out")
            except DeadlineExceeded:
                tools.deadline.check("the subject was cut out")
                continue
            watch.timings += led.timings
            return segmentation, source if leads else "joined"

    async def _lead(
        self,
        key: str,
        original: MatteSource,
        tools: Tools,
        watch: Stopwatch,
        search: Search,
    ) -> Sourced:
        started = time.monotonic()

        async def make() -> Sourced:
            image = await self._engine.run(original.picture)
            segmentation = await search(image, tools, watch)
            await self._keep(key, segmentation, original, started)
            return segmentation, "made"

        return await find_or_make(
            self._leases,
            key,
            tools.deadline,
            find=lambda: self._find(key, original),
            make=make,
        )

    async def _keep(
        self, key: str, segmentation: Segmentation, original: MatteSource, started: float
    ) -> None:
        own = _own(original.tags)
        if self._tiers is None or not own:
            return  # nothing that no purge could name is kept
        tags = (*own, *(model_tag(name) for name, _ in segment.networks(self._models)))
        entry = await self._engine.run(entry_module.pack, segmentation, tags)
        await self._tiers.put(key, entry, started)


def _own(tags: tuple[str, ...]) -> tuple[str, ...]:
    """The tags of the original alone: a matte is of no preset."""
    return tuple(tag for tag in tags if tag.startswith(_ORIGINAL))
