"""Purges: of every tier and every replica, now or as soon as they can be reached."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from edge.cache.base import Purges, Reach
from edge.cache.epochs import Epochs
from edge.cache.guarded import PURGE_SECONDS, GuardedTier, why
from edge.cache.owed import OwedPurges
from edge.errors import TierError

_log = logging.getLogger(__name__)

_OWN = frozenset({Reach.PROCESS, Reach.MACHINE})
"""Not shared, so each replica purges its own when it hears of another's purge."""

_SETTLE_SECONDS = 1.0

REPLICAS = "replicas"
"""The name, beside those of the tiers, of what a purge has to reach."""


@dataclass(frozen=True, slots=True)
class Purged:
    """What became of a purge.

    `removed` is how many entries went from each tier; `unreached` what went wrong at a tier or at
    telling the `replicas`; `kept` whether that is tried again until it is done.
    """

    removed: Mapping[str, int]
    unreached: Mapping[str, str]
    kept: bool


class Purging:
    """Removes what carries a tag from the tiers.

    Args:
        epochs: is told of every purge.
        purges: tell the other replicas, and hear from them once `start` was called.
        owed: keeps purges that did not reach everybody; tried again once `start` was called.
    """

    def __init__(
        self, tiers: Sequence[GuardedTier], epochs: Epochs, purges: Purges | None, owed: OwedPurges
    ) -> None:
        self._tiers = tiers
        self._epochs = epochs
        self._purges = purges
        self._owed = owed
        self._settling: asyncio.Task[None] | None = None
        self._listeners: list[Callable[[str], None]] = []

    def on_purge(self, listener: Callable[[str], None]) -> None:
        """Call `listener(tag)` for every purge, of this replica or another: before the tiers drop
        what carries the tag, and once more when they have."""
        self._listeners.append(listener)

    async def start(self) -> None:
        """Begin to hear of other replicas' purges, and to try again what is owed."""
        for tag in await asyncio.to_thread(self._owed.load):
            self._begin(tag)
            self._epochs.hold(tag)
        self._settling = asyncio.create_task(self._settle(), name="owed purges")
        if self._purges is not None:
            await self._purges.subscribe(self.purged_elsewhere)

    async def close(self) -> None:
        if self._settling is not None:
            self._settling.cancel()
            await asyncio.wait((self._settling,))
            await asyncio.to_thread(self._owed.save)

    async def purge(self, tag: str) -> Purged:
        """Remove what carries the tag from all tiers and replicas.

        What is not reached now is tried again every second until it is; until then, nothing that
        was made before the purge is served from a tier that still has it.
        """
        self._begin(tag)
        untold = await self._publish(tag)
        answers = await self._purge(self._tiers, tag)
        removed = {name: answer for name, answer in answers.items() if isinstance(answer, int)}
        unreached = {name: why for name, why in answers.items() if isinstance(why, str)}
        if untold is not None:
            unreached[REPLICAS] = untold
        return Purged(removed, unreached, kept=not unreached or await self._keep(tag, unreached))

    async def _publish(self, tag: str) -> str | None:
        """Tell the other replicas; what went wrong, None where nothing did."""
        if self._purges is None:
            return None
        try:
            async with asyncio.timeout(PURGE_SECONDS):
                await self._purges.publish(tag)
        except (TierError, TimeoutError) as error:
            return why(error)
        return None

    async def _keep(self, tag: str, parts: Iterable[str]) -> bool:
        if not self._owed.add(tag, parts):
            return False
        self._epochs.hold(tag)
        await asyncio.to_thread(self._owed.save)
        return True

    async def _settle(self) -> None:
        """Reach what earlier purges did not, for as long as the process lives."""
        while True:
            await asyncio.sleep(_SETTLE_SECONDS)
            if len(self._owed):
                await self._settle_once()
                await asyncio.to_thread(self._owed.save)

    async def _settle_once(self) -> None:
        failed: set[str] = set()
        for tag, parts in self._owed.all():
            for part in sorted(parts - failed, key=REPLICAS.__eq__):  # replicas are told last
                if not await self._reach(part, tag):
                    failed.add(part)
                elif self._owed.settle(tag, (part,)):
                    self._epochs.release(tag)
                    _log.info("a purge has reached all", extra={"tag": tag})

    async def _reach(self, part: str, tag: str) -> bool:
        if part == REPLICAS:
            return await self._publish(tag) is None
        tiers = [tier for tier in self._tiers if tier.name == part]
        answers = await self._purge(tiers, tag)
        return not any(isinstance(answer, str) for answer in answers.values())

    async def purged_elsewhere(self, tag: str) -> None:
        """Another replica has purged the tag from the shared tiers; now from our own."""
        self._begin(tag)
        await self._purge([tier for tier in self._tiers if tier.reach in _OWN], tag)

    def _begin(self, tag: str) -> None:
        self._epochs.note(tag)
        self._tell(tag)

    def _tell(self, tag: str) -> None:
        for listener in self._listeners:
            listener(tag)

    async def _purge(self, tiers: Sequence[GuardedTier], tag: str) -> dict[str, int | str]:
        answers = await asyncio.gather(*(tier.purge(tag) for tier in tiers))
        self._tell(tag)
        return {tier.name: answer for tier, answer in zip(tiers, answers, strict=True)}
