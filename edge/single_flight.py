"""One render that many callers wait for: calls in this process, leases across replicas."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, Protocol, TypeVar

from edge.deadline import Deadline
from edge.errors import Busy

Result = TypeVar("Result")

_JOINED_AGAIN = 3
"""Flights that one caller joins; what runs out of time so often is late."""

_CLOSE = 0.1
"""Seconds before a deadline that count as its end: clients of a network give up a little early."""


class _Call(Generic[Result]):
    __slots__ = ("deadline", "keeps", "task", "waiting")

    def __init__(
        self,
        task: asyncio.Task[Result],
        keeps: Callable[[], bool] | None,
        deadline: Deadline | None,
    ) -> None:
        self.task = task
        self.deadline = deadline
        self.keeps = keeps
        self.waiting = 0

    @property
    def ran_out_of_time(self) -> bool:
        """Whether it failed once its leader's time was over."""
        if self.deadline is None or self.task.cancelled() or self.task.exception() is None:
            return False
        return self.deadline.remaining < _CLOSE


class SingleFlight(Generic[Result]):
    """At most one call per key; callers that come while it is under way get its result."""

    def __init__(self) -> None:
        self._single_flight: dict[Hashable, _Call[Result]] = {}

    def __len__(self) -> int:
        return len(self._single_flight)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._single_flight

    async def join(
        self,
        key: Hashable,
        make: Callable[[], Awaitable[Result]],
        keeps: Callable[[], bool] | None = None,
        deadline: Deadline | None = None,
    ) -> Result:
        """The result of the call under way for this key, or of a new one that runs `make`.

        The work runs in a task of its own, so a caller who is cancelled harms nobody, the first
        one included; when the last one leaves, the work is cancelled, unless `keeps` says then that
        it is worth to be ended. Where `make` has a `deadline`, that of a call which was joined
        is not the joiner's: what failed for want of its leader's time is made once more.

        Raises:
            Busy: the calls were closed while this one was under way.
            Exception: whatever `make` raised, the same object for every waiter.
        """
        for _ in range(_JOINED_AGAIN):
            joined = key in self._single_flight
            flight = self._single_flight.get(key) or self._start(key, make, keeps, deadline)
            flight.waiting += 1
            try:
                await asyncio.wait((flight.task,))
            finally:
                self._leave(key, flight)
            if not (joined and flight.ran_out_of_time and deadline and deadline.remaining):
                break
        if flight.task.cancelled():
            raise Busy("the server is stopping; the render was given up")
        return flight.task.result()

    async def close(self) -> None:
        """Cancel what is under way and wait until it has stopped."""
        tasks = [flight.task for flight in self._single_flight.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(
        self,
        key: Hashable,
        make: Callable[[], Awaitable[Result]],
        keeps: Callable[[], bool] | None,
        deadline: Deadline | None,
    ) -> _Call[Result]:
        async def work() -> Result:
            return await make()

        flight = _Call(asyncio.create_task(work(), name=f"call {key}"), keeps, deadline)
        flight.task.add_done_callback(lambda _: self._land(key, flight))
        self._single_flight[key] = flight
        return flight

    def _leave(self, key: Hashable, flight: _Call[Result]) -> None:
        flight.waiting -= 1
        if not flight.waiting and not flight.task.done():
            if flight.keeps is not None and flight.keeps():
                return
            self._forget(key, flight)
            flight.task.cancel()

    def _land(self, key: Hashable, flight: _Call[Result]) -> None:
        self._forget(key, flight)
        if not flight.task.cancelled():
            flight.task.exception()  # seen, so that nobody left to hear it is no warning

    def _forget(self, key: Hashable, flight: _Call[Result]) -> None:
        # A caller may have started the next call while this one was being cancelled.
        if self._single_flight.get(key) is flight:
            del self._single_flight[key]


class Lease(Protocol):
    """The right to make one result; whoever holds it is the leader among the replicas."""

    async def release(self) -> None:
        """Let the replicas that wait go on. Never raises; a second call does nothing."""
        ...


class Leases(Protocol):
    """One leader per key across replicas."""

    async def take(self, key: str, deadline: Deadline) -> Lease | None:
        """A lease once this replica may lead; None when another leader has just finished.

        Raises:
            DeadlineExceeded: another replica led until the deadline.
        """
        ...

    async def close(self) -> None: ...


class NoLease:
    """A lease without replicas, always granted."""

    async def release(self) -> None:
        return None


class NoLeases:
    """One replica alone: it always leads."""

    async def take(self, key: str, deadline: Deadline) -> Lease | None:
        return NoLease()

    async def close(self) -> None:
        return None


async def find_or_make(
    leases: Leases,
    key: str,
    deadline: Deadline,
    *,
    find: Callable[[], Awaitable[Result | None]],
    make: Callable[[], Awaitable[Result]],
) -> Result:
    """Find a result or make it, once among all replicas.

    `find` is asked again under the lease, because another leader may have finished between the
    caller's own look and now. `make` must put the result where `find` of another replica sees it
    before it returns: the lease is released right after.

    Raises:
        DeadlineExceeded: another replica led until the deadline.
        Exception: whatever `find` or `make` raised; the next replica then takes over.
    """
    while True:
        lease = await leases.take(key, deadline)
        try:
            found = await find()
            if found is not None:
                return found
            if lease is not None:
                return await make()
        finally:
            if lease is not None:
                await lease.release()
