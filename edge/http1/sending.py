"""The writing half of a connection: large bodies in pieces of one shared object, and detection of
slow readers."""

import array
import asyncio
import fcntl
import termios
from collections.abc import Callable
from typing import Any

PIECE = 512 * 1024
"""Bytes of a body per write to the transport, as a view of the shared object."""

_UNSENT = termios.TIOCOUTQ
"""Linux's name for it on a socket is SIOCOUTQ (tcp(7)): bytes that were not acknowledged."""


class Outgoing:
    """The writing side of a connection.

    Attributes:
        rest: what is left of a body that is sent in pieces; a view, so nobody has a copy.
        body: the whole of the large body that was begun last, while any of it is unread.
        pace: bytes that the reader takes between two checks, smoothed; None: not known yet.
    """

    __slots__ = (
        "_marked", "_marked_at", "_taken", "_transport", "_written", "body", "pace", "rest",
    )  # fmt: skip

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._written = 0
        self._marked = self._taken = 0
        self.body: bytes | None = None
        self.pace: float | None = None
        self._marked_at: float | None = None
        self.rest: memoryview | None = None

    def write(self, data: Any) -> None:
        self._written += len(data)
        self._transport.write(data)

    def begin(self, head: bytes, body: bytes) -> None:
        """The head and the first piece of a body, in one system call.

        What the system takes at once is let go of at once: its memory, still in the processor's
        cache, serves the next one.
        """
        whole = memoryview(body)
        piece, self.rest = whole[:PIECE], whole[PIECE:]
        self._written += len(head) + len(piece)
        self._transport.writelines((head, piece))
        self.body = body if self.pending else None

    def next_piece(self) -> None:
        """Hand over one more piece of `rest`."""
        assert self.rest is not None
        piece, self.rest = self.rest[:PIECE], self.rest[PIECE:]
        self.write(piece)

    def drop(self) -> None:
        """Drop what will not be sent."""
        self.rest = self.body = None

    @property
    def pending(self) -> bool:
        """The reader has not taken all of it yet."""
        return bool(self.rest) or self._transport.get_write_buffer_size() > 0

    def waits_for_reader(self, now: float, seconds: float, rate: int) -> bool:
        """Whether the reader took less than `rate` bytes a second in the last `seconds`."""
        if not self.pending:
            self._marked_at = self.pace = self.body = None
            return False
        taken = self._written - self._transport.get_write_buffer_size() - self._in_system()
        if self._marked_at is not None:
            lately = taken - self._taken
            self.pace = lately if self.pace is None else (3 * self.pace + lately) / 4
        self._taken = taken
        if self._marked_at is None or taken - self._marked >= rate * seconds:
            self._marked, self._marked_at = taken, now
        return now - self._marked_at > seconds

    def _in_system(self) -> int:
        """Bytes that the system has, and the reader has not: megabytes for a slow one, of which a
        program hears only as a third of them have gone."""
        number = array.array("i", (0,))
        try:
            fcntl.ioctl(self._transport.get_extra_info("socket").fileno(), _UNSENT, number)
        except (OSError, AttributeError):
            return 0  # another system, or no socket
        return number[0]

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
