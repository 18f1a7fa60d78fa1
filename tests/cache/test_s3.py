"""The S3 tier's own promises: nothing left behind, nothing foreign touched, failures in time."""

import asyncio

import pytest

from edge.cache.s3 import S3Tier
from edge.errors import TierError
from tests.cache.entries import key, rendition
from tests.parts import Answer, free_port

TIMEOUT = 0.5
HANGS = 120.0
"""Seconds: so long would take who does not keep to the timeout."""


@pytest.fixture
async def tier(bucket, s3_endpoint):
    opened = S3Tier(bucket, "/renditions/", s3_endpoint, timeout=60.0)
    yield opened
    await opened.close()


@pytest.fixture
def names(s3_client, bucket):
    def listed() -> list[str]:
        answer = s3_client.list_objects_v2(Bucket=bucket)
        return [row["Key"] for row in answer.get("Contents", ())]

    return listed


async def test_a_purge_leaves_no_object_of_the_entries_it_removed(tier, names):
    """Not even those of their other tags, which nobody would ever find again."""
    await tier.put(key(1), rendition(tags=("a", "b", "c")))
    assert len(names()) == 4
    assert await tier.purge("b") == 1
    assert names() == []


async def test_all_objects_lie_under_the_prefix_and_others_are_left_alone(tier, names, s3_client):
    bucket = tier._bucket.name
    s3_client.put_object(Bucket=bucket, Key="originals/123.jpg", Body=b"the merchant's")
    await tier.put(key(1), rendition())
    ours = [name for name in names() if name != "originals/123.jpg"]
    assert all(name.startswith("renditions/") for name in ours)
    await tier.purge("preset:amazon")
    assert names() == ["originals/123.jpg"]


@pytest.mark.parametrize("damage", ["cut short", "flipped", "foreign"])
async def test_a_damaged_entry_is_a_miss_and_gone(tier, names, s3_client, damage):
    await tier.put(key(1), rendition())
    bucket, name = tier._bucket.name, f"renditions/1/{key(1)[:2]}/{key(1)}"
    content = s3_client.get_object(Bucket=bucket, Key=name)["Body"].read()
    damaged = {
        "cut short": content[:-1],
        "flipped": content[:-1] + bytes([content[-1] ^ 1]),
        "foreign": b"<html>not one of ours</html>",
    }[damage]
    s3_client.put_object(Bucket=bucket, Key=name, Body=damaged)
    assert await tier.get(key(1)) is None
    assert name not in names()


async def every_verb_fails(tier: S3Tier) -> None:
    for verb in (
        tier.get(key(1)),
        tier.put(key(1), rendition()),
        tier.purge("preset:amazon"),
        tier.ping(),
    ):
        with pytest.raises(TierError):
            async with asyncio.timeout(HANGS / 4):
                await verb
    await tier.close()


async def test_a_bucket_that_is_not_there_is_a_tier_error(s3_endpoint):
    tier = S3Tier("no-such-bucket", "", s3_endpoint, timeout=60.0)
    for verb in (tier.get(key(1)), tier.put(key(1), rendition()), tier.ping()):
        with pytest.raises(TierError):
            await verb
    await tier.close()


async def test_an_endpoint_that_is_down_is_a_tier_error_in_time():
    await every_verb_fails(S3Tier("b", "", f"http://127.0.0.1:{free_port()}", timeout=TIMEOUT))


async def test_an_endpoint_that_hangs_is_a_tier_error_in_time(http_origin):
    class Slow(dict):
        def get(self, path, default=None):
            return Answer(b"", delay=HANGS)

    http_origin.answers = Slow()
    await every_verb_fails(S3Tier("bucket", "", http_origin.url, timeout=TIMEOUT))


async def test_a_body_cut_short_on_the_way_is_a_tier_error_or_a_miss(http_origin):
    http_origin.answers[f"/bucket/1/{key(1)[:2]}/{key(1)}"] = Answer(
        b"EDGE1" * 100, length=5_000, headers={"ETag": '"e"'}
    )
    tier = S3Tier("bucket", "", http_origin.url, timeout=TIMEOUT)
    with pytest.raises(TierError):
        await tier.get(key(1))
    await tier.close()
