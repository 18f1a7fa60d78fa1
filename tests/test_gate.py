"""The gate: bounded running, bounded waiting, an answer at once when both are full."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from edge.deadline import Deadline
from edge.errors import Busy
from edge.gate import Cost, Gate, Limit, Load


def gate(running: int = 1, waiting: int = 1) -> Gate:
    return Gate({Cost.CLASSICAL: Limit(running, waiting), Cost.NETWORK: Limit(1, 0)})


async def test_no_more_run_at_once_than_the_limit():
    held, most = gate(running=2, waiting=20), 0

    async def work():
        nonlocal most
        async with held.enter(Cost.CLASSICAL, Deadline.after(5)):
            most = max(most, held.load()[Cost.CLASSICAL].running)
            await asyncio.sleep(0.001)

    await asyncio.gather(*(work() for _ in range(20)))
    assert most == 2
    assert held.load()[Cost.CLASSICAL] == Load(0, 0)


async def test_a_full_queue_answers_at_once_and_says_when_to_come_again():
    held = gate(running=1, waiting=0)
    async with held.enter(Cost.CLASSICAL, Deadline.after(5)):
        with pytest.raises(Busy) as caught:
            async with held.enter(Cost.CLASSICAL, Deadline.after(5)):
                pytest.fail("entered a full gate")
    assert caught.value.retry_after >= 1


async def test_waiting_ends_with_the_deadline():
    held = gate()
    async with held.enter(Cost.CLASSICAL, Deadline.after(5)):
        with pytest.raises(Busy):
            async with held.enter(Cost.CLASSICAL, Deadline.after(0.02)):
                pytest.fail("entered a full gate")
    assert held.load()[Cost.CLASSICAL] == Load(0, 0)


async def test_one_class_does_not_hold_up_another():
    held = gate(running=1, waiting=0)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(held.enter(Cost.NETWORK, Deadline.after(1)))
        await stack.enter_async_context(held.enter(Cost.CLASSICAL, Deadline.after(1)))
        assert held.load() == {Cost.CLASSICAL: Load(1, 0), Cost.NETWORK: Load(1, 0)}


async def test_a_failure_inside_gives_the_place_back():
    held = gate(running=1, waiting=0)
    with pytest.raises(ZeroDivisionError):
        async with held.enter(Cost.CLASSICAL, Deadline.after(1)):
            raise ZeroDivisionError
    async with held.enter(Cost.CLASSICAL, Deadline.after(1)):
        assert held.load()[Cost.CLASSICAL].running == 1


async def test_a_cancelled_waiter_gives_its_place_in_the_queue_back():
    held = gate(running=1, waiting=1)
    async with held.enter(Cost.CLASSICAL, Deadline.after(5)):
        waiter = asyncio.create_task(held.enter(Cost.CLASSICAL, Deadline.after(5)).__aenter__())
        await asyncio.sleep(0)
        assert held.load()[Cost.CLASSICAL].waiting == 1
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
        assert held.load()[Cost.CLASSICAL] == Load(1, 0)


async def test_a_part_that_is_full_fills_no_other():
    gate = Gate({Cost.ORIGIN: Limit(1, 0)})
    async with gate.enter(Cost.ORIGIN, Deadline.after(5), "slow"):
        with pytest.raises(Busy):
            async with gate.enter(Cost.ORIGIN, Deadline.after(5), "slow"):
                pass
        async with gate.enter(Cost.ORIGIN, Deadline.after(5), "healthy"):
            assert gate.load()[Cost.ORIGIN].running == 2
    assert gate.load()[Cost.ORIGIN].running == 0
