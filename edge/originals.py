"""The delivery's view of originals: validators remembered, recent bodies kept, one fetch at a time.

Originals and renditions are two caches with two names; this one only ever holds originals.
"""

import time

from cachetools import LRUCache

from edge.coalesce import Flights
from edge.deadline import Deadline
from edge.errors import OriginalNotFound, OriginError
from edge.images import Original, Stamp
from edge.origins.base import Origin
from edge.telemetry import Metrics

_STAMPS = 100_000


class Originals:
    """Asks the origin as seldom as the settings allow.

    Args:
        origin: where originals live.
        metrics: counts the fetches.
        remember: seconds for which a validator is trusted before the origin is asked again.
        body_bytes: how many bytes of recent originals are kept, so that the five sizes on one
            page fetch their photo once.
    """

    def __init__(
        self, origin: Origin, metrics: Metrics, *, remember: float, body_bytes: int
    ) -> None:
        self._origin = origin
        self._metrics = metrics
        self._remember = remember
        self._stamps: LRUCache[tuple[str, str | None], tuple[Stamp, float]] = LRUCache(_STAMPS)
        self._bodies: LRUCache[tuple[str, str], Original] = LRUCache(
            max(1, body_bytes), getsizeof=lambda original: len(original.body) + 500
        )
        self._stamping: Flights[Stamp] = Flights()
        self._fetching: Flights[Original] = Flights()

    def known(self, path: str, version: str | None) -> Stamp | None:
        """The remembered stamp, while it may be trusted."""
        try:
            stamp, since = self._stamps[path, version]
        except KeyError:
            return None
        return stamp if time.monotonic() - since < self._remember else None

    async def stamp(self, path: str, version: str | None, deadline: Deadline) -> Stamp:
        """The original's validator; an origin in trouble is bridged with the last one known.

        A `version` not seen before (the URL's `v`) asks the origin at once.
        """
        if stamp := self.known(path, version):
            return stamp
        try:
            stamp = await self._stamping.join(path, lambda: self._origin.stamp(path, deadline))
        except OriginalNotFound:
            self._stamps.pop((path, version), None)
            raise
        except OriginError:
            if old := self._stamps.get((path, version)):
                return old[0]
            raise
        self._learn(path, version, stamp)
        return stamp

    async def fetch(self, path: str, stamp: Stamp, deadline: Deadline) -> Original:
        """The bytes that belong to the stamp, or newer ones when the original has just changed."""
        if kept := self._bodies.get((path, stamp.version)):
            return kept
        return await self._fetching.join(
            f"{path} {stamp.version}", lambda: self._fetch(path, deadline)
        )

    async def bring(self, path: str, deadline: Deadline) -> Original:
        """The bytes as they are now, for those who need no stamp first."""
        return await self.fetch(path, await self.stamp(path, None, deadline), deadline)

    def forget_all(self) -> None:
        self._stamps.clear()
        self._bodies.clear()

    async def _fetch(self, path: str, deadline: Deadline) -> Original:
        try:
            original = await self._origin.fetch(path, deadline)
        except Exception:
            self._metrics.origin_fetches.labels("error").inc()
            raise
        self._metrics.origin_fetches.labels("ok").inc()
        self._learn(path, None, original.stamp)
        if len(original.body) + 500 <= self._bodies.maxsize:
            self._bodies[path, original.stamp.version] = original
        return original

    def _learn(self, path: str, version: str | None, stamp: Stamp) -> None:
        self._stamps[path, version] = (stamp, time.monotonic())
