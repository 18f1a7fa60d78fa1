"""What every store of jobs promises: ends are unique, nothing is lost, all can be found again."""

import asyncio
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from edge import settings
from edge.errors import JobsUnavailable
from edge.jobs.file_database import transaction
from edge.jobs.file_store import FileStore
from edge.jobs.model import Item, ItemState, Job, JobState, Options, Outcome, Refusal
from edge.jobs.opening import open_store
from edge.jobs.redis_store import RedisStore
from edge.jobs.store import CHUNK, Begun, Event, Sums, Task

COUNT = CHUNK + 50


@pytest.fixture(params=["redis", "file"])
async def store(request, tmp_path):
    if request.param == "redis":
        opened = RedisStore(request.getfixturevalue("redis_url"), 60.0, 3600)
    else:
        opened = FileStore(str(tmp_path / "jobs"))
    yield opened
    await opened.close()


def item(index: int) -> Item:
    return Item(index, index + 2, f"s{index}", f"{index}.jpg", "thumb", "fmt=thumb", f"{index}.jpg")


async def opened(store, id: str = "j1", count: int = COUNT, **options) -> Job:
    items = [item(index) for index in range(count)]
    for chunk, start in enumerate(range(0, count, CHUNK)):
        await store.add_items(id, chunk, items[start : start + CHUNK])
    job = Job(id, Options(**options), count, created=time.time())
    await store.open_job(job)
    return job


def done(state=ItemState.SUCCEEDED, **facts) -> Outcome:
    return Outcome(state, **{"key": "k", "source": "render", "bytes": 100, **facts})


async def finish(store, job, index, outcome=None, event=None):
    sums = Sums({"thumb|pictures": 1.0, "thumb|bytes": 100.0}, {"thumb|cpu": 0.5})
    await store.begin(job.id, index)
    return await store.finish(job, item(index), outcome or done(), sums, event)


async def test_a_job_is_what_was_opened(store):
    job = await opened(store, presets=("thumb",), label="spring")
    found = await store.job("j1")
    assert (found.total, found.state, found.options) == (COUNT, JobState.QUEUED, job.options)
    assert await store.job("other") is None
    assert [one.id for one in await store.active()] == ["j1"]


async def test_the_cursor_goes_through_all_that_waits_and_can_be_gone_on_from(store):
    await opened(store)
    first, cursor = await store.waiting("j1", 0, 60)
    await store.queued("j1", [one.index for one in first], 0, cursor)
    assert (await store.job("j1")).cursor == cursor == 60
    rest, end = await store.waiting("j1", cursor, 1000)
    assert [one.index for one in first + rest] == list(range(COUNT))
    assert end == COUNT
    assert rest[0] == item(60)


async def test_an_end_is_written_down_once_whoever_comes_to_it(store):
    job = await opened(store, count=3)
    ends = await asyncio.gather(*(finish(store, job, 0) for _ in range(5)))
    assert sorted(ends) == [False] * 4 + [True]
    assert (await store.job("j1")).counts["succeeded"] == 1
    assert (await store.begin("j1", 0)).verdict == "done"
    assert await store.ledger("all") == {
        "thumb|pictures": 1.0, "thumb|bytes": 100.0, "thumb|cpu": 0.5,
    }  # fmt: skip


async def test_each_beginning_counts_as_a_try(store):
    await opened(store, count=2)
    assert [await store.begin("j1", 1) for _ in range(3)] == [Begun("go", n, 0) for n in (1, 2, 3)]


