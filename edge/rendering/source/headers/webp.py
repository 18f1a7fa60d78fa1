"""WebP: the chunks of the RIFF container, and how a lossy frame was quantised (RFC 6386)."""

from collections.abc import Iterator
from dataclasses import dataclass

from edge.errors import OriginalCorrupt
from edge.images import Size
from edge.limits import Limits
from edge.rendering.source.facts import OriginalFormat
from edge.rendering.source.headers import base
from edge.rendering.source.headers.base import (
    MAX_EXIF,
    Header,
    ReadBudget,
    check_frames,
    check_profile,
    check_size,
    cut,
    number,
)

_START = 10  # bytes: frame tag, start code, sides
_COARSEST = 127


def quality(frame: bytes) -> int | None:
    """1 to 100 on the scale of libwebp's encoder, estimated from the first bytes of a key frame.

    Its busiest segments are quantised more finely or coarsely than what was asked for, so this is
    the middle of what the file uses. None where the frame is cut short or of another kind.
    """
    if len(frame) <= _START or frame[0] & 1 or frame[3:6] != b"\x9d\x01\x2a":
        return None
    steps = _quantisers(_Bits(frame[_START:]))
    # libwebp's QualityToCompression backwards: index = 127 * (1 - cube root of a linear scale)
    linear = (1 - sum(steps) / len(steps) / _COARSEST) ** 3
    share = linear * 1.5 if linear < 0.5 else (linear + 1) / 2
    return max(1, min(100, round(100 * share)))


def _quantisers(bits: "_Bits") -> list[int]:
    """The indices (0 to 127) in use, as section 9.3 to 9.6 of the RFC lay them out."""
    bits.number(2)  # colour space, clamping
    segments: list[int] = []
    absolute = False
    if bits.number(1):
        has_map, has_data = bits.number(1), bits.number(1)
        if has_data:
            absolute = bool(bits.number(1))
            segments = [bits.optional(7) for _ in range(4)]
            for _ in range(4):
                bits.optional(6)  # strength of the loop filter
        if has_map:
            for _ in range(3):
                bits.optional(8, signed=False)
    bits.number(1 + 6 + 3)  # the loop filter
    if bits.number(1) and bits.number(1):
        for _ in range(8):
            bits.optional(6)
    bits.number(2)  # partitions
    base = bits.number(7)
    if not segments:
        return [base]
    used = [index if absolute else base + index for index in segments]
    return [min(_COARSEST, max(0, index)) for index in used]


class _Bits:
    """The arithmetic decoder of section 7, for bits that are as often 0 as 1."""

    def __init__(self, data: bytes) -> None:
        self._data = iter(data)
        self._value = next(self._data, 0) << 8 | next(self._data, 0)
        self._range = 255
        self._shifted = 0

    def number(self, width: int) -> int:
        """An unsigned number, its highest bit first."""
        value = 0
        for _ in range(width):
            value = value << 1 | self._bit()
        return value

    def optional(self, width: int, *, signed: bool = True) -> int:
        """A number behind its flag, with a sign after it; 0 where the flag is not set."""
        if not self._bit():
            return 0
        value = self.number(width)
        return -value if signed and self._bit() else value

    def _bit(self) -> int:
        split = 1 + ((self._range - 1) * 128 >> 8)
        is_set = self._value >= split << 8
        if is_set:
            self._range -= split
            self._value -= split << 8
        else:
            self._range = split
        while self._range < 128:
            self._range <<= 1
            self._value <<= 1
            self._shifted += 1
            if self._shifted == 8:
                self._shifted = 0
                self._value |= next(self._data, 0)
        return int(is_set)


_LOSSY, _LOSSLESS, _EXTENDED = b"VP8 ", b"VP8L", b"VP8X"
_ALPHA_FLAG = 0x10
_FRAME_HEADER = 64  # bytes: what is read of a VP8 frame ends far before


@dataclass(slots=True)
class _Found:
    size: Size | None = None
    alpha: bool = False
    frames: int = 0
    profile: bytes | None = None
    profiles: int = 0
    orientation: int | None = None
    quality: int | None = None


def read(body: bytes, limits: Limits) -> Header:
    if number(body, 4, "<I") + 8 > len(body) + 1:  # one: some writers forget the last padding
        raise OriginalCorrupt("the WebP ends before its data does")
    found, lossy = _Found(), False
    for name, start, length in _chunks(body):
        _note(name, cut(body, start, min(length, 16)), found)
        check_frames(found.frames, limits)
        if name == b"ICCP":
            _note_profile(cut(body, start, length), found)
        elif name == _LOSSY and not lossy:
            lossy = True
            found.quality = quality(cut(body, start, min(length, _FRAME_HEADER)))
        elif name == b"EXIF" and found.orientation is None:
            found.orientation = base.orientation(cut(body, start, min(length, MAX_EXIF)))
    if found.size is None:
        raise OriginalCorrupt("the WebP has no picture in it")
    check_size(found.size, limits)
    return Header(
        OriginalFormat.WEBP,
        found.size,
        orientation=found.orientation or 1,
        alpha=found.alpha,
        frames=max(1, found.frames),
        icc=found.profile,
        quality=found.quality,
    )


def _note_profile(profile: bytes, found: _Found) -> None:
    found.profiles += 1
    if found.profiles > 1:
        raise OriginalCorrupt("the WebP has two colour profiles")
    check_profile(len(profile))
    found.profile = profile or None


def _chunks(body: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and length of each chunk's content."""
    at, budget = 12, ReadBudget()
    end = min(len(body), number(body, 4, "<I") + 8)
    while at + 8 <= end:
        length = number(body, at + 4, "<I")
        yield body[at : at + 4], at + 8, length
        at += 8 + length + length % 2
        budget.take()


def _note(name: bytes, content: bytes, found: _Found) -> None:
    """Sizes as RFC 9649 writes them; the extended header, where there is one, comes first."""
    if name == b"ANMF":
        found.frames += 1
    if found.size is not None:
        return
    if name == _EXTENDED:
        found.alpha = bool(content[0] & _ALPHA_FLAG)
        found.size = Size(_three(content, 4) + 1, _three(content, 7) + 1)
    elif name == _LOSSY:
        found.size = Size(number(content, 6, "<H") & 0x3FFF, number(content, 8, "<H") & 0x3FFF)
    elif name == _LOSSLESS:
        packed = number(content, 1, "<I")
        found.alpha = bool(packed >> 28 & 1)
        found.size = Size((packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1)


def _three(content: bytes, start: int) -> int:
    return int.from_bytes(cut(content, start, 3), "little")
