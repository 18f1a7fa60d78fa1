"""The Redis tier's own promises: it forgets in time, and fails in time."""

import asyncio

import pytest

from edge.cache.redis import PREFIX, RedisTier, open_redis
from edge.errors import SettingsError, TierError
from tests.cache.entries import key, rendition
from tests.parts import RedisServer

TIMEOUT = 1.0
"""So long a frozen Redis costs; elsewhere a tier may wait longer than a busy machine stops for."""


@pytest.fixture
async def tier(redis_server):
    opened = RedisTier(redis_server.url, ttl=600, timeout=TIMEOUT)
    yield opened
    await opened.close()


@pytest.fixture
async def slow_timeout(redis_server):
    opened = RedisTier(redis_server.url, ttl=600, timeout=60.0)
    yield opened
    await opened.close()


@pytest.mark.parametrize("url", ["localhost:6379", "http://localhost", "redis://host:port/0", ""])
async def test_a_url_that_is_none_stops_the_start(url):
    with pytest.raises(SettingsError):
        open_redis(url, TIMEOUT)


async def test_everything_in_redis_has_our_prefix_and_an_end(slow_timeout, redis_server):
    """Nothing of ours stays for ever, and other users of the same Redis are left alone."""
    redis_server.run("SET", "somebody else's", "1")
    await slow_timeout.put(key(1), rendition())
    names = set(redis_server.run("KEYS", "*")) - {b"somebody else's"}
    assert len(names) == 3, "an entry and its two tags"
    for name in names:
        assert name.decode().startswith(PREFIX)
        assert redis_server.run("TTL", name) > 0
    assert await slow_timeout.purge("preset:amazon") == 1
    assert redis_server.run("EXISTS", "somebody else's") == 1


async def test_a_rendition_is_forgotten_in_time_and_before_its_tags(redis_server):
    tier = RedisTier(redis_server.url, ttl=1, timeout=60.0)
    await tier.put(key(1), rendition())
    entry = redis_server.run("TTL", f"{PREFIX}r:{key(1)}")
    tags = [redis_server.run("TTL", name) for name in redis_server.run("KEYS", f"{PREFIX}t:*")]
    assert all(entry < tag for tag in tags)
    await asyncio.sleep(1.2)
    assert await tier.get(key(1)) is None
    await tier.close()


async def test_a_tag_remembers_only_what_may_still_be_there(redis_server):
    """Random variants of one preset must not make its tag grow for ever."""
    tier = RedisTier(redis_server.url, ttl=1, timeout=60.0)
    for number in range(50):
        await tier.put(key(number), rendition(number, 10, tags=("preset:amazon",)))
    await asyncio.sleep(2.1)
    await tier.put(key("last"), rendition(tags=("preset:amazon",)))
    (tag,) = redis_server.run("KEYS", f"{PREFIX}t:*")
    assert redis_server.run("ZCARD", tag) == 1
    await tier.close()


@pytest.mark.parametrize("damage", ["cut short", "flipped", "foreign"])
async def test_a_damaged_entry_is_a_miss_and_gone(slow_timeout, redis_server, damage):
    await slow_timeout.put(key(1), rendition())
    name = f"{PREFIX}r:{key(1)}"
    content = redis_server.run("GET", name)
    damaged = {
        "cut short": content[:-1],
        "flipped": content[:-1] + bytes([content[-1] ^ 1]),
        "foreign": b"<html>not one of ours</html>",
    }[damage]
    redis_server.run("SET", name, damaged)
    assert await slow_timeout.get(key(1)) is None
    assert redis_server.run("EXISTS", name) == 0


async def every_verb_fails(tier: RedisTier) -> None:
    for verb in (
        tier.get(key(1)),
        tier.put(key("late"), rendition()),  # a frozen Redis may carry it out once it thaws
        tier.purge("preset:amazon"),
        tier.ping(),
        tier.usage(),
    ):
        with pytest.raises(TierError):
            async with asyncio.timeout(30):  # a frozen Redis never answers
                await verb


async def test_a_killed_redis_is_a_tier_error_and_its_return_is_noticed(slow_timeout, redis_server):
    await slow_timeout.put(key(1), rendition())
    redis_server.kill()
    await every_verb_fails(slow_timeout)
    redis_server.start()
    await slow_timeout.put(key(1), rendition())
    assert await slow_timeout.get(key(1)) == rendition()


async def test_a_frozen_redis_is_a_tier_error_in_time_and_its_late_answers_fool_nobody(
    tier, redis_server
):
    """Answers to questions that were given up must not be taken for answers to later ones."""
    for number in range(20):
        await tier.put(key(number), rendition(number))
    redis_server.freeze()
    await every_verb_fails(tier)
    late = await asyncio.gather(*(tier.get(key(n)) for n in range(20)), return_exceptions=True)
    assert all(isinstance(error, TierError) for error in late)
    redis_server.thaw()
    for number in range(20):
        assert await tier.get(key(number)) == rendition(number)


async def test_a_full_redis_refuses_writes_and_still_answers_reads(redis_server):
    tier = RedisTier(redis_server.url, ttl=600, timeout=60.0)
    await tier.put(key(1), rendition())
    redis_server.run("CONFIG", "SET", "maxmemory", "100kb", "maxmemory-policy", "noeviction")
    with pytest.raises(TierError):
        await tier.put(key(2), rendition(2))
    assert await tier.get(key(1)) == rendition()
    await tier.close()


async def test_under_its_cap_redis_keeps_to_it_and_can_still_purge_what_it_holds(
    slow_timeout, redis_server
):
    """Random variants against `maxmemory`: the eviction that the docs name keeps the tags."""
    cap = 12_000_000
    redis_server.run("CONFIG", "SET", "maxmemory", str(cap), "maxmemory-policy", "volatile-ttl")
    redis_server.run("CONFIG", "SET", "maxmemory-samples", "10")
    for start in range(0, 1_000, 20):
        await asyncio.gather(
            *(
                slow_timeout.put(key(n), rendition(n, 30_000, tags=("preset:amazon",)))
                for n in range(start, start + 20)
            )
        )
    usage = await slow_timeout.usage()
    assert usage.limit == cap
    assert usage.bytes <= cap * 1.1, "Redis itself lets a write in call pass its cap a little"
    held = redis_server.run("KEYS", f"{PREFIX}r:*")
    assert 50 < len(held) < 1_000
    await slow_timeout.purge("preset:amazon")
    assert redis_server.run("KEYS", f"{PREFIX}r:*") == []


async def test_a_wrong_password_is_a_tier_error_that_does_not_show_it(redis_server: RedisServer):
    redis_server.run("CONFIG", "SET", "requirepass", "right")
    url = redis_server.url.replace("redis://", "redis://:wrong-secret@")
    tier = RedisTier(url, ttl=600, timeout=60.0)
    with pytest.raises(TierError) as caught:
        await tier.ping()
    assert "wrong-secret" not in str(caught.value)
    await tier.close()
