"""The HTTP origin's own promises: whole bodies, versions of any server, and no way inside."""

import asyncio
import gzip
import time
import zlib
from email.utils import formatdate

import pytest

from edge.deadline import Deadline
from edge.errors import (
    OriginalNotFound,
    OriginalTooLarge,
    OriginTimeout,
    OriginTruncated,
    OriginUnavailable,
    SettingsError,
)
from edge.origins.http import HttpOrigin
from tests.origins.conftest import LOOPBACK, MAX_BYTES
from tests.parts import Answer, free_port

ETAG = {"ETag": '"v1"'}
BODY = b"\xff\xd8 not decoded here" * 50


def soon() -> Deadline:
    return Deadline.after(120)


# Whole or not at all


@pytest.mark.parametrize(
    "answer",
    [
        Answer(BODY, length=len(BODY) + 1, headers=ETAG),
        Answer(BODY, length=len(BODY) * 10, headers=ETAG),
        Answer(BODY, cut=0, headers=ETAG),
        Answer(BODY, chunked=True, cut=len(BODY) // 2, headers=ETAG),
        Answer(gzip.compress(BODY)[:-20], headers=ETAG | {"Content-Encoding": "gzip"}),
        Answer(b"no gzip at all", headers=ETAG | {"Content-Encoding": "gzip"}),
    ],
    ids=[
        "one byte short",
        "mostly missing",
        "no body",
        "chunks without end",
        "gzip cut",
        "no gzip",
    ],
)
async def test_a_body_cut_short_is_an_error(origin, http_origin, answer):
    http_origin.answers["/a.jpg"] = answer
    with pytest.raises(OriginTruncated):
        await origin.fetch("a.jpg", soon())


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"x" * 5_000, length=10**12, drip=30),
        Answer(b"x" * (MAX_BYTES * 3), chunked=True),
        Answer(gzip.compress(b"\0" * 300_000_000), headers={"Content-Encoding": "gzip"}),
        Answer(zlib.compress(b"\0" * 300_000_000), headers={"Content-Encoding": "deflate"}),
    ],
    ids=["announced", "unannounced", "gzip bomb", "deflate bomb"],
)
async def test_what_is_over_the_limit_is_refused_early(open_origin, http_origin, answer):
    answer.headers = answer.headers | ETAG
    http_origin.answers["/a.jpg"] = answer
    origin = HttpOrigin(http_origin.url, 400_000, 60.0, private_networks=LOOPBACK)
    http_origin.answers["/a.jpg"].body = answer.body * (1 if answer.headers != ETAG else 5)
    with pytest.raises(OriginalTooLarge):
        async with asyncio.timeout(100):
            await origin.fetch("a.jpg", soon())
    await origin.close()


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("identity", bytes)],
)
async def test_a_server_that_encodes_unasked_is_understood(origin, http_origin, encoding, encode):
    http_origin.answers["/a.jpg"] = Answer(
        encode(BODY), headers=ETAG | {"Content-Encoding": encoding}
    )
    assert (await origin.fetch("a.jpg", soon())).body == BODY
    assert http_origin.seen[-1].headers["Accept-Encoding"] == "identity"


async def test_an_encoding_that_is_not_known_is_refused(origin, http_origin):
    http_origin.answers["/a.jpg"] = Answer(b"?", headers=ETAG | {"Content-Encoding": "br"})
    with pytest.raises(OriginUnavailable):
        await origin.fetch("a.jpg", soon())


@pytest.mark.parametrize(
    "answer",
    [Answer(BODY, delay=120), Answer(b"x" * 90_000, drip=3)],
    ids=["late", "drop by drop"],
)
async def test_a_slow_server_is_a_timeout_in_time(open_origin, http_origin, answer):
    http_origin.answers["/a.jpg"] = answer
    origin = open_origin(http_origin.url, timeout=1.0)
    for verb in (origin.fetch, origin.stamp):
        with pytest.raises(OriginTimeout):
            async with asyncio.timeout(100):
                await verb("a.jpg", soon())
    await origin.close()


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, OriginUnavailable),
        (403, OriginalNotFound),
        (404, OriginalNotFound),
        (410, OriginalNotFound),
        (204, OriginUnavailable),
        (206, OriginUnavailable),
        (304, OriginUnavailable),
        (429, OriginUnavailable),
        (500, OriginUnavailable),
        (503, OriginUnavailable),
    ],
)
async def test_only_a_200_is_an_original(origin, http_origin, status, error):
    http_origin.answers["/a.jpg"] = Answer(BODY, status, headers=ETAG)
    for verb in (origin.fetch, origin.stamp):
        with pytest.raises(error):
            await verb("a.jpg", soon())


