"""Jobs on real workers and a real Redis, whatever is killed in the middle."""

import asyncio

import pytest

from tests.jobs_fleet import Fleet, digests, feed_of, fleet, submit, until

__all__ = ["fleet"]

pytestmark = pytest.mark.slow

ITEMS = 500


async def calm(fleet: Fleet, tmp_path) -> dict[str, str]:
    """The same pictures as one worker makes them in peace, in a Redis of its own."""
    async with fleet.desk() as desk:
        job = await submit(desk.service, feed_of(ITEMS, tmp_path / "calm.csv"))
        over = await until(desk.service, job.id, lambda job: job.state.over)
        told = await digests(desk.service, over)
        await desk.service.forget(job.id)
    keys = fleet.redis.run("KEYS", "edge:1:r:*")
    for key in keys:
        fleet.redis.run("DEL", key)
    return told


@pytest.mark.parametrize("victim", ["worker", "feeder", "redis"])
async def test_whoever_is_killed_every_item_ends_once_and_as_in_peace(fleet, tmp_path, victim):
    feeder = fleet.worker("--at-once", "0")
    one, two = fleet.worker("--at-once", "3"), fleet.worker("--at-once", "3")
    peace = await calm(fleet, tmp_path)
    async with fleet.desk() as desk:
        job = await submit(desk.service, feed_of(ITEMS, tmp_path / "feed.csv"))
        await until(desk.service, job.id, lambda job: job.done > ITEMS // 10)
        if victim == "worker":
            fleet.kill(two)
        elif victim == "feeder":
            fleet.kill(feeder)
        else:
            fleet.redis.kill()
            await asyncio.sleep(1)
            fleet.redis.start()
        half = await until(desk.service, job.id, lambda job: job.done > 0)
        assert half.done < ITEMS, "it was over before the blow"
        over = await until(desk.service, job.id, lambda job: job.state.over)
        assert over.state == "succeeded"
        assert over.counts["succeeded"] == ITEMS
        assert await digests(desk.service, over) == peace
    assert one.poll() is None
