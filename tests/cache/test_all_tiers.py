"""The tiers: nearest first, copied nearer, and no tier's trouble is a caller's."""

import asyncio
import time
from collections import Counter
from functools import partial

import pytest

from edge.background_tasks import BackgroundTasks
from edge.cache.base import Reach, Usage, key_tag
from edge.cache.folder import FolderTier
from edge.cache.memory import MemoryTier
from edge.cache.purges import RedisPurges
from edge.cache.purging import Purged
from edge.cache.redis import RedisTier
from edge.cache.tiers import Tiers
from edge.errors import TierError
from edge.telemetry import Metrics
from tests.cache.entries import key, rendition

TIMEOUT = 0.3
STORE_TIMEOUT = 2.0
"""For real stores: longer than a busy machine stops for, and short enough for a frozen one."""


class Counts:
    """What was counted, by tier and outcome."""

    def __init__(self) -> None:
        self.metrics = Metrics()

    @property
    def lookups(self) -> Counter:
        return self._of("edge_tier_lookups_total")

    @property
    def writes(self) -> Counter:
        return self._of("edge_tier_writes_total")

    @property
    def purges(self) -> dict[str, float]:
        return {tier: count for (tier, _), count in self._of("edge_purged_total").items()}

    def _of(self, name: str) -> Counter:
        found = {
            (sample.labels["tier"], sample.labels.get("outcome", "")): sample.value
            for metric in self.metrics.registry.collect()
            for sample in metric.samples
            if sample.name == name
        }
        return Counter(found)


class PlainTier(MemoryTier):
    """A tier of any name and reach, which can be told to fail, to hang or to wait."""

    def __init__(self, name: str, reach: Reach) -> None:
        super().__init__(10_000_000)
        self.name, self.reach = name, reach
        self.trouble: Exception | None = None
        self.delay = 0.0
        self.asked = 0

    async def _live(self):
        self.asked += 1
        await asyncio.sleep(self.delay)
        if self.trouble:
            raise self.trouble

    async def get(self, key):
        await self._live()
        return await super().get(key)

    async def put(self, key, rendition):
        await self._live()
        await super().put(key, rendition)

    async def purge(self, tag):
        await self._live()
        return await super().purge(tag)

    async def ping(self):
        await self._live()

    async def usage(self):
        await self._live()
        return Usage(None, 1)


@pytest.fixture
def counts():
    return Counts()


@pytest.fixture
def tier_list():
    return (
        MemoryTier(1_000_000),
        PlainTier("shared", Reach.REPLICAS),
        PlainTier("store", Reach.BUCKET),
    )


@pytest.fixture
def tiers(tier_list, counts):
    return Tiers(tier_list, TIMEOUT, metrics=counts.metrics)


def now() -> float:
    return time.monotonic()


async def test_the_nearest_tier_that_has_it_answers(tiers, tier_list):
    await tier_list[1].put(key(1), rendition())
    await tier_list[2].put(key(1), rendition())
    assert await tiers.get(key(1)) == (rendition(), "shared")
    assert await tiers.get(key(2)) is None


async def test_a_find_is_copied_to_the_nearer_tiers(tiers, tier_list, counts):
    await tier_list[2].put(key(1), rendition())
    assert (await tiers.get(key(1)))[1] == "store"
    assert await tier_list[1].get(key(1)) == rendition()
    assert (await tiers.get(key(1)))[1] == "memory"
    assert counts.lookups == {
        ("memory", "miss"): 1,
        ("shared", "miss"): 1,
        ("store", "hit"): 1,
        ("memory", "hit"): 1,
    }


class Prompting(PlainTier):
    """A tier that can be asked by a callback; it answers when it is told to."""

    def __init__(self) -> None:
        super().__init__("shared", Reach.REPLICAS)
        self.waiting = []

    def ask(self, key, told):
        self.waiting.append(partial(told, self.peek(key)))

    def answer(self) -> None:
        for told in self.waiting:
            told()
        self.waiting.clear()


@pytest.fixture
def prompt():
    return Prompting()


@pytest.fixture
def quick(prompt, counts):
    """Memory, and behind it a tier that takes no task."""
    return Tiers((MemoryTier(1_000_000), prompt), TIMEOUT, metrics=counts.metrics)


async def test_what_is_found_soon_is_what_get_finds_and_is_copied_to_memory(quick, prompt, counts):
    await prompt.put(key(1), rendition())
    told = []
    assert quick.nearest.soon(key(1), told.append)
    assert not told, "never before it has returned"
    prompt.answer()
    assert told == [(rendition(), "shared")]
    assert quick.nearest.memory_hit(key(1)) == rendition()
    assert counts.lookups == {("memory", "miss"): 1, ("shared", "hit"): 1, ("memory", "hit"): 1}