async def test_a_server_that_is_down_is_unavailable(open_origin):
    origin = open_origin(f"http://127.0.0.1:{free_port()}")
    for verb in (origin.fetch("a.jpg", soon()), origin.stamp("a.jpg", soon()), origin.ping()):
        with pytest.raises(OriginUnavailable):
            await verb
    await origin.close()


# Versions


async def test_a_stamp_costs_one_head_and_no_body(origin, http_origin):
    http_origin.answers["/a.jpg"] = Answer(BODY, headers=ETAG)
    assert (await origin.stamp("a.jpg", soon())).version == '"v1"'
    assert [(seen.method, seen.path) for seen in http_origin.seen] == [("HEAD", "/a.jpg")]


@pytest.mark.parametrize("ranges", [True, False], ids=["with ranges", "without ranges"])
async def test_where_head_is_refused_a_get_of_one_byte_tells_the_version(
    origin, http_origin, ranges
):
    http_origin.answers["/a.jpg"] = Answer(BODY, headers=ETAG, head=False, ranges=ranges)
    stamp = await origin.stamp("a.jpg", soon())
    assert stamp == (await origin.fetch("a.jpg", soon())).stamp
    assert stamp.length == len(BODY)


async def test_last_modified_and_length_make_a_version(origin, http_origin):
    http_origin.answers["/a.jpg"] = Answer(
        BODY, headers={"Last-Modified": "Mon, 01 Sep 2025 10:00:00 GMT"}
    )
    one = await origin.stamp("a.jpg", soon())
    assert one == (await origin.fetch("a.jpg", soon())).stamp
    http_origin.answers["/a.jpg"].body = BODY + b"more"
    assert (await origin.stamp("a.jpg", soon())).version != one.version


@pytest.mark.parametrize(
    "base",
    [
        "http://user:pass@shop.example",
        "http://user@shop.example",
        "ftp://shop.example",
        "http://",
        "https://shop.example/?a=b",
        "https://shop.example/#top",
        "shop.example",
    ],
)
def test_a_base_that_is_none_stops_the_start(base):
    with pytest.raises(SettingsError) as caught:
        HttpOrigin(base, MAX_BYTES, 1.0)
    assert "pass" not in str(caught.value)


async def test_no_cookie_of_the_server_is_ever_sent_back(origin, http_origin):
    http_origin.answers["/a.jpg"] = Answer(BODY, headers=ETAG | {"Set-Cookie": "id=1"})
    await origin.fetch("a.jpg", soon())
    await origin.fetch("a.jpg", soon())
    assert all("Cookie" not in seen.headers for seen in http_origin.seen)


# What was written just now


def dated(age: float, **more: str) -> dict[str, str]:
    now = time.time()
    return {"Date": formatdate(now, usegmt=True), **more} | {
        "Last-Modified": formatdate(now - age, usegmt=True)
    }


@pytest.mark.parametrize("more", [{}, {"ETag": '"5f-1a2b"'}], ids=["date and size", "ETag"])
async def test_a_file_younger_than_two_seconds_is_not_settled(origin, http_origin, more):
    """Servers make ETags of whole seconds and a size: within one, two files look alike."""
    http_origin.answers["/a.jpg"] = Answer(BODY, headers=dated(0, **more))
    young = await origin.stamp("a.jpg", soon())
    assert not young.settled
    assert not (await origin.fetch("a.jpg", soon())).stamp.settled
    http_origin.answers["/a.jpg"] = Answer(BODY, headers=dated(3, **more))
    old = await origin.stamp("a.jpg", soon())
    assert old.settled
    assert old.version != young.version, "what was read of it while young is not taken for it"


@pytest.mark.parametrize(
    "headers",
    [{"ETag": '"1"', "Last-Modified": "now"}, {"ETag": '"1"'}, {"ETag": '"1"', "Date": "x"}],
)
async def test_without_two_dates_a_validator_is_believed(origin, http_origin, headers):
    http_origin.answers["/a.jpg"] = Answer(BODY, headers=headers)
    assert (await origin.stamp("a.jpg", soon())).settled
