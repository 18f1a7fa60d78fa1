"""Several processes with one Redis: one render for all, purges everywhere, a death survived."""

import asyncio
import signal
from pathlib import Path

import httpx
import pytest

from tests.replicas import Start, start
from tests.running import TOKEN, photo

__all__ = ["start"]

pytestmark = pytest.mark.slow


async def test_one_render_per_key_in_the_whole_fleet(start: Start, redis_url: str):
    replicas = [await start(EDGE_CACHE_REDIS_URL=redis_url) for _ in range(2)]
    url = "/sku/123.jpg?w=333&fm=webp"
    answers = await asyncio.gather(*(r.http.get(url) for r in replicas * 10))
    assert {a.status_code for a in answers} == {200}
    assert len({a.content for a in answers}) == 1
    assert sum([await r.renders() for r in replicas]) == 1


async def test_a_purge_reaches_the_memory_of_every_replica(start: Start, redis_url: str):
    first, second = [await start(EDGE_CACHE_REDIS_URL=redis_url) for _ in range(2)]
    url = "/sku/123.jpg?w=90&fm=jpg"
    for replica in (first, second, second):
        answer = await replica.http.get(url)
    assert answer.headers["cache-status"] == "edge; hit; detail=memory"
    purged = await first.http.post(
        "/-/purge",
        json={"original": "/sku/123.jpg"},
        headers={"authorization": f"Bearer {TOKEN}"},
    )
    assert purged.json()["removed"]["redis"] >= 1
    for _ in range(1200):
        if await second.metric('edge_tier_bytes{tier="memory"}') == 0:
            break
        await asyncio.sleep(0.1)
    assert "fwd=uri-miss" in (await second.http.get(url)).headers["cache-status"]


async def test_a_leader_that_dies_holds_nobody_up_for_long(
    start: Start, redis_url: str, photos: Path
):  # fmt: skip
    photo(3000, 4000).save(photos / "large.jpg", quality=95)
    first, second = [await start(EDGE_CACHE_REDIS_URL=redis_url) for _ in range(2)]
    url = "/large.jpg?w=2800&fm=avif"
    doomed = await first.begun(url)
    waiting = asyncio.create_task(second.http.get(url))
    await asyncio.sleep(0.1)
    assert not doomed.done(), "the render was too quick to be killed in the middle"
    first.process.kill()
    with pytest.raises(httpx.TransportError):
        await doomed
    assert (await waiting).status_code == 200


async def test_sigterm_finishes_what_is_under_way_and_ends_well(
    start: Start, photos: Path
):  # fmt: skip
    photo(2400, 3200).save(photos / "large.jpg", quality=95)
    replica = await start()
    under_way = await replica.begun("/large.jpg?w=2000&fm=avif")
    assert not under_way.done(), "the render was too quick to be stopped in the middle"
    replica.process.send_signal(signal.SIGTERM)
    answer = await under_way
    assert answer.status_code == 200
    assert len(answer.content) == int(answer.headers["content-length"])
    assert await asyncio.wait_for(replica.process.wait(), 120) == 0


async def test_redis_frozen_or_gone_is_never_an_outage(start: Start, redis_server):
    replica = await start(
        EDGE_CACHE_REDIS_URL=redis_server.url,
        EDGE_CACHE_MEMORY_BYTES="0",
        EDGE_CACHE_TIER_TIMEOUT="0.3",
    )
    assert (await replica.http.get("/sku/123.jpg?w=50")).status_code == 200
    redis_server.freeze()
    for width in range(60, 66):
        assert (await replica.http.get(f"/sku/123.jpg?w={width}")).status_code == 200
    redis_server.thaw()
    redis_server.kill()
    for width in range(70, 76):
        assert (await replica.http.get(f"/sku/123.jpg?w={width}")).status_code == 200
    text = (await replica.http.get("/-/metrics")).text
    assert 'edge_tier_lookups_total{outcome="error",tier="redis"}' in text
    assert (await replica.http.get("/-/readyz")).json()["status"] == "degraded"
