"""PNG: the chunks, what they say of the colours, and how much their packed content unpacks to.

Source: Portable Network Graphics (Third Edition), W3C 2025.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from edge.errors import OriginalCorrupt
from edge.images import Size
from edge.limits import Limits
from edge.rendering.source.facts import Mode, OriginalFormat
from edge.rendering.source.headers import base, cicp
from edge.rendering.source.headers.base import (
    DENSEST_DEFLATE,
    MAX_EXIF,
    Header,
    ReadBudget,
    check_frames,
    check_profile,
    check_size,
    cut,
    number,
)
from edge.rendering.source.headers.cicp import ColourSpace

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_END = b"\0\0\0\0IEND\xaeB`\x82"
_FOR_THE_DECODER = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_COLOURS = frozenset({b"sRGB", b"gAMA", b"cHRM", b"cICP"})
_NOTED = _FOR_THE_DECODER | _COLOURS | {b"eXIf", b"acTL", b"zTXt", b"iTXt", b"iCCP"}
_CHUNK = struct.Struct(">I4s")  # length, name
_MODES = {0: Mode.GREY, 2: Mode.RGB, 3: Mode.PALETTE, 4: Mode.GREY, 6: Mode.RGB}
_BITS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_WITH_ALPHA = frozenset({4, 6})
_UNIT = 100_000  # gAMA and cHRM count in these
_GAMMAS = (_UNIT // 10, _UNIT * 10)  # beyond these a picture is black or white
_CHECKS = 8  # bytes: the packed stream's own, and the chunk's
_NEW_STREAM = 16
"""Pieces that a packed chunk counts as: making an inflater takes 10 microseconds and more."""


@dataclass(slots=True)
class _Found:
    budget: ReadBudget = field(default_factory=ReadBudget)
    transparent: bool = False
    profile: bytes | None = None
    profiles: int = 0
    codes: ColourSpace | None = None
    srgb: bool = False
    gamma: int = 0
    primaries: cicp.Primaries | None = None
    narrow: bool = False
    orientation: int | None = None
    frames: int = 1
    late: bool = False
    packed: int = 0
    parts: list[slice | bytes] = field(default_factory=lambda: [slice(0, len(_SIGNATURE))])

    @property
    def space(self) -> ColourSpace | None:
        """By the order of section 13.9: cICP, iCCP, sRGB, gAMA with cHRM."""
        if self.codes:
            return None if self.codes.srgb else self.codes
        if self.profile or self.srgb or not _GAMMAS[0] <= self.gamma <= _GAMMAS[1]:
            return None
        space = cicp.of_gamma(_UNIT / self.gamma, self.primaries)
        return None if space.srgb else space


def read(body: bytes, limits: Limits) -> Header:
    if cut(body, 12, 4) != b"IHDR" or number(body, 8, ">I") != 13:
        raise OriginalCorrupt("the PNG does not start with its header")
    size = Size(number(body, 16, ">I"), number(body, 20, ">I"))
    bits, kind = body[24], body[25]
    check_size(size, limits)
    if bits not in _BITS.get(kind, ()):
        raise OriginalCorrupt(f"there is no PNG of {bits} bits and colour type {kind}")
    found = _Found()
    for name, start, length in _chunks(body, found):
        _note(name, body, start, length, found, limits)
    _check_rows(size, bits * _CHANNELS[kind], found.packed)
    return Header(
        OriginalFormat.PNG,
        size,
        orientation=found.orientation or 1,
        mode=_MODES[kind],
        bits=bits,
        alpha=kind in _WITH_ALPHA or found.transparent,
        frames=found.frames,
        icc=None if found.codes else found.profile,
        space=found.space,
        narrow=found.narrow,
        parts=tuple(found.parts),
    )


def _chunks(body: bytes, found: _Found) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and length of the content of each chunk that says something, up to and with the
    end's.

    Where the file ends behind its picture instead, the decoder is given an end; where it ends
    within the checks behind its rows, those: whether they are all there, it will count.
    """
    at, last, name = len(_SIGNATURE), len(body) - 12, b""
    while name != b"IEND":
        length, name = _CHUNK.unpack_from(body, at) if at <= last else (0, b"")
        if at + length > last:
            left = len(body) - at
            if name == b"IDAT" and 12 + length - left <= _CHECKS:
                found.packed += left - 8
                found.parts.append(slice(at, len(body)))
                return
            if found.packed:
                found.parts.append(_END)
                return
            raise OriginalCorrupt(f"the PNG ends within its {name!r} chunk")
        if name in _NOTED:
            yield name, at + 8, length
        at += 12 + length
        found.budget.take()


