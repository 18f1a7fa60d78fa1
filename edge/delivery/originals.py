"""Originals as delivery needs them: stamps remembered, recent bodies kept, one fetch at a time.

This cache holds originals only; renditions are the tiers' matter.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from cachetools import LRUCache, TTLCache

from edge.deadline import Deadline
from edge.errors import Busy, OriginalNotFound, OriginError, OriginTimeout
from edge.images import Original, Stamp
from edge.origins.base import Origin
from edge.single_flight import SingleFlight
from edge.telemetry import Metrics

_STAMPS = 100_000

MISSING_SECONDS = 30.0
"""How long a missing original counts as missing, here and in caches that keep the 404."""

_ANY_VERSION_SECONDS = 1.0
"""Seconds for which a missing original counts as missing under every `v`, so that a series of new
versions does not become a series of requests to the origin."""

_HANDED_SECONDS = 10.0

_BRIDGE_WAIT = 2.0
"""Seconds that an origin has to answer where a previous stamp is known."""

_BRIDGE_SECONDS = 5.0
"""Seconds for which the previous stamp is trusted again after the origin failed or was late."""


class Originals:
    """Stamps and bodies of originals, with as few requests to the origin as the settings allow.

    Args:
        origin: where originals live.
        metrics: counts the fetches.
        remember: seconds for which a validator is trusted before the origin is asked again.
        body_bytes: how many bytes of recent originals are kept, so that the five sizes on one
            page fetch their photo once.
        recall: tells the stamp of an original of which this process knows nothing, as far as
            the tiers hold pictures of it; asked only where the origin is in trouble.
        clock: seconds that only go forward.
    """

    def __init__(
        self,
        origin: Origin,
        metrics: Metrics,
        *,
        remember: float,
        body_bytes: int,
        recall: Callable[[str], Awaitable[Stamp | None]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._origin = origin
        self._metrics = metrics
        self._remember = remember
        self._recall = recall
        self._clock = clock
        self._stamps: LRUCache[tuple[str, str | None], tuple[Stamp, float, int]] = LRUCache(_STAMPS)
        self._purges = 0
        self._purged: LRUCache[str, int] = LRUCache(_STAMPS)
        self._bodies: LRUCache[tuple[str, str], Original] = LRUCache(
            max(1, body_bytes), getsizeof=lambda original: len(original.body) + 500
        )
        self._missing: TTLCache[tuple[str, str | None], int] = TTLCache(
            _STAMPS, MISSING_SECONDS, clock
        )
        self._just_missing: TTLCache[str, None] = TTLCache(_STAMPS, _ANY_VERSION_SECONDS, clock)
        self._handed: dict[tuple[str, str], Original] = {}
        self._late: set[asyncio.Task[Stamp]] = set()
        self._stamping: SingleFlight[Stamp] = SingleFlight()
        self._fetching: SingleFlight[Original] = SingleFlight()

    def known(self, path: str, version: str | None) -> Stamp | None:
        """The remembered stamp while it is trusted (see `Stamp.settled`), else None."""
        try:
            stamp, since, purge = self._stamps[path, version]
        except KeyError:
            return None
        if self._clock() - since >= self._remember or purge != self._purged.get(path, 0):
            return None
        return stamp

    async def stamp(self, path: str, version: str | None, deadline: Deadline) -> Stamp:
        """The original's stamp; while the origin fails, the previous one.

        A `version` not seen before (the URL's `v`) asks the origin at once.

        Raises:
            OriginalNotFound: the origin says so, or has said so within `MISSING_SECONDS`.
            OriginError, Busy: it cannot be asked, and nothing is known of the original.
        """
        if stamp := self.known(path, version):
            return stamp
        missing = self._missing.get((path, version))
        if path in self._just_missing or missing == self._purged.get(path, 0):
            raise OriginalNotFound("there is no such original")
        task = asyncio.create_task(self._ask(path, version, deadline))
        try:
            return await self._in_moments(task)
        except (OriginError, Busy):
            if last := await self._last(path, version, task):
                self._trust_again(path, version, last)
                self._leave(task)
                return last
            return await task
        finally:
            if task not in self._late:
                task.cancel()

    async def fetch(self, path: str, stamp: Stamp, deadline: Deadline) -> Original:
        """The bytes of that stamp, or newer ones where the original has just changed."""
        if kept := self._bodies.get((path, stamp.version)):
            return kept
        return await self._fetching.join(
            (path, stamp.version), lambda: self._fetch(path, stamp, deadline), deadline=deadline
        )

    async def bring(self, path: str, deadline: Deadline) -> Original:
        """The current bytes, for callers that need no stamp first."""
        return await self.fetch(path, await self.stamp(path, None, deadline), deadline)

    def forget(self, path: str) -> None:
        """Forget the stamp and bytes of this original."""
        self._purges += 1
        self._purged[path] = self._purges
        self._just_missing.pop(path, None)
        for known in (self._bodies, self._handed):
            for name in [name for name in known if name[0] == path]:
                known.pop(name, None)

    async def _in_moments(self, task: asyncio.Task[Stamp]) -> Stamp:
        """The result, if it comes within `_BRIDGE_WAIT`."""
        done, _ = await asyncio.wait((task,), timeout=_BRIDGE_WAIT)
        if not done:
            raise OriginTimeout("the origin did not answer in time")
        return task.result()

    async def _last(
        self, path: str, version: str | None, task: asyncio.Task[Stamp]
    ) -> Stamp | None:
        """The previous stamp, remembered here or recalled from the tiers."""
        stamp, _, purge = self._stamps.get((path, version), (None, 0.0, 0))
        if stamp and purge == self._purged.get(path, 0):
            return stamp
        if self._recall is None:
            return None
        recalling = asyncio.ensure_future(self._recall(path))
        try:
            await asyncio.wait((recalling,))
            recalled = recalling.result()
        finally:
            recalling.cancel()
        # Under a new `v` the original may be a new one.
        return recalled if version is None or recalled is None else replace(recalled, settled=False)

    def _leave(self, task: asyncio.Task[Stamp]) -> None:
        """Let a late request to the origin finish: its stamp serves later requests."""
        if not task.done():
            self._late.add(task)
            task.add_done_callback(self._came_late)

    async def _ask(self, path: str, version: str | None, deadline: Deadline) -> Stamp:
        purge = self._purged.get(path, 0)  # a later one asks anew
        try:
            stamp = await self._stamping.join(
                (path, purge), lambda: self._stamp(path, deadline), deadline=deadline
            )
        except OriginalNotFound:
            self._lost(path, version)
            raise
        self._learn(path, version, stamp, purge)
        return stamp

    def _came_late(self, task: asyncio.Task[Stamp]) -> None:
        self._late.discard(task)
        if not task.cancelled():
            task.exception()  # seen; whoever asks next hears of it

    def _trust_again(self, path: str, version: str | None, stamp: Stamp) -> None:
        """Trust a stamp for `_BRIDGE_SECONDS`, so that not every request waits for a failing
        origin."""
        again = min(self._remember, _BRIDGE_SECONDS)
        since = self._clock() - self._remember + again
        self._stamps[path, version] = (stamp, since, self._purged.get(path, 0))

    async def _stamp(self, path: str, deadline: Deadline) -> Stamp:
        found = await self._origin.stamp(path, deadline)
        if isinstance(found, Stamp):
            return found
        self._metrics.origin_fetches.labels("ok").inc()
        self._keep(path, found)
        self._hand_on(path, found)
        return found.stamp

    async def _fetch(self, path: str, stamp: Stamp, deadline: Deadline) -> Original:
        if handed := self._handed.pop((path, stamp.version), None):
            return handed
        purge = self._purged.get(path, 0)
        try:
            original = await self._origin.fetch(path, deadline)
        except Exception as error:
            if isinstance(error, OriginalNotFound):
                self._lost(path, None)
            self._metrics.origin_fetches.labels("error").inc()
            raise
        self._metrics.origin_fetches.labels("ok").inc()
        self._learn(path, None, original.stamp, purge)
        self._keep(path, original)
        return original

    def _keep(self, path: str, original: Original) -> None:
        if len(original.body) + 500 <= self._bodies.maxsize:
            self._bodies[path, original.stamp.version] = original

    def _hand_on(self, path: str, original: Original) -> None:
        """Keep the bytes that came with a stamp for the fetch that follows, even where no originals
        are cached."""
        name = path, original.stamp.version
        if name not in self._bodies:
            self._handed[name] = original
            asyncio.get_running_loop().call_later(_HANDED_SECONDS, self._handed.pop, name, None)

    def _lost(self, path: str, version: str | None) -> None:
        self._stamps.pop((path, version), None)
        self._missing[path, version] = self._purged.get(path, 0)
        self._just_missing[path] = None

    def _learn(self, path: str, version: str | None, stamp: Stamp, purge: int) -> None:
        self._missing.pop((path, version), None)
        since = self._clock() if stamp.settled else -math.inf
        self._stamps[path, version] = (stamp, since, purge)
