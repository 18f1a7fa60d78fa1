"""PNG: the chunks, and how much their packed text and profile unpack to."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from edge.errors import OriginalCorrupt, OriginalTooLarge
from edge.images import Size
from edge.rendering.headers import exif
from edge.rendering.headers.base import (
    MAX_EXIF,
    MAX_PROFILE,
    MAX_TEXT,
    Header,
    Mode,
    OriginalFormat,
    check_frames,
    check_pieces,
    check_profile,
    check_size,
    cut,
    number,
)
from edge.settings import Limits

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_FOR_THE_DECODER = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_MODES = {0: Mode.GREY, 2: Mode.RGB, 3: Mode.PALETTE, 4: Mode.GREY, 6: Mode.RGB}
_BITS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_WITH_ALPHA = frozenset({4, 6})


@dataclass(slots=True)
class _Found:
    transparent: bool = False
    profile: bytes | None = None
    orientation: int = 1
    frames: int = 1
    text: int = 0
    parts: list[slice] = field(default_factory=lambda: [slice(0, len(_SIGNATURE))])


def read(body: bytes, limits: Limits) -> Header:
    if cut(body, 12, 4) != b"IHDR" or number(body, 8, ">I") != 13:
        raise OriginalCorrupt("the PNG does not start with its header")
    size = Size(number(body, 16, ">I"), number(body, 20, ">I"))
    bits, kind = body[24], body[25]
    check_size(size, limits)
    if bits not in _BITS.get(kind, ()):
        raise OriginalCorrupt(f"there is no PNG of {bits} bits and colour type {kind}")
    found = _Found()
    for name, start, length in _chunks(body):
        _note(name, body, start, length, found, limits)
    return Header(
        OriginalFormat.PNG,
        size,
        orientation=found.orientation,
        mode=_MODES[kind],
        bits=bits,
        alpha=kind in _WITH_ALPHA or found.transparent,
        frames=found.frames,
        icc=found.profile,
        parts=tuple(found.parts),
    )


def _chunks(body: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and length of each chunk's content, up to and with the end's."""
    at, pieces, name = len(_SIGNATURE), 0, b""
    while name != b"IEND":
        if at + 12 > len(body):
            raise OriginalCorrupt("the PNG ends before its last chunk")
        length = number(body, at, ">I")
        name = body[at + 4 : at + 8]
        if at + 12 + length > len(body):
            raise OriginalCorrupt(f"the PNG ends within its {name!r} chunk")
        yield name, at + 8, length
        at += 12 + length
        pieces += 1
        check_pieces(pieces)


def _note(name: bytes, body: bytes, start: int, length: int, found: _Found, limits: Limits) -> None:
    if name in _FOR_THE_DECODER:
        found.transparent |= name == b"tRNS"
        found.parts.append(slice(start - 8, start + length + 4))
    elif name == b"iCCP":
        check_profile(length)
        found.profile = _profile(body[start : start + length])
    elif name == b"eXIf":
        found.orientation = exif.orientation(body[start : start + min(length, MAX_EXIF)])
    elif name == b"acTL":
        found.frames = max(1, number(cut(body, start, 4), 0, ">I"))
        check_frames(found.frames, limits)
    elif name in (b"zTXt", b"iTXt"):
        content = body[start : start + min(length, MAX_TEXT)]
        found.text += max(length, _text_length(name, content))
        if found.text > MAX_TEXT:
            raise OriginalTooLarge(
                "the PNG's text unpacks to too much", allowed=f"at most {MAX_TEXT // 2**20} MiB"
            )


def _profile(content: bytes) -> bytes | None:
    """The profile of an iCCP chunk; None where it cannot be unpacked, as viewers do."""
    packed = content.partition(b"\0")[2][1:]
    unpack = zlib.decompressobj()
    try:
        profile = unpack.decompress(packed, MAX_PROFILE + 1)
    except zlib.error:
        return None
    check_profile(len(profile))
    return profile or None


def _text_length(name: bytes, content: bytes) -> int:
    """How many bytes a text chunk unpacks to, counted in flat memory and up to the bound."""
    rest = content.partition(b"\0")[2]
    if name == b"iTXt" and rest[:1] != b"\1":
        return len(rest)
    packed = rest[1:] if name == b"zTXt" else rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    unpack, total = zlib.decompressobj(), 0
    try:
        while packed and total <= MAX_TEXT:
            total += len(unpack.decompress(packed, 2**18))
            packed = unpack.unconsumed_tail
    except zlib.error:
        pass  # broken text is nobody's picture
    return total
