"""A client that takes little of the machine which it shares with the server that it measures."""

import asyncio
import time
from typing import cast
from urllib.parse import urlsplit


class _Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._told: asyncio.Future[int] | None = None
        self._head = b""
        self._left = -1
        self._status = 0
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def ask(self, request: bytes) -> "asyncio.Future[int]":
        self._head, self._left = b"", -1
        self._told = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._told

    def data_received(self, data: bytes) -> None:
        if self._left < 0:
            self._head += data
            head, end, rest = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            lines = head.lower().split(b"\r\n")
            length = next(line for line in lines if line.startswith(b"content-length:"))
            self._status, self._left = int(head[9:12]), int(length[15:])
            data = rest
        self._left -= len(data)
        if self._left <= 0 and self._told is not None and not self._told.done():
            self._told.set_result(self._status)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        if self._told is not None and not self._told.done():
            self._told.set_exception(exc or ConnectionResetError("closed before its answer"))


class Lean:
    """GET requests to one server, over as many kept connections as are asked at once."""

    def __init__(self, base: str) -> None:
        self._host, self._port = urlsplit(base).hostname or "", urlsplit(base).port or 80
        self._free: list[_Connection] = []

    async def get(self, target: str) -> tuple[int, float]:
        """Status, and the seconds until the last byte came."""
        while self._free and self._free[-1].closed:  # a server may close what is idle
            self._free.pop()
        connection = self._free.pop() if self._free else await self._open()
        request = f"GET {target} HTTP/1.1\r\nhost: {self._host}\r\naccept: */*\r\n\r\n"
        begun = time.perf_counter()
        status = await connection.ask(request.encode())
        taken = time.perf_counter() - begun
        self._free.append(connection)
        return status, taken

    async def _open(self) -> _Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Connection, self._host, self._port)
        return connection