def _check_rows(size: Size, bits: int, packed: int) -> None:
    """Refuse what no packing could get so many rows into."""
    rows = size.height * (1 + (size.width * bits + 7) // 8)
    if rows > (packed + 1) * DENSEST_DEFLATE:
        raise OriginalCorrupt(f"the PNG says {size}, and {packed} bytes cannot hold so many rows")


def _note(name: bytes, body: bytes, start: int, length: int, found: _Found, limits: Limits) -> None:
    if name in _FOR_THE_DECODER:
        found.transparent |= name == b"tRNS"
        found.late |= name in (b"PLTE", b"IDAT")
        found.packed += length if name == b"IDAT" else 0
        found.parts.append(slice(start - 8, start + length + 4))
    elif name == b"eXIf":
        if found.orientation is None:
            found.orientation = base.orientation(body[start : start + min(length, MAX_EXIF)])
    elif name == b"acTL":
        found.frames = max(1, number(cut(body, start, 4), 0, ">I"))
        check_frames(found.frames, limits)
    elif name in (b"zTXt", b"iTXt"):
        _count_text(name, body[start : start + length], found.budget)
    elif name == b"iCCP":
        _note_profile(body, start, length, found)
    elif not found.late:  # where else, decoders pass them over
        _note_colours(name, body[start : start + min(length, 32)], found)


def _note_profile(body: bytes, start: int, length: int, found: _Found) -> None:
    found.profiles += 1
    if found.profiles > 1:
        raise OriginalCorrupt("the PNG has two colour profiles")
    check_profile(length)
    profile = _profile(body[start : start + length], found.budget)
    found.profile = None if found.late else profile


def _note_colours(name: bytes, content: bytes, found: _Found) -> None:
    if name == b"sRGB":
        found.srgb = True
    elif name == b"gAMA" and len(content) == 4:
        found.gamma = number(content, 0, ">I")
    elif name == b"cHRM" and len(content) == 32:
        found.primaries = _primaries(content)
    elif name == b"cICP" and len(content) == 4 and not content[2]:  # PNG holds RGB: matrix 0
        found.codes = cicp.of_codes(content[0], content[1])
        found.narrow = not content[3]


def _primaries(content: bytes) -> cicp.Primaries | None:
    """None where they span no colours: then they are nobody's."""
    values = [number(content, at, ">I") / _UNIT for at in range(0, 32, 4)]
    white, red, green, blue = zip(values[::2], values[1::2], strict=True)
    span = (green[0] - red[0]) * (blue[1] - red[1]) - (green[1] - red[1]) * (blue[0] - red[0])
    if abs(span) < 0.01 or not all(0 < y <= 1 for _, y in (white, red, green)):
        return None
    return red, green, blue, white


def _profile(content: bytes, budget: ReadBudget) -> bytes | None:
    """The profile of an iCCP chunk; None where it cannot be unpacked, as viewers do."""
    packed = content.partition(b"\0")[2][1:]
    profile = bytearray()
    try:
        for part in budget.inflate(packed):
            profile += part
            check_profile(len(profile))
    except zlib.error:
        return None
    return bytes(profile) or None


def _count_text(name: bytes, content: bytes, budget: ReadBudget) -> None:
    """Hold what a text chunk unpacks to against the file's bound, in flat memory."""
    rest = content.partition(b"\0")[2]
    if name == b"iTXt" and rest[:1] != b"\1":
        return
    packed = rest[1:] if name == b"zTXt" else rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    budget.take(_NEW_STREAM)
    try:
        for _ in budget.inflate(packed):
            pass
    except zlib.error:
        return  # broken text is nobody's picture
