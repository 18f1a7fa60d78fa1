"""One leader per key among replicas, over a real Redis."""

import asyncio
import time
from contextlib import asynccontextmanager

import pytest

from edge.cache.leases import RedisLease, RedisLeases
from edge.cache.redis import PREFIX, RedisTier
from edge.deadline import Deadline
from edge.errors import DeadlineExceeded, OriginalCorrupt
from edge.single_flight import SingleFlight, find_or_make
from tests.cache.entries import key, rendition

TIMEOUT = 10.0
SECONDS = 30.0
"""Longer than a busy machine stops for; who waits for the end of a lease has a shorter one."""
SHORT = 4.0


@asynccontextmanager
async def replica(url, timeout=TIMEOUT, **options):
    leases = RedisLeases(url, timeout, **({"seconds": SECONDS, "poll": 0.05} | options))
    try:
        yield leases
    finally:
        await leases.close()


@pytest.fixture
async def two(redis_server):
    async with replica(redis_server.url) as one, replica(redis_server.url) as other:
        yield one, other


def soon() -> Deadline:
    return Deadline.after(120)


async def test_only_one_leads_and_the_other_hears_when_it_has_finished(two):
    one, other = two
    lease = await one.take("key", soon())
    waiting = asyncio.create_task(other.take("key", soon()))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    await lease.release()
    assert await waiting is None


async def test_the_notice_comes_at_once_and_not_by_the_next_poll(redis_server):
    async with (
        replica(redis_server.url) as one,
        replica(redis_server.url, poll=60.0) as other,
    ):
        await one.take("warm up", soon())
        with pytest.raises(DeadlineExceeded):
            await other.take("warm up", Deadline.after(0.5))
        lease = await one.take("key", soon())
        waiting = asyncio.create_task(other.take("key", Deadline.after(120)))
        await asyncio.sleep(0.1)
        await lease.release()
        async with asyncio.timeout(120):
            assert await waiting is None


async def test_different_keys_have_different_leaders(two):
    one, other = two
    assert await one.take("key", soon()) is not None
    assert await other.take("another", soon()) is not None


async def test_a_lease_that_is_held_long_is_kept(redis_server):
    async with replica(redis_server.url, seconds=SHORT) as one, replica(redis_server.url) as other:
        lease = await one.take("key", soon())
        with pytest.raises(DeadlineExceeded):
            await other.take("key", Deadline.after(SHORT * 1.5))
        await lease.release()
        assert await other.take("key", soon()) is not None


async def test_a_dead_leader_holds_nobody_up_for_long(two, redis_server):
    _, other = two
    # A replica that was killed: its lease is there, and nobody prolongs it.
    redis_server.run("SET", f"{PREFIX}lease:key", "token of the dead", "PX", 600)
    assert await other.take("key", Deadline.after(60)) is not None


async def test_a_release_ends_only_the_lease_it_was_given(two, redis_server):
    one, _ = two
    lease = await one.take("key", soon())
    redis_server.run("SET", f"{PREFIX}lease:key", "another's by now")
    await lease.release()
    await lease.release()
    assert redis_server.run("GET", f"{PREFIX}lease:key") == b"another's by now"


async def test_a_caller_who_is_cancelled_while_taking_leaves_no_lease(two, redis_server):
    one, other = two
    for turn in range(20):
        taking = asyncio.create_task(one.take("key", soon()))
        for _ in range(turn % 7):
            await asyncio.sleep(0)
        taking.cancel()
        (outcome,) = await asyncio.gather(taking, return_exceptions=True)
        if isinstance(outcome, RedisLease):  # it was quicker than the cancellation
            await outcome.release()
    async with asyncio.timeout(120):
        while await other.take("key", soon()) is None:
            continue


@pytest.mark.parametrize("trouble", ["killed", "frozen"])
async def test_where_redis_fails_everybody_leads_and_waits_once(redis_server, trouble):
    redis_server.kill() if trouble == "killed" else redis_server.freeze()
    async with replica(redis_server.url, timeout=0.3) as one:
        start = time.monotonic()
        for number in range(200):
            lease = await one.take(f"key {number}", soon())
            assert lease is not None
            await lease.release()
        assert time.monotonic() - start < 100 * 0.3, "not a timeout for each"
    redis_server.thaw() if trouble == "frozen" else redis_server.start()


async def test_redis_dying_while_one_leads_lets_the_waiters_lead(two, redis_server):
    one, other = two
    lease = await one.take("key", soon())
    waiting = asyncio.create_task(other.take("key", soon()))
    await asyncio.sleep(0.1)
    redis_server.kill()
    async with asyncio.timeout(120):
        assert await waiting is not None
    await lease.release()


async def test_a_hundred_callers_on_four_replicas_make_one_rendition(redis_server):
    made = 0

    async def one_replica():
        nonlocal made
        tier = RedisTier(redis_server.url, ttl=60, timeout=60.0)
        single_flight: SingleFlight = SingleFlight()

        async def make():
            nonlocal made
            made += 1
            await asyncio.sleep(0.2)
            await tier.put(key(1), rendition())
            return rendition()

        async def lead():
            find = lambda: tier.get(key(1))  # noqa: E731
            return await find_or_make(leases, key(1), soon(), find=find, make=make)

        async with replica(redis_server.url) as leases:
            found = await asyncio.gather(*(single_flight.join(key(1), lead) for _ in range(25)))
        await tier.close()
        return found

    answers = await asyncio.gather(*(one_replica() for _ in range(4)))
    assert made == 1
    assert all(found == rendition() for replies in answers for found in replies)


async def test_when_the_leader_fails_the_next_replica_takes_over(two):
    one, other = two
    store, led = {}, asyncio.Event()

    async def find():
        return store.get("key")

    async def fails():
        led.set()
        await asyncio.sleep(0.1)
        raise OriginalCorrupt("only here")

    async def works():
        store["key"] = "made"
        return "made"

    leading = asyncio.create_task(find_or_make(one, "key", soon(), find=find, make=fails))
    await led.wait()
    assert await find_or_make(other, "key", soon(), find=find, make=works) == "made"
    with pytest.raises(OriginalCorrupt):
        await leading
