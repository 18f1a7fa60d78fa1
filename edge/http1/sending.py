"""What goes out: large bodies in pieces of the one shared object, and who does not read."""

import asyncio
from collections.abc import Callable
from typing import Any

PIECE = 512 * 1024
"""Bytes of a body that are handed to the transport at once, as a view of the one object."""


class Outgoing:
    """The writing side of a connection.

    Attributes:
        rest: what is left of a body that is sent in pieces; a view, so nobody has a copy.
    """

    __slots__ = ("_marked", "_marked_at", "_transport", "_written", "rest")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._written = 0
        self._marked = 0
        self._marked_at: float | None = None
        self.rest: memoryview | None = None

    def write(self, data: Any) -> None:
        self._written += len(data)
        self._transport.write(data)

    def begin(self, head: bytes, body: bytes) -> None:
        """The head and the first piece of a body, in one system call."""
        whole = memoryview(body)
        piece, self.rest = whole[:PIECE], whole[PIECE:]
        self._written += len(head) + len(piece)
        self._transport.writelines((head, piece))

    def next_piece(self) -> None:
        """Hand over one more piece of `rest`."""
        assert self.rest is not None
        piece, self.rest = self.rest[:PIECE], self.rest[PIECE:]
        self.write(piece)

    def drop(self) -> None:
        """Let go of what will not be sent."""
        self.rest = None

    @property
    def pending(self) -> bool:
        """The reader has not taken all of it yet."""
        return bool(self.rest) or self._transport.get_write_buffer_size() > 0

    def waits_for_reader(self, now: float, seconds: float, rate: int) -> bool:
        """Whether the reader took less than `rate` bytes a second in the last `seconds`."""
        if not self.pending:
            self._marked_at = None
            return False
        taken = self._written - self._transport.get_write_buffer_size()
        if self._marked_at is None or taken - self._marked >= rate * seconds:
            self._marked, self._marked_at = taken, now
        return now - self._marked_at > seconds

    def as_transport(self, close: Callable[[], None], is_closing: Callable[[], bool]) -> Any:
        """What uvicorn takes for the transport; closing is another's matter."""
        return _Transport(self, self._transport, close, is_closing)


class _Transport:
    """The face of a transport that request cycles need."""

    __slots__ = ("_transport", "close", "is_closing", "write")

    def __init__(
        self,
        out: Outgoing,
        transport: asyncio.Transport,
        close: Callable[[], None],
        is_closing: Callable[[], bool],
    ) -> None:
        self._transport = transport
        self.close = close
        self.is_closing = is_closing
        self.write = out.write

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
