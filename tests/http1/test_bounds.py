"""No request costs more than its bounds, and what is refused is told once, as a problem."""

import itertools
import json
import socket
import time
from collections.abc import Iterator

import pytest

from tests.http1.clients import HEALTH, Process, everything, flood, one_answer, serving, statuses
from tests.running import TOKEN

pytestmark = pytest.mark.slow

HIT = "/bottle.jpg?w=120&fm=jpg"


@pytest.fixture(scope="module")
def server() -> Iterator[Process]:
    with serving(EDGE_ADMIN_TOKEN=TOKEN) as process:
        for _ in range(2):
            process.get(HIT)
        yield process


@pytest.fixture
def wire(server: Process) -> Iterator[socket.socket]:
    with server.connect() as connection:
        yield connection


def problem(told: bytes) -> dict[str, object]:
    """The one answer, a problem that no cache may keep."""
    head, _, body = told.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    assert b"cache-control: no-store" in head
    assert b"x-content-type-options: nosniff" in head
    assert b"content-security-policy: default-src 'none'" in head
    assert b"connection: close" in head
    answer = json.loads(body)
    assert statuses(told) == [answer["status"]]
    return answer


def head(*lines: bytes, path: bytes = b"/-/healthz") -> bytes:
    return b"\r\n".join((b"GET " + path + b" HTTP/1.1", b"host: a", *lines, b"", b""))


@pytest.mark.parametrize("many", [133_000, 266_000])
@pytest.mark.parametrize("line", [b"a: b\r\n", b"x-%d: b\r\n"], ids=["alike", "apart"])
def test_a_great_many_small_header_lines_cost_next_to_nothing(server, wire, many, line):
    lines = b"".join(line % i if b"%d" in line else line for i in range(many))
    before, memory = server.seconds, server.rss
    flood(wire, iter([b"GET /-/healthz HTTP/1.1\r\nhost: a\r\n" + lines + b"\r\n"]))
    assert problem(everything(wire))["type"] == "/-/problems/headers-too-large"
    assert server.seconds - before < 0.5
    assert server.rss - memory < 20e6


def test_sixty_megabytes_of_header_lines_are_not_kept(server, wire):
    memory = server.rss
    chunk = b"".join(b"x-%d: " % i + b"v" * 1000 + b"\r\n" for i in range(1000))
    flood(wire, itertools.chain([b"GET / HTTP/1.1\r\n"], itertools.repeat(chunk, 60)))
    assert problem(everything(wire))["status"] == 431
    assert server.rss - memory < 20e6


@pytest.mark.parametrize(
    ("start", "status"),
    [
        (b"GET / HTTP/1.1\r\nx: ", 431),
        (b"GET / HTTP/1.1\r\nx", 431),
        (b"GET /", 414),
        (b"", 400),
        (b"GET / HTTP/1.1\r\nx: y\r\n" * 1, 431),
    ],
    ids=["value", "name", "url", "method", "second line"],
)
def test_what_never_ends_is_ended(server, wire, start, status):
    memory = server.rss
    endless = itertools.chain([start], itertools.repeat(b"A" * 65536, 400))
    sent = flood(wire, endless)
    assert problem(everything(wire))["status"] == status
    assert sent <= 26_300_000
    assert server.rss - memory < 20e6


def test_empty_lines_before_a_request_are_bounded(server, wire):
    wire.sendall(b"\r\n" * 3 + HEALTH)
    assert wire.recv(65536).startswith(b"HTTP/1.1 200 ")
    flood(wire, itertools.repeat(b"\r\n" * 30_000, 100))
    assert problem(everything(wire))["status"] == 400


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (head(*[b"x: y"] * 98), 200),
        (head(*[b"x: y"] * 200), 431),
        (head(b"x: " + b"y" * 30_000), 200),
        (head(b"x: " + b"y" * 33_000), 431),
        (head(path=b"/-/healthz?" + b"a" * 8000), 200),
        (head(path=b"/-/healthz?" + b"a" * 8300), 414),
    ],
    ids=["lines", "too many lines", "bytes", "too many bytes", "url", "too long url"],
)
def test_the_bounds_are_where_the_settings_say(wire, request_, status):
    wire.sendall(request_)
    assert statuses(wire.recv(65536)) == [status]


