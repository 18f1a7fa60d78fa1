"""No connection keeps a place by doing nothing, and probes are answered under any load."""

import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest
from PIL import Image

from tests.http1.clients import (
    HEALTH,
    Process,
    closed,
    everything,
    flood,
    one_answer,
    serving,
    statuses,
)

pytestmark = pytest.mark.slow

HEAD, KEPT, READER = 1.0, 5.0, 4.0
SHORT = {
    "EDGE_SERVER_HEAD_TIMEOUT": str(HEAD),
    "EDGE_SERVER_KEEP_ALIVE": str(KEPT),
    "EDGE_SERVER_READER_TIMEOUT": str(READER),
    "EDGE_SERVER_DEADLINE": "5",
}
LARGE = "/noise.png?w=2500&fm=png"
BUSY = 120
"""Seconds after which even a busy machine should have done what takes one."""


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("large")
    noise = np.random.default_rng(1).integers(0, 256, (2500, 2500, 3), np.uint8)
    Image.fromarray(noise).save(folder / "noise.png", compress_level=0)
    return folder


@pytest.fixture(scope="module")
def server(photos: Path) -> Iterator[Process]:
    with serving(EDGE_ORIGIN_URL=str(photos), **SHORT | {"EDGE_SERVER_DEADLINE": "60"}) as process:
        assert len(process.get(LARGE)) > 15e6
        yield process


@pytest.fixture
def wire(server: Process) -> Iterator[socket.socket]:
    with server.connect(BUSY) as connection:
        yield connection


def test_a_connection_without_a_request_is_closed(wire):
    assert everything(wire) == b""


def test_a_head_that_comes_too_slowly_is_answered_408(server):
    told, start = b"", time.monotonic()
    with server.connect(0.2) as wire:
        for byte in b"GET /-/healthz HTTP/1.1\r\nhost: a\r\nx: " + b"y" * 1000:
            try:
                wire.sendall(bytes([byte]))
                told += wire.recv(65536)
                break
            except TimeoutError:
                continue
    assert time.monotonic() - start > HEAD * 0.9
    assert statuses(told) == [408]
    assert b"/-/problems/request-late" in told


def test_empty_lines_do_not_make_a_connection_younger(wire):
    wire.settimeout(0.2)
    start = time.monotonic()
    while not closed(wire, 0.2):
        assert time.monotonic() - start < BUSY
        flood(wire, iter([b"\r\n"]))


def test_a_kept_connection_is_closed_in_its_time(wire):
    wire.sendall(HEALTH)
    assert statuses(one_answer(wire)) == [200]
    time.sleep(HEAD * 1.5)  # longer than a head may take
    start = time.monotonic()
    wire.sendall(HEALTH)
    assert statuses(one_answer(wire)) == [200]
    assert everything(wire) == b""
    assert time.monotonic() - start > KEPT * 0.9


def test_a_body_that_does_not_come_is_not_waited_for(photos):
    with (
        serving(
            EDGE_ORIGIN_URL=str(photos), EDGE_ADMIN_TOKEN="a-token-for-this-test", **SHORT
        ) as server,
        server.connect(BUSY) as wire,
    ):
        wire.sendall(
            b"POST /-/purge HTTP/1.1\r\nhost: a\r\nauthorization: Bearer a-token-for-this-test\r\n"
            b"content-length: 9\r\n\r\n{"
        )
        assert statuses(everything(wire)) == [408]


def test_a_body_that_nobody_wants_ends_its_connection(server, wire):
    wire.sendall(b"GET " + LARGE.encode() + b" HTTP/1.1\r\nhost: a\r\ncontent-length: 99\r\n\r\n")
    assert statuses(everything(wire)) == [200]


