"""Work on a pool's threads, as the event loop sees it."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from edge.in_thread import in_thread


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


async def test_a_result_and_an_error_come_back_from_another_thread(pool: ThreadPoolExecutor):
    assert await in_thread(pool, threading.get_ident) != threading.get_ident()
    assert await in_thread(pool, divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await in_thread(pool, divmod, 7, 0)


async def test_what_is_cancelled_while_it_waits_for_a_thread_is_never_done(
    pool: ThreadPoolExecutor,
):
    go, done = threading.Event(), []
    first = in_thread(pool, go.wait)
    second, third = in_thread(pool, done.append, 2), in_thread(pool, done.append, 3)
    second.cancel()
    go.set()
    await asyncio.gather(first, third)
    assert done == [3]


async def test_what_is_cancelled_while_it_runs_runs_to_its_end(pool: ThreadPoolExecutor):
    begun, go, done = asyncio.Event(), threading.Event(), []
    loop = asyncio.get_running_loop()

    def work() -> None:
        loop.call_soon_threadsafe(begun.set)
        done.append(go.wait())

    running = in_thread(pool, work)
    await begun.wait()
    running.cancel()
    go.set()
    await in_thread(pool, int)
    assert done == [True]
    assert running.cancelled()


async def test_who_waits_when_the_pool_is_closed_is_told() -> None:
    pool, go = ThreadPoolExecutor(1), threading.Event()
    first, second = in_thread(pool, go.wait), in_thread(pool, int)
    pool.shutdown(wait=False, cancel_futures=True)
    go.set()
    assert await first
    with pytest.raises(asyncio.CancelledError):
        await second
    with pytest.raises(RuntimeError):
        in_thread(pool, int)
