"""Workers leave a core to the server on their machine while that has clients."""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from edge.cores import cores
from tests.jobs_fleet import Fleet, fleet, up
from tests.parts import free_port
from tests.replicas import Start, start

__all__ = ["fleet", "start"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not hasattr(os, "sched_getaffinity") or cores() < 2, reason="has no core to leave"
    ),
]


def used(pid: int) -> set[frozenset[int]]:
    """The cores of each thread of a process."""
    found = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(ProcessLookupError):  # it may end at any moment
            found.add(frozenset(os.sched_getaffinity(int(task.name))))
    return found


async def until(ready: Callable[[], bool], meanwhile: Callable, seconds: float = 180) -> None:
    for _ in range(int(seconds / 0.2)):
        await meanwhile()
        if ready():
            return
        await asyncio.sleep(0.2)
    raise AssertionError(f"not in {seconds} s")


async def worker_of(fleet: Fleet, **environ: str) -> int:
    """The process id of a worker that works."""
    port = free_port()
    worker = fleet.worker("--metrics-port", str(port), **environ)
    async with httpx.AsyncClient() as http:
        await up(http, port)
    return worker.pid


async def test_a_worker_keeps_off_a_core_while_shoppers_are_answered_and_comes_back_after(
    fleet: Fleet, start: Start
):
    server = await start(EDGE_CACHE_REDIS_URL=fleet.redis.url)
    worker, all_of_them = await worker_of(fleet), frozenset(os.sched_getaffinity(0))
    one_less = frozenset(sorted(all_of_them)[1:])

    async def shop() -> None:
        (await server.http.get("/sku/123.jpg?w=64")).raise_for_status()

    async def rest() -> None:
        pass

    await until(lambda: used(worker) == {all_of_them}, rest)
    await until(lambda: used(worker) == {one_less}, shop)
    assert used(server.process.pid) == {all_of_them}
    await until(lambda: used(worker) == {all_of_them}, rest)


async def test_probes_and_metrics_are_no_shoppers(fleet: Fleet, start: Start):
    server = await start(EDGE_CACHE_REDIS_URL=fleet.redis.url)
    for _ in range(15):
        await server.http.get("/-/readyz")
        await server.http.get("/-/metrics")
        assert not [key for key in fleet.redis.run("KEYS", "edge:1:busy:*") if key]
        await asyncio.sleep(0.2)


async def test_a_worker_that_is_to_leave_none_keeps_all(fleet: Fleet, start: Start):
    server = await start(EDGE_CACHE_REDIS_URL=fleet.redis.url)
    worker = await worker_of(fleet, EDGE_JOBS_SPARE_CORES="0")
    for _ in range(15):
        await server.http.get("/sku/123.jpg?w=64")
        assert used(worker) == {frozenset(os.sched_getaffinity(0))}
        await asyncio.sleep(0.2)
    assert [key for key in fleet.redis.run("KEYS", "edge:1:busy:*") if key]
