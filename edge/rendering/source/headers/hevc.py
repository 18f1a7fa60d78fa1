"""What an HEVC stream says of itself: how large its pictures are, and what their colours are.

A HEIC says its size in its boxes, and a decoder makes room for what the stream says.

Source: ITU-T H.265 (2023), sections 7.3.1.1 (units), 7.3.2.2 (sequence parameter set), 7.3.3,
7.3.4, 7.3.7 and E.2.1; ISO/IEC 14496-15, section 8.3.3.1 (the configuration in hvcC).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from edge.images import Size
from edge.rendering.source.headers.base import Bits, ReadBudget

_PARAMETERS = 33  # the kind of a unit that is a sequence parameter set
_MOST = 1024
"""Bytes that are read of one: with scaling lists and 64 reference sets it stays below."""

_PIECES = 128  # that reading one takes as long as
_EXTENDED = 255  # the aspect ratio that is written out


@dataclass(frozen=True, slots=True)
class Parameters:
    """One sequence parameter set: the size that a decoder makes room for, H.273's codes of
    primaries and transfer (2 where it leaves them open), and bits of a channel."""

    size: Size
    primaries: int = 2
    transfer: int = 2
    bits: int = 8


def configured(data: bytes, budget: ReadBudget) -> Iterator[Parameters]:
    """The sequence parameter sets of an hvcC box's content."""
    at = 23
    for _ in range(data[22]):
        count = int.from_bytes(data[at + 1 : at + 3], "big")
        at += 3
        for _ in range(count):
            length = int.from_bytes(data[at : at + 2], "big")
            yield from _unit(data[at + 2 : at + 2 + min(length, _MOST)], budget)
            at += 2 + length


def streamed(data: bytes | memoryview, width: int, budget: ReadBudget) -> Iterator[Parameters]:
    """The parameter sets among an item's units, each led by its length in `width` bytes."""
    at = 0
    while at + width < len(data):
        length = int.from_bytes(data[at : at + width], "big")
        at += width
        yield from _unit(bytes(data[at : at + min(length, _MOST)]), budget)
        at += length


def _unit(unit: bytes, budget: ReadBudget) -> Iterator[Parameters]:
    budget.take()
    if unit and unit[0] >> 1 & 63 == _PARAMETERS:
        budget.take(_PIECES)
        yield _parameters(unit[2:].replace(b"\0\0\3", b"\0\0"))


def _parameters(data: bytes) -> Parameters:
    bits = Bits(data)
    bits.take(4)
    layers = bits.take(3)
    bits.take(1)
    _skip_levels(bits, layers)
    bits.golomb()
    if bits.golomb() == 3:
        bits.take(1)
    size = Size(bits.golomb(), bits.golomb())
    try:
        return Parameters(size, *_colours(bits, layers))
    except IndexError:  # cut short, it has told its size
        return Parameters(size)


def _skip_levels(bits: Bits, layers: int) -> None:
    """profile_tier_level."""
    bits.take(88 + 8)
    present = [(bits.take(1), bits.take(1)) for _ in range(layers)]
    if layers:
        bits.take(2 * (8 - layers))
    for profile, level in present:
        bits.take(88 * profile + 8 * level)


def _colours(bits: Bits, layers: int) -> tuple[int, int, int]:
    """Codes of primaries and transfer, far behind the size, and the depth."""
    if bits.take(1):
        _skip_numbers(bits, 4)  # the conformance window
    depth = 8 + max(bits.golomb(), bits.golomb())
    order_bits = bits.golomb() + 4
    for _ in range(layers + 1 if bits.take(1) else 1):
        _skip_numbers(bits, 3)
    _skip_numbers(bits, 6)  # block sizes and depths
    if bits.take(1) and bits.take(1):
        _skip_scaling_lists(bits)
    bits.take(2)
    if bits.take(1):
        bits.take(8)
        _skip_numbers(bits, 2)
        bits.take(1)
    _skip_reference_sets(bits)
    if bits.take(1):
        for _ in range(bits.golomb()):
            bits.take(order_bits + 1)
    bits.take(2)
    return (*(_usability(bits) if bits.take(1) else (2, 2)), depth)


def _usability(bits: Bits) -> tuple[int, int]:
    """The start of the video usability information."""
    if bits.take(1) and bits.take(8) == _EXTENDED:
        bits.take(32)
    if bits.take(1):
        bits.take(1)
    if bits.take(1):
        bits.take(3 + 1)
        if bits.take(1):
            return bits.take(8), bits.take(8)
    return 2, 2


def _skip_numbers(bits: Bits, count: int) -> None:
    for _ in range(count):
        bits.golomb()


def _skip_scaling_lists(bits: Bits) -> None:
    for kind in range(4):
        for _ in range(2 if kind == 3 else 6):
            if not bits.take(1):
                bits.golomb()
            else:
                _skip_numbers(bits, min(64, 16 << 2 * kind) + (kind > 1))


def _skip_reference_sets(bits: Bits) -> None:
    pictures = 0
    for index in range(min(bits.golomb(), 64)):
        if index and bits.take(1):
            bits.take(1)
            bits.golomb()
            kept = [bits.take(1) or bits.take(1) for _ in range(pictures + 1)]
            pictures = sum(kept)
        else:
            before, after = bits.golomb(), bits.golomb()
            pictures = before + after
            for _ in range(pictures):
                bits.golomb()
                bits.take(1)
