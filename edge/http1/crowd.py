"""All connections of one server: who has a place, and whose time is over."""

import asyncio
from collections import OrderedDict
from typing import Protocol

from edge.http1.limits import Limits, Observer


class Connection(Protocol):
    """One connection, as the crowd sees it."""

    reserved: bool
    """It is over the cap, in one of the places kept for probes."""

    fresh: bool
    """Its client did something since this was last False."""

    def look(self, now: float) -> None:
        """End what took too long; `now` is the loop's time in seconds."""

    def evict(self) -> None:
        """Close at once: another needs the place more."""


class Crowd:
    """The cap on connections.

    At the cap, the connection that has waited longest for its client (between two requests, or for
    the rest of a head) makes place for a new one. Where all are busy, a few more are let in, so
    that probes go on being answered; only what is beyond those is turned away unheard.
    """

    def __init__(self, limits: Limits, observer: Observer) -> None:
        self._limits = limits
        self._observer = observer
        self._all: set[Connection] = set()
        self._waiting: OrderedDict[Connection, None] = OrderedDict()
        self._next_look: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._all)

    @property
    def full(self) -> bool:
        """More connections are open than have places of their own."""
        return len(self._all) > self._limits.connections

    def enter(self, new: Connection) -> bool:
        """Give a new connection a place; False where there is none."""
        if len(self._all) >= self._limits.connections:
            if self._waiting:
                new.reserved = self._evict_one()
            elif len(self._all) < self._limits.connections + self._limits.reserve:
                new.reserved = True
            else:
                self._observer.ended("crowded")
                return False
        self._all.add(new)
        self._look_later()
        self._waiting[new] = None
        self._observer.connections(len(self._all))
        return True

    def _evict_one(self) -> bool:
        """Whether the place that came free is one of those kept for probes."""
        oldest = next(iter(self._waiting))
        while oldest.fresh:  # a second chance, for keeping the order exact would cost every hit
            oldest.fresh = False
            self._waiting.move_to_end(oldest)
            oldest = next(iter(self._waiting))
        self.leave(oldest)
        self._observer.ended("crowded")
        oldest.evict()
        return oldest.reserved

    def leave(self, connection: Connection) -> None:
        """It is gone, or as good as that."""
        self._all.discard(connection)
        self._waiting.pop(connection, None)
        self._observer.connections(len(self._all))

    def busy(self, connection: Connection) -> None:
        """A whole head has come: the server's turn."""
        self._waiting.pop(connection, None)

    def waits(self, connection: Connection) -> None:
        """The client's turn, from now on."""
        if connection in self._all:
            self._waiting[connection] = None

    def ended(self, reason: str) -> None:
        """A connection is ended by this side, for that reason."""
        self._observer.ended(reason)

    def _look_later(self) -> None:
        if self._next_look is None:
            loop = asyncio.get_running_loop()
            self._next_look = loop.call_later(self._limits.tick, self._look)

    def _look(self) -> None:
        self._next_look = None
        now = asyncio.get_running_loop().time()
        for connection in tuple(self._all):
            connection.look(now)
        if self._all:
            self._look_later()
