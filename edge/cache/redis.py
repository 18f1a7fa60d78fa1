"""The fast tier that all replicas share: Redis.

`{prefix}r:<key>` holds one packed rendition. `{prefix}t:<digest of tag>` is a sorted set of the
keys that carry the tag, scored by the moment they expire; each write drops the expired ones, so a
set is never longer than what lives. A set outlives its members, so under the eviction policy
`volatile-ttl` a full Redis lets renditions go before it forgets how to purge them.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, cast

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from edge.breaker import Breaker
from edge.cache.base import (
    HEAD_BYTES,
    RECALLED,
    UNPACK_IN_THREAD,
    Reach,
    Usage,
    pack,
    tag_digest,
    tagged_key,
    unpack,
    unpack_heads,
    unpack_or_purge,
)
from edge.cache.redis_answers import Answer
from edge.cache.redis_reads import Reads
from edge.errors import SettingsError, TierError
from edge.images import Rendition

PREFIX = "edge:1:"
"""Prefix of every key in Redis; the number is the version of the stored format."""

_AWAY = (RedisConnectionError, RedisTimeoutError, OSError)
_EXHAUSTED = "No connection available"
"""The client's error when all of its own connections are taken: it says nothing about the
server."""

_PURGE_AT_ONCE = 500
_TAG_MARGIN = 3600


def open_redis(url: str, timeout: float, connections: int = 64) -> Redis:
    """A client that waits at most `timeout` seconds for a connection, a write or an answer.

    Connections are made when first needed. A connection that Redis closed is replaced once; a
    late answer is not asked for again.

    Raises:
        SettingsError: the URL is not one of Redis.
    """
    wire = {} if url.startswith("unix://") else {"socket_keepalive": True}
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=connections,
            timeout=timeout,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            protocol=2,  # the same form of answers in every version of the client
            retry=Retry(NoBackoff(), 1, (RedisConnectionError,)),
            **wire,
        )
    except ValueError as error:
        raise SettingsError(
            "the URL of Redis is wrong", allowed="redis://host:6379/0, rediss://…, unix://…"
        ) from error
    return Redis.from_pool(pool)


@contextmanager
def tier_errors(doing: str) -> Iterator[None]:
    """Turns every error of Redis, and of the connection to it, into a `TierError`."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise _tier_error(doing, error) from error


def _tier_error(doing: str, error: Exception) -> TierError:
    failed = TierError(f"Redis failed at {doing}: {type(error).__name__}", private=str(error))
    failed.away = isinstance(error, _AWAY) and _EXHAUSTED not in str(error)
    return failed


class RedisServer:
    """A circuit breaker of one Redis, shared by the tier, the leases and the purges.

    Args:
        url: see `open_redis`.
        timeout: seconds that a probe may take.
    """

    def __init__(self, url: str, timeout: float) -> None:
        self._redis = open_redis(url, timeout, connections=1)
        self.breaker = Breaker(probe=self._redis.ping)

    async def close(self) -> None:
        await self.breaker.close()
        with suppress(TierError), tier_errors("closing"):
            await self._redis.aclose()


