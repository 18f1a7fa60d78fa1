"""What is not installed is said where it is missed, and nothing else is kept from working."""

import asyncio
import builtins
import sys
import time
from dataclasses import replace

import pytest

from edge import settings
from edge.errors import FeedRejected, JobsUnavailable, SettingsError
from edge.jobs.file_store import FileStore
from edge.jobs.model import Item, ItemState, Job, Options, Outcome
from edge.jobs.opening import open_queue, open_store
from edge.jobs.queue import Feeder, LocalQueue, NoQueue
from edge.jobs.store import Sums, Task
from edge.working import work
from tests.jobs.test_feeds import read, rss


@pytest.fixture
def bare(monkeypatch):
    """An installation without the extra `jobs`."""
    real = builtins.__import__

    def guarded(name, *rest, **named):
        if name.partition(".")[0] in ("dramatiq", "defusedxml", "rich"):
            raise ImportError(name)
        return real(name, *rest, **named)

    for name in [
        n for n in sys.modules if n.startswith(("edge.jobs.dramatiq", "edge.jobs.feeds_xml"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("edge.jobs.feeds_xml", raising=False)
    monkeypatch.delattr("edge.jobs.dramatiq_queue", raising=False)
    monkeypatch.setattr(builtins, "__import__", guarded)


async def test_without_the_extra_jobs_on_redis_can_be_looked_at_and_not_begun(bare, redis_url):
    given = settings.load({"EDGE_CACHE_REDIS_URL": redis_url})
    store = open_store(given)
    queue = open_queue(given, store)
    assert isinstance(queue, NoQueue)
    assert await queue.length() == 0
    assert await store.jobs(10, 0) == []
    with pytest.raises(JobsUnavailable, match="dramatiq"):
        await queue.send([Task("item", "j", "0")])
    with pytest.raises(SettingsError, match="dramatiq"):
        queue.start(None, 1)
    await store.close()


def test_without_the_extra_xml_is_refused_and_csv_is_read(bare):
    with pytest.raises(FeedRejected, match="XML"):
        read(rss("<item/>"))
    assert read("url\n/a.jpg\n")


async def test_without_redis_the_queue_is_of_this_process():
    given = settings.load({})
    store = open_store(given)
    assert isinstance(open_queue(given, store), LocalQueue)
    await store.close()


def test_a_worker_without_redis_is_refused():
    with pytest.raises(SettingsError, match="EDGE_CACHE_REDIS_URL"):
        work(settings.load({}), None, 0)


async def opened(store: FileStore, count: int) -> Job:
    items = [Item(n, n + 2, f"s{n}", f"{n}.jpg", "", "w=9") for n in range(count)]
    await store.add_items("j1", 0, items)
    job = Job("j1", Options(), count, created=time.time())
    await store.open_job(job)
    return job


async def test_the_feeder_keeps_so_many_on_the_queue_and_no_more():
    store, queue = FileStore(), LocalQueue()
    await opened(store, 100)
    feeder = Feeder(store, queue, depth=30, stalled=60)
    while await feeder.feed():
        assert await queue.length() <= 30
    assert await queue.length() == 30
    assert (await store.job("j1")).cursor == 30
    await store.close()


async def test_what_got_lost_on_the_queue_is_queued_anew():
    store, queue = FileStore(), LocalQueue()
    job = await opened(store, 3)
    await Feeder(store, queue, depth=30, stalled=60).feed()
    await store.begin("j1", 1)
    done = Outcome(ItemState.SUCCEEDED, key="k")
    await store.finish(job, Item(1, 3, "s1", "1.jpg", "", "w=9"), done, Sums(), None)
    lost, feeder = LocalQueue(), None
    feeder = Feeder(store, lost, depth=30, stalled=0.0)
    assert not await feeder.feed(), "it only notices"
    assert await feeder.feed()
    assert await lost.length() == 2
    await store.close()


async def test_what_a_worker_has_of_a_job_that_goes_on_after_long_is_not_lost():
    """A job that ended, or was paused, long ago: the first seconds of what begins then are no
    sign that its message is gone."""
    store, queue = FileStore(), LocalQueue()
    await store.add_items("j1", 0, [Item(0, 2, "s", "0.jpg", "", "w=9")])
    await store.open_job(Job("j1", Options(), 1, created=time.time() - 3600))
    feeder = Feeder(store, queue, depth=30, stalled=60)
    await feeder.feed()
    assert await queue.length() == 1
    begun = asyncio.Event()

    async def long(task: Task) -> None:
        begun.set()
        await asyncio.Event().wait()

    queue.start(long, 1)
    await begun.wait()
    await feeder.feed()
    await feeder.feed()
    assert await queue.length() == 0
    await queue.stop(0)
    await store.close()


async def test_jobs_that_are_over_do_not_stay_for_ever():
    store = FileStore(keep=0.0)
    job = await opened(store, 1)
    await store.move("j1", job.state.CANCELLED, [job.state.QUEUED])
    await store.open_job(replace(job, id="j2"))
    assert [one.id for one in await store.jobs(10, 0)] == ["j2"]
    await store.close()
