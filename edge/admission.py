"""How many may render and how many may wait, by cost class. A full queue answers at once."""

import asyncio
import random
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from itertools import count

from edge.deadline import Deadline
from edge.errors import Busy, DeadlineExceeded

_LONGEST_RETRY = 60
_WEIGHT = 0.1
"""Of the latest one in what is typical."""

_LOOK_AGAIN = 0.25
"""Seconds between two looks at the queue while nobody leaves: those that run show by their age how
long work takes, also where none has ended yet."""

_SHORT = 2.0
"""Times what one takes: so long may one wait who comes while more comes than can be done."""

_FAR_MORE = 1.5
"""Times as many as went."""

_RUSH = 1 / 8
"""Of the time that a request has: so long far more must have come than went."""

_SAMPLES = 8
"""Until so many are done, what seems typical may be twice of what it is."""


class Cost(StrEnum):
    """What a place is needed for: the origin's answer, this machine's cores, or a network as well.

    Fetching has a lane of its own, so that a slow origin does not hold the cores' places.
    """

    ORIGIN = "origin"
    CLASSICAL = "classical"
    NETWORK = "network"


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `running` at once and `waiting` behind them.

    Where one takes more than `slow` seconds, fewer are let run at once; None: always `running`.
    """

    running: int
    waiting: int
    slow: float | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """How full one class is now."""

    running: int
    waiting: int


class _Rush:
    """Whether more keeps coming than goes while the queue is long.

    A burst fills a queue, which is then worked off: that is what queues are for. Where more keeps
    coming than can be done, a long queue only lets everybody wait who is served at all (K. Nichols
    and V. Jacobson, "Controlling Queue Delay", ACM Queue 10(5), 2012: good queue and bad queue).
    """

    def __init__(self) -> None:
        self._short = self._turned = time.monotonic()
        self._came = self._went = self._came_before = self._went_before = 0
        self._on = False

    def came(self, *, short: bool, seconds: float) -> bool:
        """One more, who found the queue short or not; whether there is a rush.

        It begins when the queue has not been short for so many seconds while far more came than
        went, and ends when that is over in the latest one to two times so long: a queue that is
        short because of it proves nothing. Shoppers who each wait for their pictures before they
        ask for others are none, however long the queue: of them as many come as go.
        """
        now = time.monotonic()
        if now - self._turned >= seconds:
            late = now - self._turned >= 2 * seconds
            self._came_before, self._went_before = (0, 0) if late else (self._came, self._went)
            self._came, self._went, self._turned = 0, 0, now
        self._came += 1
        self._short = now if short else self._short
        more = self._came_before + self._came > _FAR_MORE * (self._went_before + self._went)
        self._on = more and (self._on or now - self._short > seconds)
        return self._on

    def went(self) -> None:
        """One is done."""
        self._went += 1


class _Lane:
    """One queue, first come first served, for a number of places.

    Who could not be done in his time is refused at once, and again whenever it shows that what is
    ahead of him takes longer than it seemed. While more keeps coming than can be done, the queue is
    kept short.
    """

    def __init__(self, cost: Cost, limit: Limit) -> None:
        self._cost = cost
        self._limit = limit
        self._pace = Pace(limit)
        self._rush = _Rush()
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
        short = self._until(len(self._queue)) <= _SHORT * self._each
        rush = self._rush.came(short=short, seconds=deadline.remaining * _RUSH)
        if rush and not short and self._known:
            raise self._busy(f"more {self._cost} work keeps coming than can be done")
        if self._queue or self.running >= int(self._pace.places):
            return await self._wait(deadline)
        return self._take()

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


class Pace:
    """How long work takes, and how much of it is let run at once.

    Where the limit adapts, places are given and taken by additive increase and multiplicative
    decrease (Chiu and Jain, "Analysis of the Increase and Decrease Algorithms for Congestion
    Avoidance in Computer Networks", 1989): one that took longer than it should, or ran out of its
    time, takes a quarter of them away, a full lane that is quick gets one more for each round.
    """

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self.typical = 0.0
        self.samples = 0
        self.places = float(limit.running)
        self._rested = 0.0

    def took(self, seconds: float, outcome: BaseException | None, full: bool) -> None:
        """One is done after so many seconds, or has failed with `outcome`."""
        if outcome is None or seconds > self.typical:
            self.samples += 1
            weight = max(_WEIGHT, 1 / self.samples)
            self.typical += weight * (seconds - self.typical)
        if self._limit.slow is None:
            return
        slow = seconds > self._limit.slow or isinstance(outcome, DeadlineExceeded)
        now = time.monotonic()
        if slow and now >= self._rested:
            self.places = max(1.0, self.places * 0.75)
            self._rested = now + self.typical  # once for all that ran together
        elif not slow and full and outcome is None:
            self.places = min(float(self._limit.running), self.places + 1 / self.places)


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


class Admission:
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
            Busy: the queue is full, what is ahead takes longer than the deadline leaves, or no
                place came free before it.
        """
        if (cost, part) not in self._lanes:
            self._lanes[cost, part] = _Lane(cost, self._limits[cost])
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
