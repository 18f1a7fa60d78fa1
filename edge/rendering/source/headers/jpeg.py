"""JPEG: the segments before the first scan, and how many scans there are."""

from dataclasses import dataclass, field

import numpy as np

from edge.errors import OriginalCorrupt, OriginalTooLarge, OriginalUnsupported
from edge.images import Size
from edge.limits import Limits
from edge.rendering.source.facts import Mode, OriginalFormat
from edge.rendering.source.headers import base
from edge.rendering.source.headers.base import (
    Header,
    ReadBudget,
    check_profile,
    check_size,
    cut,
    number,
)

_READABLE_FRAMES = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended, progressive; all Huffman
_OTHER_FRAMES = frozenset(range(0xC3, 0xD0)) - {0xC4, 0xC8, 0xCC}  # lossless, hierarchical, arithm.
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_SCAN, _END, _TABLES, _JFIF, _EXIF, _ICC, _ADOBE = 0xDA, 0xD9, 0xDB, 0xE0, 0xE1, 0xE2, 0xEE
_PROGRESSIVE = 0xC2
_METADATA = frozenset({*range(0xE0, 0xF0), 0xFE}) - {_JFIF, _ADOBE}

_MAX_SEGMENTS = 10_000
"""Before the first scan. 64 MB of metadata in whole segments of 64 KiB are a thousand."""

_MAX_SCANS = 100  # jpegtran's longest scripts have about 20
_STANDARD_SUM = 3668  # the sum of the luminance table in the standard's annex K.1


@dataclass(slots=True)
class _Found:
    """What the segments have said so far."""

    orientation: int | None = None
    size: Size | None = None
    components: int = 0
    first_table: int = 0
    tables: dict[int, int] = field(default_factory=dict)
    profile: dict[int, bytes] = field(default_factory=dict)
    bits: int = 0
    parts: list[slice] = field(default_factory=lambda: [slice(0, 2)])


def read(body: bytes, limits: Limits) -> Header:
    found = _Found()
    scan = _walk(body, found)
    if found.size is None:
        raise OriginalCorrupt("the JPEG has no frame before its first scan")
    check_size(found.size, limits)
    profile = b"".join(found.profile[key] for key in sorted(found.profile))
    modes = {1: Mode.GREY, 3: Mode.RGB, 4: Mode.CMYK}
    if found.components not in modes:
        raise OriginalUnsupported(f"a JPEG of {found.components} components is not read here")
    data = _data(body, scan, found.size, limits)
    _check_rows(found, data.stop - data.start)
    return Header(
        OriginalFormat.JPEG,
        found.size,
        orientation=found.orientation or 1,
        mode=modes[found.components],
        icc=profile or None,
        quality=_quality(found.tables.get(found.first_table)),
        parts=(*found.parts, data),
    )


def frame(body: bytes, at: int, budget: ReadBudget) -> Size:
    """The size that the first frame of a JPEG within a file states, which starts at that place.

    Raises:
        OriginalCorrupt: there is none.
    """
    at += 2
    while body[at] == 0xFF and body[at + 1] != _SCAN:
        budget.take()
        marker = body[at + 1]
        if marker in _READABLE_FRAMES | _OTHER_FRAMES:
            return Size(number(body, at + 7, ">H"), number(body, at + 5, ">H"))
        without = marker == 0xFF or marker in _WITHOUT_LENGTH
        at += (1 if marker == 0xFF else 2) if without else 2 + max(2, number(body, at + 2, ">H"))
    raise OriginalCorrupt("a JPEG within the file has no frame")


def _walk(body: bytes, found: _Found) -> int:
    """Read segment by segment; answers where the first scan's segment starts."""
    at, budget = 2, ReadBudget(_MAX_SEGMENTS)
    while True:
        at = body.find(b"\xff", at)
        if at < 0 or at + 4 > len(body):
            raise OriginalCorrupt("the JPEG ends within its header")
        marker = body[at + 1]
        if marker in (0x00, 0xFF) or marker in _WITHOUT_LENGTH:
            at += 1 if marker == 0xFF else 2
        elif marker == _SCAN:
            return at
        elif marker == _END:
            raise OriginalCorrupt("the JPEG ends before its picture")
        else:
            length = 2 + max(2, number(body, at + 2, ">H"))
            _note(marker, cut(body, at, length)[4:], found)
            if marker not in _METADATA:
                found.parts.append(slice(at, at + length))
            at += length
        budget.take()


