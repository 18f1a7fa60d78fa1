"""What a header can say, whichever the file format, and the bounds that hold for all of them; how
single bits and the EXIF orientation are read.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from edge.errors import OriginalCorrupt, OriginalTooLarge
from edge.images import Box, Size
from edge.limits import Limits
from edge.rendering.source.facts import Mode, OriginalFormat
from edge.rendering.source.headers.cicp import ColourSpace


class Bits:
    """Reads from the most significant bit on. Whoever reads past the end gets an `IndexError`.

    Args:
        data: a few hundred bytes; what is wanted of a stream stands at its start.
    """

    def __init__(self, data: bytes) -> None:
        self._whole = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        """An unsigned number of so many bits."""
        self._left -= count
        if self._left < 0:
            raise IndexError("the stream ends within its header")
        return self._whole >> self._left & (1 << count) - 1

    def golomb(self) -> int:
        """A number written as so many zeros, a one, and as many bits again: ue(v) of H.265, section
        9.2, and uvlc of AV1, section 4.10.3."""
        zeros = 0
        while not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)


MAX_PROFILE = 4 * 2**20
"""Bytes of an ICC profile: the largest press profiles in use are below 3 MB."""

MAX_UNPACKED = 64 * 2**20
"""Bytes that all packed text and profiles of one file may unpack to. No decoder is given the text,
so well-formed text of any usual length is no reason to refuse; more is a file made to fill
somebody's memory. Counting so far takes 35 ms."""

MAX_EXIF = 65_536
"""Bytes of EXIF that are looked at; a JPEG cannot hold more, and the orientation comes first."""

MAX_PIECES = 65_536
"""Chunks, segments, boxes or tags looked at: 64 MB of PNG in libpng's 8 kB chunks are 8,192."""


DENSEST_DEFLATE = 1032
"""Bytes that one byte of deflate can stand for: 258 in two bits (RFC 1951, section 3.2.5)."""


@dataclass(frozen=True, slots=True)
class Header:
    """One file's header, and the same picture without whatever a decoder need not see.

    `icc` is the embedded profile; `space` what the file says of its colours otherwise, None where
    that is sRGB, or nothing, or where there is a profile, which comes first. `inverted`: a TIFF of
    grey whose zero is white. `narrow`: black is 16 and white 235 of 255, and a decoder of the
    format leaves them there.
    `aperture` is the part of what a decoder answers that is the picture, as stored; None: all of
    it. `stored` is the size of that part, `coded` that of what a decoder answers (None: the same).
    `parts` are what a decoder is given instead of the whole file, places in it or bytes of our own
    (None: the whole file): no metadata and no second picture, so that no engine parses them.
    """

    format: OriginalFormat
    stored: Size
    orientation: int = 1
    mode: Mode = Mode.RGB
    bits: int = 8
    alpha: bool = False
    frames: int = 1
    icc: bytes | None = field(default=None, repr=False)
    space: ColourSpace | None = None
    quality: int | None = None
    inverted: bool = False
    narrow: bool = False
    aperture: Box | None = None
    coded: Size | None = None
    parts: tuple[slice | bytes, ...] | None = field(default=None, repr=False)

    @property
    def size(self) -> Size:
        """Upright."""
        if self.orientation < 5:
            return self.stored
        return Size(self.stored.height, self.stored.width)

    @property
    def decoded(self) -> Size:
        """What a decoder of the format answers, before the aperture is cut out of it."""
        return self.coded or self.stored

    def picture(self, body: bytes) -> bytes:
        """What a decoder is given."""
        if self.parts is None:
            return body
        view = memoryview(body)  # so that each byte is copied once
        return b"".join(view[part] if isinstance(part, slice) else part for part in self.parts)


def check_size(size: Size, limits: Limits) -> None:
    """Refuse a picture of nothing, or of more pixels than the setting allows."""
    if size.width < 1 or size.height < 1:
        raise OriginalCorrupt(f"the original says that it is {size} pixels")
    if size.pixels > limits.pixels:
        raise OriginalTooLarge(
            f"the original is {size}, {size.pixels / 1e6:.0f} megapixels",
            allowed=f"at most {limits.pixels / 1e6:g} megapixels",
        )


def check_frames(frames: int, limits: Limits) -> None:
    """Refuse an animation that is longer than the setting allows."""
    if frames > limits.frames:
        raise OriginalTooLarge(
            f"the original has more than {limits.frames} frames",
            allowed=f"at most {limits.frames} frames",
        )


def check_profile(length: int) -> None:
    """Refuse a colour profile that is none."""
    if length > MAX_PROFILE:
        raise OriginalTooLarge(
            "the original's colour profile is too large",
            allowed=f"at most {MAX_PROFILE // 2**20} MiB",
        )


class ReadBudget:
    """What reading one file may cost, whatever it is cut into: one for the whole file.

    A piece is a chunk, segment, box, tag or field: a microsecond or two. What takes longer to read
    counts as more of them.
    """

    def __init__(self, pieces: int = MAX_PIECES) -> None:
        self._most = self._pieces = pieces
        self._bytes = MAX_UNPACKED

    def take(self, pieces: int = 1) -> None:
        """Raises `OriginalTooLarge` where walking the file takes the time of a render."""
        self._pieces -= pieces
        if self._pieces < 0:
            raise OriginalTooLarge(f"the original consists of more than {self._most} pieces")

    def inflate(self, packed: bytes, step: int = 2**18) -> Iterator[bytes]:
        """What a zlib stream (RFC 1950) unpacks to, `step` bytes at a time.

        Raises:
            OriginalTooLarge: with all that was unpacked before it is over the file's bound.
            zlib.error: it is no such stream.
        """
        unpack = zlib.decompressobj()
        while packed and not unpack.eof:
            part = unpack.decompress(packed, step)
            packed = unpack.unconsumed_tail
            self._bytes -= len(part)
            if self._bytes < 0:
                raise OriginalTooLarge(
                    "the original's packed text unpacks to too much",
                    allowed=f"at most {MAX_UNPACKED // 2**20} MiB",
                )
            yield part


def cut(body: bytes, start: int, length: int) -> bytes:
    """`length` bytes from `start`; raises `OriginalCorrupt` where the file ends before."""
    if start < 0 or length < 0 or start + length > len(body):
        raise OriginalCorrupt("the original ends before its data does")
    return body[start : start + length]


def number(body: bytes, start: int, form: str) -> int:
    """One number in `struct`'s form."""
    value: int = struct.unpack_from(form, body, start)[0]
    return value


_ORIENTATION = 0x0112
_SHORT = 3
_MAX_TAGS = 512  # a well-formed first directory has 10 to 60


def orientation(block: bytes) -> int:
    """EXIF's orientation, 1 to 8, of a TIFF-shaped block; 1 where it is broken or says nothing.

    Broken EXIF is no reason to refuse a picture: viewers show it as stored, and so do we.
    """
    block = block.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None:
        return 1
    try:
        return _search(block, order)
    except struct.error:
        return 1


def _search(block: bytes, order: str) -> int:
    start = struct.unpack_from(order + "I", block, 4)[0]
    tags = struct.unpack_from(order + "H", block, start)[0]
    for index in range(min(tags, _MAX_TAGS)):
        tag, kind, _, value = struct.unpack_from(order + "HHIH", block, start + 2 + 12 * index)
        if tag == _ORIENTATION:
            return value if kind == _SHORT and 1 <= value <= 8 else 1
    return 1
