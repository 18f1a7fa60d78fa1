"""Bytes that all renders may hold together."""

import asyncio
from collections import deque

from edge.deadline import Deadline
from edge.errors import Busy


class MemoryBudget:
    """A budget of bytes, given out first come, first served, whatever the amount."""

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
