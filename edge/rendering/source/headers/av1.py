"""What an AV1 stream says of itself: how large its frames may be, and what its colours are.

An AVIF says its size twice, in its boxes and in the stream. A decoder follows the stream and then
scales to the boxes, so that a file of a few kilobytes which calls itself small could fill the
memory.

Source: AV1 Bitstream & Decoding Process Specification (2019), section 5.5.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from edge.images import Size
from edge.rendering.source.headers.base import Bits, ReadBudget

_SEQUENCE_HEADER = 1
_MOST = 256
"""Bytes that are read of a sequence header: the longest, with 32 operating points, has fewer."""

_PIECES = 64  # that reading one takes as long as


@dataclass(frozen=True, slots=True)
class Sequence:
    """One sequence header: the largest frame that it allows, H.273's codes of primaries and
    transfer (2 where it leaves them open), and bits of a channel."""

    largest: Size
    primaries: int = 2
    transfer: int = 2
    bits: int = 8


def sequences(data: bytes | memoryview, budget: ReadBudget) -> Iterator[Sequence]:
    """Each sequence header in the stream."""
    for kind, start, end in _units(data, budget):
        if kind == _SEQUENCE_HEADER:
            budget.take(_PIECES)
            yield _sequence(bytes(data[start : min(end, start + _MOST)]))


def _units(data: bytes | memoryview, budget: ReadBudget) -> Iterator[tuple[int, int, int]]:
    """Kind, start and end of the content of each unit (OBU)."""
    at = 0
    while at < len(data):
        head = data[at]
        at += 2 if head & 4 else 1
        length = len(data) - at
        if head & 2:
            length, at = _length(data, at)
        yield head >> 3 & 15, at, at + length
        at += length
        budget.take()


def _length(data: bytes | memoryview, at: int) -> tuple[int, int]:
    """A number in seven bits a byte, the lowest first (leb128), and where the next field is."""
    value = 0
    for index in range(8):
        value |= (data[at + index] & 127) << 7 * index
        if not data[at + index] & 128:
            return value, at + index + 1
    return value, at + 8


def _sequence(data: bytes) -> Sequence:
    bits = Bits(data)
    profile = bits.take(3)
    bits.take(1)
    reduced = bool(bits.take(1))
    if reduced:
        bits.take(5)
    else:
        _skip_operating_points(bits)
    wide, high = bits.take(4) + 1, bits.take(4) + 1
    size = Size(bits.take(wide) + 1, bits.take(high) + 1)
    # Only the reduced header of a still forbids frames that state another size of so many bits.
    largest = size if reduced else Size(2**wide, 2**high)
    try:
        _skip_tools(bits, reduced=reduced)
        return Sequence(largest, *_colours(bits, profile))
    except IndexError:  # a header cut short has told its size
        return Sequence(largest)


def _skip_operating_points(bits: Bits) -> None:
    """Timing, decoder model and levels, in the order of section 5.5.1."""
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


def _skip_timing(bits: Bits) -> int:
    """How many bits each delay of the decoder model has; 0 without a model."""
    bits.take(64)
    if bits.take(1):
        bits.golomb()
    if not bits.take(1):
        return 0
    delay_bits = bits.take(5) + 1
    bits.take(32 + 5 + 5)
    return delay_bits


def _skip_tools(bits: Bits, *, reduced: bool) -> None:
    """Which coding tools are on, up to the colours."""
    if not reduced and bits.take(1):
        bits.take(4 + 3)  # lengths of frame ids
    bits.take(3)  # superblocks, filter intra, intra edge filter
    if not reduced:
        _skip_inter_tools(bits)
    bits.take(3)  # superresolution, CDEF, restoration


def _skip_inter_tools(bits: Bits) -> None:
    bits.take(4)  # inter-intra, masked compound, warped motion, dual filter
    ordered = bits.take(1)
    if ordered:
        bits.take(2)
    forced = 2 if bits.take(1) else bits.take(1)  # screen content tools
    if forced and not bits.take(1):
        bits.take(1)  # integer motion vectors
    if ordered:
        bits.take(3)


def _colours(bits: Bits, profile: int) -> tuple[int, int, int]:
    """Codes of primaries and transfer, and the depth, section 5.5.2."""
    depth = 10 if bits.take(1) else 8
    if profile == 2 and depth == 10 and bits.take(1):
        depth = 12
    if profile != 1:
        bits.take(1)  # monochrome
    if not bits.take(1):
        return 2, 2, depth
    return bits.take(8), bits.take(8), depth
