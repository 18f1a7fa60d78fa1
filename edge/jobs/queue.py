"""What is to be done now, and who does it: the narrow door to a queue, and one in this process."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from edge.errors import JobsUnavailable, SettingsError
from edge.jobs.store import Task

Handle = Callable[[Task], Awaitable[None]]

_log = logging.getLogger(__name__)


class Queue(Protocol):
    """Tasks come out at least once, in about the order in which they were sent."""

    async def send(self, tasks: Sequence[Task]) -> None:
        """Raises `JobsUnavailable` where the queue does not take them."""
        ...

    async def length(self) -> int:
        """How many tasks nobody has taken yet."""
        ...

    def start(self, handle: Handle, at_once: int) -> None:
        """Begin to take tasks, so many at once."""
        ...

    async def stop(self, seconds: float) -> None:
        """Take no more; what is being worked on has so long to end."""
        ...

    async def close(self) -> None: ...


class LocalQueue:
    """A queue of this process, for where there is no Redis: what it holds is in the store too."""

    def __init__(self) -> None:
        self._tasks: asyncio.Queue[Task] = asyncio.Queue()
        self._takers: list[asyncio.Task[None]] = []
        self._stopping = False

    async def send(self, tasks: Sequence[Task]) -> None:
        for task in tasks:
            self._tasks.put_nowait(task)

    async def length(self) -> int:
        return self._tasks.qsize()

    def start(self, handle: Handle, at_once: int) -> None:
        self._takers = [asyncio.create_task(self._take(handle)) for _ in range(at_once)]

    async def stop(self, seconds: float) -> None:
        self._stopping = True
        for _ in self._takers:
            self._tasks.put_nowait(_NOTHING)
        if self._takers:
            _, late = await asyncio.wait(self._takers, timeout=seconds)
            for taker in late:
                taker.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def close(self) -> None:
        return None

    async def _take(self, handle: Handle) -> None:
        while True:
            task = await self._tasks.get()
            if self._stopping:
                return
            try:
                await handle(task)
            except Exception:  # the feeder queues it again
                _log.exception("task failed", extra={"task": task.member})


class NoQueue:
    """Where the library of the queue is not installed: jobs can be looked at, and not begun."""

    async def send(self, tasks: Sequence[Task]) -> None:
        if tasks:
            raise JobsUnavailable("jobs on Redis need dramatiq: pip install edge[jobs]")

    async def length(self) -> int:
        return 0

    def start(self, handle: Handle, at_once: int) -> None:
        raise SettingsError("jobs on Redis need dramatiq", allowed="pip install edge[jobs]")

    async def stop(self, seconds: float) -> None:
        return None

    async def close(self) -> None:
        return None


_NOTHING = Task("", "")
