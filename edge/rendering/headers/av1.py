"""How large the frames of an AV1 stream may be: what its decoder will make room for.

An AVIF says its size twice, in its boxes and in the stream. A decoder follows the stream and then
scales to the boxes, so that a file of a few kilobytes which calls itself small could fill the
memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from edge.images import Size
from edge.rendering.headers.base import check_pieces

_SEQUENCE_HEADER = 1


@dataclass(slots=True)
class _Bits:
    """Reads numbers of any width, most significant bit first."""

    data: bytes
    at: int = 0

    def take(self, count: int) -> int:
        value = 0
        for _ in range(count):
            value = value << 1 | self.data[self.at >> 3] >> (7 - (self.at & 7)) & 1
            self.at += 1
        return value

    def skip_variable(self) -> None:
        """A number written as so many zeros, a one, and as many bits again (uvlc)."""
        zeros = 0
        while not self.take(1):
            zeros += 1
        self.take(min(zeros, 32))


def largest_frames(data: bytes) -> Iterator[Size]:
    """The size of the largest frame that each sequence header in the stream allows."""
    for kind, start, end in _units(data):
        if kind == _SEQUENCE_HEADER:
            yield _largest(data[start : min(end, start + 256)])


def _units(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Kind, start and end of the content of each unit (OBU)."""
    at, pieces = 0, 0
    while at < len(data):
        head = data[at]
        at += 2 if head & 4 else 1
        length = len(data) - at
        if head & 2:
            length, at = _length(data, at)
        yield head >> 3 & 15, at, at + length
        at += length
        pieces += 1
        check_pieces(pieces)


def _length(data: bytes, at: int) -> tuple[int, int]:
    """A number in seven bits a byte, the lowest first (leb128), and where the next field is."""
    value = 0
    for index in range(8):
        value |= (data[at + index] & 127) << 7 * index
        if not data[at + index] & 128:
            return value, at + index + 1
    return value, at + 8


def _largest(data: bytes) -> Size:
    bits = _Bits(data)
    bits.take(3 + 1)
    reduced = bits.take(1)
    if reduced:
        bits.take(5)
    else:
        _skip_operating_points(bits)
    wide, high = bits.take(4) + 1, bits.take(4) + 1
    size = Size(bits.take(wide) + 1, bits.take(high) + 1)
    # Only the reduced header of a still forbids frames that state another size of so many bits.
    return size if reduced else Size(2**wide, 2**high)


def _skip_operating_points(bits: _Bits) -> None:
    """Timing, decoder model and levels, in the order of section 5.5.1 of the AV1 specification."""
    delay_bits = _skip_timing(bits) if bits.take(1) else 0
    displayed = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:
            bits.take(1)
        if delay_bits and bits.take(1):
            bits.take(2 * delay_bits + 1)
        if displayed and bits.take(1):
            bits.take(4)


def _skip_timing(bits: _Bits) -> int:
    """How many bits each delay of the decoder model has; 0 without a model."""
    bits.take(64)
    if bits.take(1):
        bits.skip_variable()
    if not bits.take(1):
        return 0
    delay_bits = bits.take(5) + 1
    bits.take(32 + 5 + 5)
    return delay_bits
