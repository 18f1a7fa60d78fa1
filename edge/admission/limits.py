"""Classes of cost, how many of each may run and wait, and how many do."""

from dataclasses import dataclass
from enum import StrEnum


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
