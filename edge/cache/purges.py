"""Tells every replica what was purged, so that none goes on serving it from its own memory.

A Redis stream rather than a channel: a replica that lost its connection reads on from where it
was, and misses no purge.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, cast

from edge.cache.redis import PREFIX, open_redis, stop, stopping, tier_errors
from edge.errors import TierError

_log = logging.getLogger(__name__)

_STREAM = f"{PREFIX}purges"
_KEPT = 10_000
"""Purges that a replica may miss while it is cut off; about 1 MB in Redis."""

_BLOCK_SECONDS = 2.0
_AT_ONCE = 200
_BEGINNING = "0-0"
_RETRY_SECONDS = 0.5


class RedisPurges:
    """Publishes purged tags to all other replicas, and hears of theirs."""

    def __init__(self, url: str, timeout: float) -> None:
        self._redis = open_redis(url, timeout, connections=8)
        self._listening = open_redis(url, _BLOCK_SECONDS + timeout, connections=1)
        self._tasks: list[asyncio.Task[None]] = []
        self._replica = secrets.token_hex(8)

    async def publish(self, tag: str) -> None:
        with tier_errors("telling the other replicas"):
            await self._redis.xadd(
                _STREAM, {"tag": tag, "by": self._replica}, maxlen=_KEPT, approximate=True
            )

    async def subscribe(self, callback: Callable[[str], Awaitable[None]]) -> None:
        """Await `callback(tag)` for each purge that is published after this returns.

        Where Redis does not answer yet, listening starts once it does, with all purges that the
        stream still holds: one too many costs a render, one too few shows an old picture.
        """
        try:
            last = await self._newest()
        except TierError:
            last = _BEGINNING
        self._tasks.append(asyncio.create_task(self._listen(callback, last), name="purges"))

    async def close(self) -> None:
        await asyncio.gather(*(stop(task) for task in self._tasks))
        with tier_errors("closing"):
            await self._listening.aclose()
            await self._redis.aclose()

    async def _listen(self, callback: Callable[[str], Awaitable[None]], last: str) -> None:
        lost = False
        while not stopping():
            try:
                if lost:
                    last = await self._catch_up(last)
                    lost = False
                for position, by, tag in await self._read(last):
                    if by != self._replica:
                        await _tell(callback, tag)
                    last = position
            except TierError as error:
                if not lost:
                    _log.warning("purges of other replicas unheard", extra={"why": error.detail})
                lost = True
                await asyncio.sleep(_RETRY_SECONDS)

    async def _catch_up(self, last: str) -> str:
        """Where to read on after Redis was away; one that lost its data numbers from below."""
        newest = await self._newest()
        return last if _order(newest) >= _order(last) else _BEGINNING

    async def _newest(self) -> str:
        with tier_errors("listening for purges"):
            rows = await self._redis.xrevrange(_STREAM, count=1)
        return cast(bytes, rows[0][0]).decode() if rows else _BEGINNING

    async def _read(self, last: str) -> list[tuple[str, str, str]]:
        """Position, replica and tag of what came after `last`; empty when nothing does for long."""
        with tier_errors("listening for purges"):
            answer: Any = await self._listening.xread(
                {_STREAM: last}, count=_AT_ONCE, block=round(_BLOCK_SECONDS * 1000)
            )
        rows = answer[0][1] if answer else []
        return [
            (position.decode(), row[b"by"].decode(), row[b"tag"].decode()) for position, row in rows
        ]


async def _tell(callback: Callable[[str], Awaitable[None]], tag: str) -> None:
    try:
        await callback(tag)
    except Exception:
        _log.exception("a purge of another replica failed here", extra={"tag": tag})


def _order(position: str) -> tuple[int, int]:
    moment, _, count = position.partition("-")
    return int(moment), int(count)
