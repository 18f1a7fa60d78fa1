"""Places are taken by urgency, then by arrival, and none is ever lost."""

import asyncio

import pytest

from edge.deadline import Deadline
from edge.errors import DeadlineExceeded
from edge.models.scheduling import PrioritySemaphore


async def test_the_urgent_go_first_and_equals_in_order_of_arrival() -> None:
    places, order = PrioritySemaphore(1), []

    async def visit(name: str, priority: int) -> None:
        await places.acquire(priority, Deadline.after(120))
        order.append(name)
        await asyncio.sleep(0)
        places.release()

    await places.acquire(1, Deadline.after(120))
    visits = [("prewarm", 3), ("first", 1), ("upgrade", 2), ("second", 1)]
    tasks = [asyncio.create_task(visit(*each)) for each in visits]
    await asyncio.sleep(0.01)
    assert places.waiting == 4
    places.release()
    await asyncio.gather(*tasks)
    assert order == ["first", "second", "upgrade", "prewarm"]
    assert places.waiting == 0


async def test_who_waits_too_long_is_told_so_and_blocks_nobody() -> None:
    places = PrioritySemaphore(1)
    await places.acquire(1, Deadline.after(120))
    with pytest.raises(DeadlineExceeded):
        await places.acquire(1, Deadline.after(0.01))
    places.release()
    await places.acquire(1, Deadline.after(60))


async def test_a_place_handed_to_one_who_just_left_goes_on_to_the_next() -> None:
    places = PrioritySemaphore(1)
    await places.acquire(1, Deadline.after(120))
    gone = asyncio.create_task(places.acquire(1, Deadline.after(120)))
    stays = asyncio.create_task(places.acquire(1, Deadline.after(120)))
    await asyncio.sleep(0.01)
    places.release()
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    await asyncio.wait_for(stays, 120)


async def test_who_needs_several_places_gets_them_together_and_is_not_overtaken_for_ever() -> None:
    places, order = PrioritySemaphore(2), []

    async def visit(name: str, count: int) -> None:
        await places.acquire(1, Deadline.after(120), count)
        order.append(name)
        await asyncio.sleep(0)
        places.release(count)

    await places.acquire(1, Deadline.after(120))
    tasks = [asyncio.create_task(visit(*each)) for each in (("both", 2), ("one", 1), ("two", 1))]
    await asyncio.sleep(0.01)
    assert order == [], "a place is free, but not two, and nobody goes before who came first"
    places.release()
    await asyncio.gather(*tasks)
    assert order[0] == "both"
    await places.acquire(1, Deadline.after(60), 2)


async def test_those_behind_one_who_gave_up_waiting_for_several_places_go_on() -> None:
    places = PrioritySemaphore(2)
    await places.acquire(1, Deadline.after(120))
    with pytest.raises(DeadlineExceeded):
        await asyncio.gather(
            places.acquire(1, Deadline.after(0.05), 2), places.acquire(1, Deadline.after(120))
        )
    places.release()
    places.release()
    await places.acquire(1, Deadline.after(60), 2)


async def test_more_places_than_there_are_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="2 of 1"):
        await PrioritySemaphore(1).acquire(1, Deadline.after(1), 2)
