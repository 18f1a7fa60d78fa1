"""All connections of one server: who has a place, and whose time is over."""

import asyncio
from collections import OrderedDict
from typing import Protocol

from edge.errors import EdgeError
from edge.http1.limits import Limits
from edge.telemetry import Metrics


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

    @property
    def unread(self) -> bytes | None:
        """The large body that this connection keeps in memory until it is read."""

    @property
    def pace(self) -> float:
        """Bytes that its reader takes from one look to the next; infinite: not known yet."""

    def cut_off(self) -> None:
        """Close at once, for its reader is too slow."""


class Crowd:
    """The cap on connections.

    At the cap, the connection that has waited longest for its client (between two requests, or for
    the rest of a head) makes place for a new one. Where all are busy, a few more are let in, so
    that probes go on being answered; only what is beyond those is turned away unheard.
    """

    def __init__(self, limits: Limits, metrics: Metrics) -> None:
        self._limits = limits
        self._metrics = metrics
        self._all: set[Connection] = set()
        self._waiting: OrderedDict[Connection, None] = OrderedDict()
        self._next_look: asyncio.TimerHandle | None = None
        self._look_due = 0.0
        self._passed_over = False

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
                self.ended("crowded")
                return False
        self._all.add(new)
        self._look_later()
        self._waiting[new] = None
        self._metrics.connections.set(len(self._all))
        return True

    def _evict_one(self) -> bool:
        """Whether the place that came free is one of those kept for probes."""
        oldest = next(iter(self._waiting))
        while oldest.fresh:  # a second chance, for keeping the order exact would cost every hit
            oldest.fresh = False
            self._waiting.move_to_end(oldest)
            oldest = next(iter(self._waiting))
        self.leave(oldest)
        self.ended("crowded")
        oldest.evict()
        return oldest.reserved

    def leave(self, connection: Connection) -> None:
        """It is gone, or as good as that."""
        self._all.discard(connection)
        self._waiting.pop(connection, None)
        self._metrics.connections.set(len(self._all))

    def busy(self, connection: Connection) -> None:
        """A whole head has come: the server's turn."""
        self._waiting.pop(connection, None)

    def waits(self, connection: Connection) -> None:
        """The client's turn, from now on."""
        if connection in self._all:
            self._waiting[connection] = None

    def ended(self, reason: str) -> None:
        """A connection is ended by this side: `idle`, `late`, `reader` or `crowded`."""
        self._metrics.connections_ended.labels(reason).inc()

    def refused(self, error: EdgeError) -> None:
        """A request got no further than its connection."""
        self._metrics.failures.labels(type(error).__name__).inc()

    def _look_later(self) -> None:
        if self._next_look is None:
            loop = asyncio.get_running_loop()
            self._look_due = loop.time() + self._limits.tick
            self._next_look = loop.call_at(self._look_due, self._look)

    def _look(self) -> None:
        self._next_look = None
        now = asyncio.get_running_loop().time()
        # Where this process itself was held up, what clients did meanwhile has not been seen yet.
        self._passed_over = not self._passed_over and now - self._look_due > self._limits.tick
        if not self._passed_over:
            for connection in tuple(self._all):
                connection.look(now)
            self._hold_to_budget()
        if self._all:
            self._look_later()

    def _hold_to_budget(self) -> None:
        """Cut off the readers of those bodies that even their best reader takes slowest.

        Each reader may be within its bounds and yet thousands of them, of different bodies, hold
        more than there is. One body alone is never too much.
        """
        readers: dict[int, list[Connection]] = {}
        sizes: dict[int, int] = {}
        for connection in self._all:
            if (body := connection.unread) is not None:
                readers.setdefault(id(body), []).append(connection)
                sizes[id(body)] = len(body)
        over = sum(sizes.values()) - self._limits.unread_bytes
        if over <= 0:
            return
        paces = {body: max(reader.pace for reader in many) for body, many in readers.items()}
        for slowest in sorted(paces, key=lambda one: paces[one])[:-1]:
            if over <= 0 or paces[slowest] == float("inf"):
                return
            over -= sizes[slowest]
            for reader in readers[slowest]:
                reader.cut_off()
