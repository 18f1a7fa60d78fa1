"""The S3 origin's own promises: whole bodies, typed failures, in time."""

import asyncio
import gzip
import hashlib

import pytest

from edge.deadline import Deadline
from edge.errors import (
    OriginalNotFound,
    OriginalTooLarge,
    OriginTimeout,
    OriginTruncated,
    OriginUnavailable,
)
from edge.origins.s3 import S3Origin
from tests.parts import Answer, WebServer, free_port

PICTURE = b"\xff\xd8\xff a picture" * 50
PATH = "/shop/originals/123.jpg"


def soon() -> Deadline:
    return Deadline.after(120)


@pytest.fixture
async def flawed(http_origin: WebServer):
    """An S3 API whose answers the test sets, to be as bad as networks are."""
    origin = S3Origin("shop", "originals", http_origin.url, 100_000, 30.0, neighbours=False)
    yield origin
    await origin.close()


@pytest.mark.parametrize("answer", ["cut", "closed early"])
async def test_a_body_cut_short_is_an_error(flawed, http_origin, answer):
    http_origin.answers[PATH] = {
        "cut": Answer(b"x" * 5_000, headers={"ETag": '"e"'}, length=9_000),
        "closed early": Answer(b"x" * 5_000, headers={"ETag": '"e"'}, cut=0),
    }[answer]
    with pytest.raises(OriginTruncated):
        await flawed.fetch("123.jpg", soon())


@pytest.mark.parametrize("answer", [Answer(delay=120), Answer(b"x" * 90_000, drip=5)])
async def test_a_slow_bucket_is_a_timeout_in_time(http_origin, answer):
    answer.headers = {"ETag": '"e"'}
    http_origin.answers[PATH] = answer
    origin = S3Origin("shop", "originals", http_origin.url, 100_000, 1.0, neighbours=False)
    with pytest.raises(OriginTimeout):
        async with asyncio.timeout(30):
            await origin.fetch("123.jpg", soon())
    await origin.close()


async def test_a_large_object_is_refused_before_it_is_read(flawed, http_origin):
    http_origin.answers[PATH] = Answer(
        b"x" * 5_000, headers={"ETag": '"e"'}, length=10**12, drip=0.2
    )
    with pytest.raises(OriginalTooLarge):
        await flawed.fetch("123.jpg", soon())


async def test_a_body_of_unknown_length_is_read_up_to_the_limit(flawed, http_origin):
    http_origin.answers[PATH] = Answer(b"x" * 200_000, headers={"ETag": '"e"'}, chunked=True)
    with pytest.raises(OriginalTooLarge):
        await flawed.fetch("123.jpg", soon())


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (404, "NoSuchKey", OriginalNotFound),
        (403, "AccessDenied", OriginalNotFound),
        (404, "NoSuchBucket", OriginUnavailable),
        (403, "InvalidAccessKeyId", OriginUnavailable),
        (403, "SignatureDoesNotMatch", OriginUnavailable),
        (500, "InternalError", OriginUnavailable),
        (503, "SlowDown", OriginUnavailable),
    ],
)
async def test_the_apis_own_errors_become_ours(http_origin, status, code, error):
    body = f"<Error><Code>{code}</Code><Message>.</Message></Error>".encode()
    http_origin.answers[PATH] = Answer(body, status)
    origin = S3Origin("shop", "originals", http_origin.url, 100_000, 8.0)
    with pytest.raises(error):
        await origin.fetch("123.jpg", soon())
    await origin.close()


async def test_an_endpoint_that_is_down_is_unavailable():
    origin = S3Origin("shop", "", f"http://127.0.0.1:{free_port()}", 100_000, 8.0)
    for verb in (origin.stamp, origin.fetch):
        with pytest.raises(OriginUnavailable):
            await verb("123.jpg", soon())
    with pytest.raises(OriginUnavailable):
        await origin.ping()
    await origin.close()


async def test_a_bucket_that_is_not_there_is_told_by_ping(s3_endpoint):
    origin = S3Origin("no-such-bucket", "", s3_endpoint, 100_000, 30.0)
    with pytest.raises(OriginUnavailable):
        await origin.ping()
    await origin.close()


async def test_without_a_prefix_originals_lie_at_the_top(s3_client, bucket, s3_endpoint):
    s3_client.put_object(Bucket=bucket, Key="123.png", Body=b"a photo")
    origin = S3Origin(bucket, "", s3_endpoint, 100_000, 30.0)
    assert (await origin.fetch("123.jpg", soon())).body == b"a photo"
    await origin.close()


@pytest.mark.parametrize("encoding", ["gzip", "gzip,aws-chunked", "aws-chunked", "utf-8", "none"])
async def test_what_an_uploader_encoded_is_undone(s3_client, bucket, s3_endpoint, encoding):
    sent = gzip.compress(PICTURE) if "gzip" in encoding else PICTURE
    s3_client.put_object(Bucket=bucket, Key="a.jpg", Body=sent, ContentEncoding=encoding)
    origin = S3Origin(bucket, "", s3_endpoint, 100_000, 30.0)
    original = await origin.fetch("a.jpg", soon())
    assert original.body == PICTURE
    assert original.stamp == await origin.stamp("a.jpg", soon())
    await origin.close()


