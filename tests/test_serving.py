"""The process as a client on the wire sees it: whole answers, kept connections, a clean end."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_cli import fetched

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    folder: Path = tmp_path_factory.mktemp("photos")
    process = subprocess.Popen(
        [sys.executable, "-m", "edge", "serve"],
        env={**os.environ, "EDGE_SERVER_PORT": str(number), "EDGE_ORIGIN_URL": str(folder)},
        stderr=subprocess.DEVNULL,
    )
    try:
        fetched(f"http://127.0.0.1:{number}/-/healthz")
        yield number
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.fixture
def wire(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        yield connection


def request(method: str = "GET", **headers: str) -> bytes:
    lines = [f"{method} /-/healthz HTTP/1.1", "host: localhost"]
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


def test_head_and_body_arrive_together(wire: socket.socket) -> None:
    for _ in range(5):
        wire.sendall(request())
        told = wire.recv(65536)
        head, _, body = told.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK")
        assert body, "the head came alone"


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


def test_what_is_no_http_gets_an_answer_too(wire: socket.socket) -> None:
    wire.sendall(b"this is not http\r\n\r\n")
    assert wire.recv(65536).startswith(b"HTTP/1.1 400 ")