@pytest.mark.parametrize("byte_by_byte", [False, True])
def test_a_large_head_is_bounded_however_it_is_cut(wire, byte_by_byte):
    text = head(b"x: " + b"y" * 40_000)
    step = 7 if byte_by_byte else len(text)
    flood(wire, (text[i : i + step] for i in range(0, len(text), step)))
    assert problem(everything(wire))["status"] == 431


CHUNKED = (
    f"POST /-/purge HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {TOKEN}\r\n"
    "transfer-encoding: chunked\r\n\r\n"
).encode()
CHUNKED_HIT = f"GET {HIT} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n".encode()


@pytest.mark.parametrize(
    "body",
    [
        b"0\r\n" + b"x: y\r\n",
        b"0\r\nx: " + b"y" * 60_000,
        b"1;" + b"e" * 60_000,
        b'1;e="' + b"e" * 60_000,
    ],
    ids=["trailers", "one trailer", "extension", "quoted extension"],
)
@pytest.mark.parametrize("start", [CHUNKED, CHUNKED_HIT], ids=["purge", "hit"])
def test_trailers_and_chunk_extensions_are_bounded(server, wire, start, body):
    memory, more = server.rss, b"x: y\r\n" * 10_000 if body.endswith(b"\n") else b"e" * 60_000
    flood(wire, itertools.chain([start, body], itertools.repeat(more, 200)))
    told = statuses(everything(wire))
    assert told == ([431] if start is CHUNKED else [200])  # a hit has its answer already
    assert server.rss - memory < 20e6


def test_no_trailer_becomes_a_header_line_of_the_next_request(wire):
    first = CHUNKED_HIT + b"0\r\nif-none-match: *\r\nx-request-id: stolen\r\n\r\n"
    second = f"GET {HIT} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".encode()
    flood(wire, iter([first + second]))
    told = everything(wire)
    assert 304 not in statuses(told)
    assert b"stolen" not in told


@pytest.mark.parametrize("start", [CHUNKED, CHUNKED_HIT], ids=["purge", "hit"])
@pytest.mark.parametrize(
    "body",
    [b"zz\r\n", b"5\r\nabcdefgh", b"-1\r\n", b"ffffffffffffffffff\r\n", b"1\r\nab\r\n", b"1 \r\n",
     b"0x1\r\na\r\n", b"1\na\n", b"1\r\na\r0\r\n\r\n", b"1;\x00\r\na\r\n0\r\n\r\n"],
)  # fmt: skip
@pytest.mark.parametrize("pause", [0, 0.2])
def test_a_malformed_body_has_exactly_one_answer(wire, start, body, pause):
    wire.sendall(start if pause else start + body)
    time.sleep(pause)
    flood(wire, iter([body, HEALTH]) if pause else iter([HEALTH]))
    assert statuses(everything(wire)) == ([400] if start is CHUNKED else [200])


POST = b"POST /-/purge HTTP/1.1\r\nhost: a\r\n"


