"""Many callers, one piece of work: nobody harms anybody else."""

import asyncio
import gc

import pytest

from edge.deadline import Deadline
from edge.errors import Busy, OriginalCorrupt
from edge.single_flight import NoLeases, SingleFlight, find_or_make


class Work:
    """Something slow to make, which counts how often it was begun, finished and cancelled."""

    def __init__(self, result="made", error: Exception | None = None) -> None:
        self.admission = asyncio.Event()
        self.begun = self.cancelled = 0
        self._result, self._error = result, error

    async def __call__(self):
        self.begun += 1
        try:
            await self.admission.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self._error:
            raise self._error
        return self._result


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_hundred_callers_at_once_cost_one_piece_of_work():
    single_flight, work = SingleFlight(), Work()
    callers = [asyncio.create_task(single_flight.join("key", work)) for _ in range(100)]
    await settle()
    assert "key" in single_flight
    work.admission.set()
    assert await asyncio.gather(*callers) == ["made"] * 100
    assert work.begun == 1
    assert len(single_flight) == 0


async def test_different_keys_are_different_calls():
    single_flight, one, two = SingleFlight(), Work("one"), Work("two")
    callers = [asyncio.create_task(single_flight.join(k, w)) for k, w in (("1", one), ("2", two))]
    one.admission.set()
    two.admission.set()
    assert await asyncio.gather(*callers) == ["one", "two"]


async def test_after_landing_the_next_caller_starts_anew():
    single_flight, work = SingleFlight(), Work()
    work.admission.set()
    await single_flight.join("key", work)
    await single_flight.join("key", work)
    assert work.begun == 2


@pytest.mark.parametrize("leaver", [0, 1, 4], ids=["the first", "the second", "the last"])
async def test_whoever_leaves_harms_nobody_who_stays(leaver):
    single_flight, work = SingleFlight(), Work()
    callers = [asyncio.create_task(single_flight.join("key", work)) for _ in range(5)]
    await settle()
    callers[leaver].cancel()
    await settle()
    work.admission.set()
    results = await asyncio.gather(*callers, return_exceptions=True)
    assert isinstance(results.pop(leaver), asyncio.CancelledError)
    assert results == ["made"] * 4
    assert work.cancelled == 0


async def test_when_the_last_one_leaves_the_work_is_cancelled():
    single_flight, work = SingleFlight(), Work()
    callers = [asyncio.create_task(single_flight.join("key", work)) for _ in range(3)]
    await settle()
    for caller in callers:
        caller.cancel()
    await asyncio.gather(*callers, return_exceptions=True)
    await settle()
    assert work.cancelled == 1
    assert "key" not in single_flight


async def test_who_comes_while_abandoned_work_winds_down_gets_work_of_his_own():
    single_flight, abandoned, fresh = SingleFlight(), Work("old"), Work("new")
    caller = asyncio.create_task(single_flight.join("key", abandoned))
    await settle()
    caller.cancel()
    await asyncio.sleep(0)
    newcomer = asyncio.create_task(single_flight.join("key", fresh))
    await settle()
    assert "key" in single_flight, "the old call's end must not remove the new one"
    fresh.admission.set()
    assert await newcomer == "new"


async def test_an_error_reaches_every_waiter_and_is_not_remembered():
    single_flight, work = SingleFlight(), Work(error=OriginalCorrupt("not a picture"))
    callers = [asyncio.create_task(single_flight.join("key", work)) for _ in range(10)]
    await settle()
    work.admission.set()
    errors = await asyncio.gather(*callers, return_exceptions=True)
    assert all(isinstance(error, OriginalCorrupt) for error in errors)
    healthy = Work()
    healthy.admission.set()
    assert await single_flight.join("key", healthy) == "made"


async def test_an_error_that_nobody_is_left_to_hear_is_no_complaint_of_the_loop():
    complaints = []
    asyncio.get_running_loop().set_exception_handler(lambda _, about: complaints.append(about))
    single_flight = SingleFlight()

    async def fails_while_cancelled():
        try:
            await asyncio.sleep(60)
        finally:
            raise OriginalCorrupt("too late to matter")

    caller = asyncio.create_task(single_flight.join("key", fails_while_cancelled))
    await settle()
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    await settle()
    gc.collect()
    assert complaints == []


async def test_closing_tells_the_waiters_to_try_again_elsewhere():
    single_flight, work = SingleFlight(), Work()
    caller = asyncio.create_task(single_flight.join("key", work))
    await settle()
    await single_flight.close()
    with pytest.raises(Busy):
        await caller
    assert work.cancelled == 1


class Store:
    """What was made, and how often someone looked or made."""

    def __init__(self, held=None) -> None:
        self.held, self.looks, self.made = held, 0, 0

    async def find(self):
        self.looks += 1
        return self.held

    async def make(self):
        self.made += 1
        self.held = "made"
        return self.held


async def test_alone_what_is_missing_is_made():
    store = Store()
    made = await find_or_make(
        NoLeases(), "key", Deadline.after(1), find=store.find, make=store.make
    )
    assert (made, store.made) == ("made", 1)


async def test_what_was_finished_a_moment_ago_is_found_instead_of_made():
    store = Store("already there")
    found = await find_or_make(
        NoLeases(), "key", Deadline.after(1), find=store.find, make=store.make
    )
    assert (found, store.made) == ("already there", 0)


class LedByAnother:
    """Leases of a fleet where another replica leads first; `release` is counted."""

    def __init__(self, *, finished_by_others: int) -> None:
        self._left = finished_by_others
        self.released = 0

    async def take(self, key, deadline):
        if self._left:
            self._left -= 1
            return None
        return self

    async def release(self):
        self.released += 1

    async def close(self): ...


async def test_a_waiter_takes_over_when_the_leader_left_no_result():
    store, leases = Store(), LedByAnother(finished_by_others=2)
    made = await find_or_make(leases, "key", Deadline.after(1), find=store.find, make=store.make)
    assert (made, store.looks, store.made, leases.released) == ("made", 3, 1, 1)


async def test_a_lease_is_released_when_the_work_fails():
    leases = LedByAnother(finished_by_others=0)

    async def make():
        raise OriginalCorrupt("not a picture")

    with pytest.raises(OriginalCorrupt):
        await find_or_make(leases, "key", Deadline.after(1), find=Store().find, make=make)
    assert leases.released == 1


@pytest.mark.parametrize("worth", [True, False])
async def test_work_that_nobody_waits_for_is_ended_where_it_is_worth_it(worth):
    single_flight, go, done = SingleFlight(), asyncio.Event(), []

    async def work() -> str:
        await go.wait()
        done.append(1)
        return "made"

    caller = asyncio.create_task(single_flight.join("key", work, lambda: worth))
    await asyncio.sleep(0.01)
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    assert ("key" in single_flight) is worth
    later = asyncio.create_task(single_flight.join("key", work, lambda: worth))
    await asyncio.sleep(0)
    go.set()
    assert await later == "made"
    assert done == [1]
    await single_flight.close()
