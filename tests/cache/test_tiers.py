"""What every tier promises, whatever it keeps its renditions in."""

import asyncio

import pytest

from edge.cache.base import key_tag
from edge.errors import TierError
from tests.cache.entries import key, rendition


async def test_what_was_put_is_found_whole(tier):
    await tier.put(key(1), rendition())
    assert await tier.get(key(1)) == rendition(), "all fields, not only the body"


async def test_what_was_never_put_is_a_miss(tier):
    await tier.put(key(1), rendition())
    assert await tier.get(key(2)) is None


async def test_a_second_put_replaces_the_first(tier):
    await tier.put(key(1), rendition("old", tags=("old",)))
    await tier.put(key(1), rendition("new", tags=("new",)))
    assert await tier.get(key(1)) == rendition("new", tags=("new",))
    assert await tier.purge("new") == 1


@pytest.mark.parametrize("length", [0, 1, 300_000], ids=["empty", "one byte", "large"])
async def test_bodies_of_any_length_come_back(tier, length):
    made = rendition("body", length)
    await tier.put(key(1), made)
    assert (await tier.get(key(1))).body == made.body


async def test_tags_and_notes_may_hold_any_text(tier):
    tags = ("original:/Schöne Tasche, rot (2).jpg", "preset:größe*?[x]", "日本")
    await tier.put(key(1), rendition(tags=tags))
    assert (await tier.get(key(1))).tags == tags
    assert await tier.purge("preset:größe*?[x]") == 1


async def test_a_purge_removes_all_that_carry_the_tag_and_nothing_else(tier):
    for number in range(6):
        original = f"original:/{number % 2}.jpg"
        await tier.put(key(number), rendition(number, tags=(original, "preset:ebay")))
    assert await tier.purge("original:/0.jpg") == 3
    left = [number for number in range(6) if await tier.get(key(number))]
    assert left == [1, 3, 5]


async def test_a_purge_of_more_entries_than_one_batch_removes_all(tier):
    count = 40 if tier.name == "s3" else 700
    for number in range(count):
        await tier.put(key(number), rendition(number, 20, tags=("preset:many",)))
    assert await tier.purge("preset:many") == count
    assert await tier.get(key(count - 1)) is None


async def test_a_purge_by_key_removes_one_entry(tier):
    await tier.put(key(1), rendition())
    await tier.put(key(2), rendition())
    assert await tier.purge(key_tag(key(1))) == 1
    assert await tier.get(key(1)) is None
    assert await tier.get(key(2)) is not None


async def test_a_purge_counts_what_went_and_a_second_one_finds_nothing(tier):
    await tier.put(key(1), rendition())
    assert await tier.purge("no such tag") == 0
    assert await tier.purge("preset:amazon") == 1
    assert await tier.purge("preset:amazon") == 0
    assert await tier.purge("original:/sku/123.jpg") == 0


async def test_an_entry_put_after_a_purge_stays(tier):
    await tier.put(key(1), rendition())
    await tier.purge("preset:amazon")
    await tier.put(key(1), rendition())
    assert await tier.get(key(1)) == rendition()


async def test_many_at_once_never_swap_bodies(tier):
    """Each caller gets its own bytes, also while others are cancelled in the middle."""
    count = 60

    async def store_and_find(number: int) -> bool:
        await tier.put(key(number), rendition(number))
        return await tier.get(key(number)) == rendition(number)

    hasty = [asyncio.create_task(store_and_find(number)) for number in range(count)]
    for turn, task in enumerate(hasty):
        await asyncio.sleep(0)
        if turn % 3 == 0:
            task.cancel()
    await asyncio.gather(*hasty, return_exceptions=True)
    found = await asyncio.gather(*(store_and_find(number) for number in range(count)))
    assert all(found)


async def test_ping_answers_and_usage_tells_what_can_be_told(tier):
    await tier.ping()
    await tier.put(key(1), rendition(length=10_000))
    usage = await tier.usage()
    assert usage.entries in (1, None)
    assert usage.bytes is None or usage.bytes >= 10_000


@pytest.mark.parametrize("bad", ["../../etc/passwd", "short", "A" * 64, "0" * 64 + "\n", ""])
async def test_a_key_that_is_none_reaches_no_store(open_tier, bad):
    for kind in ("folder", "s3"):
        tier = open_tier(kind)
        with pytest.raises(TierError):
            await tier.put(bad, rendition())
        with pytest.raises(TierError):
            await tier.get(bad)
        await tier.close()


@pytest.mark.parametrize("kind", ["redis", "folder", "s3"])
async def test_a_tier_opened_again_finds_and_purges_what_was_there(open_tier, kind):
    first = open_tier(kind)
    await first.put(key(1), rendition())
    await first.put(key(2), rendition(tags=("preset:other",)))
    await first.close()
    second = open_tier(kind)
    assert await second.get(key(1)) == rendition()
    assert await second.purge("preset:amazon") == 1
    assert await second.get(key(2)) is not None
    await second.close()


@pytest.mark.parametrize("kind", ["redis", "folder", "s3"])
async def test_a_tier_that_outlives_the_process_recalls_what_carries_a_tag(open_tier, kind):
    tier = open_tier(kind)
    for number in range(3):
        await tier.put(key(number), rendition(number, tags=("original:/a.jpg", "preset:ebay")))
    await tier.put(key(9), rendition(9, tags=("original:/b.jpg",)))
    found = await tier.recall("original:/a.jpg")
    assert {entry.etag for entry in found} == {rendition(number).etag for number in range(3)}
    assert {(entry.body, entry.notes) for entry in found} == {(b"", rendition().notes)}
    assert list(await tier.recall("original:/c.jpg")) == []
    await tier.purge(key_tag(key(9)))
    assert list(await tier.recall("original:/b.jpg")) == []
    await tier.close()
