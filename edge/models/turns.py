"""Whose turn it is to run: the more urgent first, then whoever came first."""

import asyncio
import heapq
from itertools import count

from edge.deadline import Deadline
from edge.errors import ModelLate


class Turns:
    """A fixed number of places; those who wait for one are served by priority, then by arrival."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._arrival = count()
        self._queue: list[tuple[int, int, asyncio.Future[None]]] = []

    @property
    def waiting(self) -> int:
        return sum(not turn.done() for _, _, turn in self._queue)

    async def enter(self, priority: int, deadline: Deadline) -> None:
        """Take a place; `leave` must follow.

        Raises:
            ModelLate: none came free in time.
        """
        if self._free:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._queue, (priority, next(self._arrival), turn))
        try:
            async with asyncio.timeout(deadline.remaining):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.leave()  # the place was handed over in the same moment
            turn.cancel()
            if isinstance(error, TimeoutError):
                raise ModelLate(
                    "the request ran out of time while it waited for a network"
                ) from error
            raise

    def leave(self) -> None:
        """Hand the place to the next in line."""
        while self._queue:
            _, _, turn = heapq.heappop(self._queue)
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
