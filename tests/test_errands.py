"""Errands: run behind the answer, bounded, drained at shutdown."""

import asyncio
import logging

from edge.errands import Errands


async def test_drain_waits_for_what_is_under_way():
    errands, done = Errands(), []

    async def work():
        await asyncio.sleep(0.01)
        done.append(1)

    assert errands.run("write", work())
    await errands.drain(5)
    assert done == [1]
    assert len(errands) == 0


async def test_drain_gives_up_after_its_time():
    errands = Errands()
    errands.run("sleep", asyncio.sleep(60))
    await errands.drain(0.01)
    assert len(errands) == 0


async def test_too_many_are_dropped_and_counted():
    errands = Errands(limit=1)
    assert errands.run("first", asyncio.sleep(60))
    assert not errands.run("second", asyncio.sleep(60))
    assert errands.dropped == 1
    await errands.drain(0)


async def test_a_failing_errand_is_logged_and_harms_nobody(caplog):
    errands = Errands()

    async def fail():
        raise ValueError("broken tier")

    with caplog.at_level(logging.ERROR):
        errands.run("fail", fail())
        await errands.drain(1)
    assert "errand failed" in caplog.text
