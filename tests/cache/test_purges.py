"""Every replica hears of every purge, whatever happens to its connection."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from edge.cache.purges import RedisPurges
from edge.errors import TierError

TIMEOUT = 10.0


class Heard(list):
    """A replica's ear; `until` waits for a tag."""

    async def __call__(self, tag: str) -> None:
        self.append(tag)
        if tag == "poison":
            raise RuntimeError("this replica has a bug")

    async def until(self, tag: str) -> bool:
        for _ in range(6000):
            if tag in self:
                return True
            await asyncio.sleep(0.02)
        return False


@asynccontextmanager
async def replica(url):
    purges, heard = RedisPurges(url, TIMEOUT), Heard()
    await purges.subscribe(heard)
    try:
        yield purges, heard
    finally:
        await purges.close()


async def test_all_others_hear_a_purge_and_nobody_hears_his_own(redis_server):
    async with (
        replica(redis_server.url) as (one, by_one),
        replica(redis_server.url) as (_, by_two),
        replica(redis_server.url) as (three, by_three),
    ):
        await one.publish("original:/größe 1.jpg")
        await three.publish("preset:amazon")
        assert await by_two.until("preset:amazon")
        assert await by_one.until("preset:amazon")
        assert await by_three.until("original:/größe 1.jpg")
        assert by_two == ["original:/größe 1.jpg", "preset:amazon"]
        assert by_one == ["preset:amazon"]
        assert by_three == ["original:/größe 1.jpg"]


async def test_what_was_purged_before_a_replica_began_is_nothing_to_it(redis_server):
    async with replica(redis_server.url) as (one, _):
        await one.publish("long ago")
        async with replica(redis_server.url) as (_, heard):
            await one.publish("now")
            assert await heard.until("now")
            assert heard == ["now"]


async def test_a_replica_that_fails_at_one_purge_hears_the_next(redis_server):
    async with replica(redis_server.url) as (one, _), replica(redis_server.url) as (_, heard):
        await one.publish("poison")
        await one.publish("next")
        assert await heard.until("next")


async def test_a_replica_cut_off_hears_all_that_it_missed(redis_server):
    async with replica(redis_server.url) as (one, _), replica(redis_server.url) as (_, heard):
        for number in range(30):
            if number % 10 == 5:
                redis_server.run("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            await one.publish(f"tag {number}")
        assert await heard.until("tag 29")
        assert heard == [f"tag {number}" for number in range(30)]


async def test_who_starts_while_redis_is_down_listens_once_it_is_there(redis_server):
    redis_server.kill()
    async with replica(redis_server.url) as (_, heard):
        redis_server.start()
        async with replica(redis_server.url) as (one, _):
            await one.publish("after all")
            assert await heard.until("after all")


async def test_where_nobody_can_be_told_the_caller_is(redis_server):
    async with replica(redis_server.url) as (one, _):
        redis_server.kill()
        with pytest.raises(TierError):
            await one.publish("unheard")


async def test_the_stream_does_not_grow_for_ever(redis_server, monkeypatch):
    monkeypatch.setattr("edge.cache.purges._KEPT", 100)
    async with replica(redis_server.url) as (one, _):
        for number in range(1_000):
            await one.publish(f"tag {number}")
        (stream,) = redis_server.run("KEYS", "*purges*")
        assert redis_server.run("XLEN", stream) < 300, "Redis trims in blocks of a hundred"


@asynccontextmanager
async def with_a_folder(url, position):
    purges, heard = RedisPurges(url, TIMEOUT, position), Heard()
    await purges.subscribe(heard)
    try:
        yield heard
    finally:
        await purges.close()


async def test_a_replica_with_a_tier_of_its_own_hears_what_it_missed_while_down(
    redis_server, tmp_path
):
    position = tmp_path / "purges.position"
    async with replica(redis_server.url) as (one, _):
        await one.publish("before it ever ran")
        async with with_a_folder(redis_server.url, position) as heard:
            await one.publish("while it ran")
            assert await heard.until("while it ran")
        await one.publish("while it was down")
        async with with_a_folder(redis_server.url, position) as heard:
            assert heard == ["while it was down"], "heard before it begins to serve"
        async with with_a_folder(redis_server.url, position) as heard:
            await one.publish("now")
            assert await heard.until("now")
            assert heard == ["now"]


@pytest.mark.parametrize("damaged", [b"", b"not a position", b"\xff\xfe", b"1-2-3"])
async def test_a_damaged_position_is_a_new_start(redis_server, tmp_path, damaged):
    position = tmp_path / "purges.position"
    position.write_bytes(damaged)
    async with (
        replica(redis_server.url) as (one, _),
        with_a_folder(redis_server.url, position) as heard,
    ):
        await one.publish("now")
        assert await heard.until("now")
        assert heard == ["now"]


async def test_a_position_in_a_folder_that_is_gone_stops_nobody(redis_server, tmp_path):
    async with (
        replica(redis_server.url) as (one, _),
        with_a_folder(redis_server.url, tmp_path / "gone" / "position") as heard,
    ):
        await one.publish("now")
        assert await heard.until("now")