@pytest.mark.parametrize(
    "request_",
    [
        POST + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
        POST + b"content-length: 5\r\ncontent-length: 6\r\n\r\nabcdef",
        POST + b"content-length: 5, 5\r\n\r\nabcde",
        POST + b"content-length: +5\r\n\r\nabcde",
        POST + b"content-length: -5\r\n\r\nabcde",
        POST + b"content-length: 5\x0b\r\n\r\nabcde",
        POST + b"content-length : 5\r\n\r\nabcde",
        POST + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
        POST + b"transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        POST + b"transfer-encoding : chunked\r\n\r\n0\r\n\r\n",
        POST + b"x: y\r\n transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /-/healthz HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        b"GET /-/healthz HTTP/1.1\r\n\r\n",
        b"GET /-/healthz HTTP/1.1\r\naccept: */*\r\n\r\n",
        b"GET http://a/-/healthz HTTP/1.1\r\n\r\n",
        b"GET /-/healthz HTTP/1.1\r\nhost: a b\r\n\r\n",
        b"GET /-/healthz HTTP/1.1\r\nhost: a/b?c#d\r\n\r\n",
        b"GET /-/healthz HTTP/1.1\r\nhost: u@a\r\n\r\n",
        b"GET /-/healthz HTTP/1.1\r\nhost: \xff\r\n\r\n",
        b"GET /-/healthz HTTP/1.1\r\nhost: a:b\r\n\r\n",
        b"GET /-/healthz HTTP/1.1\nhost: a\n\n",
        b"GET /-/healthz HTTP/1.1\r\nhost: a\nx: y\r\n\r\n",
        b"GET /-/healthz HTTP/1.1\rhost: a\r\n\r\n",
        b"GET /-/healthz HTTP/1.1\r\nhost: a\r\nx: y\x00z\r\n\r\n",
        b"GET /-/healthz HTTP/1.1\r\nhost: a\r\nx\x00: y\r\n\r\n",
        b"GET /-/health\x00z HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET /-/healthz\xff HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET /-/healthz HTTP/1.1\r\nhost: a\r\n: y\r\n\r\n",
        b"GET /-/healthz HTTP/1.1\r\nhost: a\r\nno colon\r\n\r\n",
        b"GET /-/healthz HTTP/9.9\r\nhost: a\r\n\r\n",
        b"GET /-/healthz\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)  # fmt: skip
def test_a_request_of_two_meanings_is_refused_and_nothing_behind_it_is_read(wire, request_):
    flood(wire, iter([request_ + HEALTH]))
    assert problem(everything(wire))["status"] == 400


@pytest.mark.parametrize(
    "host", ["", "a", "a.example:8080", "[::1]:8080", "1.2.3.4", "a_b", "A:", "a \t"]
)
def test_every_host_that_may_be_is_one(wire, host):
    wire.sendall(f"GET /-/healthz HTTP/1.1\r\nhost: {host}\r\n\r\n".encode())
    assert statuses(one_answer(wire)) == [200]


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /-/healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
        b"GET /-/healthz HTTP/1.0\r\n\r\n",
        b"GET /-/healthz HTTP/1.1\r\nhost: a\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
        b"GET /-/healthz HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        b"content-length: %d\r\n\r\n" % len(HEALTH),
        f"GET {HIT} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".encode(),
        f"GET {HIT} HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n".encode(),
    ],
)
def test_what_comes_behind_the_last_request_is_no_request(wire, request_):
    flood(wire, iter([request_ + HEALTH * 3]))
    told = everything(wire)
    assert statuses(told) == [200]
    assert b"connection: close" in told


def test_what_is_refused_is_answered_behind_what_was_asked_before_it(wire):
    slow = b"GET /mug.jpg?w=601&fm=webp HTTP/1.1\r\nhost: a\r\n\r\n"
    flood(wire, iter([slow + HEALTH + head(*[b"x: y"] * 200) + HEALTH]))
    assert statuses(everything(wire)) == [200, 200, 431]


def test_a_malformed_body_behind_a_slow_answer_takes_its_own_turn(wire):
    slow = b"GET /mug.jpg?w=602&fm=webp HTTP/1.1\r\nhost: a\r\n\r\n"
    flood(wire, iter([slow + HEALTH + CHUNKED + b"zz\r\n" + HEALTH]))
    assert statuses(everything(wire)) == [200, 200, 400]


def test_thousands_of_requests_in_one_go_are_not_taken_in_at_once(server, wire):
    memory, many = server.rss, 20_000
    wire.sendall(b"GET /mug.jpg?w=603&fm=webp HTTP/1.1\r\nhost: a\r\n\r\n")
    wire.settimeout(0.5)
    flood(wire, iter([b"GET /-/healthz HTTP/1.1\r\nhost: a\r\n\r\n" * many]))
    assert server.rss - memory < 60e6


def test_refusals_are_counted(server, wire):
    before = server.metric('edge_failures_total{error="HeadersTooLarge"}')
    wire.sendall(head(*[b"x: y"] * 200))
    everything(wire)
    assert server.metric('edge_failures_total{error="HeadersTooLarge"}') == before + 1
