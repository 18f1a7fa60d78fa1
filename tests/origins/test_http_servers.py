"""The HTTP origin over what servers really send: HEAD that fails, odd headers, no end of them."""

import asyncio
from contextlib import suppress

import pytest

from edge.deadline import Deadline
from edge.errors import (
    AddressForbidden,
    OriginalNotFound,
    OriginTimeout,
    OriginTruncated,
    OriginUnavailable,
)
from edge.images import Original, Stamp
from edge.origins.http import HttpOrigin
from tests.origins.conftest import LOOPBACK, MAX_BYTES
from tests.parts import Answer, Clock, WebServer

ETAG = {"ETag": '"v1"'}
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
BODY = b"\xff\xd8 not decoded here" * 50


def soon() -> Deadline:
    return Deadline.after(120)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 406, 410, 429, 500, 501, 503, 0])
@pytest.mark.parametrize("ranges", [True, False])
async def test_where_head_fails_get_decides(origin, http_origin, status, ranges):
    """0: the connection is closed without an answer."""
    answer = Answer(BODY, headers=ETAG, head=False, head_status=status, ranges=ranges)
    http_origin.answers["/a.jpg"] = answer
    stamp = await origin.stamp("a.jpg", soon())
    assert stamp == (await origin.fetch("a.jpg", soon())).stamp


async def test_where_head_never_answers_get_decides_and_head_is_left_alone(http_origin):
    http_origin.answers["/a.jpg"] = Answer(BODY, headers=ETAG, head_delay=120)
    origin = HttpOrigin(http_origin.url, MAX_BYTES, 6, private_networks=LOOPBACK)
    for _ in range(3):
        assert await origin.stamp("a.jpg", soon()) == Stamp('"v1"', len(BODY))
    assert http_origin.count("HEAD", "/a.jpg") == 1
    await origin.close()


async def test_head_is_asked_again_after_a_while_and_then_as_ever(http_origin, monkeypatch):
    clock = Clock()
    monkeypatch.setattr("edge.breaker.time", clock)
    origin = HttpOrigin(http_origin.url, MAX_BYTES, 6, private_networks=LOOPBACK)
    http_origin.answers["/a.jpg"] = Answer(BODY, headers=ETAG, head_delay=120)
    await origin.stamp("a.jpg", soon())
    http_origin.answers["/a.jpg"] = Answer(BODY, headers=ETAG)
    await origin.stamp("a.jpg", soon())
    assert http_origin.count("HEAD", "/a.jpg") == 1
    clock.now += 61
    for _ in range(2):
        assert await origin.stamp("a.jpg", soon()) == Stamp('"v1"', len(BODY))
    assert http_origin.count("HEAD", "/a.jpg") == 3
    await origin.close()


async def test_a_server_that_is_slow_for_once_goes_on_being_asked_by_head(http_origin):
    """It answers neither HEAD nor GET; that says nothing of HEAD."""
    http_origin.answers["/a.jpg"] = Answer(BODY, headers=ETAG, delay=30)
    origin = HttpOrigin(http_origin.url, MAX_BYTES, 1, private_networks=LOOPBACK)
    with pytest.raises(OriginTimeout):
        await origin.stamp("a.jpg", soon())
    http_origin.answers["/a.jpg"] = Answer(BODY, headers=ETAG)
    asked = http_origin.count("HEAD", "/a.jpg")
    assert await origin.stamp("a.jpg", soon()) == Stamp('"v1"', len(BODY))
    assert http_origin.count("HEAD", "/a.jpg") == asked + 1
    await origin.close()


async def test_a_server_whose_head_knows_no_file_serves_neighbours_too(http_origin, open_origin):
    origin = open_origin(http_origin.url, neighbours=True)
    lying = Answer(BODY, headers=ETAG, head=False, head_status=404)
    http_origin.answers |= {"/a.jpg": lying, "/b.png": lying}
    await origin.stamp("a.jpg", soon())
    assert isinstance(await origin.stamp("b.jpg", soon()), Stamp)
    await origin.close()


@pytest.mark.parametrize("head", [True, False])
@pytest.mark.parametrize("ranges", [True, False])
async def test_without_validators_a_stamp_brings_the_whole_original(
    origin, http_origin, head, ranges
):
    http_origin.answers["/a.jpg"] = Answer(BODY, head=head, ranges=ranges)
    original = await origin.stamp("a.jpg", soon())
    assert isinstance(original, Original)
    assert original.body == BODY
    assert original.stamp == (await origin.fetch("a.jpg", soon())).stamp


async def test_a_date_without_a_length_is_no_validator(origin, http_origin):
    dated = {"Last-Modified": "Tue, 06 Jan 2026 10:00:00 GMT"}
    http_origin.answers["/a.jpg"] = Answer(BODY, headers=dated, chunked=True, ranges=False)
    original = await origin.stamp("a.jpg", soon())
    assert isinstance(original, Original)
    assert original.stamp == (await origin.fetch("a.jpg", soon())).stamp


@pytest.mark.parametrize("name", ["ETag", "Last-Modified"])
async def test_a_validator_of_any_bytes_makes_a_version(origin, http_origin, name):
    versions = set()
    for value in ("\xff\xfe", "\xff\xfd", "\xc3\xa9", "plain", '"\x80"'):
        http_origin.answers["/a.jpg"] = Answer(BODY, headers={name: value})
        stamp = await origin.stamp("a.jpg", soon())
        assert stamp == (await origin.fetch("a.jpg", soon())).stamp
        stamp.version.encode()
        versions.add(stamp.version)
    assert len(versions) == 5


