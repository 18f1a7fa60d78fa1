"""How fast work is done, and whether more of it keeps coming than can be."""

import time
from dataclasses import dataclass
from enum import StrEnum

from edge.errors import DeadlineExceeded


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


_WEIGHT = 0.1
"""Of the latest one in what is typical."""

_FAR_MORE, _FEW = 1.5, 4
"""Times as many as went, and so many beyond that: of few that came, chance tells more than pace."""


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


class Rush:
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
        came, went = self._came_before + self._came, self._went_before + self._went
        more = came > _FAR_MORE * went + _FEW
        self._on = more and (self._on or now - self._short > seconds)
        return self._on

    def went(self) -> None:
        """One is done."""
        self._went += 1