async def test_a_bomb_in_a_bucket_is_over_the_limit(s3_client, bucket, s3_endpoint):
    bomb = gzip.compress(b"\0" * 100_001)
    s3_client.put_object(Bucket=bucket, Key="a.jpg", Body=bomb, ContentEncoding="gzip")
    origin = S3Origin(bucket, "", s3_endpoint, 100_000, 30.0)
    with pytest.raises(OriginalTooLarge):
        await origin.fetch("a.jpg", soon())
    await origin.close()


@pytest.mark.parametrize("name", ["ETag", "x-amz-meta-name", "Last-Modified"])
async def test_headers_of_any_bytes_make_no_object_unreadable(flawed, http_origin, name):
    headers = {"ETag": '"e"'} | {name: "\xff\xfe"}
    http_origin.answers[PATH] = Answer(PICTURE, headers=headers)
    stamp = await flawed.stamp("123.jpg", soon())
    assert stamp == (await flawed.fetch("123.jpg", soon())).stamp
    stamp.version.encode()


@pytest.mark.parametrize("status", [403, 405, 500, 501])
async def test_where_head_fails_the_object_itself_tells_its_version(flawed, http_origin, status):
    answer = Answer(PICTURE, headers={"ETag": '"e"'}, head=False, head_status=status)
    http_origin.answers[PATH] = answer
    found = await flawed.stamp("123.jpg", Deadline.after(30))
    assert (found.body, found.stamp.version) == (PICTURE, "e")


async def test_without_an_etag_the_bytes_themselves_are_the_version(flawed, http_origin):
    http_origin.answers[PATH] = Answer(PICTURE)
    found = await flawed.stamp("123.jpg", soon())
    assert (found.body, found.stamp) == (PICTURE, (await flawed.fetch("123.jpg", soon())).stamp)


async def test_interim_answers_without_end_end_at_once(http_origin):
    http_origin.answers[PATH] = Answer(PICTURE, interim=-1)
    origin = S3Origin("shop", "originals", http_origin.url, 100_000, 60.0, neighbours=False)
    with pytest.raises(OriginUnavailable):
        await origin.fetch("123.jpg", Deadline.after(60))
    await origin.close()


def named(body: bytes) -> dict[str, str]:
    """The ETag that S3 gives an object of these bytes which was put in one piece."""
    return {"ETag": f'"{hashlib.md5(body).hexdigest()}"'}


class TestABodyIsHeldAgainstItsETag:
    """A store, or what is before it, that hands out half the old and half the new object."""

    TORN = PICTURE[:400] + b"#" * (len(PICTURE) - 400)

    async def test_what_it_does_not_name_is_no_original(self, flawed, http_origin):
        http_origin.answers[PATH] = Answer(PICTURE, headers=named(PICTURE))
        assert (await flawed.fetch("123.jpg", soon())).body == PICTURE
        http_origin.answers[PATH] = Answer(self.TORN, headers=named(PICTURE))
        with pytest.raises(OriginTruncated):
            await flawed.fetch("123.jpg", soon())

    async def test_it_is_read_again_and_whole_the_second_time(self, flawed, http_origin):
        class Mended(dict):
            """Torn for the first one who asks."""

            def get(self, path, missing=None):
                torn = not any(seen.method == "GET" for seen in http_origin.seen[:-1])
                body = TestABodyIsHeldAgainstItsETag.TORN if torn else PICTURE
                return Answer(body, headers=named(PICTURE)) if path == PATH else missing

        http_origin.answers = Mended()
        assert (await flawed.fetch("123.jpg", soon())).body == PICTURE
        assert http_origin.count("GET", PATH) == 2

    @pytest.mark.parametrize(
        "headers",
        [
            named(b"other") | {"x-amz-server-side-encryption": "aws:kms"},
            {"ETag": named(b"other")["ETag"][:-1] + '-2"'},
            {"ETag": '"v7"'},
        ],
        ids=["encrypted with a key of one's own", "put in parts", "not of Amazon's kind"],
    )
    async def test_an_etag_that_is_no_digest_is_taken_as_it_is(self, flawed, http_origin, headers):
        http_origin.answers[PATH] = Answer(PICTURE, headers=headers)
        assert (await flawed.fetch("123.jpg", soon())).body == PICTURE
        assert http_origin.count("GET", PATH) == 1

    async def test_a_store_that_makes_its_etags_otherwise_is_found_out_once(
        self, flawed, http_origin
    ):
        http_origin.answers[PATH] = Answer(PICTURE, headers=named(b"anything"))
        for _ in range(3):
            assert (await flawed.fetch("123.jpg", soon())).body == PICTURE
        assert http_origin.count("GET", PATH) == 4

    async def test_a_real_api_names_its_bytes(self, s3_client, bucket, s3_endpoint):
        s3_client.put_object(Bucket=bucket, Key="123.jpg", Body=PICTURE)
        origin = S3Origin(bucket, "", s3_endpoint, 100_000, 30.0)
        original = await origin.fetch("123.jpg", soon())
        assert original.stamp.version == hashlib.md5(PICTURE).hexdigest()
        await origin.close()
