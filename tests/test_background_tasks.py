"""Background tasks: run behind the answer, bounded, drained at shutdown."""

import asyncio
import logging

from edge.background_tasks import BackgroundTasks


async def test_drain_waits_for_what_is_under_way():
    background_tasks, done = BackgroundTasks(), []

    async def work():
        await asyncio.sleep(0.01)
        done.append(1)

    assert background_tasks.run("write", work())
    await background_tasks.drain(5)
    assert done == [1]
    assert len(background_tasks) == 0


async def test_drain_gives_up_after_its_time():
    background_tasks = BackgroundTasks()
    background_tasks.run("sleep", asyncio.sleep(60))
    await background_tasks.drain(0.01)
    assert len(background_tasks) == 0


async def test_too_many_are_dropped():
    background_tasks = BackgroundTasks(limit=1)
    assert background_tasks.run("first", asyncio.sleep(60))
    assert not background_tasks.run("second", asyncio.sleep(60))
    await background_tasks.drain(0)


async def test_a_failing_errand_is_logged_and_harms_nobody(caplog):
    background_tasks = BackgroundTasks()

    async def fail():
        raise ValueError("broken tier")

    with caplog.at_level(logging.ERROR):
        background_tasks.run("fail", fail())
        await background_tasks.drain(1)
    assert "background task failed" in caplog.text
