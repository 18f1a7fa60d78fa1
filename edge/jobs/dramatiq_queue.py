"""The queue on Redis, by dramatiq; the only module that imports it.

The list `edge:1:jobs:items` holds the ids of the messages that nobody has taken yet; its length is
what workers are scaled by. What a worker that died had taken goes back to it once its heartbeat is
old: with dramatiq's own `maintenance_chance` that could take hours on a queue that is nearly empty.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker

from edge.errors import SettingsError
from edge.jobs.queue import Handle
from edge.jobs.redis_feed import NAMESPACE, redis_errors
from edge.jobs.store import Task

QUEUE = "items"
_MAINTENANCE_CHANCE = 200_000
"""Of a million commands: a worker asks some five times a second, so about once a second."""

_IDLE_MS = 200
_SOCKET_SECONDS = 30.0

_log = logging.getLogger(__name__)


class DramatiqQueue:
    """Args: `heartbeat` seconds after which a silent worker is taken for dead."""

    def __init__(self, url: str, heartbeat: float) -> None:
        try:
            client = redis.Redis.from_url(
                url, socket_timeout=_SOCKET_SECONDS, socket_keepalive=True, protocol=2
            )
        except ValueError as error:
            raise SettingsError("EDGE_CACHE_REDIS_URL is no URL of a Redis") from error
        self._broker: Any = RedisBroker(  # type: ignore[no-untyped-call]
            client=client,
            namespace=NAMESPACE,
            middleware=[],  # tries, delays and results are the store's
            maintenance_chance=_MAINTENANCE_CHANCE,
            heartbeat_timeout=int(heartbeat * 1000),
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._handle: Handle | None = None
        self._worker: dramatiq.Worker | None = None
        declare = dramatiq.actor(actor_name="work", queue_name=QUEUE, broker=self._broker)
        self._actor: Any = declare(self._work)

    async def send(self, tasks: Sequence[Task]) -> None:
        await asyncio.to_thread(self._send, tasks)

    async def length(self) -> int:
        return await asyncio.to_thread(self._length)

    def start(self, handle: Handle, at_once: int) -> None:
        self._loop, self._handle = asyncio.get_running_loop(), handle
        self._worker = dramatiq.Worker(
            self._broker, worker_threads=at_once, worker_timeout=_IDLE_MS
        )
        self._worker.start()

    async def stop(self, seconds: float) -> None:
        if self._worker is not None:
            await asyncio.to_thread(self._worker.stop, int(seconds * 1000))
            self._worker = None

    async def close(self) -> None:
        await asyncio.to_thread(self._broker.client.close)

    def _work(self, *words: str) -> None:
        """One message, on one of dramatiq's threads; the work itself is done on the event loop."""
        assert self._loop is not None, "messages come after `start`"
        assert self._handle is not None, "messages come after `start`"
        asyncio.run_coroutine_threadsafe(self._run(Task(*words)), self._loop).result()

    async def _run(self, task: Task) -> None:
        assert self._handle is not None, "messages come after `start`"
        await self._handle(task)

    def _send(self, tasks: Sequence[Task]) -> None:
        with redis_errors():
            for task in tasks:
                self._broker.enqueue(self._actor.message(*task))

    def _length(self) -> int:
        with redis_errors():
            return int(self._broker.client.llen(f"{NAMESPACE}:{QUEUE}"))