def stopping() -> bool:
    """Whether the running task was cancelled, even if the client swallowed it.

    The client waits by `asyncio.wait_for`, which before Python 3.12 loses a cancellation that
    comes together with the answer; a task that talks to Redis for ever has to look for itself.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def stop(task: "asyncio.Task[None]") -> None:
    """Cancel a task that talks to Redis until it has ended; see `stopping`."""
    while not task.done():
        task.cancel()
        await asyncio.wait((task,), timeout=0.1)


class RedisTier:
    """Renditions in Redis for `ttl` seconds each; its bytes are bounded by Redis's `maxmemory`.

    Args:
        server: whether this Redis answers, shared with others who ask it.
    """

    name = "redis"
    reach = Reach.REPLICAS

    def __init__(self, url: str, ttl: float, timeout: float, server: Breaker | None = None) -> None:
        self.server = server
        self._ttl = max(1, round(ttl))
        self._redis = open_redis(url, timeout)
        self._reads = Reads(self._redis, timeout)

    def ask(self, key: str, callback: Callable[[Rendition | TierError | None], None]) -> None:
        """`get` without a task: `callback` is called once, later, on the event loop.

        A damaged entry is a miss and stays; `get` removes it.
        """

        def answered(answer: Answer) -> None:
            if answer is None:
                callback(None)
            elif isinstance(answer, Exception):
                callback(_tier_error("reading", answer))
            elif len(answer) > UNPACK_IN_THREAD:
                unpacking = asyncio.get_running_loop().run_in_executor(
                    None, _unpacked, bytes(answer), key
                )
                unpacking.add_done_callback(lambda done: callback(done.result()))
            else:
                callback(_unpacked(answer, key))

        self._reads.ask(_entry(key).encode(), answered)

    async def get(self, key: str) -> Rendition | None:
        with tier_errors("reading"):
            entry = await self._reads.get(_entry(key).encode())
        return await unpack_or_purge(self, key, entry)

    async def put(self, key: str, rendition: Rendition) -> None:
        now = int(time.time())
        with tier_errors("writing"):
            async with self._redis.pipeline(transaction=False) as pipe:
                # Tags first: an entry that no tag knows of could not be purged.
                for tag in rendition.tags:
                    name = _tag(tag)
                    pipe.zremrangebyscore(name, "-inf", now)
                    pipe.zadd(name, {key: now + self._ttl})
                    pipe.expire(name, self._ttl + _TAG_MARGIN)
                pipe.set(_entry(key), pack(rendition, key), ex=self._ttl)
                await pipe.execute()

    async def purge(self, tag: str) -> int:
        with tier_errors("purging"):
            if (single := tagged_key(tag)) is not None:
                return int(await self._redis.unlink(_entry(single)))
            removed = 0
            while keys := await self._tagged(tag):
                removed += await self._remove(tag, keys)
            return removed

    async def recall(self, tag: str) -> Sequence[Rendition]:
        with tier_errors("recalling"):
            latest = cast(
                list[bytes], await self._redis.zrange(_tag(tag), 0, RECALLED - 1, desc=True)
            )
            async with self._redis.pipeline(transaction=False) as pipe:
                for key in latest:
                    pipe.getrange(_entry(key.decode()), 0, HEAD_BYTES - 1)
                starts = await pipe.execute()
        return unpack_heads(starts)

    async def ping(self) -> None:
        with tier_errors("answering"):
            await self._redis.ping()

    async def usage(self) -> Usage:
        """The whole memory of Redis, with that of other users; entries are not counted, which would
        scan all keys."""
        with tier_errors("reporting its usage"):
            memory: dict[str, Any] = await self._redis.info("memory")
        return Usage(None, int(memory["used_memory"]), int(memory.get("maxmemory", 0)) or None)

    async def close(self) -> None:
        with tier_errors("closing"):
            await self._reads.close()
            await self._redis.aclose()

    async def _tagged(self, tag: str) -> list[str]:
        """Some of the keys that carry the tag, none once all are gone."""
        members = await self._redis.zrange(_tag(tag), 0, _PURGE_AT_ONCE - 1)
        return [key.decode() for key in cast(list[bytes], members)]

    async def _remove(self, tag: str, keys: list[str]) -> int:
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.unlink(*(_entry(key) for key in keys))
            pipe.zrem(_tag(tag), *keys)
            removed, _ = await pipe.execute()
        return int(removed)


def _unpacked(entry: bytes | memoryview, key: str) -> Rendition | None:
    try:
        return unpack(entry, key)
    except TierError:
        return None


def _entry(key: str) -> str:
    return f"{PREFIX}r:{key}"


def _tag(tag: str) -> str:
    return f"{PREFIX}t:{tag_digest(tag)}"
