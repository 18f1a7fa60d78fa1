"""The process as a client on the wire sees it: whole answers, kept connections, a clean end."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.cli.test_main import fetched
from tests.parts import free_port

pytestmark = pytest.mark.slow


@contextmanager
def serving(port: int, admin: int = 0, **environ: str) -> Iterator[subprocess.Popen]:
    """A server process that answers; with `admin`, operators are answered on that port."""
    environ = {"EDGE_SERVER_ADMIN_PORT": str(admin), **environ}
    process = subprocess.Popen(
        [sys.executable, "-m", "edge", "serve"],
        env={**os.environ, "EDGE_SERVER_PORT": str(port), **environ},
        stderr=subprocess.DEVNULL,
    )
    try:
        fetched(f"http://127.0.0.1:{admin or port}/-/healthz")
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=120)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    number = free_port()
    with serving(number):
        yield number


@pytest.fixture
def wire(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
        yield connection


HEALTH = "/-/healthz"
PICTURE = "/bottle.jpg?w=120&fm=jpg"


def request(method: str = "GET", path: str = HEALTH, version: str = "1.1", **headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/{version}", "host: localhost"]
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def head_and_body(wire: socket.socket, method: str = "GET") -> tuple[bytes, bytes]:
    """Exactly one answer; anything beyond it would be an error of the next."""
    told = b""
    while b"\r\n\r\n" not in told:
        told += wire.recv(65536) or pytest.fail("the connection was closed")
    head, _, body = told.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while method != "HEAD" and len(body) < length:
        body += wire.recv(65536)
    return head, body


def answers(wire: socket.socket) -> bytes:
    """Everything until the server closes."""
    told = b""
    while part := wire.recv(65536):
        told += part
    return told


def fields(head: bytes) -> dict[bytes, bytes]:
    return dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])


@pytest.fixture
def hit(wire: socket.socket) -> dict[bytes, bytes]:
    """The headers of a picture that lies in memory now."""
    for _ in range(2):
        wire.sendall(request(path=PICTURE))
        told = fields(head_and_body(wire)[0])
    assert told[b"cache-status"] == b"edge; hit; detail=memory"
    return told


@pytest.mark.usefixtures("hit")
def test_head_and_body_of_a_hit_arrive_together(wire: socket.socket) -> None:
    for _ in range(5):
        wire.sendall(request(path=PICTURE))
        told = wire.recv(65536)
        head, _, body = told.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert body, "the head came alone"
        wire_rest = int(fields(head)[b"content-length"]) - len(body)
        while wire_rest:
            wire_rest -= len(wire.recv(wire_rest))


def test_a_hit_says_what_the_application_says(wire: socket.socket, hit: dict[bytes, bytes]) -> None:
    """Between others that wait as well, a hit goes through the application."""
    wire.sendall(request() + request(path=PICTURE) + request(connection="close"))
    first, _, rest = answers(wire).partition(b"\r\n\r\n")
    slow = rest[int(fields(first)[b"content-length"]) :].partition(b"\r\n\r\n")[0]
    own = (b"date", b"x-request-id")
    assert {k: v for k, v in fields(slow).items() if k not in own} == {
        k: v for k, v in hit.items() if k not in own
    }
    assert set(fields(slow)) == set(hit)


def test_a_hit_without_its_body(wire: socket.socket, hit: dict[bytes, bytes]) -> None:
    wire.sendall(request("HEAD", PICTURE))
    head, body = head_and_body(wire, "HEAD")
    assert fields(head)[b"content-length"] == hit[b"content-length"]
    assert body == b""
    wire.sendall(request(path=PICTURE))
    assert len(head_and_body(wire)[1]) == int(hit[b"content-length"])


def test_a_hit_that_the_client_has(wire: socket.socket, hit: dict[bytes, bytes]) -> None:
    wire.sendall(request(path=PICTURE, if_none_match=hit[b"etag"].decode(), connection="close"))
    told = answers(wire)
    assert told.startswith(b"HTTP/1.1 304 Not Modified\r\n")
    assert told.endswith(b"\r\n\r\n")
    head = fields(told[:-4])
    assert head[b"etag"] == hit[b"etag"]
    assert head[b"cache-control"] == hit[b"cache-control"]
    assert b"content-length" not in head


@pytest.mark.usefixtures("hit")
def test_a_hit_carries_the_callers_id(wire: socket.socket) -> None:
    wire.sendall(request(path=PICTURE, x_request_id="storefront-7"))
    assert fields(head_and_body(wire)[0])[b"x-request-id"] == b"storefront-7"


@pytest.mark.usefixtures("hit")
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_the_last_hit_closes_the_connection(wire: socket.socket, version: str) -> None:
    wire.sendall(request(path=PICTURE, version=version, connection="close"))
    head, _, body = answers(wire).partition(b"\r\n\r\n")
    assert fields(head)[b"connection"] == b"close"
    assert len(body) == int(fields(head)[b"content-length"])


@pytest.mark.usefixtures("hit")
def test_hits_are_counted(wire: socket.socket) -> None:
    def count() -> float:
        wire.sendall(request(path="/-/metrics"))
        text = head_and_body(wire)[1].decode()
        names = (
            r'edge_requests_total\{route="image",status="200"\}',
            r'edge_deliveries_total\{source="memory"\}',
            r'edge_tier_lookups_total\{outcome="hit",tier="memory"\}',
        )
        found = [float(re.search(rf"{name} (\S+)", text)[1]) for name in names]
        return sum(found)

    before = count()
    wire.sendall(request(path=PICTURE))
    head_and_body(wire)
    assert count() == before + 3


@pytest.mark.usefixtures("hit")
def test_thousands_of_hits_behind_a_slow_answer(wire: socket.socket) -> None:
    many = 3_000
    small = request("HEAD", PICTURE)
    wire.sendall(request(path="/mug.jpg?w=700&fm=webp&maxbytes=30000"))
    wire.sendall(small * many + request(connection="close"))
    told = answers(wire)
    assert len(re.findall(rb"HTTP/1\.1 200 OK", told)) == many + 2


def test_an_answer_without_a_body_does_not_wait_for_one(wire: socket.socket) -> None:
    wire.sendall(request("HEAD"))
    head, body = head_and_body(wire, "HEAD")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert body == b""
    wire.sendall(request())
    assert head_and_body(wire)[0].startswith(b"HTTP/1.1 200 OK"), "the connection is kept"


def test_requests_sent_in_one_go_are_all_answered_in_order(wire: socket.socket) -> None:
    wire.sendall(request("HEAD") + request() + request("DELETE") + request(connection="close"))
    told = b""
    while part := wire.recv(65536):
        told += part
    assert re.findall(rb"HTTP/1\.1 (\d{3}) ", told) == [b"200", b"200", b"405", b"200"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_last_answer_is_whole_before_the_connection_closes(
    wire: socket.socket, method: str
) -> None:
    wire.sendall(request(method, connection="close"))
    head, _ = head_and_body(wire, method)
    assert b"connection: close" in head.lower()
    assert wire.recv(1) == b""


def test_an_idle_connection_is_kept_as_long_as_the_setting_says() -> None:
    """A proxy that keeps it for longer would lose the request that it sends on a closing one."""
    port = free_port()
    with (
        serving(port, EDGE_SERVER_KEEP_ALIVE="1"),
        socket.create_connection(("127.0.0.1", port), timeout=120) as kept,
    ):
        kept.sendall(request())
        head_and_body(kept)
        assert kept.recv(1) == b""


def test_what_is_no_http_gets_an_answer_too(wire: socket.socket) -> None:
    wire.sendall(b"this is not http\r\n\r\n")
    assert wire.recv(65536).startswith(b"HTTP/1.1 400 ")


def exchange(port: int, sent: bytes) -> bytes:
    """What a connection of its own brings, until the server closes it."""
    with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
        connection.sendall(sent)
        return answers(connection)


class TestTheEnd:
    """SIGTERM: nobody who asks while balancers have not heard of it is turned away."""

    def test_for_a_delay_it_answers_says_draining_and_ends_connections(self) -> None:
        port = free_port()
        with serving(port, EDGE_SERVER_SHUTDOWN_DELAY="60") as process:
            kept = socket.create_connection(("127.0.0.1", port), timeout=120)
            with kept:
                for _ in range(2):
                    kept.sendall(request(path=PICTURE))
                    assert b"connection" not in fields(head_and_body(kept)[0])
                process.send_signal(signal.SIGTERM)
                told = b""
                while b"draining" not in told:
                    told = exchange(port, request(path="/-/readyz", connection="close"))
                assert told.startswith(b"HTTP/1.1 503")
                kept.sendall(request(path=PICTURE))
                head, _, body = answers(kept).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            assert fields(head)[b"connection"] == b"close"
            assert len(body) == int(fields(head)[b"content-length"])
            for path in (PICTURE, "/bottle.jpg?w=121&fm=jpg", HEALTH):
                told = exchange(port, request(path=path))
                assert told.startswith(b"HTTP/1.1 200"), path
                assert b"connection: close" in told.partition(b"\r\n\r\n")[0], path
            assert process.poll() is None
            process.send_signal(signal.SIGTERM)  # a second one ends the delay
            assert process.wait(120) == 0

    def test_the_delay_ends_by_itself(self) -> None:
        port = free_port()
        with serving(port, EDGE_SERVER_SHUTDOWN_DELAY="0.5") as process:
            process.send_signal(signal.SIGTERM)
            assert process.wait(120) == 0


class TestTheAdminPort:
    """What operators ask is asked where a network policy can tell who may."""

    PATHS = ("/-/readyz", "/-/metrics", "/-/explain/bottle.jpg?w=99", HEALTH)

    def test_what_operators_ask_is_answered_there_alone(self) -> None:
        port, admin = free_port(), free_port()
        with serving(port, admin=admin):
            for path in self.PATHS:
                asked = request(path=path, connection="close")
                assert exchange(admin, asked).startswith(b"HTTP/1.1 200"), path
                told = exchange(port, asked)
                assert told.startswith(b"HTTP/1.1 404"), path
                assert b"application/problem+json" in told, path
            refused = exchange(port, request("POST", "/-/purge", connection="close"))
            assert refused.startswith(b"HTTP/1.1 404")
            unauthorized = exchange(admin, request("POST", "/-/purge", connection="close"))
            assert unauthorized.startswith(b"HTTP/1.1 401")

    def test_pictures_and_what_answers_lead_to_stay_public(self) -> None:
        port, admin = free_port(), free_port()
        with serving(port, admin=admin):
            for path in (PICTURE, PICTURE, "/", "/-/openapi.json", "/-/problems/busy"):
                told = exchange(port, request(path=path, connection="close"))
                assert told.startswith(b"HTTP/1.1 200"), path

    def test_a_taken_one_is_named(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            ended = subprocess.run(
                [sys.executable, "-m", "edge", "serve"],
                env={
                    **os.environ,
                    "EDGE_SERVER_PORT": str(free_port()),
                    "EDGE_SERVER_ADMIN_PORT": str(taken.getsockname()[1]),
                },
                capture_output=True,
                timeout=240,
            )
        assert ended.returncode == 2
        assert b"EDGE_SERVER_ADMIN_PORT=" in ended.stderr
