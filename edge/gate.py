"""How many may render and how many may wait, by cost class. A full queue answers at once."""

import asyncio
import math
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum

from edge.deadline import Deadline
from edge.errors import Busy

_LONGEST_RETRY = 30


class Cost(StrEnum):
    """What a place is needed for: the origin's answer, this machine's cores, or a network as well.

    Fetching has a lane of its own, so that a slow origin does not hold the cores' places.
    """

    ORIGIN = "origin"
    CLASSICAL = "classical"
    NETWORK = "network"


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `running` at once and `waiting` behind them."""

    running: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Load:
    """How full one class is now."""

    running: int
    waiting: int


class _Lane:
    def __init__(self, cost: Cost, limit: Limit) -> None:
        self._cost = cost
        self._limit = limit
        self._slots = asyncio.Semaphore(limit.running)
        self._typical_seconds = 0.1
        self.running = 0
        self.waiting = 0

    async def enter(self, deadline: Deadline) -> None:
        if self._slots.locked() and self.waiting >= self._limit.waiting:
            raise Busy(
                f"too much {self._cost} work is waiting already",
                retry_after=self._retry_after(),
            )
        self.waiting += 1
        try:
            async with asyncio.timeout(deadline.remaining):
                await self._slots.acquire()
        except TimeoutError as error:
            raise Busy(
                f"no place for {self._cost} work came free in time",
                retry_after=self._retry_after(),
            ) from error
        finally:
            self.waiting -= 1
        self.running += 1

    def leave(self, seconds: float) -> None:
        self._typical_seconds += 0.1 * (seconds - self._typical_seconds)
        self.running -= 1
        self._slots.release()

    def _retry_after(self) -> int:
        ahead = (self.waiting + self.running) / self._limit.running
        return min(_LONGEST_RETRY, max(1, math.ceil(ahead * self._typical_seconds)))


class _Budget:
    """So many bytes; who asks first gets first, however much he asks."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.taken = 0
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, count: int, deadline: Deadline) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((count, turn))
        self._serve()
        try:
            async with asyncio.timeout(deadline.remaining):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.give(count)
            else:
                self._queue.remove((count, turn))
                self._serve()
            if isinstance(error, TimeoutError):
                raise Busy("not enough memory came free in time") from error
            raise

    def give(self, count: int) -> None:
        self.taken -= count
        self._serve()

    def _serve(self) -> None:
        while self._queue and self.taken + self._queue[0][0] <= self.total:
            count, turn = self._queue.popleft()
            self.taken += count
            turn.set_result(None)


class Gate:
    """One lane per cost class, and where a class has parts (origins), one for each of them; each
    bounded in running and in waiting, so that a slow part fills no lane but its own.

    Args:
        memory: bytes that all who run may hold together; None: any number.
    """

    def __init__(self, limits: Mapping[Cost, Limit], memory: int | None = None) -> None:
        self._limits = limits
        self._budget = _Budget(sys.maxsize if memory is None else memory)
        self._lanes = {(cost, ""): _Lane(cost, limit) for cost, limit in limits.items()}

    @asynccontextmanager
    async def enter(self, cost: Cost, deadline: Deadline, part: str = "") -> AsyncIterator[None]:
        """Hold one place while the block runs.

        Args:
            part: one of few, such as the name of an origin.

        Raises:
            Busy: the queue is full, or no place came free before the deadline.
        """
        if (cost, part) not in self._lanes:
            self._lanes[cost, part] = _Lane(cost, self._limits[cost])
        lane = self._lanes[cost, part]
        await lane.enter(deadline)
        start = time.monotonic()
        try:
            yield
        finally:
            lane.leave(time.monotonic() - start)

    @property
    def budget(self) -> int:
        """Bytes that all who run may hold together."""
        return self._budget.total

    @property
    def held(self) -> int:
        """Bytes that those who run are counted with now."""
        return self._budget.taken

    @asynccontextmanager
    async def memory(self, count: int, deadline: Deadline) -> AsyncIterator[None]:
        """Count so many bytes, at most the budget, while the block runs.

        Raises:
            Busy: so many did not come free before the deadline.
        """
        await self._budget.take(count, deadline)
        try:
            yield
        finally:
            self._budget.give(count)

    def load(self) -> Mapping[Cost, Load]:
        """How full each class is, its parts taken together."""
        loads = dict.fromkeys(self._limits, Load(0, 0))
        for (cost, _), lane in self._lanes.items():
            load = loads[cost]
            loads[cost] = Load(load.running + lane.running, load.waiting + lane.waiting)
        return loads
