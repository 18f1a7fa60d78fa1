"""Purges every tier and every replica, at once or as soon as they can be reached.

Purges that did not reach every part are kept, in a file where a folder outlives the process, so
that they survive a restart.
"""

import asyncio
import json
import logging
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edge.cache.base import Reach
from edge.cache.guarded import PURGE_SECONDS, GuardedTier, RecentPurges, why
from edge.cache.purges import RedisPurges
from edge.errors import TierError

MOST = 10_000
"""Most pending tags; a further purge that does not reach every part is refused."""


class PendingPurges:
    """Pending purges: for each tag the names of the tiers to reach, and `replicas`.

    Args:
        file: where they are kept across restarts, each process beside the others in a file of its
            own; None: in memory alone.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._start = file
        self._file = file and file.with_name(f"{file.name}.{secrets.token_hex(8)}")
        self._pending: dict[str, frozenset[str]] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def load(self) -> tuple[str, ...]:
        """Take over the pending purges of earlier processes, and of live ones as well, since a
        second purge is harmless; returns their tags."""
        left = list(self._start.parent.glob(f"{self._start.name}.*")) if self._start else []
        for file in left:
            with suppress(OSError, ValueError, TypeError, AttributeError):
                for tag, parts in json.loads(file.read_text()).items():
                    self.add(str(tag), map(str, parts))
        self.save()
        for file in left:
            with suppress(OSError):
                file.unlink()
        return tuple(self._pending)

    def add(self, tag: str, parts: Iterable[str]) -> bool:
        """Add a pending purge; False where there are too many."""
        if tag not in self._pending and len(self._pending) >= MOST:
            return False
        self._pending[tag] = self._pending.get(tag, frozenset()) | frozenset(parts)
        return True

    def settle(self, tag: str, parts: Iterable[str]) -> bool:
        """Note that these parts were reached; whether the tag is done."""
        left = self._pending.get(tag, frozenset()) - frozenset(parts)
        if left:
            self._pending[tag] = left
        else:
            self._pending.pop(tag, None)
        return not left

    def all(self) -> tuple[tuple[str, frozenset[str]], ...]:
        """Each pending tag with the parts to reach, oldest first."""
        return tuple(self._pending.items())

    def save(self) -> None:
        """Write the file; where that fails they stay in memory, and a warning is logged once."""
        if self._file is None:
            return
        try:
            if not self._pending:
                self._file.unlink(missing_ok=True)
                return
            beside = self._file.with_name(f".{self._file.name}")
            beside.write_text(json.dumps({tag: sorted(parts) for tag, parts in self.all()}))
            beside.replace(self._file)
        except OSError as error:
            _log.warning("pending purges are kept in memory alone", extra={"why": str(error)})


_log = logging.getLogger(__name__)

_OWN = frozenset({Reach.PROCESS, Reach.MACHINE})
"""Private to a replica, which purges it when it hears of another's purge."""

_SETTLE_SECONDS = 1.0

REPLICAS = "replicas"
"""The name that stands for the broadcast beside the names of tiers."""


@dataclass(frozen=True, slots=True)
class Purged:
    """The result of a purge.

    `removed` is how many entries each tier removed; `unreached` the error of each tier, and of the
    broadcast to the `replicas`, that failed; `kept` whether these are retried until they succeed.
    """

    removed: Mapping[str, int]
    unreached: Mapping[str, str]
    kept: bool


class Purging:
    """Removes what carries a tag from the tiers.

    Args:
        recent: notes every purge.
        purges: broadcasts to the other replicas, and reads theirs once `start` was called.
        pending: keeps purges that did not reach every part; retried once `start` was called.
    """

    def __init__(
        self,
        tiers: Sequence[GuardedTier],
        recent: RecentPurges,
        purges: RedisPurges | None,
        pending: PendingPurges,
    ) -> None:
        self._tiers = tiers
        self._recent = recent
        self._purges = purges
        self._pending = pending
        self._settling: asyncio.Task[None] | None = None
        self._listeners: list[Callable[[str], None]] = []

    def on_purge(self, listener: Callable[[str], None]) -> None:
        """Call `listener(tag)` for every purge, of this replica or another: before the tiers remove
        the entries that carry the tag, and again afterwards."""
        self._listeners.append(listener)

    async def start(self) -> None:
        """Start reading other replicas' purges and retrying pending ones."""
        for tag in await asyncio.to_thread(self._pending.load):
            self._begin(tag)
            self._recent.hold(tag)
        self._settling = asyncio.create_task(self._settle(), name="pending purges")
        if self._purges is not None:
            await self._purges.subscribe(self.purged_elsewhere)

    async def close(self) -> None:
        if self._settling is not None:
            self._settling.cancel()
            await asyncio.wait((self._settling,))
            await asyncio.to_thread(self._pending.save)

    async def purge(self, tag: str) -> Purged:
        """Remove what carries the tag from all tiers and replicas.

        Parts that fail are retried every second until they succeed; until then nothing made before
        the purge is served from a tier that still holds it.
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
        """Broadcast a purge to the other replicas; the error, or None."""
        if self._purges is None:
            return None
        try:
            async with asyncio.timeout(PURGE_SECONDS):
                await self._purges.publish(tag)
        except (TierError, TimeoutError) as error:
            return why(error)
        return None

    async def _keep(self, tag: str, parts: Iterable[str]) -> bool:
        if not self._pending.add(tag, parts):
            return False
        self._recent.hold(tag)
        await asyncio.to_thread(self._pending.save)
        return True

    async def _settle(self) -> None:
        """Retry pending purges for as long as the process lives."""
        while True:
            await asyncio.sleep(_SETTLE_SECONDS)
            if len(self._pending):
                await self._settle_once()
                await asyncio.to_thread(self._pending.save)

    async def _settle_once(self) -> None:
        failed: set[str] = set()
        for tag, parts in self._pending.all():
            for part in sorted(parts - failed, key=REPLICAS.__eq__):  # replicas are told last
                if not await self._reach(part, tag):
                    failed.add(part)
                elif self._pending.settle(tag, (part,)):
                    self._recent.release(tag)
                    _log.info("a purge has reached all", extra={"tag": tag})

    async def _reach(self, part: str, tag: str) -> bool:
        if part == REPLICAS:
            return await self._publish(tag) is None
        tiers = [tier for tier in self._tiers if tier.name == part]
        answers = await self._purge(tiers, tag)
        return not any(isinstance(answer, str) for answer in answers.values())

    async def purged_elsewhere(self, tag: str) -> None:
        """Purge this replica's own tiers: another one has purged the shared tiers."""
        self._begin(tag)
        await self._purge([tier for tier in self._tiers if tier.reach in _OWN], tag)

    def _begin(self, tag: str) -> None:
        self._recent.note(tag)
        self._notify(tag)

    def _notify(self, tag: str) -> None:
        for listener in self._listeners:
            listener(tag)

    async def _purge(self, tiers: Sequence[GuardedTier], tag: str) -> dict[str, int | str]:
        answers = await asyncio.gather(*(tier.purge(tag) for tier in tiers))
        self._notify(tag)
        return {tier.name: answer for tier, answer in zip(tiers, answers, strict=True)}