@pytest.mark.parametrize("interim", [1, 10])
async def test_a_few_interim_answers_are_passed_over(origin, http_origin, interim):
    http_origin.answers["/a.jpg"] = Answer(BODY, headers=ETAG, interim=interim)
    assert (await origin.fetch("a.jpg", soon())).body == BODY


async def test_interim_answers_without_end_end_at_once_and_stall_nobody(http_origin):
    """The loop goes on beside them, and the answer comes long before the time for it is over."""
    http_origin.answers["/a.jpg"] = Answer(BODY, headers=ETAG, interim=-1)
    origin = HttpOrigin(http_origin.url, MAX_BYTES, 60.0, private_networks=LOOPBACK)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0)
            ticks += 1

    ticking = asyncio.create_task(tick())
    for verb in (origin.fetch, origin.stamp):
        with pytest.raises(OriginUnavailable):
            await verb("a.jpg", Deadline.after(60))
    ticking.cancel()
    assert ticks > 10
    await origin.close()


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("/neu e datei.jpg", "/neu%20e%20datei.jpg"),
        ("/Größe/ü.jpg", "/Gr%C3%B6%C3%9Fe/%C3%BC.jpg"),
        ("/caf\xe9.jpg", "/caf%E9.jpg"),
        ("/100% wolle.jpg", "/100%25%20wolle.jpg"),
        ("/a%20b%2Fc.jpg?x=1%2B1&y=a b", "/a%20b%2Fc.jpg?x=1%2B1&y=a%20b"),
        ("neben an.jpg", "/neben%20an.jpg"),
        ('/a<b>|c^`{d}\\e".jpg', "/a%3Cb%3E%7Cc%5E%60%7Bd%7D%5Ce%22.jpg"),
        ("/a.jpg#über uns", "/a.jpg"),
        ("./sub/../b c.jpg", "/b%20c.jpg"),
    ],
)
async def test_a_redirect_is_followed_however_it_is_spelled(origin, http_origin, location, path):
    raw = location if "\xe9" in location else location.encode().decode("latin-1")
    http_origin.answers["/old.jpg"] = Answer(status=302, headers={"Location": raw})
    http_origin.answers[path] = Answer(BODY, headers=ETAG)
    assert (await origin.fetch("old.jpg", soon())).body == BODY


@pytest.mark.parametrize(
    "location",
    [
        "http://bücher.example/x.jpg",
        "http://10.0.0.1 /x.jpg",
        "http://10.0.0.1/x y.jpg",
        "//10.0.0.1/ü.jpg",
        "http:\\\\10.0.0.1\\x.jpg",
        "http://10.0.0.1%2f@127.0.0.1/x.jpg",
        "http://user:pa ss@127.0.0.1/x.jpg",
        "ftp://127.0.0.1/x y.jpg",
        "http://[::1/x.jpg",
        "http://①②⑦.0.0.1/x.jpg",
        "http://127.0.0.1:99999/x.jpg",
        "S:42.jpg",
    ],
)
async def test_no_spelling_of_a_redirect_leads_past_the_guard(origin, http_origin, location):
    raw = location.encode().decode("latin-1")
    http_origin.answers["/old.jpg"] = Answer(status=302, headers={"Location": raw})
    for verb in (origin.fetch, origin.stamp):
        with pytest.raises((AddressForbidden, OriginUnavailable, OriginalNotFound)):
            await verb("old.jpg", soon())


@pytest.mark.parametrize("encoding", ["aws-chunked", "utf-8", "none", "", "binary, UTF-8"])
async def test_an_odd_encoding_is_passed_over_before_a_picture(origin, http_origin, encoding):
    body = b"\xff\xd8\xff" + BODY
    http_origin.answers["/a.jpg"] = Answer(body, headers=ETAG | {"Content-Encoding": encoding})
    assert (await origin.fetch("a.jpg", soon())).body == body


async def test_where_only_head_is_redirected_astray_get_decides(open_origin):
    """A web server that sends HEAD to a host that is not allowed."""
    server = Redirecting().start()
    server.answers["/a.jpg"] = Answer(BODY, headers=ETAG)
    origin = open_origin(server.url)
    assert await origin.stamp("a.jpg", soon()) == Stamp('"v1"', len(BODY))
    await origin.close()
    server.stop()


class Redirecting(WebServer):
    def _send(self, request, answer):
        if request.command == "HEAD":
            answer = Answer(status=302, headers={"Location": "http://10.0.0.1/login"})
        super()._send(request, answer)


@pytest.mark.parametrize("flood", ["headers", "trailers", "status line"])
async def test_no_part_of_an_answer_is_read_without_end(flood, open_origin):
    """Neither memory nor time: the answer is an error long before the deadline."""
    start, piece = {
        "headers": (b"HTTP/1.1 200 OK\r\n", b"a: b\r\n" * 1000),
        "trailers": (CHUNKED + b"1\r\nx\r\n0\r\n", b"a: b\r\n" * 1000),
        "status line": (b"HTTP/1.1 200 ", b"O" * 10_000),
    }[flood]
    sent = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        with suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(start)
            while sent < 200_000_000:
                writer.write(piece)
                sent += len(piece)
                await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        origin = HttpOrigin(f"http://127.0.0.1:{port}", MAX_BYTES, 20.0, private_networks=LOOPBACK)
        with pytest.raises((OriginUnavailable, OriginTruncated)):
            await origin.fetch("a.jpg", soon())
        assert sent < 20_000_000
        await origin.close()
