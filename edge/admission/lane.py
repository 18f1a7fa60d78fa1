"""One queue for a number of places: who is let in, who waits, who is refused."""

import asyncio
import random
import time
from collections import deque
from itertools import count

from edge.admission.pace import Cost, Limit, Pace, Rush
from edge.deadline import Deadline
from edge.errors import Busy

_LONGEST_RETRY = 60
"""Seconds that anybody is told to wait before he asks again, at most."""

_LOOK_AGAIN = 0.25
"""Seconds between two looks at the queue while nobody leaves: those that run show by their age how
long work takes, also where none has ended yet."""

_SHORT = 2.0
"""Times what one takes: so long may one wait who comes while more comes than can be done."""

_RUSH = 1 / 8
"""Of the time that a request has: so long far more must have come than went."""

_SAMPLES = 8
"""Until so many are done, what seems typical may be twice of what it is."""


class Lane:
    """One queue, first come first served, for a number of places.

    Who could not be done in his time is refused at once, and again whenever it shows that what is
    ahead of him takes longer than it seemed. While more keeps coming than can be done, the queue is
    kept short.
    """

    def __init__(self, cost: Cost, limit: Limit) -> None:
        self._cost = cost
        self._limit = limit
        self._pace = Pace(limit)
        self._rush = Rush()
        self._queue: deque[tuple[Deadline, asyncio.Future[int]]] = deque()
        self._since: dict[int, float] = {}
        self._numbers = count()
        self._looking: asyncio.TimerHandle | None = None

    @property
    def running(self) -> int:
        return len(self._since)

    @property
    def waiting(self) -> int:
        return len(self._queue)

    async def enter(self, deadline: Deadline) -> int:
        """A number to leave with."""
        free = not self._queue and self.running < int(self._pace.places)
        short = free or self._until(len(self._queue)) <= _SHORT * self._each
        rush = self._rush.came(short=short, seconds=deadline.remaining * _RUSH)
        if rush and not short and self._known:
            raise self._busy(f"more {self._cost} work keeps coming than can be done")
        return self._take() if free else await self._wait(deadline)

    def _take(self) -> int:
        number = next(self._numbers)
        self._since[number] = time.monotonic()
        return number

    def leave(self, number: int, outcome: BaseException | None) -> None:
        self._rush.went()
        self._pace.took(time.monotonic() - self._since.pop(number), outcome, bool(self._queue))
        self._refuse_who_would_be_late()
        self._call()

    @property
    def typical(self) -> float:
        """Seconds that one takes, as far as is known: those that run may show that it is more."""
        return max(self._pace.typical, self._youngest)

    @property
    def _youngest(self) -> float:
        """Seconds for which the last one that got a place has run."""
        now = time.monotonic()
        return min((now - since for since in self._since.values()), default=0.0)

    async def _wait(self, deadline: Deadline) -> int:
        if len(self._queue) >= self._limit.waiting:
            raise self._busy(f"too much {self._cost} work is waiting already")
        if self._late(len(self._queue), deadline):
            raise self._busy(f"the {self._cost} work ahead takes longer than the request has")
        turn: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        entry = (deadline, turn)
        self._queue.append(entry)
        self._keep_looking()
        try:
            async with asyncio.timeout(deadline.remaining):
                return await turn
        except BaseException as error:
            if entry in self._queue:
                self._queue.remove(entry)
            elif turn.done() and not turn.cancelled() and not turn.exception():
                del self._since[turn.result()]  # the place was given in the same moment
                self._call()
            if isinstance(error, TimeoutError):
                raise self._busy(f"no place for {self._cost} work came free in time") from error
            raise

    def _call(self) -> None:
        """Give the places that are free to those who wait the longest."""
        free = int(self._pace.places) - self.running
        for deadline, turn in list(self._queue)[: max(0, free)]:
            self._queue.remove((deadline, turn))
            if not turn.done():
                turn.set_result(self._take())

    def _keep_looking(self) -> None:
        """Refuse who would be late as soon as that shows, while anybody waits."""
        if self._looking is None:
            loop = asyncio.get_running_loop()
            self._looking = loop.call_later(_LOOK_AGAIN, self._look)

    def _look(self) -> None:
        self._looking = None
        self._refuse_who_would_be_late()
        if self._queue:
            self._keep_looking()

    def _refuse_who_would_be_late(self) -> None:
        ahead = 0
        for deadline, turn in tuple(self._queue):
            if ahead >= self._pace.places and self._late(ahead, deadline):
                self._queue.remove((deadline, turn))
                if not turn.done():
                    turn.set_exception(
                        self._busy(f"the {self._cost} work ahead takes longer than it seemed")
                    )
            else:
                ahead += 1

    def _late(self, ahead: int, deadline: Deadline) -> bool:
        """Whether one with so many before him in the queue would not be done in his time."""
        doubt = 1.0 if self._known else 0.5  # the first ones are the slowest
        needed = (self._until(ahead) + self._each) * doubt
        return needed > deadline.remaining and needed > 0

    def _until(self, ahead: int) -> float:
        """Seconds until a place is free for one with so many before him in the queue; of those who
        run, half is done on average, and who runs for longer than usual does so once."""
        beyond = max(0.0, self._youngest - self._each)
        return (ahead + 0.5) * self._each / self._pace.places + beyond

    @property
    def _each(self) -> float:
        """Seconds that one of those who wait will take; while little is known, those that run
        tell."""
        return self._pace.typical if self._known else self.typical

    @property
    def _known(self) -> bool:
        """Whether enough were done to say what is typical."""
        return self._pace.samples >= _SAMPLES

    def _busy(self, detail: str) -> Busy:
        return Busy(detail, retry_after=_spread(self._until(len(self._queue))))


def _spread(seconds: float) -> int:
    """Whole seconds to come again after; others for each who was refused at the same moment."""
    low, high = seconds, 2 * seconds + 2
    if high > _LONGEST_RETRY:
        low, high = _LONGEST_RETRY / 2, _LONGEST_RETRY
    return max(1, round(random.uniform(low, high)))