async def test_the_end_of_the_last_item_brings_the_end_of_the_job(store):
    job = await opened(store, count=2)
    await finish(store, job, 0)
    assert await store.due(60, 10) == []
    assert not await store.conclude("j1", JobState.SUCCEEDED, None)
    await finish(store, job, 1)
    assert await store.due(60, 10) == [Task("conclude", "j1")]
    assert await store.due(60, 10) == [], "it was handed out a moment ago"
    event = Event("msg_1", "job.finished", {"a": 1})
    assert await store.conclude("j1", JobState.SUCCEEDED, event)
    assert not await store.conclude("j1", JobState.SUCCEEDED, event)
    assert (await store.job("j1")).state is JobState.SUCCEEDED
    assert await store.active() == []
    assert await store.due(60, 10) == [Task("notify", "j1", "msg_1")]
    assert await store.event("j1", "msg_1") == event


async def test_what_is_not_settled_comes_again(store):
    await store.postpone(Task("notify", "j1", "m"), time.time() - 1)
    assert len(await store.due(0.0, 10)) == 1
    await asyncio.sleep(0.01)
    assert len(await store.due(60, 10)) == 1
    await store.postpone(Task("notify", "j1", "m"), time.time() - 1)
    await store.settle(Task("notify", "j1", "m"))
    assert await store.due(60, 10) == []


async def test_a_paused_job_lets_nothing_begin_and_goes_on_from_what_is_open(store):
    job = await opened(store, count=4)
    await finish(store, job, 0)
    found, cursor = await store.waiting("j1", 0, 10)
    await store.queued("j1", [one.index for one in found], 0, cursor)
    assert await store.move("j1", JobState.PAUSED, [JobState.QUEUED, JobState.RUNNING])
    assert (await store.begin("j1", 1)).verdict == "stop"
    assert await store.active() == []
    await store.rewind("j1", "ql", JobState.RUNNING)
    again, _ = await store.waiting("j1", (await store.job("j1")).cursor, 10)
    assert [one.index for one in again] == [1, 2, 3]
    assert [one.id for one in await store.active()] == ["j1"]


async def test_a_job_is_moved_only_from_states_that_allow_it(store):
    await opened(store, count=1)
    assert await store.move("j1", JobState.CANCELLED, [JobState.QUEUED])
    assert not await store.move("j1", JobState.PAUSED, [JobState.QUEUED, JobState.RUNNING])
    found = await store.job("j1")
    assert found.state is JobState.CANCELLED
    assert found.finished > 0
    assert (await store.begin("j1", 0)).verdict == "stop"


async def test_failed_items_are_tried_again_with_their_tries_before_them(store):
    job = await opened(store, count=3)
    await finish(store, job, 0)
    await finish(store, job, 1, Outcome(ItemState.FAILED, error={"detail": "no"}))
    await finish(store, job, 2, done(ItemState.HELD))
    assert await store.conclude("j1", JobState.PARTIAL, None)
    assert await store.rewind("j1", "fql", JobState.RUNNING) == 1
    found = await store.job("j1")
    assert (found.state, found.counts["failed"], found.open) == (JobState.RUNNING, 0, 1)
    assert await store.begin("j1", 1) == Begun("go", 1, 1)
    await store.finish(job, item(1), done(), Sums({"thumb|pictures": 1.0}), None)
    assert (await store.ledger("job:j1"))["thumb|pictures"] == 4.0


async def test_a_cancelled_job_of_which_nothing_failed_goes_on(store):
    await opened(store, count=2)
    assert await store.move("j1", JobState.CANCELLED, [JobState.QUEUED])
    assert await store.rewind("j1", "fql", JobState.QUEUED) == 0
    assert [one.index for one in (await store.waiting("j1", 0, 10))[0]] == [0, 1]
    assert [one.id for one in await store.active()] == ["j1"]


async def test_an_item_that_waits_for_its_next_try_comes_due(store):
    job = await opened(store, count=2)
    await store.begin("j1", 0)
    await store.retry_at("j1", 0, time.time() - 1)
    rows, _ = await store.rows("j1", ItemState.RETRYING, 0, 10)
    assert [row.item.index for row in rows] == [0]
    assert await store.due(60, 10) == [Task("item", "j1", "0")]
    await finish(store, job, 0)
    await store.retry_at("j1", 0, time.time() - 1)
    assert await store.due(60, 10) == [], "what has ended is not tried again"


