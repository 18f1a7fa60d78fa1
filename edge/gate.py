"""How many may render and how many may wait, by cost class. A full queue answers at once."""

import asyncio
import math
import time
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


class Gate:
    """One lane per cost class, and where a class has parts (origins), one for each of them; each
    bounded in running and in waiting, so that a slow part fills no lane but its own."""

    def __init__(self, limits: Mapping[Cost, Limit]) -> None:
        self._limits = limits
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

    def load(self) -> Mapping[Cost, Load]:
        """How full each class is, its parts taken together."""
        loads = dict.fromkeys(self._limits, Load(0, 0))
        for (cost, _), lane in self._lanes.items():
            load = loads[cost]
            loads[cost] = Load(load.running + lane.running, load.waiting + lane.waiting)
        return loads
