"""JPEG, by libjpeg-turbo in the wheel of simplejpeg; with every row, or not at all.

Sources: ITU-T T.81, sections B.2.3 (scans) and G.1 (progression); libjpeg's `jerror.h` for what it
says where data is missing.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import simplejpeg

from edge.arrays import Levels
from edge.errors import OriginalCorrupt, OriginalUnsupported
from edge.images import Size
from edge.rendering.engine import pillow, stock
from edge.rendering.numbers import tuned
from edge.rendering.source.decoders.options import DecodeOptions, Loaded
from edge.rendering.source.decoders.plain import reduced


@dataclass(frozen=True)
class JpegNumbers:
    """At which of a JPEG's scales it is decoded."""

    margin: float = tuned(
        1.25,
        "times the size that is wanted",
        "which a reduced scale leaves at least: it is a box filter, sharper than a good resize",
        "15 photographs made 22 to 50 % as large are 0.5 levels off those of all pixels; 2.3 with "
        "half of it, 0.04 with twice, which decodes four times as many",
    )


JPEG = JpegNumbers()

_SCALES = (8, 4, 2, 1)
_END = b"\xff\xd9"
_MISSING = "premature end"
_LOOKAHEAD = 16  # bytes that a decoder reads ahead of what it needs
_KINDS = {"Gray": "GRAY", "YCbCr": "RGBA", "RGB": "RGBA", "CMYK": "CMYK", "YCCK": "CMYK"}
_MODES = {"GRAY": "L", "RGBA": "RGB", "CMYK": "CMYK"}
"""What is asked of the library, by what is stored, and the mode of the image on it: the
engine keeps RGB in four bytes."""


_FRAMES, _PROGRESSIVE, _SCAN = frozenset({0xC0, 0xC1, 0xC2}), 0xC2, 0xDA
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")
"""Not those that stand within a scan."""


class _Scan(NamedTuple):
    """Components by name, first and last coefficient, and the lowest bit that is told of them."""

    names: bytes
    first: int
    last: int
    bit: int


def load(data: bytes, request: DecodeOptions) -> Loaded:
    """At the reduced scale that leaves `request.least` with a margin."""
    width, height, kind = shape(data)
    request.check(width, height)
    _check_scans(data)
    levels = decoded(data, _KINDS[kind], scaled(request))
    if _KINDS[kind] == "CMYK":
        levels = 255 - levels  # all readers take ink for stored as Adobe stores it
    return Loaded(reduced(pillow.image_on(levels, _MODES[_KINDS[kind]]), request.least))


def decoded(data: bytes, colours: str, size: Size) -> Levels:
    """Levels [H, W, C]: `GRAY` 1, `RGBA` (opaque) and `CMYK` (as stored) 4 channels.

    Args:
        size: the whole picture's or a half, quarter or eighth of it.

    Raises:
        OriginalCorrupt: rows are missing, or the stream is no JPEG.
    """
    # Where an end is all that is missing, the picture is whole.
    whole = data if data.endswith(_END) else data + _END
    least = {"min_width": size.width, "min_height": size.height, "min_factor": 1}
    channels = 1 if colours == "GRAY" else 4
    room = np.empty((size.height, size.width, channels), np.uint8)
    try:
        return _decode(whole, colours, room, least, strict=True)  # every level, or an error
    except ValueError as error:
        if _MISSING in str(error).lower():
            raise OriginalCorrupt("the JPEG ends before its last row") from error
        if "Corrupt JPEG data" not in str(error):
            raise
    _check_behind_a_flaw(data)
    room.fill(0)  # what a flaw leaves out must not be another picture's
    return _decode(whole, colours, room, least, strict=False)  # viewers show a flaw within


def _check_behind_a_flaw(data: bytes) -> None:
    """The library tells of the first flaw alone; whether the last row is there, the other reader
    says when it is given no end: it asks for more. In several scans, none can tell."""
    scan = data.find(b"\xff\xda")
    end = data.find(_END, scan)
    rows = data[:end] if end > 0 else data
    if rows.count(b"\xff\xda", scan) > 1:
        return
    stock.part("JpegImagePlugin")
    try:
        stock.opened(rows + bytes(_LOOKAHEAD), "JPEG").load()
    except OSError as error:
        raise OriginalCorrupt("the JPEG ends before its last row") from error


def scaled(request: DecodeOptions) -> Size:
    """The whole size, or a reduced one that is enough."""
    return request.size if request.least is None else reduction(request.size, request.least)


def reduction(whole: Size, least: Size) -> Size:
    """The size of the coarsest scale that leaves the least size with a margin."""
    wide, high = (round(side * JPEG.margin) for side in (least.width, least.height))
    room = min(whole.width // max(1, wide), whole.height // max(1, high))
    scale = next((scale for scale in _SCALES if scale <= room), 1)
    return Size(-(-whole.width // scale), -(-whole.height // scale))


def shape(data: bytes) -> tuple[int, int, str]:
    height, width, kind, _ = simplejpeg.decode_jpeg_header(data, strict=False)
    if kind not in _KINDS:
        raise OriginalUnsupported(f"a JPEG of {kind} is not read here")
    return width, height, kind


def _decode(
    data: bytes, colours: str, room: Levels, least: dict[str, int], *, strict: bool
) -> Levels:
    levels: Levels = simplejpeg.decode_jpeg(data, colours, buffer=room.data, strict=strict, **least)
    if levels.shape != room.shape:
        raise OriginalCorrupt(f"the JPEG decodes to {levels.shape}")
    return levels


def _check_scans(data: bytes) -> None:
    """Whether the scans tell every component to its last bit.

    One that holds all of them is told by its rows. A picture in several scans that misses the later
    ones has all rows, coarser or without colour: browsers show that, here it is half a picture.
    """
    frame, components, scans = _segments(data)
    received: dict[int, list[int | None]] = {name: [None] * 64 for name in components}
    if frame != _PROGRESSIVE and scans and len(scans[0].names) == len(components):
        return
    for names, first, last, bit in scans:
        for name in names:
            if name in received:
                received[name][first : last + 1] = [bit] * (last + 1 - first)
    if any(bit != 0 for bits in received.values() for bit in bits):
        raise OriginalCorrupt("the JPEG lacks its last scans")


def _segments(data: bytes) -> tuple[int, bytes, list[_Scan]]:
    """The frame's marker, its components' names, and the scans up to the end marker."""
    frame, components, scans, at = 0, b"", [], 2
    while found := _MARKER.search(data, at):
        marker, start = found.group()[1], found.end()
        if marker == _END[1] or start + 2 > len(data):
            break
        content = data[start + 2 : start + int.from_bytes(data[start : start + 2], "big")]
        at = start + 2 + len(content)
        if marker in _FRAMES and len(content) > 5:
            frame, components = marker, content[6::3][: content[5]]
        elif marker == _SCAN and content:
            scans.append(_scan(content, frame))
            if frame != _PROGRESSIVE and len(scans[0].names) == len(components):
                break
    return frame, components, scans


def _scan(content: bytes, frame: int) -> _Scan:
    count = content[0]
    names, rest = content[1 : 1 + 2 * count : 2], content[1 + 2 * count :]
    if frame != _PROGRESSIVE or len(rest) < 3:
        return _Scan(names, 0, 63, 0)
    return _Scan(names, rest[0], min(63, rest[1]), rest[2] & 15)
