"""The real parts that tests run against: started here, stopped by the fixtures of conftest.py."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import SystemRandom
from threading import Event, Thread
from typing import Any

import pytest
import redis

_START_SECONDS = 180.0


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens at; where there are such, one that the system does
    not give to clients, so that none takes it until it is listened at."""
    limits = Path("/proc/sys/net/ipv4/ip_local_port_range")
    lowest = int(limits.read_text().split()[0]) if limits.exists() else 0
    while True:
        with socket.socket() as listener, suppress(OSError):
            mine = SystemRandom().randrange(10_000, lowest) if lowest > 20_000 else 0
            listener.bind(("127.0.0.1", mine))
            return int(listener.getsockname()[1])


def need(program: str) -> str:
    """The path of a program; without it the test is skipped by name, and under CI it fails."""
    path = shutil.which(program)
    if path is None:
        absent(f"{program} is not installed")
    return path


def absent(reason: str) -> None:
    """A part cannot be had here: a skip on a person's machine, a failure in CI."""
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(f"{reason}; in CI nothing may be skipped")
    pytest.skip(reason)


def wait_for(what: str, ready, process: subprocess.Popen | None = None) -> None:
    """Until `ready()` answers true without raising."""
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"{what} ended with status {process.returncode}")
        with suppress(Exception):
            if ready():
                return
        time.sleep(0.01)
    raise RuntimeError(f"{what} did not start in {_START_SECONDS:.0f} s")


class RedisServer:
    """A redis-server of our own, which can be killed, frozen and started again on its port."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._program = need("redis-server")
        self._folder = folder
        self._options = options
        self._port = free_port()
        self._process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> "RedisServer":
        self._process = subprocess.Popen(
            [
                self._program,
                *("--port", str(self._port), "--bind", "127.0.0.1", "--dir", str(self._folder)),
                *("--save", "", "--appendonly", "no", "--daemonize", "no"),
                *self._options,
            ],
            stdout=subprocess.DEVNULL,
        )
        wait_for("redis-server", lambda: self.run("PING"), self._process)
        return self

    def run(self, *command):
        """One command, over a connection of its own."""
        client = redis.Redis.from_url(self.url, socket_timeout=60)
        try:
            return client.execute_command(*command)
        finally:
            client.close()

    def freeze(self) -> None:
        """It keeps its connections and answers nothing, as behind a broken network."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        if self._process is not None:
            self._signal(signal.SIGCONT)
            self._signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)


class S3Server:
    """Moto's S3 API in a process of its own; a list that asks for no length has `page` keys."""

    page = 100

    access_key = "tester"
    secret_key = "tester-secret"

    def __init__(self) -> None:
        self._port = free_port()
        self._process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> "S3Server":
        self._process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self._port)],
            env={**os.environ, "MOTO_S3_DEFAULT_MAX_KEYS": str(self.page)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for("moto", self._answers, self._process)
        return self

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def _answers(self) -> bool:
        with urllib.request.urlopen(f"{self.url}/moto-api/", timeout=1) as answer:
            return answer.status == 200


@dataclass
class Answer:
    """What the web server says to one path.

    `length` is the Content-Length sent, None: the body's own; `cut` bytes are sent before the
    connection is closed, None: all; `delay` seconds pass before the first byte, `drip` seconds
    after each kilobyte. Without `head`, HEAD is answered with `head_status`, and with 0 by closing
    the connection, after `head_delay` seconds. `ranges` serves Range requests. `interim` answers
    of 103 go before; -1: without end. Where it is `held`, nothing is said until that is set.
    Headers go out as Latin-1, so a test can send any bytes.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None
    cut: int | None = None
    delay: float = 0.0
    drip: float = 0.0
    head: bool = True
    head_status: int = 405
    head_delay: float = 0.0
    ranges: bool = True
    interim: int = 0
    chunked: bool = False
    held: Event | None = None


@dataclass(frozen=True)
class ReceivedRequest:
    """One request as the web server saw it; `at` is in seconds that only go forward."""

    method: str
    path: str
    headers: Mapping[str, str]
    at: float = field(default_factory=time.monotonic)


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256  # of five, the system drops the next, who comes again after seconds

    def handle_error(self, *_: object) -> None:
        """Clients that leave in the middle are what some tests are about."""


class WebServer:
    """A real web server whose answers a test sets: `server.answers["/a.jpg"] = Answer(...)`."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.seen: list[ReceivedRequest] = []
        self._stopping = Event()
        self._server = _QuietServer(("127.0.0.1", 0), self._handler())
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "WebServer":
        self._thread.start()
        return self

    def stop(self) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def count(self, method: str, path: str) -> int:
        return sum((seen.method, seen.path) == (method, path) for seen in self.seen)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server._answer(self)

            do_HEAD = do_GET

            def log_message(self, *_: object) -> None:
                return None

        return Handler

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        self.seen.append(
            ReceivedRequest(request.command, request.path, dict(request.headers.items()))
        )
        answer = self.answers.get(request.path, Answer(b"no such file", 404))
        if request.command == "HEAD" and not answer.head:
            answer = Answer(status=answer.head_status, delay=answer.delay)
        if request.command == "HEAD":
            self._stopping.wait(answer.head_delay)
        if not answer.status:
            request.close_connection = True
            return
        self._stopping.wait(answer.delay)
        while answer.held and not self._stopping.is_set() and not answer.held.wait(0.05):
            continue
        try:
            self._send(request, answer)
        except OSError:
            request.close_connection = True  # the client has left, as some tests want it to

    def _send_interim(self, request: BaseHTTPRequestHandler, times: int) -> None:
        line = b"HTTP/1.1 103 Early Hints\r\n\r\n"
        request.wfile.write(line * max(0, times))
        while times < 0 and not self._stopping.is_set():
            request.wfile.write(line * 10_000)

    def _send(self, request: BaseHTTPRequestHandler, answer: Answer) -> None:
        status, body, headers = answer.status, answer.body, dict(answer.headers)
        if answer.ranges and status == 200 and request.headers.get("Range") == "bytes=0-0":
            status, headers["Content-Range"] = 206, f"bytes 0-0/{len(body)}"
            body = body[:1]
        self._send_interim(request, answer.interim)
        request.send_response(status)
        if answer.chunked:
            headers["Transfer-Encoding"] = "chunked"
        else:
            headers["Content-Length"] = str(len(body) if answer.length is None else answer.length)
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()
        if request.command == "HEAD":
            return
        sent = body if answer.cut is None else body[: answer.cut]
        for start in range(0, len(sent), 1024):
            piece = sent[start : start + 1024]
            request.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if answer.chunked else piece)
            if answer.drip and self._stopping.wait(answer.drip):
                return
        if answer.chunked and answer.cut is None:
            request.wfile.write(b"0\r\n\r\n")
        if answer.cut is not None or answer.length is not None:
            request.close_connection = True


def idle_pids(pool: Any) -> tuple[int, ...]:
    """The processes of a pool that have nothing to do now."""
    with pool._free:
        return tuple(process.pid for process in pool._idle)


class Clock:
    """Stands for `time` in a module: stands still until a test sets it forward, in seconds."""

    def __init__(self) -> None:
        self.now = time.monotonic()

    def monotonic(self) -> float:
        return self.now
