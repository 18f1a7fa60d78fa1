"""One leader per key across replicas, by a lease in Redis.

A lease is a key in Redis with a random token and a short expiry, which the leader extends while it
renders. Waiting replicas are notified of its end over a channel, and check from time to time in
case the notice was lost or the leader died. Where Redis fails, every replica leads: twice the work,
never an outage.
"""

import asyncio
import logging
import secrets
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from edge import tracing
from edge.breaker import Breaker
from edge.cache.redis import PREFIX, open_redis, stop, stopping, tier_errors
from edge.deadline import Deadline
from edge.errors import TierError
from edge.single_flight import Lease, NoLease

_log = logging.getLogger(__name__)

_CHANNEL = f"{PREFIX}leases"
_LISTEN_SECONDS = 5.0
_RETRY_SECONDS = 0.5

# Only the holder of the token may prolong or end a lease: it may have expired and been taken anew.
_PROLONG = """
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end
return 0
"""
_RELEASE = """
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('del', KEYS[1])
redis.call('publish', ARGV[2], ARGV[3])
return 1
"""


class RedisLease:
    """A lease that is held, and prolonged until it is released."""

    def __init__(self, leases: "RedisLeases", key: str, token: str) -> None:
        self._leases = leases
        self._key = key
        self._token = token
        self._released = False
        self._heartbeat = asyncio.create_task(self._prolong(), name=f"lease {key}")

    async def release(self) -> None:
        if self._released:
            return
        self._released = True
        self._heartbeat.cancel()
        await self._leases.give_up(self._key, self._token)

    async def _prolong(self) -> None:
        while not (self._released or stopping()):
            await asyncio.sleep(self._leases.seconds / 3)
            with suppress(TierError):
                if not self._released and not await self._leases.prolong(self._key, self._token):
                    # The lease expired and another replica leads too: both finish, with the same
                    # result.
                    _log.warning("lease lost", extra={"key": self._key})
                    return


class RedisLeases:
    """Leases that expire after `seconds`, the longest that a dead leader delays the others.

    Args:
        server: whether this Redis answers, shared with others who ask it.
    """

    def __init__(
        self,
        url: str,
        timeout: float,
        *,
        seconds: float = 5.0,
        poll: float = 0.25,
        server: Breaker | None = None,
    ) -> None:
        self._server = server
        self.seconds = seconds
        self._poll = poll
        self._redis: Redis = open_redis(url, timeout)
        self._prolong = self._redis.register_script(_PROLONG)
        self._release = self._redis.register_script(_RELEASE)
        self._breaker = Breaker()
        self._notices = _Notices(open_redis(url, timeout, connections=1))
        self._giving_up: set[asyncio.Task[None]] = set()

    async def take(self, key: str, deadline: Deadline) -> Lease | None:
        """See `edge.single_flight.Leases.take`."""
        with tracing.span("lease", client=True) as span:
            lease = await self._taken(key, deadline)
            span.set("edge.leads", lease is not None)
            return lease

    async def _taken(self, key: str, deadline: Deadline) -> Lease | None:
        with self._notices.expect(key) as finished:
            while True:
                lease = await self._try(key)
                if lease is not None:
                    return lease
                deadline.check("another replica finished the same render")
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(self._poll, deadline.remaining)):
                        await finished.wait()
                        return None

    async def prolong(self, key: str, token: str) -> bool:
        """False when the lease is no longer this token's. Raises `TierError`."""
        with tier_errors("extending a lease"):
            milliseconds = round(self.seconds * 1000)
            return bool(await self._prolong(keys=[_name(key)], args=[token, milliseconds]))

    async def give_up(self, key: str, token: str) -> None:
        """End a lease and notify those that wait; where Redis fails, it expires."""
        if not self._allows():
            return
        try:
            with tier_errors("releasing a lease"):
                await self._release(keys=[_name(key)], args=[token, _CHANNEL, key])
        except TierError as error:
            self._failed(error)

    async def close(self) -> None:
        await asyncio.gather(*self._giving_up, return_exceptions=True)
        await self._notices.close()
        with suppress(TierError), tier_errors("closing"):
            await self._redis.aclose()

    async def _try(self, key: str) -> Lease | None:
        """A lease; a local one where Redis fails; None while another replica holds it."""
        if not self._allows():
            return NoLease()
        token = secrets.token_hex(16)
        try:
            with tier_errors("taking a lease"):
                won = await self._redis.set(
                    _name(key), token, nx=True, px=round(self.seconds * 1000)
                )
        except TierError as error:
            self._failed(error)
            _log.warning("leading without a lease", extra={"why": error.detail})
            return NoLease()
        except asyncio.CancelledError:
            self._give_up_behind(key, token)  # it may have been taken all the same
            raise
        self._breaker.succeeded()
        return RedisLease(self, key, token) if won else None

    def _allows(self) -> bool:
        return (self._server is None or self._server.allows()) and self._breaker.allows()

    def _failed(self, error: TierError) -> None:
        if error.away and self._server is not None:
            self._server.failed()
        else:
            self._breaker.failed()

    def _give_up_behind(self, key: str, token: str) -> None:
        task = asyncio.create_task(self.give_up(key, token))
        self._giving_up.add(task)
        task.add_done_callback(self._giving_up.discard)


class _Notices:
    """Subscribes to the ends of leases; connects with the first wait, and again after each
    failure."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def expect(self, key: str) -> Iterator[asyncio.Event]:
        """An event that is set when the lease of that key ends while the block runs."""
        if self._task is None:
            self._task = asyncio.create_task(self._listen(), name="leases")
        finished = asyncio.Event()
        self._waiting[key].add(finished)
        try:
            yield finished
        finally:
            self._waiting[key].discard(finished)
            if not self._waiting[key]:
                del self._waiting[key]

    async def close(self) -> None:
        if self._task is not None:
            await stop(self._task)
        with suppress(TierError), tier_errors("closing"):
            await self._redis.aclose()

    async def _listen(self) -> None:
        while not stopping():
            with suppress(RedisError, OSError):
                async with self._redis.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(_CHANNEL)
                    await self._read(channel)
            await asyncio.sleep(_RETRY_SECONDS)

    async def _read(self, channel: PubSub) -> None:
        while not stopping():
            notice = await channel.get_message(timeout=_LISTEN_SECONDS)
            if notice is not None:
                for finished in self._waiting.get(notice["data"].decode(), ()):
                    finished.set()


def _name(key: str) -> str:
    return f"{PREFIX}lease:{key}"
