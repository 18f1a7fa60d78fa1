"""Parses Redis's answers to GET (RESP2), read into one reused buffer.

https://redis.io/docs/latest/develop/reference/protocol-spec/: a bulk string, its null, or an error.
hiredis copies its input, and its output once more, which took most of the time of a large picture.
"""

from typing import Final

from redis.exceptions import BusyLoadingError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError

Answer = memoryview | None | Exception
"""A value, whose bytes are valid until the next answer is taken; None: no such key; or Redis's
error."""

_STEP = 64 * 1024
"""Bytes per read. A longer value is read to its end and no further, so that nothing behind it has
to be moved."""

_KEPT = 256 * 1024
"""Usual size of the buffer in bytes; it returns to this after larger values."""


class More:
    """Returned while an answer is incomplete."""


MORE: Final = More()


class Answers:
    """An incremental parser: bytes are written into `room`, `came` says how many, `take` returns
    the next answer."""

    def __init__(self) -> None:
        self._held = bytearray(_KEPT)
        self._view = memoryview(self._held)
        self._at = self._end = 0
        self._length: int | None = None  # of the value that starts at `_at`, once its line is read

    def room(self) -> memoryview:
        """The free part of the buffer; never empty."""
        if self._at == self._end:
            self._at = self._end = 0
            if len(self._held) > _KEPT and self._length is None:
                self._renew(_KEPT)
        stop = self._end + _STEP
        if self._length is not None and self._length > _STEP:
            stop = self._at + self._length + 2
        if stop > len(self._held):
            stop -= self._at
            self._renew(max(_KEPT, min(stop, 2 * len(self._held))))
        return self._view[self._end : stop]

    def came(self, count: int) -> None:
        """Note that so many bytes were written into `room`."""
        self._end += count

    def take(self) -> Answer | More:
        """The next answer, or `MORE`.

        Raises `ConnectionError` of redis-py: this is nothing that Redis answers to GET.
        """
        if self._length is None:
            line = self._line()
            if line is None:
                return MORE
            if line[:1] == b"-":
                return _error(line[1:])
            if line == b"$-1":
                return None
            if line[:1] != b"$" or not line[1:].isdigit():
                raise RedisConnectionError("this is no answer of Redis")
            self._length = int(line[1:])
        stop = self._at + self._length
        if self._end < stop + 2:
            return MORE
        if self._held[stop : stop + 2] != b"\r\n":
            raise RedisConnectionError("this is no answer of Redis")
        value = self._view[self._at : stop]
        self._at, self._length = stop + 2, None
        return value

    def _line(self) -> bytes | None:
        stop = self._held.find(b"\r\n", self._at, self._end)
        if stop < 0:
            if self._end - self._at > _STEP:
                raise RedisConnectionError("this is no answer of Redis")
            return None
        line = bytes(self._view[self._at : stop])
        self._at = stop + 2
        return line

    def _renew(self, length: int) -> None:
        """Replace the buffer; the bytes not taken yet move to its start."""
        left = self._view[self._at : self._end]
        self._held = bytearray(length)
        self._view = memoryview(self._held)
        self._view[: len(left)] = left
        self._at, self._end = 0, len(left)


def _error(line: bytes) -> Exception:
    text = line.decode(errors="replace")
    return BusyLoadingError(text) if text.startswith("LOADING") else ResponseError(text)