def reading_slowly(server: Process, path: str) -> socket.socket:
    """A client that asks and never reads; the system buffers as little as it can."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", server.port))
    client.sendall(f"GET {path} HTTP/1.1\r\nhost: a\r\n\r\n".encode())
    return client


ENDED = 'edge_connections_ended_total{reason="reader"}'


@pytest.mark.parametrize("again", [1, 20], ids=["one request", "many requests"])
def test_sixty_readers_that_do_not_read_share_one_body(server, again):
    server.get(LARGE)
    memory, ended = server.rss, server.metric(ENDED)
    with ExitStack() as stack:
        clients = [stack.enter_context(reading_slowly(server, LARGE)) for _ in range(60)]
        for client in clients:
            client.sendall(f"GET {LARGE} HTTP/1.1\r\nhost: a\r\n\r\n".encode() * (again - 1))
        time.sleep(READER / 2)
        assert server.rss - memory < 60e6
        assert statuses(server.get("/-/healthz")) == [200]
        for _ in range(6 * BUSY):
            if server.metric(ENDED) - ended >= 60:
                break
            time.sleep(0.5)
        assert server.metric(ENDED) - ended == 60


def test_a_slow_reader_that_reads_gets_all_of_it(server, wire):
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    wire.sendall(f"GET {LARGE} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".encode())
    told, start = bytearray(), time.monotonic()
    while part := wire.recv(65536):
        told += part
        if time.monotonic() - start < READER * 2:
            time.sleep(0.05)
    head, _, body = bytes(told).partition(b"\r\n\r\n")
    assert b"content-length: %d\r\n" % len(body) in head
    assert body == server.get(LARGE).partition(b"\r\n\r\n")[2]


def test_what_lies_behind_a_large_answer_comes_after_it(server, wire):
    wire.sendall(f"GET {LARGE} HTTP/1.1\r\nhost: a\r\n\r\n".encode() * 2 + HEALTH)
    wire.sendall(b"GET /-/healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    told = everything(wire)
    assert len(told) > 30e6
    assert told.count(b'{"status":"ok"}') == 2
    assert told.endswith(b'{"status":"ok"}')


def test_slow_readers_of_many_bodies_hold_no_more_than_the_budget(photos):
    """Each reads enough to be let alone, and all of them together would hold eight bodies."""
    budget = {"EDGE_LIMITS_UNREAD_BYTES": "20000000"}
    with serving(EDGE_ORIGIN_URL=str(photos), **budget) as server, ExitStack() as stack:
        paths = [f"/noise.png?w={1400 - number}&fm=png" for number in range(8)]
        for path in paths[:6]:  # some from memory, some just made
            assert len(server.get(path)) > 5e6
        quick = stack.enter_context(reading_slowly(server, paths[0]))
        taken, stop = [0], Event()
        steady = Thread(target=_read_steadily, args=(quick, taken, stop))
        steady.start()
        stack.callback(steady.join)
        stack.callback(stop.set)
        for path in paths[1:]:
            stack.enter_context(reading_slowly(server, path))
        for _ in range(BUSY * 5):
            if server.metric(ENDED) >= 5:
                break
            time.sleep(0.2)
        assert 5 <= server.metric(ENDED) <= 6
        before, end = taken[0], time.monotonic() + BUSY
        while taken[0] == before:
            assert time.monotonic() < end
            time.sleep(0.1)


def _read_steadily(wire: socket.socket, taken: list[int], stop: Event) -> None:
    while not stop.wait(0.05) and (part := wire.recv(4096)):
        taken[0] += len(part)


def test_there_are_never_more_connections_than_descriptors_for_them(photos):
    """With 256 descriptors, of which a quarter is kept for originals and others."""
    limited = (sys.executable, "-c", "import resource as r, runpy, sys;"
               "r.setrlimit(r.RLIMIT_NOFILE, (256, 256)); sys.argv = ['edge', 'serve'];"
               "runpy.run_module('edge', run_name='__main__')")  # fmt: skip
    with (
        serving(limited, EDGE_ORIGIN_URL=str(photos)) as server,
        ExitStack() as stack,
    ):
        for _ in range(400):
            stack.enter_context(server.connect())
        assert statuses(server.get("/noise.png?w=64&fm=jpg")) == [200]
        assert server.metric("edge_connections") == 256 - 64 - 32


CAP = {"EDGE_LIMITS_CONNECTIONS": "50"}


def test_at_the_cap_who_waits_longest_makes_place(photos):
    with serving(EDGE_ORIGIN_URL=str(photos), **CAP) as server, ExitStack() as stack:
        idle = [stack.enter_context(server.connect()) for _ in range(300)]
        for client in idle:
            client.sendall(b"GET / HT")
        assert statuses(server.get("/-/healthz")) == [200]
        assert server.get(LARGE).startswith(b"HTTP/1.1 200 ")
        assert server.metric("edge_connections") <= 50
        assert closed(idle[0], BUSY)


def test_where_all_are_busy_probes_are_answered_and_nobody_else(photos):
    with serving(EDGE_ORIGIN_URL=str(photos), **CAP) as server, ExitStack() as stack:
        server.get(LARGE)
        for _ in range(50):
            stack.enter_context(reading_slowly(server, LARGE))
        for _ in range(3):
            assert statuses(server.get("/-/healthz")) == [200]
            assert statuses(server.get("/-/readyz")) == [200]
        refused = server.get(LARGE)
        assert statuses(refused) == [503]
        assert b"/-/problems/crowded" in refused
        assert b"retry-after: 1\r\n" in refused
        # Not even many silent connections can take the places of the probes.
        for _ in range(200):
            stack.enter_context(server.connect())
        assert statuses(server.get("/-/healthz")) == [200]


def test_when_many_connections_have_gone_there_is_place_again(photos):
    with serving(EDGE_ORIGIN_URL=str(photos), **CAP) as server:
        server.get(LARGE)
        with ExitStack() as stack:
            for _ in range(60):
                stack.enter_context(reading_slowly(server, LARGE))
        for met in (
            lambda: statuses(server.get(LARGE)) == [200],
            lambda: server.metric("edge_connections") == 1,
        ):
            end = time.monotonic() + BUSY
            while not met():
                assert time.monotonic() < end
                time.sleep(0.1)