def _note(marker: int, content: bytes, found: _Found) -> None:
    if marker in _READABLE_FRAMES:
        _note_frame(content, found)
        found.bits = _fewest_bits(content, progressive=marker == _PROGRESSIVE)
    elif marker in _OTHER_FRAMES:
        raise OriginalUnsupported("a lossless, hierarchical or arithmetic JPEG is not read here")
    elif marker == _TABLES:
        _note_tables(content, found)
    elif marker == _EXIF and content.startswith(b"Exif\0") and found.orientation is None:
        found.orientation = base.orientation(content)
    elif marker == _ICC and content.startswith(b"ICC_PROFILE\0") and len(content) > 14:
        found.profile.setdefault(content[12], content[14:])
        check_profile(sum(map(len, found.profile.values())))


def _note_frame(content: bytes, found: _Found) -> None:
    if found.size is not None:
        raise OriginalCorrupt("the JPEG has two frames")
    if len(content) < 6 + 3 * content[5]:
        raise OriginalCorrupt("the JPEG's frame header is too short")
    if content[0] != 8:
        raise OriginalUnsupported(f"a JPEG of {content[0]} bits is not read here", allowed="8 bits")
    found.size = Size(number(content, 3, ">H"), number(content, 1, ">H"))
    found.components = content[5]
    found.first_table = content[8] if found.components else 0


def _fewest_bits(frame: bytes, *, progressive: bool) -> int:
    """How many bits the scans have at the very least.

    A code is one bit or more, and each block of 8x8 has one for its mean; in a sequential JPEG one
    for the rest of the block, too (ITU-T T.81, F.1.2 and G.1.2).
    """
    height, width, count = number(frame, 1, ">H"), number(frame, 3, ">H"), frame[5]
    factors = [(frame[7 + 3 * i] >> 4, frame[7 + 3 * i] & 15) for i in range(count)]
    across, down = (max((f[i] for f in factors), default=1) for i in (0, 1))
    if not all(1 <= side <= 4 for factor in factors for side in factor):
        raise OriginalCorrupt("the JPEG's sampling factors are none")
    each = sum(-(-width * h // (8 * across)) * -(-height * v // (8 * down)) for h, v in factors)
    return each if progressive else 2 * each


def _check_rows(found: _Found, packed: int) -> None:
    """Refuse what no coding could get so many rows into."""
    if found.bits > 8 * packed:
        raise OriginalCorrupt(
            f"the JPEG says {found.size}, and {packed} bytes cannot hold so many rows"
        )


def _note_tables(content: bytes, found: _Found) -> None:
    """Keep the sum of each quantisation table; 64 numbers of one byte or two."""
    at = 0
    while at < len(content):
        wide, key = content[at] >> 4, content[at] & 15
        length = 128 if wide else 64
        table = cut(content, at + 1, length)
        found.tables[key] = sum(table[0::2]) * 256 + sum(table[1::2]) if wide else sum(table)
        at += 1 + length


def _data(body: bytes, start: int, size: Size, limits: Limits) -> slice:
    """Where the scans lie. Each is one more pass over every pixel: a small file can ask for hours.

    Phones append a second picture or a film, whose bytes look like scans too. Then the data ends
    for the decoder where it is counted to: at the first end marker.
    """
    most = min(_MAX_SCANS, 20 * limits.pixels // size.pixels)
    scans, end = _scans(memoryview(body)[start:]), len(body)
    if scans > most:
        end = body.find(b"\xff\xd9", start) + 2
        scans = _scans(memoryview(body)[start:end])
    if scans > most or end < start:
        raise OriginalTooLarge(
            f"the JPEG draws {size} pixels in {scans} scans", allowed=f"at most {most} scans"
        )
    return slice(start, end)


def _scans(data: memoryview) -> int:
    """How often a scan's marker stands there. `bytes.count` takes up to forty times as long for two
    bytes, and a list of matches would have no bound."""
    marker = int.from_bytes((0xFF, _SCAN), "little")
    pairs = (data[first : first + (len(data) - first) // 2 * 2] for first in (0, 1))
    return sum(int(np.count_nonzero(np.frombuffer(each, "<u2") == marker)) for each in pairs)


def _quality(table_sum: int | None) -> int | None:
    """The quality whose scaled standard table has this sum (the IJG library's scale)."""
    if not table_sum:
        return None
    percent = 100 * table_sum / _STANDARD_SUM
    quality = (200 - percent) / 2 if percent <= 100 else 5000 / percent
    return max(1, min(100, round(quality)))
