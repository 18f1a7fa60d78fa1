"""Whose turn it is to run: the more urgent first, then whoever came first."""

import asyncio
import heapq
from itertools import count

from edge.deadline import Deadline
from edge.errors import ModelLate


class Turns:
    """A fixed number of places; those who wait are served by priority, then by arrival.

    Who needs several places waits until so many are free at once, and those behind wait with it:
    else a stream of small runs would keep it waiting for ever.
    """

    def __init__(self, places: int) -> None:
        self._places = self._free = places
        self._arrival = count()
        self._queue: list[tuple[int, int, int, asyncio.Future[None]]] = []

    @property
    def waiting(self) -> int:
        return sum(not turn.done() for *_, turn in self._queue)

    async def enter(self, priority: int, deadline: Deadline, places: int = 1) -> None:
        """Take some places, at most all that there are; `leave` with as many must follow.

        Raises:
            ModelLate: they did not come free in time.
        """
        if places > self._places:
            raise ValueError(f"{places} of {self._places} places")
        if self._free >= places and not self.waiting:
            self._free -= places
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._queue, (priority, next(self._arrival), places, turn))
        self._hand_over()  # a more urgent small one may fit where a large one waits
        try:
            async with asyncio.timeout(deadline.remaining):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.leave(places)  # they were handed over in the same moment
            turn.cancel()
            self._hand_over()  # those behind a large one that gave up may fit
            if isinstance(error, TimeoutError):
                raise ModelLate(
                    "the request ran out of time while it waited for a network"
                ) from error
            raise

    def leave(self, places: int = 1) -> None:
        """Hand the places to the next in line."""
        self._free += places
        self._hand_over()

    def _hand_over(self) -> None:
        while self._queue:
            *_, places, turn = self._queue[0]
            if not turn.done():
                if places > self._free:
                    return
                self._free -= places
                turn.set_result(None)
            heapq.heappop(self._queue)
