"""The interface of a queue of items, a queue in this process, and the feeder that fills either.

The feeder keeps a few thousand items queued: few enough that a pause takes effect at once, enough
for all workers. A job's cursor is its checkpoint. One feeder leads at a time; another takes over
from the cursor when it dies. An item that is queued twice is made once.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from edge.errors import JobsUnavailable, SettingsError
from edge.jobs.model import Job, JobState
from edge.jobs.store import Store, Task

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
    """Stands for the queue where its library is not installed: jobs can be listed, not begun."""

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


_IDLE_SECONDS = 0.25
_ASLEEP_SECONDS = 1.0
_LEAD_SECONDS = 3.0
_LEASE_SECONDS = 120.0
_AT_ONCE = 200


class Feeder:
    """Args: `depth`: items to keep on the queue; `stalled`: seconds without an end after which what
    is queued, though nobody has it, is queued anew."""

    def __init__(self, store: Store, queue: Queue, *, depth: int, stalled: float) -> None:
        self._store = store
        self._queue = queue
        self._depth = depth
        self._stalled = stalled
        self._owner = secrets.token_hex(8)
        self._idle_since: dict[str, float] = {}
        """When a job was first seen with nothing left to feed, or was last rewound."""
        self._active = True

    async def run(self) -> None:
        """Feed until cancelled."""
        while True:
            try:
                busy = await self._store.lead(self._owner, _LEAD_SECONDS) and await self.feed()
            except JobsUnavailable as error:
                _log.warning("the feeder waits for its store", extra={"why": error.detail})
                busy = False
            if not busy:
                await asyncio.sleep(_IDLE_SECONDS if self._active else _ASLEEP_SECONDS)

    async def feed(self) -> bool:
        """One round; whether there was something to feed."""
        tasks = await self._store.due(_LEASE_SECONDS, _AT_ONCE)
        await self._queue.send(tasks)
        room = self._depth - await self._queue.length()
        fed = 0
        active = await self._store.active()
        self._active = bool(active)
        known = self._idle_since
        self._idle_since = {job.id: known[job.id] for job in active if job.id in known}
        for job in active:
            if room - fed <= 0:
                break
            fed += await self.feed_job(job, min(room - fed, _AT_ONCE))
        return bool(tasks) or fed > 0

    async def feed_job(self, job: Job, room: int) -> int:
        """Queue the next items of one job; answers how many."""
        if job.cursor >= job.total:
            await self._check(job)
            return 0
        items, cursor = await self._store.waiting(job.id, job.cursor, room)
        await self._queue.send(
            [Task("item", job.id, str(item.index), item.pack()) for item in items]
        )
        # only now: whoever dies in between leaves items that are queued twice, none that is lost
        await self._store.queued(job.id, [item.index for item in items], job.cursor, cursor)
        return len(items)

    async def _check(self, job: Job) -> None:
        """All is fed. Where nothing comes to an end any more, messages were lost."""
        if job.state is not JobState.RUNNING and job.state is not JobState.QUEUED:
            return
        now = time.time()
        # what ended or was paused long ago and goes on has a last end that is long ago
        since = max(job.touched, job.created, self._idle_since.setdefault(job.id, now))
        if now - since < self._stalled or await self._queue.length():
            return
        self._idle_since[job.id] = now
        again = await self._store.rewind(job.id, "q", None)
        _log.warning("queued anew what was lost", extra={"job": job.id, "items": again})