async def test_items_are_listed_by_state_page_by_page(store):
    job = await opened(store, count=7)
    for index in (1, 4, 6):
        await finish(store, job, index, done(sha256=f"h{index}"))
    page, cursor = await store.rows("j1", ItemState.SUCCEEDED, 0, 2)
    rest, end = await store.rows("j1", ItemState.SUCCEEDED, cursor, 2)
    assert [row.outcome.sha256 for row in (*page, *rest)] == ["h1", "h4", "h6"]
    assert end is None
    every, _ = await store.rows("j1", None, 0, 100)
    assert [row.item.index for row in every] == list(range(7))
    assert [row.state for row in every][:2] == [ItemState.WAITING, ItemState.SUCCEEDED]
    assert every[0].outcome is None


async def test_held_items_are_found_until_they_are_decided(store):
    job = await opened(store, count=3)
    event = Event("msg_h", "item.held", {})
    await finish(store, job, 2, done(ItemState.HELD), event)
    await finish(store, job, 0, done(ItemState.HELD))
    assert [tuple(one) for one in await store.held(10, 0)] == [("j1", 2), ("j1", 0)]
    assert await store.due(60, 10) == [Task("notify", "j1", "msg_h")]
    assert await store.amend("j1", 2, ItemState.HELD, ItemState.SUCCEEDED)
    assert not await store.amend("j1", 2, ItemState.HELD, ItemState.REJECTED)
    assert [tuple(one) for one in await store.held(10, 0)] == [("j1", 0)]
    found = await store.job("j1")
    assert (found.counts["held"], found.counts["succeeded"], found.done) == (1, 1, 2)
    rows, _ = await store.rows("j1", ItemState.SUCCEEDED, 0, 5)
    assert rows[0].outcome.state is ItemState.SUCCEEDED


async def test_one_item_is_done_anew_without_counting_twice(store):
    job = await opened(store, count=1)
    await finish(store, job, 0, done(ItemState.HELD, source="redis"))
    await store.conclude("j1", JobState.SUCCEEDED, None)
    assert await store.reopen("j1", 0)
    assert not await store.reopen("j1", 0)
    found = await store.job("j1")
    assert (found.state, found.open, await store.held(5, 0)) == (JobState.RUNNING, 1, [])
    await finish(store, job, 0, done(source="redis"))
    found = await store.job("j1")
    assert (found.counts["succeeded"], found.cached) == (1, 1)
    assert (await store.ledger("job:j1"))["thumb|pictures"] == 1.0


async def test_decisions_outlive_their_job(store):
    await opened(store, count=1)
    await store.decide("abc", {"verdict": "approved"})
    await store.drop("j1")
    assert await store.job("j1") is None
    assert await store.decision("abc") == {"verdict": "approved"}
    assert await store.decision("other") is None
    assert (await store.rows("j1", None, 0, 10))[0] == []


async def test_a_key_is_reserved_once(store):
    assert await store.reserve("k", "first", 60) is None
    assert await store.reserve("k", "second", 60) == "first"
    await store.release("k")
    assert await store.reserve("k", "third", 60) is None


async def test_refused_lines_are_kept_in_order(store):
    refused = [Refusal(n, "url", f"no {n}") for n in range(1, 8)]
    await store.add_refusals("j1", refused[:4])
    await store.add_refusals("j1", refused[4:])
    await opened(store, count=1)
    assert await store.refusals("j1", 0, 5) == refused[:5]
    assert await store.refusals("j1", 5, 5) == refused[5:]


async def test_jobs_are_listed_the_newest_first(store):
    for id in ("a", "b", "c"):
        await opened(store, id, 1)
        await asyncio.sleep(0.01)
    assert [job.id for job in await store.jobs(2, 0)] == ["c", "b"]
    assert [job.id for job in await store.jobs(2, 2)] == ["a"]


