"""One cache tier whose failures do no harm: with timeouts, metrics and a circuit breaker.

Recent purges are remembered, so that a render which began before one is not stored after it.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial

from edge import tracing
from edge.breaker import Breaker
from edge.cache.base import CallbackTier, Reach, Recalling, Tier, Usage, key_tag
from edge.errors import EdgeError, TierError
from edge.images import Rendition
from edge.telemetry import Metrics

_KEPT = 100_000
_KEPT_SECONDS = 900.0
"""Longer than any request may last (600 s), so that no render outlives the purge it missed."""


class RecentPurges:
    """When each tag was last purged: on the monotonic clock and in Unix time, in seconds."""

    def __init__(self) -> None:
        self._tags: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._held: dict[str, tuple[float, float]] = {}

    def note(self, tag: str) -> None:
        """The tag is purged now."""
        now = time.monotonic()
        self._tags[tag] = (now, time.time())
        self._tags.move_to_end(tag)
        while len(self._tags) > _KEPT or self._oldest() < now - _KEPT_SECONDS:
            self._tags.popitem(last=False)

    def hold(self, tag: str) -> None:
        """Remember the purge of the tag until `release`: it has not reached every replica yet."""
        self._held[tag] = self._tags.get(tag, (time.monotonic(), time.time()))

    def release(self, tag: str) -> None:
        """The purge has reached every replica: from now on it expires like any other."""
        if self._held.pop(tag, None):
            self.note(tag)

    def since(self, started: float, key: str, rendition: Rendition) -> bool:
        """Whether the rendition was purged after its making began."""
        return any(at >= started for at, _ in self._of(key, rendition))

    def since_created(self, key: str, rendition: Rendition) -> bool:
        """Whether it was purged after it was created: a tier that was down then still has it."""
        return any(at > rendition.created for _, at in self._of(key, rendition))

    def _oldest(self) -> float:
        return next(iter(self._tags.values()))[0]

    def _of(self, key: str, rendition: Rendition) -> list[tuple[float, float]]:
        if not (self._tags or self._held):
            return []
        tags = (key_tag(key), *rendition.tags)
        return [known[tag] for known in (self._tags, self._held) for tag in tags if tag in known]


_log = logging.getLogger(__name__)

_WRITE_TIMEOUTS = 5
"""Timeout of a write in timeouts of a lookup: nobody waits for it."""

_RECALL_TIMEOUTS = 5
"""Timeout of a recall, in timeouts of a lookup: it takes several, and its caller has nothing else
to serve."""

PURGE_SECONDS = 30.0


class Counts:
    """Counts lookups and writes of the tiers in the metrics."""

    def __init__(self, metrics: Metrics) -> None:
        # Label children are looked up once: that costs more than counting, and every hit counts.
        self._lookups = cache(partial(metrics.tally, metrics.tier_lookups))
        self._writes = cache(metrics.tier_writes.labels)
        self._purged = cache(metrics.purged.labels)

    def looked_up(self, tier: str, outcome: str) -> None:
        """Outcome: `hit`, `miss`, `error`, or `skipped` while the tier rests from a failure."""
        self._lookups(tier, outcome).inc()

    def wrote(self, tier: str, outcome: str) -> None:
        """Outcome: `ok`, `error`, or `skipped` (the tier rests, or the entry was purged)."""
        self._writes(tier, outcome).inc()

    def purged(self, tier: str, entries: int) -> None:
        self._purged(tier).inc(entries)


@dataclass(frozen=True, slots=True)
class TierState:
    """Whether one tier answers, for readiness."""

    name: str
    ready: bool
    detail: str = ""
    private: str = ""
    """A detail for the log only."""


class GuardedTier:
    """A tier with timeouts and circuit breakers, which never raises.

    Args:
        timeout: seconds that a lookup may take; later counts as a miss.
        recent: what was purged lately, and so is neither served nor written.
    """

    def __init__(self, tier: Tier, timeout: float, recent: RecentPurges, counts: Counts) -> None:
        self.tier = tier
        self.name = tier.name
        self.reach = tier.reach
        self.prompt = tier if isinstance(tier, CallbackTier) else None
        self._recalling = tier if isinstance(tier, Recalling) else None
        self._server: Breaker | None = getattr(tier, "server", None)
        self._reading = Breaker()
        self._writing = Breaker()
        self._timeout = timeout
        self._recent = recent
        self._counts = counts

    @property
    def readable(self) -> bool:
        """Whether lookups are allowed: neither the tier's breaker nor its server's is open."""
        return self._answers and self._reading.allows()

    @property
    def _answers(self) -> bool:
        """Whether the breaker of its server is closed; a tier without one always answers."""
        return self._server is None or self._server.allows()

    async def get(self, key: str) -> Rendition | None:
        with tracing.span(f"tier {self.name}", {"edge.operation": "get"}) as span:
            found = await self._lookup(key)
            span.set("edge.found", found is not None)
            return found

    async def _lookup(self, key: str) -> Rendition | None:
        if self.reach is Reach.PROCESS:  # the way of every hot request: no timer, no breaker
            found = await self.tier.get(key)
        elif not self.readable:
            self._counts.looked_up(self.name, "skipped")
            return None
        else:
            try:
                async with asyncio.timeout(self._timeout):
                    found = await self.tier.get(key)
            except Exception as error:
                self.lookup_failed(error)
                return None
            self._reading.succeeded()
            if found is not None and self._recent.since_created(key, found):
                found = None
        self._counts.looked_up(self.name, "miss" if found is None else "hit")
        return found

    def lookup_succeeded(self) -> None:
        self._reading.succeeded()

    def lookup_failed(self, error: Exception) -> None:
        self._broke(self._reading, error)
        self._counts.looked_up(self.name, "error")

    async def put(self, key: str, rendition: Rendition, started: float) -> None:
        """Store it, unless it was purged since its render began at `started`."""
        free = self._answers and self._writing.allows()
        if not free or self._recent.since(started, key, rendition):
            self._counts.wrote(self.name, "skipped")
            return
        try:
            with tracing.span(f"tier {self.name}", {"edge.operation": "put"}):
                async with asyncio.timeout(self._timeout * _WRITE_TIMEOUTS):
                    await self.tier.put(key, rendition)
                    if self._recent.since(started, key, rendition):  # purged while it was written
                        await self.tier.purge(key_tag(key))
        except Exception as error:
            self._broke(self._writing, error)
            self._counts.wrote(self.name, "error")
            return
        self._writing.succeeded()
        self._counts.wrote(self.name, "ok")

    async def purge(self, tag: str) -> int | str:
        """How many entries were removed, or the error."""
        if not self._answers:
            return "its server does not answer"
        try:
            async with asyncio.timeout(PURGE_SECONDS):
                entries = await self.tier.purge(tag)
        except Exception as error:
            self._broke(self._writing, error)
            return why(error)
        self._counts.purged(self.name, entries)
        return entries

    async def recall(self, tag: str) -> Sequence[Rendition]:
        """Entries that carry the tag, as `Recalling` has them; none of a tier that forgets."""
        if self._recalling is None or not self.readable:
            return ()
        try:
            async with asyncio.timeout(self._timeout * _RECALL_TIMEOUTS):
                found = await self._recalling.recall(tag)
        except Exception as error:
            self._broke(self._reading, error)
            return ()
        return [entry for entry in found if not self._recent.since_created("", entry)]

    async def state(self) -> TierState:
        try:
            async with asyncio.timeout(self._timeout):
                await self.tier.ping()
        except Exception as error:
            return TierState(self.name, False, why(error), whole(error))
        return TierState(self.name, True)

    async def usage(self) -> Usage | None:
        if not self._answers:
            return None
        try:
            async with asyncio.timeout(self._timeout):
                return await self.tier.usage()
        except Exception:
            return None

    def _broke(self, breaker: Breaker, error: Exception) -> None:
        away = isinstance(error, TimeoutError) or (isinstance(error, TierError) and error.away)
        if away and self._server is not None:
            self._server.failed()
        else:
            breaker.failed()
        expected = isinstance(error, TierError | TimeoutError)
        _log.warning(
            "tier failed",
            extra={"tier": self.name, "why": whole(error)},
            exc_info=None if expected else error,
        )


def why(error: BaseException) -> str:
    """What went wrong, without addresses and paths."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return error.detail if isinstance(error, TierError) else type(error).__name__


def whole(error: BaseException) -> str:
    """What went wrong, for the log."""
    private = error.private if isinstance(error, EdgeError) else str(error)
    return f"{why(error)}: {private}" if private else why(error)
