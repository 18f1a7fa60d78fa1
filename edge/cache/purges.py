"""Broadcasts purges to every replica, so that none goes on serving a purged rendition from its own
memory.

A Redis stream rather than a channel: a replica that lost its connection reads on from its last
position, and misses no purge. One with a durable tier keeps that position across restarts.
"""

import asyncio
import logging
import re
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from edge.breaker import Breaker
from edge.cache.redis import PREFIX, open_redis, stop, stopping, tier_errors
from edge.errors import TierError

_log = logging.getLogger(__name__)

_STREAM = f"{PREFIX}purges"
_KEPT = 10_000
"""Length of the stream, in purges: what a replica that is cut off can catch up on; about 1 MB in
Redis."""

_BLOCK_SECONDS = 2.0
_AT_ONCE = 200
_BEGINNING = "0-0"
_RETRY_SECONDS = 0.5
_POSITION = re.compile(r"\d{1,20}-\d{1,20}")


class RedisPurges:
    """Publishes purged tags to all other replicas, and reads theirs.

    Args:
        url: of the Redis that all replicas share.
        timeout: seconds that it may take to answer.
        position: a file that remembers how far this replica has heard, beside a tier that outlives
            the process.
        server: whether this Redis answers, shared with others who ask it.
    """

    def __init__(
        self, url: str, timeout: float, position: Path | None = None, server: Breaker | None = None
    ) -> None:
        self._server = server
        self._position = position
        self._redis = open_redis(url, timeout, connections=8)
        self._listening = open_redis(url, _BLOCK_SECONDS + timeout, connections=1)
        self._tasks: list[asyncio.Task[None]] = []
        self._replica = secrets.token_hex(8)

    async def publish(self, tag: str) -> None:
        """Raise `TierError` where the replicas could not be told."""
        if self._server is not None and not self._server.allows():
            raise TierError("Redis does not answer")
        with tier_errors("publishing a purge"):
            await self._redis.xadd(
                _STREAM, {"tag": tag, "by": self._replica}, maxlen=_KEPT, approximate=True
            )

    async def subscribe(self, callback: Callable[[str], Awaitable[None]]) -> None:
        """Await `callback(tag)` for what was missed before, and for each purge after this returns.

        Where Redis does not answer yet, listening starts once it does, with all purges that the
        stream still holds: one too many costs a render, one too few shows an old picture.
        """
        last = await asyncio.to_thread(self._remembered)
        try:
            if last is None:
                last = await self._newest()
            else:
                last = await self._catch_up(last)
                for position, _, tag in await self._missed(last):
                    await _call(callback, tag)
                    last = position
        except TierError:
            last = last or _BEGINNING
        await asyncio.to_thread(self._remember, last)
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
                        await _call(callback, tag)
                    last = position
                    await asyncio.to_thread(self._remember, last)
            except TierError as error:
                if not lost:
                    _log.warning(
                        "purges of other replicas are not received", extra={"why": error.detail}
                    )
                lost = True
                if error.away and self._server is not None:
                    self._server.failed()  # before a caller has to find out
                await asyncio.sleep(_RETRY_SECONDS)

    async def _catch_up(self, last: str) -> str:
        """Where to read on after Redis was away; one that lost its data numbers from below."""
        newest = await self._newest()
        return last if _order(newest) >= _order(last) else _BEGINNING

    async def _newest(self) -> str:
        with tier_errors("subscribing to purges"):
            rows = await self._redis.xrevrange(_STREAM, count=1)
        return cast(bytes, rows[0][0]).decode() if rows else _BEGINNING

    async def _read(self, last: str) -> list[tuple[str, str, str]]:
        """Position, replica and tag of what came after `last`; empty when nothing does for long."""
        with tier_errors("subscribing to purges"):
            answer: Any = await self._listening.xread(
                {_STREAM: last}, count=_AT_ONCE, block=round(_BLOCK_SECONDS * 1000)
            )
        return _purges_in(answer[0][1] if answer else [])

    async def _missed(self, last: str) -> list[tuple[str, str, str]]:
        with tier_errors("reading up on purges"):
            return _purges_in(await self._redis.xrange(_STREAM, min=f"({last}"))

    def _remembered(self) -> str | None:
        with suppress(OSError, UnicodeDecodeError):
            text = self._position.read_text() if self._position else ""
            return text if _POSITION.fullmatch(text) else None
        return None

    def _remember(self, last: str) -> None:
        """Save the position; a file that cannot be written is the tier's to report."""
        if self._position:
            with suppress(OSError):
                beside = self._position.with_name(f"{self._position.name}.{self._replica}")
                beside.write_text(last)
                beside.replace(self._position)


def _purges_in(rows: Any) -> list[tuple[str, str, str]]:
    """Position, replica and tag of each row of the stream."""
    return [
        (position.decode(), row[b"by"].decode(), row[b"tag"].decode()) for position, row in rows
    ]


async def _call(callback: Callable[[str], Awaitable[None]], tag: str) -> None:
    try:
        await callback(tag)
    except Exception:
        _log.exception("a purge of another replica failed here", extra={"tag": tag})


def _order(position: str) -> tuple[int, int]:
    moment, _, count = position.partition("-")
    return int(moment), int(count)