async def test_what_is_not_found_soon_is_left_to_get_and_counted_there(quick, prompt, counts):
    told = []
    assert quick.nearest.soon(key(1), told.append)
    prompt.answer()
    assert told == [None]
    assert counts.lookups == {}


async def test_a_tier_that_hangs_or_fails_is_told_once_and_then_passed_by(quick, prompt, counts):
    await prompt.put(key(1), rendition())
    told = []
    assert quick.nearest.soon(key(1), told.append)
    await asyncio.sleep(TIMEOUT * 2)
    assert told == [None]
    prompt.answer()
    assert told == [None], "its late answer is nobody's"
    assert not quick.nearest.soon(key(1), told.append), "it rests"
    assert counts.lookups == {("shared", "error"): 1}


async def test_what_was_purged_while_it_was_looked_up_is_not_served_or_kept(quick, prompt):
    await prompt.put(key(1), rendition(created=time.time()))
    told = []
    quick.nearest.soon(key(1), told.append)
    await quick.purge("preset:amazon")
    prompt.answer()
    assert told == [None]
    assert quick.nearest.memory_hit(key(1)) is None


async def test_only_a_tier_right_behind_memory_is_asked_soon(prompt, counts):
    between = PlainTier("between", Reach.MACHINE)
    far = Tiers((MemoryTier(1_000_000), between, prompt), TIMEOUT, metrics=counts.metrics)
    assert not far.nearest.soon(key(1), print)
    assert not prompt.waiting


async def test_put_writes_all_tiers(tiers, tier_list, counts):
    await tiers.put(key(1), rendition(), now())
    for tier in tier_list:
        assert await tier.get(key(1)) == rendition()
    assert counts.writes == {(tier.name, "ok"): 1 for tier in tier_list}


async def test_put_waits_for_the_quick_tiers_and_leaves_the_slow_ones_to_background_tasks(
    tier_list,
):
    background_tasks = BackgroundTasks()
    tiers = Tiers(tier_list, TIMEOUT, background_tasks=background_tasks)
    tier_list[2].delay = 0.2
    start = now()
    await tiers.put(key(1), rendition(), start)
    assert now() - start < 0.1
    assert await tier_list[1].get(key(1)) is not None, "a waiting replica finds it there"
    await background_tasks.drain(120)
    assert await tier_list[2].get(key(1)) is not None


async def test_a_find_is_answered_before_it_is_copied_over_the_network(tier_list):
    background_tasks = BackgroundTasks()
    tiers = Tiers(tier_list, TIMEOUT, background_tasks=background_tasks)
    await tier_list[2].put(key(1), rendition())
    tier_list[1].delay = 0.15
    start = now()
    await tiers.get(key(1))
    assert now() - start < 0.25, "one look-up of the slow tier, not a write as well"
    await background_tasks.drain(120)
    tier_list[1].delay = 0
    assert await tier_list[1].get(key(1)) is not None


@pytest.mark.parametrize(
    "trouble",
    [TierError("down"), OSError("cable"), ValueError("a bug")],
    ids=["tier error", "foreign error", "bug"],
)
async def test_a_failing_tier_is_a_miss_and_a_count(tiers, tier_list, counts, trouble):
    await tier_list[2].put(key(1), rendition())
    tier_list[1].trouble = trouble
    assert (await tiers.get(key(1)))[1] == "store"
    await tiers.put(key(2), rendition(2), now())
    assert counts.lookups["shared", "error"] == 1
    assert counts.writes["shared", "error"] == 1
    assert await tier_list[2].get(key(2)) is not None


async def test_a_hanging_tier_costs_one_timeout_and_is_then_passed_by(tiers, tier_list, counts):
    tier_list[1].delay = 60
    start = now()
    for number in range(50):
        assert await tiers.get(key(number)) is None
    assert TIMEOUT <= now() - start < TIMEOUT * 2
    assert (counts.lookups["shared", "error"], counts.lookups["shared", "skipped"]) == (1, 49)


async def test_a_tier_that_refuses_writes_is_still_read(tiers, tier_list, counts):
    await tier_list[1].put(key(1), rendition())
    tier_list[1].put = _refuse
    await tiers.put(key(2), rendition(2), now())
    assert (await tiers.get(key(1)))[1] == "shared"


async def _refuse(*_):
    raise TierError("out of memory")


