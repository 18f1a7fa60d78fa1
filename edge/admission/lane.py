"""One queue for a number of places: which requests run, which wait, which are refused."""

import asyncio
import random
import time
from collections import deque
from itertools import count

from edge.admission.pace import Cost, Limit, Pace, Rush
from edge.deadline import Deadline
from edge.errors import Busy

_LONGEST_RETRY = 60
"""The highest `Retry-After` of a refusal, in seconds."""

_RECHECK_SECONDS = 0.25
"""Seconds between two checks of the queue while no work ends: the age of running work is a lower
bound of how long work takes."""

_SHORT = 2.0
"""Longest wait in a rush, in typical durations of one piece of work."""

_RUSH = 1 / 8
"""Share of a request's time for which arrivals must exceed completions to count as a rush."""

_SAMPLES = 8
"""Until so many have ended, the typical duration may be overestimated by two."""


class Lane:
    """One queue, first come first served, for a number of places.

    A request that could not be served before its deadline is refused at once, or as soon as the
    work ahead of it turns out to take longer. While arrivals exceed completions (a rush), the queue
    is kept short.
    """

    def __init__(self, cost: Cost, limit: Limit) -> None:
        self._cost = cost
        self._limit = limit
        self._pace = Pace(limit)
        self._rush = Rush()
        self._queue: deque[tuple[Deadline, asyncio.Future[int]]] = deque()
        self._since: dict[int, float] = {}
        self._numbers = count()
        self._recheck_timer: asyncio.TimerHandle | None = None

    @property
    def running(self) -> int:
        return len(self._since)

    @property
    def waiting(self) -> int:
        return len(self._queue)

    async def enter(self, deadline: Deadline) -> int:
        """Wait for a place; the number that `leave` takes.

        Raises:
            Busy: no place can be had before the deadline.
        """
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
        """Typical seconds of one piece of work; at least the age of the youngest running one."""
        return max(self._pace.typical, self._youngest)

    @property
    def _youngest(self) -> float:
        """Seconds since the last place was given."""
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
        self._schedule_recheck()
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
        """Give free places to those that have waited longest."""
        free = int(self._pace.places) - self.running
        for deadline, turn in list(self._queue)[: max(0, free)]:
            self._queue.remove((deadline, turn))
            if not turn.done():
                turn.set_result(self._take())

    def _schedule_recheck(self) -> None:
        """Refuse requests that will miss their deadline, from time to time while any waits."""
        if self._recheck_timer is None:
            loop = asyncio.get_running_loop()
            self._recheck_timer = loop.call_later(_RECHECK_SECONDS, self._recheck)

    def _recheck(self) -> None:
        self._recheck_timer = None
        self._refuse_who_would_be_late()
        if self._queue:
            self._schedule_recheck()

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
        """Whether a request with `ahead` others before it in the queue would miss its deadline."""
        doubt = 1.0 if self._known else 0.5  # the first ones are the slowest
        needed = (self._until(ahead) + self._each) * doubt
        return needed > deadline.remaining and needed > 0

    def _until(self, ahead: int) -> float:
        """Seconds until a place is free for a request with `ahead` others before it: running work
        counts as half done, plus what even the youngest is overdue."""
        beyond = max(0.0, self._youngest - self._each)
        return (ahead + 0.5) * self._each / self._pace.places + beyond

    @property
    def _each(self) -> float:
        """Expected seconds of one waiting piece of work."""
        return self._pace.typical if self._known else self.typical

    @property
    def _known(self) -> bool:
        """Whether enough have ended for a typical duration."""
        return self._pace.samples >= _SAMPLES

    def _busy(self, detail: str) -> Busy:
        return Busy(detail, retry_after=_spread(self._until(len(self._queue))))


def _spread(seconds: float) -> int:
    """`Retry-After` in whole seconds, random, so that clients refused together do not return
    together."""
    low, high = seconds, 2 * seconds + 2
    if high > _LONGEST_RETRY:
        low, high = _LONGEST_RETRY / 2, _LONGEST_RETRY
    return max(1, round(random.uniform(low, high)))
