"""Lookups without an asyncio task: this process's memory, and the tier behind it by a callback."""

import asyncio
import time
from collections.abc import Callable, Sequence

from edge.cache.guarded import Counts, GuardedTier, RecentPurges
from edge.cache.memory import MemoryTier
from edge.images import Rendition

Found = tuple[Rendition, str]
"""A rendition and the name of the tier that has it."""


class Nearest:
    """The nearest of the tiers, which are given nearest first.

    Args:
        timeout: seconds that a lookup may take; later counts as a miss.
    """

    def __init__(
        self, tiers: Sequence[GuardedTier], timeout: float, recent: RecentPurges, counts: Counts
    ) -> None:
        first = tiers[0].tier if tiers else None
        self._memory: MemoryTier | None = first if isinstance(first, MemoryTier) else None
        behind = tiers[1:2] if self._memory is not None else tiers[:1]
        self._behind = next((tier for tier in behind if tier.prompt), None)
        self._timeout = timeout
        self._recent = recent
        self._counts = counts

    def memory_hit(self, key: str) -> Rendition | None:
        """The rendition in this process's memory, or None. A miss is not counted, since `Tiers.get`
        follows it."""
        if self._memory is None or (found := self._memory.peek(key)) is None:
            return None
        self._counts.looked_up(self._memory.name, "hit")
        return found

    def soon(self, key: str, callback: Callable[[Found | None], None]) -> bool:
        """Start a lookup in the tier behind this process's memory, if that needs no task.

        Returns:
            True: `callback` is called once, later, with what was found; with None the caller has
            to go on with `Tiers.get`, which counts the miss. False: `callback` is never called.
        """
        tier = self._behind
        if tier is None or tier.prompt is None or not tier.readable:
            return False
        tier.prompt.ask(key, _Lookup(self, tier, key, self._timeout, callback).answered)
        return True

    def _serves(self, tier: GuardedTier, key: str, found: Rendition, since: float) -> bool:
        """Whether a rendition that a tier has found may be served; if so, memory gets a copy."""
        tier.lookup_succeeded()
        if self._recent.since_created(key, found):
            return False
        if self._memory is not None:
            self._counts.looked_up(self._memory.name, "miss")
            if not self._recent.since(since, key, found):
                self._memory.keep(key, found)
                self._counts.wrote(self._memory.name, "ok")
        self._counts.looked_up(tier.name, "hit")
        return True


class _Lookup:
    """One lookup, ended by the tier's answer or by its timeout."""

    __slots__ = ("_callback", "_key", "_nearest", "_since", "_tier", "_timer")

    def __init__(
        self,
        nearest: Nearest,
        tier: GuardedTier,
        key: str,
        timeout: float,
        callback: Callable[[Found | None], None],
    ) -> None:
        self._nearest = nearest
        self._tier = tier
        self._key = key
        self._callback: Callable[[Found | None], None] | None = callback
        self._since = time.monotonic()
        self._timer = asyncio.get_running_loop().call_later(timeout, self.answered, TimeoutError())

    def answered(self, answer: Rendition | Exception | None) -> None:
        callback, self._callback = self._callback, None
        if callback is None:
            return
        self._timer.cancel()
        if isinstance(answer, Rendition):
            if self._nearest._serves(self._tier, self._key, answer, self._since):
                return callback((answer, self._tier.name))
        elif answer is not None:
            self._tier.lookup_failed(answer)
        callback(None)
