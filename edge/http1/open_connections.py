"""All open connections of one server: the cap on their number, and their timeouts."""

import asyncio
from collections import OrderedDict
from typing import Protocol

from edge.errors import EdgeError
from edge.http1.limits import ConnectionLimits
from edge.telemetry import Metrics


class Connection(Protocol):
    """What `OpenConnections` needs of a connection."""

    reserved: bool
    """It is over the cap, in one of the places reserved for probes."""

    fresh: bool
    """Its client did something since this was last False."""

    def check_timeouts(self, now: float) -> None:
        """End what took too long; `now` is the loop's time in seconds."""

    def evict(self) -> None:
        """Close at once: a new connection gets its place."""

    @property
    def unread(self) -> bytes | None:
        """The large body that this connection keeps in memory until it is read."""

    @property
    def pace(self) -> float:
        """Bytes that its reader takes between two checks; infinite: not known yet."""

    def cut_off(self) -> None:
        """Close at once: its reader is too slow."""


class OpenConnections:
    """The open connections, and the cap on them.

    At the cap, the connection that has waited longest for its client (between two requests, or for
    the rest of a head) is closed in favour of a new one. Where all are busy, a `reserve` of more is
    accepted, for probes only; further ones are closed without an answer.
    """

    def __init__(self, limits: ConnectionLimits, metrics: Metrics) -> None:
        self._limits = limits
        self._metrics = metrics
        self._all: set[Connection] = set()
        self._waiting: OrderedDict[Connection, None] = OrderedDict()
        self._next_check: asyncio.TimerHandle | None = None
        self._check_due = 0.0
        self._skipped = False

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
        self._schedule_check()
        self._waiting[new] = None
        self._metrics.connections.set(len(self._all))
        return True

    def _evict_one(self) -> bool:
        """Close the one that waited longest; whether its place was one reserved for probes."""
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
        """Forget a connection that is closed or about to be."""
        self._all.discard(connection)
        self._waiting.pop(connection, None)
        self._metrics.connections.set(len(self._all))

    def busy(self, connection: Connection) -> None:
        """A whole head has come: the server has to answer now."""
        self._waiting.pop(connection, None)

    def waits(self, connection: Connection) -> None:
        """From now on the server waits for the client."""
        if connection in self._all:
            self._waiting[connection] = None

    def ended(self, reason: str) -> None:
        """A connection is ended by this side: `idle`, `late`, `reader` or `crowded`."""
        self._metrics.connections_ended.labels(reason).inc()

    def refused(self, error: EdgeError) -> None:
        """A request got no further than its connection."""
        self._metrics.failures.labels(type(error).__name__).inc()

    def _schedule_check(self) -> None:
        if self._next_check is None:
            loop = asyncio.get_running_loop()
            self._check_due = loop.time() + self._limits.tick
            self._next_check = loop.call_at(self._check_due, self._check)

    def _check(self) -> None:
        self._next_check = None
        now = asyncio.get_running_loop().time()
        # Where this process itself was held up, what clients sent meanwhile is not read yet.
        self._skipped = not self._skipped and now - self._check_due > self._limits.tick
        if not self._skipped:
            for connection in tuple(self._all):
                connection.check_timeouts(now)
            self._hold_to_budget()
        if self._all:
            self._schedule_check()

    def _hold_to_budget(self) -> None:
        """Keep the bytes of unread bodies within `ConnectionLimits.unread_bytes`.

        Closes the readers of the bodies whose fastest reader is slowest, until the rest fits: each
        reader may keep to its timeout while thousands of different bodies exceed the memory. One
        body alone is never too much.
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
