"""Clients that no library would make, and a real server for them."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cli.test_main import fetched
from tests.parts import free_port

HEALTH = b"GET /-/healthz HTTP/1.1\r\nhost: a\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Process:
    """A server in a process of its own."""

    port: int
    pid: int

    def connect(self, timeout: float = 120) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    @property
    def rss(self) -> int:
        """Resident bytes."""
        [kib] = re.findall(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
        return int(kib) * 1024

    @property
    def seconds(self) -> float:
        """Processor time used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def get(self, path: str) -> bytes:
        """The whole answer to one request."""
        with self.connect() as wire:
            wire.sendall(f"GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".encode())
            return everything(wire)

    def metric(self, line: str) -> float:
        text = self.get("/-/metrics").decode()
        found = re.search(rf"^{re.escape(line)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0


@contextmanager
def serving(
    command: Sequence[str] = (sys.executable, "-m", "edge", "serve"), **environ: str
) -> Iterator[Process]:
    """`edge serve` with these settings."""
    port = free_port()
    environ = {"EDGE_SERVER_PORT": str(port), "EDGE_SERVER_LOG_LEVEL": "error", **environ}
    process = subprocess.Popen(command, env={**os.environ, **environ})
    try:
        fetched(f"http://127.0.0.1:{port}/-/healthz")
        yield Process(port, process.pid)
    finally:
        process.terminate()
        process.wait(timeout=120)


def everything(wire: socket.socket) -> bytes:
    """All that comes until the server closes, whichever way it does."""
    told = bytearray()
    try:
        while part := wire.recv(65536):
            told += part
    except ConnectionError:
        pass
    return bytes(told)


def one_answer(wire: socket.socket) -> bytes:
    """The next answer, whole; it must tell its length."""
    told = b""
    while (end := told.find(b"\r\n\r\n")) < 0:
        told += wire.recv(65536)
    length = int(told.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(told) < end + 4 + length:
        told += wire.recv(65536)
    return told


def flood(wire: socket.socket, pieces: Iterator[bytes]) -> int:
    """Send until all is sent or the server listens no more; how many bytes went."""
    sent = 0
    try:
        for piece in pieces:
            wire.sendall(piece)
            sent += len(piece)
    except (ConnectionError, TimeoutError):
        pass
    return sent


def statuses(told: bytes) -> list[int]:
    """The statuses of all answers, also of those that should not be there."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", told)]


def closed(wire: socket.socket, seconds: float) -> bool:
    """Whether the server ends the connection within that time, told or untold."""
    wire.settimeout(0.1)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if not wire.recv(65536):
                return True
        except TimeoutError:
            continue
        except ConnectionError:
            return True
    return False
