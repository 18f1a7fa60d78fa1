"""All tiers as one: lookups go from the nearest to the farthest, finds are copied to the nearer
ones, and no tier's failure is raised."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Mapping, Sequence

from edge.background_tasks import BackgroundTasks
from edge.cache.base import Reach, Tier, Usage
from edge.cache.guarded import Counts, GuardedTier, RecentPurges, TierState, whole
from edge.cache.nearest import Found, Nearest
from edge.cache.purges import RedisPurges
from edge.cache.purging import PendingPurges, Purged, Purging
from edge.images import Rendition
from edge.telemetry import Metrics

_log = logging.getLogger(__name__)

_BEFORE_PUT_RETURNS = frozenset({Reach.PROCESS, Reach.REPLICAS})
"""The tiers that are written before `put` returns: fast ones, in which waiting replicas look for
the result."""

_BEFORE_GET_RETURNS = frozenset({Reach.PROCESS})


class Tiers:
    """The tiers, nearest first.

    Args:
        tiers: nearest first.
        timeout: seconds that a lookup in one tier may take; later counts as a miss.
        background_tasks: take the writes that nobody waits for. None: `put` and `get` wait for
            them.
        purges: broadcasts to the other replicas, and reads theirs once `start` was called.
        pending: keeps purges that did not reach every part; retried once `start` was called.

    Attributes:
        nearest: lookups that take no task.
        purging: hears of other replicas' purges, and tells of all.
    """

    def __init__(
        self,
        tiers: Sequence[Tier],
        timeout: float,
        *,
        background_tasks: BackgroundTasks | None = None,
        purges: RedisPurges | None = None,
        metrics: Metrics | None = None,
        pending: PendingPurges | None = None,
    ) -> None:
        counts, recent = Counts(metrics or Metrics()), RecentPurges()
        self._counts = counts
        self._tiers = tuple(GuardedTier(tier, timeout, recent, counts) for tier in tiers)
        self.nearest = Nearest(self._tiers, timeout, recent, counts)
        self.purging = Purging(self._tiers, recent, purges, pending or PendingPurges())
        self._purges = purges
        self._background_tasks = background_tasks

    async def start(self) -> None:
        """Start reading other replicas' purges, and open the tiers' connections.

        A tier that does not answer is logged, and used once it does.
        """
        await self.purging.start()
        for state in await self.states():
            if not state.ready:
                _log.warning("tier not ready", extra={"tier": state.name, "why": state.private})

    async def get(self, key: str) -> Found | None:
        """The rendition and the name of the nearest tier that has it."""
        start = time.monotonic()
        for place, tier in enumerate(self._tiers):
            found = await tier.get(key)
            if found is not None:
                if place:
                    await self._write(self._tiers[:place], key, found, start, _BEFORE_GET_RETURNS)
                return found, tier.name
        return None

    async def put(self, key: str, rendition: Rendition, started: float) -> None:
        """Store a rendition whose making began at `started` on the monotonic clock.

        Fast tiers are written before this returns, durable ones in the background. Nothing is
        stored if one of its tags was purged since `started`.
        """
        await self._write(self._tiers, key, rendition, started, _BEFORE_PUT_RETURNS)

    async def purge(self, tag: str) -> Purged:
        """Remove what carries the tag from all tiers and replicas; see `Purging.purge`."""
        return await self.purging.purge(tag)

    async def recall(self, tag: str) -> tuple[Rendition, ...]:
        """Entries that carry the tag, without their bodies, from the nearest tier that outlives
        this process; the latest made first, at most `RECALLED`.

        For times when the origin fails: it may cost a tier several lookups.
        """
        for tier in self._tiers:
            if found := await tier.recall(tag):
                return tuple(sorted(found, key=lambda entry: entry.created, reverse=True))
        return ()

    async def states(self) -> tuple[TierState, ...]:
        """The state of each tier, for readiness."""
        return tuple(await asyncio.gather(*(tier.state() for tier in self._tiers)))

    async def usage(self) -> Mapping[str, Usage]:
        """What each tier holds; a tier that does not answer is left out."""
        usages = await asyncio.gather(*(tier.usage() for tier in self._tiers))
        named = zip((tier.name for tier in self._tiers), usages, strict=True)
        return {name: usage for name, usage in named if usage is not None}

    async def close(self) -> None:
        await self.purging.close()
        closing: list[Awaitable[None]] = [each.tier.close() for each in self._tiers]
        if self._purges is not None:
            closing.append(self._purges.close())
        for outcome in await asyncio.gather(*closing, return_exceptions=True):
            if isinstance(outcome, BaseException):
                _log.warning("a tier did not close", extra={"why": whole(outcome)})

    async def _write(
        self,
        tiers: Sequence[GuardedTier],
        key: str,
        rendition: Rendition,
        started: float,
        at_once: frozenset[Reach],
    ) -> None:
        """Write the tiers of reach `at_once`, and leave the others to background tasks."""
        for tier in tiers:
            work = tier.put(key, rendition, started)
            if tier.reach in at_once or self._background_tasks is None:
                await work
            elif not self._background_tasks.run(f"write to {tier.name}", work):
                self._counts.wrote(tier.name, "skipped")