async def test_the_rate_is_that_of_late(store):
    start = time.monotonic()
    job = await opened(store, count=10)
    await finish(store, job, 0)
    await asyncio.sleep(0.05)
    await finish(store, job, 1)
    found = await store.job("j1")
    assert 0.9 / (time.monotonic() - start) < found.rate < 1000
    assert found.time_left == pytest.approx(8 / found.rate)


async def test_one_feeder_leads_at_a_time(redis_url):
    store = RedisStore(redis_url, 60.0, 3600)
    assert await store.lead("one", 600)
    assert not await store.lead("two", 600)
    assert await store.lead("one", 0.2)
    await asyncio.sleep(0.3)
    assert await store.lead("two", 0.2)
    await store.close()


async def test_a_job_that_is_over_leaves_redis_after_its_time(redis_server):
    store = RedisStore(redis_server.url, 60.0, 3600)
    job = await opened(store, count=1)
    await finish(store, job, 0)
    assert redis_server.run("TTL", "edge:1:jobs:job:j1") == -1
    await store.conclude("j1", JobState.SUCCEEDED, None)
    for key in redis_server.run("KEYS", "edge:1:jobs:job:j1*"):
        assert 0 < redis_server.run("TTL", key) <= 3600, key
    await store.rewind("j1", "s", JobState.RUNNING)
    assert redis_server.run("TTL", "edge:1:jobs:job:j1:results") == -1
    await store.close()


async def test_a_redis_that_is_away_is_told_as_such(redis_server):
    store = RedisStore(redis_server.url, 60.0, 3600)
    redis_server.kill()
    with pytest.raises(JobsUnavailable):
        await store.job("j1")
    redis_server.start()
    assert await store.job("j1") is None
    await store.close()


async def test_a_file_is_gone_on_from_where_its_process_died(tmp_path):
    path = str(tmp_path / "jobs")
    store = FileStore(path)
    job = await opened(store, count=5)
    found, cursor = await store.waiting("j1", 0, 4)
    await store.queued("j1", [one.index for one in found], 0, cursor)
    await finish(store, job, 1)
    await store.close()
    again = FileStore(path)
    found, _ = await again.waiting("j1", (await again.job("j1")).cursor, 10)
    assert [one.index for one in found] == [0, 2, 3, 4]
    await again.close()


async def test_two_processes_do_not_share_a_file(tmp_path):
    store = FileStore(str(tmp_path / "jobs"))
    with pytest.raises(JobsUnavailable, match="another process"):
        FileStore(str(tmp_path / "jobs"))
    await store.close()


async def test_the_settings_say_which_store_it_is(redis_url, tmp_path):
    redis = open_store(settings.load({"EDGE_CACHE_REDIS_URL": redis_url}))
    file = open_store(settings.load({"EDGE_JOBS_FILE": str(tmp_path / "jobs")}))
    assert (redis.shared, file.shared) == (True, False)
    assert (tmp_path / "jobs").exists()
    await redis.close()
    await file.close()


async def test_a_file_store_that_is_closed_waits_for_what_is_under_way(tmp_path: Path) -> None:
    """Its caller may be gone: a cancelled task leaves its thread at work on the file."""
    started, held = threading.Event(), threading.Event()

    class SlowStore(FileStore):
        @transaction
        def count(self, db: sqlite3.Connection) -> int:
            started.set()
            held.wait(120)
            return sum(1 for _ in db.execute("SELECT * FROM item"))

    store = SlowStore(str(tmp_path / "jobs"))
    asked = asyncio.create_task(store.count())
    await asyncio.to_thread(started.wait, 120)
    asked.cancel()
    closing = asyncio.create_task(store.close())
    await asyncio.sleep(0.05)
    assert not closing.done()
    held.set()
    await closing
    with pytest.raises(JobsUnavailable):
        await store.due(1.0, 10)