async def test_a_tier_that_recovers_is_used_again(tiers, tier_list, counts, monkeypatch):
    clock = time.monotonic
    tier_list[1].trouble = TierError("down")
    await tiers.get(key(1))
    tier_list[1].trouble = None
    await tier_list[1].put(key(1), rendition())
    assert await tiers.get(key(1)) is None
    monkeypatch.setattr("edge.breaker.time.monotonic", lambda: clock() + 60)
    assert (await tiers.get(key(1)))[1] == "shared"


async def test_a_purge_reaches_every_tier_and_tells_what_went(tiers, tier_list, counts):
    await tiers.put(key(1), rendition(1), now())
    await tiers.put(key(2), rendition(2), now())
    await tier_list[0].purge(key_tag(key(2)))
    purged = await tiers.purge("preset:amazon")
    assert purged == Purged({"memory": 1, "shared": 2, "store": 2}, {}, kept=True)
    assert counts.purges == {"memory": 1, "shared": 2, "store": 2}
    assert await tiers.get(key(1)) is None


async def test_a_purge_tells_which_tier_it_did_not_reach(tiers, tier_list):
    await tiers.put(key(1), rendition(), now())
    tier_list[1].trouble = TierError("Redis is down")
    purged = await tiers.purge("preset:amazon")
    assert purged.removed == {"memory": 1, "store": 1}
    assert purged.unreached == {"shared": "Redis is down"}
    assert purged.kept


async def test_what_a_purge_did_not_reach_is_reached_later(tier_list, monkeypatch):
    monkeypatch.setattr("edge.cache.purging._SETTLE_SECONDS", 0.01)
    tiers = Tiers(tier_list, TIMEOUT)
    await tiers.start()
    await tier_list[1].put(key(1), rendition(created=time.time() - 5))
    tier_list[1].trouble = TierError("down")
    await tiers.purge("preset:amazon")
    tier_list[1].trouble = None
    for _ in range(6000):
        await asyncio.sleep(0.01)
        if await tier_list[1].get(key(1)) is None:
            break
    assert await tier_list[1].get(key(1)) is None
    await tiers.close()


async def test_what_was_purged_stays_purged_until_it_is_reached_however_long_it_takes(
    tier_list, monkeypatch
):
    monkeypatch.setattr("edge.cache.guarded._KEPT_SECONDS", 0.0)
    tiers = Tiers(tier_list, TIMEOUT)
    await tier_list[1].put(key(1), rendition(created=time.time() - 5))
    tier_list[1].trouble = TierError("down")
    await tiers.purge("preset:amazon")
    await tiers.purge("another, which makes the first one old")
    tier_list[1].trouble = None
    assert await tiers.get(key(1)) is None


async def test_a_purge_that_cannot_be_kept_is_told(tier_list, monkeypatch):
    monkeypatch.setattr("edge.cache.purging.MOST", 1)
    tiers = Tiers(tier_list, TIMEOUT)
    tier_list[1].trouble = TierError("down")
    assert (await tiers.purge("one")).kept
    assert not (await tiers.purge("two")).kept
    assert (await tiers.purge("one")).kept


async def test_every_purge_is_told_to_those_who_remember_something(tiers):
    heard = []
    tiers.purging.on_purge(heard.append)
    await tiers.purge("mine")
    await tiers.purging.purged_elsewhere("theirs")
    assert set(heard) == {"mine", "theirs"}
    assert heard[-1] == "theirs", "and once more when the tiers have dropped it"


@pytest.mark.parametrize("tag", ["preset:amazon", key_tag(key(1))])
async def test_a_render_that_began_before_the_purge_is_not_kept(tiers, tag, counts):
    started = now()
    await tiers.purge(tag)
    await tiers.put(key(1), rendition(), started)
    assert await tiers.get(key(1)) is None
    assert counts.writes["memory", "skipped"] == 1
    await tiers.put(key(1), rendition(), now())
    assert await tiers.get(key(1)) is not None


async def test_a_purge_while_an_entry_is_being_written_removes_it(tiers, tier_list):
    tier_list[2].delay = 0.1
    writing = asyncio.create_task(tiers.put(key(1), rendition(), now()))
    await asyncio.sleep(0.05)
    tier_list[2].delay = 0
    await tiers.purge("preset:amazon")
    await writing
    assert await tier_list[2].get(key(1)) is None


async def test_a_purge_while_a_find_is_copied_leaves_no_copy(tiers, tier_list):
    await tier_list[2].put(key(1), rendition())
    tier_list[2].delay = 0.1
    asking = asyncio.create_task(tiers.get(key(1)))
    await asyncio.sleep(0.05)
    tier_list[2].delay = 0
    await tiers.purge("preset:amazon")
    await asking
    assert await tiers.get(key(1)) is None


