"""One matte for all presets of a photo: found in the tiers, waited for, or made and put there.

What a cut-out finds depends on the original's bytes and the networks alone, so it is kept under
their digests, beside the renditions and in the same tiers, and goes with them when the original is
purged. One process makes it once for all who ask at a time, and the fleet under one lease.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from PIL import Image

from edge.cache.ladder import Ladder
from edge.coalesce import Flights, Leases, NoLeases, find_or_make
from edge.errors import DeadlineExceeded
from edge.images import Size
from edge.models.base import Models
from edge.rendering import cutting, matte_entry
from edge.rendering.cutting import Findings
from edge.rendering.job import Stopwatch
from edge.rendering.step import Engine, Tools
from edge.telemetry import Metrics
from edge.variants.variant import model_tag

_ORIGINAL = "original:"

Sourced = tuple[Findings, str]
"""Findings, and where they came from: a tier's name, `joined`, `made`, or `fast`: made without
networks, and not kept."""


@dataclass(frozen=True, slots=True)
class Sitter:
    """An original whose matte is wanted.

    `digest` is that of its bytes, `size` that of the whole upright picture; `tags` are what a purge
    names its renditions by. `picture` gives the pixels to cut out, on an engine thread.
    """

    digest: str
    size: Size
    tags: tuple[str, ...]
    picture: Callable[[], Image.Image]


class Mattes:
    """Where renders get their findings from.

    Args:
        version: of the code that makes them; another one never finds what this one stored.
        ladder: the tiers; None keeps nothing.
    """

    def __init__(
        self,
        engine: Engine,
        models: Models,
        version: str,
        *,
        ladder: Ladder | None = None,
        leases: Leases | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self._engine = engine
        self._models = models
        self._version = version
        self._ladder = ladder
        self._leases = leases or NoLeases()
        self._metrics = metrics or Metrics()
        self._flights: Flights[Sourced] = Flights()

    async def of(
        self, sitter: Sitter, tools: Tools, watch: Stopwatch, *, fast: bool = False
    ) -> Sourced:
        """The findings of one original; `fast` waits for no network and keeps nothing.

        Raises:
            DeadlineExceeded: before they were there.
            ModelError, OriginalError: from their making.
        """
        start = time.perf_counter()
        key = self._key(sitter)
        sourced = await self._find(key, sitter)
        if sourced is None and fast:
            sourced = await self._engine.run(lambda: cutting.near(sitter.picture(), watch)), "fast"
        elif sourced is None:
            sourced = await self._wait(key, sitter, tools, watch)
        if sourced[1] not in ("made", "fast"):
            watch.timings.append(("findings", time.perf_counter() - start))
        self._metrics.mattes.labels(sourced[1]).inc()
        return sourced

    async def close(self) -> None:
        """Give up what is being made."""
        await self._flights.close()

    def _key(self, sitter: Sitter) -> str:
        """64 hexadecimal digits that no rendition's name has, whatever is in it."""
        networks = cutting.networks(self._models)
        parts = ("matte", self._version, sitter.digest, *_own(sitter.tags), *map(str, networks))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    async def _find(self, key: str, sitter: Sitter) -> Sourced | None:
        found = await self._ladder.get(key) if self._ladder else None
        if found is None:
            return None
        entry, tier = found
        findings = await self._engine.run(matte_entry.unpack, entry, sitter.size)
        return (findings, tier) if findings else None

    async def _wait(self, key: str, sitter: Sitter, tools: Tools, watch: Stopwatch) -> Sourced:
        """What the flight brings; one that ran out of its own time is flown again."""
        while True:
            led = Stopwatch()
            leads = key not in self._flights
            flight = self._flights.join(key, partial(self._lead, key, sitter, tools, led))
            try:
                findings, source = await tools.deadline.bound(flight, "the subject was cut out")
            except DeadlineExceeded:
                tools.deadline.check("the subject was cut out")
                continue
            watch.timings += led.timings
            return findings, source if leads else "joined"

    async def _lead(self, key: str, sitter: Sitter, tools: Tools, watch: Stopwatch) -> Sourced:
        started = time.monotonic()

        async def make() -> Sourced:
            image = await self._engine.run(sitter.picture)
            findings = await cutting.search(image, tools, watch)
            await self._keep(key, findings, sitter, started)
            return findings, "made"

        return await find_or_make(
            self._leases, key, tools.deadline, find=lambda: self._find(key, sitter), make=make
        )

    async def _keep(self, key: str, findings: Findings, sitter: Sitter, started: float) -> None:
        own = _own(sitter.tags)
        if self._ladder is None or not own:
            return  # nothing that no purge could name is kept
        tags = (*own, *(model_tag(name) for name, _ in cutting.networks(self._models)))
        entry = await self._engine.run(matte_entry.pack, findings, tags)
        await self._ladder.put(key, entry, started)


def _own(tags: tuple[str, ...]) -> tuple[str, ...]:
    """The tags of the original alone: a matte is of no preset."""
    return tuple(tag for tag in tags if tag.startswith(_ORIGINAL))
