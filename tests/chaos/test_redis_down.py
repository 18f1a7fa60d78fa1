"""Redis is away, frozen or full under real servers: no purge is lost in silence, and what hangs
costs one caller its time, once."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from tests.parts import RedisServer
from tests.replicas import Replica, Start, start
from tests.running import TOKEN

__all__ = ["start"]

pytestmark = pytest.mark.slow
URL = "/sku/123.jpg?w=40&fm=jpg"


async def purge(replica: Replica, **what: str) -> httpx.Response:
    token = {"authorization": f"Bearer {TOKEN}"}
    return await replica.http.post("/-/purge", json=what, headers=token)


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(1800):
        if await true():
            return
        await asyncio.sleep(0.1)
    raise AssertionError("it never came to be")


async def missed(replica: Replica) -> bool:
    return "fwd=uri-miss" in (await replica.http.get(URL)).headers["cache-status"]


def trouble(redis: RedisServer, kind: str) -> None:
    if kind == "away":
        redis.kill()
    elif kind == "frozen":
        redis.freeze()
    else:
        redis.run("CONFIG", "SET", "maxmemory-policy", "noeviction")
        redis.run("CONFIG", "SET", "maxmemory", "1")


def mend(redis: RedisServer, kind: str) -> None:
    if kind == "away":
        redis.start()
    elif kind == "frozen":
        redis.thaw()
    else:
        redis.run("CONFIG", "SET", "maxmemory", "0")


@pytest.mark.parametrize("kind", ["away", "frozen", "full"])
async def test_a_purge_that_reaches_nobody_is_told_kept_and_made_good(
    start: Start, redis_server: RedisServer, kind: str
):
    first, second = [await start(EDGE_CACHE_REDIS_URL=redis_server.url) for _ in range(2)]
    for replica in (first, second, second):
        answer = await replica.http.get(URL)
    assert "detail=memory" in answer.headers["cache-status"]
    trouble(redis_server, kind)
    told = await purge(first, original="/sku/123.jpg")
    assert told.status_code == 207
    assert "replicas" in told.json()["unreached"]
    assert told.json()["kept"] is True
    assert "127.0.0.1" not in told.text, "no address is told"
    assert await missed(first), "what was reached was purged"
    assert not await missed(second), "it cannot know yet"
    mend(redis_server, kind)
    await until(lambda: missed(second))


async def test_a_purge_is_kept_through_a_restart_where_there_is_a_folder(
    start: Start, redis_server: RedisServer, tmp_path: Path
):
    own = {"EDGE_CACHE_REDIS_URL": redis_server.url, "EDGE_CACHE_STORE_URL": str(tmp_path / "one")}
    first, second = await start(**own), await start(EDGE_CACHE_REDIS_URL=redis_server.url)
    for replica in (first, second, second):
        await replica.http.get(URL)
    redis_server.freeze()
    assert (await purge(first, original="/sku/123.jpg")).status_code == 207
    first.process.kill()
    await first.process.wait()
    again = await start(**own)
    redis_server.thaw()
    await until(lambda: missed(second))
    assert (await again.http.get(URL)).status_code == 200
    await until(lambda: nothing_owed(tmp_path / "one"))


async def nothing_owed(folder: Path) -> bool:
    return not await asyncio.to_thread(lambda: list(folder.glob("purges.owed*")))


async def test_the_command_line_ends_with_1_where_a_purge_did_not_reach_all(
    start: Start, redis_server: RedisServer
):
    replica = await start(EDGE_CACHE_REDIS_URL=redis_server.url)
    command = [sys.executable, "-m", "edge", "purge", "--tag", "any", "--server"]
    command.append(str(replica.http.base_url))
    environ = {"EDGE_ADMIN_TOKEN": TOKEN, "PATH": ""}

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, capture_output=True, text=True, env=environ)

    well = await asyncio.to_thread(run)
    assert (well.returncode, "unreached" in well.stdout) == (0, False)
    redis_server.kill()
    ill = await asyncio.to_thread(run)
    assert (ill.returncode, "unreached" in ill.stdout) == (1, True)


async def test_a_frozen_redis_costs_one_caller_once(start: Start, redis_server: RedisServer):
    """Of many misses one after the other, at most one waits for the time-out of Redis."""
    timeout = 4.0
    replica = await start(
        EDGE_CACHE_REDIS_URL=redis_server.url, EDGE_CACHE_TIER_TIMEOUT=str(timeout)
    )
    assert (await replica.http.get(URL)).status_code == 200
    redis_server.freeze()
    slow = 0
    for width in range(50, 62):
        begun = time.monotonic()
        assert (await replica.http.get(f"/sku/123.jpg?w={width}&fm=jpg")).status_code == 200
        slow += time.monotonic() - begun >= timeout
    assert slow <= 1
    errors = await replica.metric('edge_tier_lookups_total{outcome="error",tier="redis"}')
    writes = await replica.metric('edge_tier_writes_total{outcome="error",tier="redis"}')
    assert errors + writes <= 1
    redis_server.thaw()

    async def used_again() -> bool:
        await replica.http.get(f"/sku/123.jpg?w={int(time.monotonic() * 10) % 300 + 100}&fm=jpg")
        return await replica.metric('edge_tier_lookups_total{outcome="miss",tier="redis"}') > 1

    await until(used_again)