async def test_a_tier_that_missed_a_purge_does_not_serve_what_was_purged(tiers, tier_list):
    """It was down, came back, and still holds the old picture."""
    await tier_list[1].put(key(1), rendition(created=time.time() - 5))
    tier_list[1].trouble = TierError("down")
    await tiers.purge("preset:amazon")
    tier_list[1].trouble = None
    assert await tiers.get(key(1)) is None


async def test_each_tier_answers_for_itself(tiers, tier_list):
    tier_list[1].trouble = TierError("Redis is down")
    tier_list[2].delay = 60
    states = {state.name: (state.ready, state.detail) for state in await tiers.states()}
    assert states == {
        "memory": (True, ""),
        "shared": (False, "Redis is down"),
        "store": (False, "no answer in time"),
    }
    assert set(await tiers.usage()) == {"memory"}


async def test_a_flood_of_writes_is_dropped_rather_than_kept_in_memory(tier_list, counts):
    tiers = Tiers(
        tier_list, TIMEOUT, background_tasks=BackgroundTasks(limit=2), metrics=counts.metrics
    )
    tier_list[2].delay = 60
    for number in range(10):
        await tiers.put(key(number), rendition(number), now())
    assert counts.writes["store", "skipped"] == 8


# Over real stores: two replicas with a memory and a folder of their own, one Redis between them.


@pytest.fixture
async def replicas(redis_server, tmp_path):
    opened = []
    for name in ("one", "two"):
        tier_list = (
            MemoryTier(1_000_000),
            RedisTier(redis_server.url, ttl=600, timeout=STORE_TIMEOUT),
            FolderTier(tmp_path / name, 10_000_000),
        )
        purges = RedisPurges(redis_server.url, STORE_TIMEOUT)
        tiers = Tiers(tier_list, STORE_TIMEOUT, purges=purges)
        await tiers.start()
        opened.append(tiers)
    yield opened
    for tiers in opened:
        await tiers.close()


async def gone(tiers: Tiers, word: object, seconds: float = 120.0) -> bool:
    """Whether the tiers soon has it no more."""
    end = now() + seconds
    while now() < end:
        if await tiers.get(key(word)) is None:
            return True
        await asyncio.sleep(0.02)
    return False


async def test_a_purge_reaches_what_the_other_replica_keeps_for_itself(replicas):
    one, other = replicas
    for tiers in replicas:
        await tiers.put(key(1), rendition(created=time.time()), now())
    assert (await other.get(key(1)))[1] == "memory"
    assert (await one.purge("preset:amazon")).removed == {"memory": 1, "redis": 1, "folder": 1}
    assert await gone(other, 1)


async def test_a_purge_of_ones_own_does_not_undo_what_is_rendered_after_it(replicas):
    one, _ = replicas
    await one.purge("preset:amazon")
    await one.put(key(1), rendition(), now())
    await asyncio.sleep(0.3)
    assert await one.get(key(1)) is not None


async def test_a_replica_that_was_cut_off_hears_the_purges_it_missed(replicas, redis_server):
    one, other = replicas
    await other.put(key(1), rendition(created=time.time()), now())
    redis_server.run("CLIENT", "KILL", "TYPE", "normal")
    await one.purge("preset:amazon")
    assert await gone(other, 1)


async def test_purges_are_heard_again_after_redis_came_back_empty(replicas, redis_server):
    one, other = replicas
    await one.purge("anything")
    redis_server.kill()
    await asyncio.sleep(0.5)
    redis_server.start()
    await other.put(key(1), rendition(created=time.time()), now())
    await one.purge("preset:amazon")
    assert await gone(other, 1)


@pytest.mark.parametrize("trouble", ["killed", "frozen"])
async def test_with_redis_gone_everything_is_served_and_counted(replicas, redis_server, trouble):
    one, _ = replicas
    await one.put(key(1), rendition(), now())
    redis_server.kill() if trouble == "killed" else redis_server.freeze()
    start = now()
    assert (await one.get(key(1)))[1] == "memory"
    assert await one.get(key("new")) is None
    await one.put(key("new"), rendition("new"), now())
    for number in range(100):
        assert await one.get(key(f"more {number}")) is None
    assert now() - start < 20 * STORE_TIMEOUT, "not a timeout for each"
    purged = await one.purge("preset:amazon")
    assert purged.removed == {"memory": 2, "folder": 2}
    assert "Redis" in purged.unreached["redis"]
    assert "Redis" in purged.unreached["replicas"]
    assert not {state.name: state.ready for state in await one.states()}["redis"]
    redis_server.thaw() if trouble == "frozen" else redis_server.start()
