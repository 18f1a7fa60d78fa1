"""How many may render and how many may wait, by cost class. A full queue answers at once."""

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from edge.admission.budget import MemoryBudget
from edge.admission.lane import Lane
from edge.admission.pace import Cost, Limit, Load
from edge.deadline import Deadline

__all__ = ["Admission", "Cost", "Limit", "Load"]


class Admission:
    """One lane per cost class, and where a class has parts (origins), one for each of them; each
    bounded in running and in waiting, so that a slow part fills no lane but its own.

    Args:
        memory: bytes that all who run may hold together; None: any number.
    """

    def __init__(self, limits: Mapping[Cost, Limit], memory: int | None = None) -> None:
        self._limits = limits
        self._budget = MemoryBudget(sys.maxsize if memory is None else memory)
        self._lanes = {(cost, ""): Lane(cost, limit) for cost, limit in limits.items()}

    @asynccontextmanager
    async def enter(self, cost: Cost, deadline: Deadline, part: str = "") -> AsyncIterator[None]:
        """Hold one place while the block runs.

        Args:
            part: one of few, such as the name of an origin.

        Raises:
            Busy: the queue is full, what is ahead takes longer than the deadline leaves, or no
                place came free before it.
        """
        if (cost, part) not in self._lanes:
            self._lanes[cost, part] = Lane(cost, self._limits[cost])
        lane = self._lanes[cost, part]
        number = await lane.enter(deadline)
        outcome: BaseException | None = None
        try:
            yield
        except BaseException as error:
            outcome = error
            raise
        finally:
            lane.leave(number, outcome)

    def typical(self, cost: Cost) -> float:
        """Seconds that work of this class holds its place; 0 where nothing is known of it."""
        return self._lanes[cost, ""].typical

    @property
    def budget(self) -> int:
        """Bytes that all running work may hold together."""
        return self._budget.total

    @property
    def held(self) -> int:
        """Bytes that running work is counted with now."""
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
