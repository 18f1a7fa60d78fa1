"""Jobs on real workers and a real Redis, whatever is killed in the middle."""

import asyncio
import signal
import tracemalloc
from pathlib import Path

import httpx
import pytest

from tests.jobs_fleet import Fleet, digests, feed_of, fleet, submit, until, up
from tests.parts import free_port

__all__ = ["fleet"]

pytestmark = pytest.mark.slow

ITEMS = 500


async def undisturbed(fleet: Fleet, tmp_path) -> dict[str, str]:
    """The same pictures as one worker makes them in peace, in a Redis of its own."""
    async with fleet.management() as management:
        job = await submit(management.service, feed_of(ITEMS, tmp_path / "calm.csv"))
        over = await until(management.service, job.id, lambda job: job.state.over)
        told = await digests(management.service, over)
        await management.service.forget(job.id)
    keys = fleet.redis.run("KEYS", "edge:1:r:*")
    for key in keys:
        fleet.redis.run("DEL", key)
    return told


@pytest.mark.parametrize("victim", ["worker", "feeder", "redis"])
async def test_whoever_is_killed_every_item_ends_once_and_as_in_peace(fleet, tmp_path, victim):
    feeder = fleet.worker("--at-once", "0")
    one, two = fleet.worker("--at-once", "3"), fleet.worker("--at-once", "3")
    peace = await undisturbed(fleet, tmp_path)
    async with fleet.management() as management:
        job = await submit(management.service, feed_of(ITEMS, tmp_path / "feed.csv"))
        await until(management.service, job.id, lambda job: job.done > ITEMS // 10)
        if victim == "worker":
            fleet.kill(two)
        elif victim == "feeder":
            fleet.kill(feeder)
        else:
            fleet.redis.kill()
            await asyncio.sleep(1)
            fleet.redis.start()
        half = await until(management.service, job.id, lambda job: job.done > 0)
        assert half.done < ITEMS, "it was over before the blow"
        over = await until(management.service, job.id, lambda job: job.state.over)
        assert over.state == "succeeded"
        assert over.counts["succeeded"] == ITEMS
        assert await digests(management.service, over) == peace
    assert one.poll() is None


async def test_two_workers_share_a_job_evenly(fleet, tmp_path):
    ports = [free_port(), free_port()]
    for port in ports:
        fleet.worker("--at-once", "2", "--metrics-port", str(port))
    async with fleet.management() as management, httpx.AsyncClient() as http:

        async def worked(port: int) -> float:
            text = (await http.get(f"http://127.0.0.1:{port}/metrics")).text
            lines = [line for line in text.splitlines() if line.startswith("edge_job_items_total")]
            return sum(float(line.rpartition(" ")[2]) for line in lines)

        for port in ports:
            await up(http, port)
        job = await submit(management.service, feed_of(ITEMS, tmp_path / "feed.csv"))
        over = await until(management.service, job.id, lambda job: job.state.over)
        shares = [await worked(port) for port in ports]
        await digests(management.service, over)
    assert sum(shares) == ITEMS
    assert min(shares) > ITEMS * 0.3, shares


async def test_a_paused_job_stays_where_it_is_and_a_worker_ends_in_peace(fleet, tmp_path):
    worker = fleet.worker("--at-once", "2")
    async with fleet.management() as management:
        job = await submit(management.service, feed_of(ITEMS, tmp_path / "feed.csv"))
        await until(management.service, job.id, lambda job: job.done > 20)
        await management.service.pause(job.id)
        await asyncio.sleep(2)
        done = (await management.service.find(job.id)).done
        worker.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(worker.wait, 60) == 0
        assert (await management.service.find(job.id)).done == done < ITEMS
        await management.service.resume(job.id)
        fleet.worker("--at-once", "2")
        over = await until(management.service, job.id, lambda job: job.state.over)
        await digests(management.service, over)


LONG = 50_000


async def test_a_feed_of_50_000_lines_is_worked_off_in_flat_memory(fleet, tmp_path):
    """Most of it is cached: five sizes of ten photos, again and again; a hundredth is malformed."""
    lines = [
        "malformed" if n % 100 == 7 else f"s{n},/{n % 10}.jpg,w={16 + n % 5}&fm=jpg"
        for n in range(LONG)
    ]
    feed = tmp_path / "long.csv"
    feed.write_text("sku,url,query\n" + "\n".join(lines) + "\n")
    async with fleet.management() as management:
        tracemalloc.start()
        job = await submit(management.service, feed)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 12e6, "the feed is held whole"
        assert (job.total, job.refused) == (LONG * 99 // 100, LONG // 100)
        refused = await management.store.refusals(job.id, 0, LONG)
        assert [one.line for one in refused] == [n + 2 for n in range(LONG) if n % 100 == 7]
        worker = fleet.worker("--at-once", "8")
        await until(management.service, job.id, lambda job: job.done > LONG // 10)
        early = _resident(worker.pid)
        later = await until(
            management.service, job.id, lambda job: job.done > LONG // 2, seconds=600
        )
        assert later.counts["succeeded"] == later.done
        assert later.cached > later.done - 60
        assert _resident(worker.pid) < early + 40e6
        await management.service.cancel(job.id)


def _resident(pid: int) -> float:
    """Bytes of a process's memory."""
    [line] = [
        line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "VmRSS" in line
    ]
    return float(line.split()[1]) * 1024
