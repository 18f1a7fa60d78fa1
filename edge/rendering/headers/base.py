"""What a header can say, whichever the file format, and the bounds that hold for all of them."""

import struct
from dataclasses import dataclass, field
from enum import StrEnum

from edge.errors import OriginalCorrupt, OriginalTooLarge
from edge.images import Size
from edge.settings import Limits

MAX_PROFILE = 4 * 2**20
"""Bytes of an ICC profile: the largest press profiles in use are below 3 MB."""

MAX_TEXT = 8 * 2**20
"""Bytes of unpacked text in one file; an XMP packet with a thumbnail stays below 1 MB."""

MAX_EXIF = 65_536
"""Bytes of EXIF that are looked at; a JPEG cannot hold more, and the orientation comes first."""

MAX_PIECES = 65_536
"""Chunks, segments, boxes or tags looked at: 64 MB of PNG in libpng's 8 kB chunks are 8,192."""


class OriginalFormat(StrEnum):
    """A file format that is read here; decided by the first bytes, never by the name."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    AVIF = "avif"
    GIF = "gif"
    TIFF = "tiff"
    HEIC = "heic"


class Mode(StrEnum):
    """How the stored numbers mean colour."""

    GREY = "grey"
    RGB = "rgb"
    PALETTE = "palette"
    CMYK = "cmyk"
    LAB = "lab"


@dataclass(frozen=True, slots=True)
class Header:
    """One file's header, and the same picture without whatever a decoder need not see.

    `icc` is the embedded profile. `inverted`: a JPEG of CMYK stored as 255 minus ink, as
    Adobe does, or a TIFF of grey whose zero is white.
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
    quality: int | None = None
    inverted: bool = False
    parts: tuple[slice | bytes, ...] | None = field(default=None, repr=False)

    @property
    def size(self) -> Size:
        """Upright."""
        if self.orientation < 5:
            return self.stored
        return Size(self.stored.height, self.stored.width)

    def picture(self, body: bytes) -> bytes:
        """What a decoder is given."""
        if self.parts is None:
            return body
        return b"".join(body[part] if isinstance(part, slice) else part for part in self.parts)


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


def check_pieces(pieces: int, most: int = MAX_PIECES) -> None:
    """Refuse a file that is cut into so many pieces that walking it takes the time of a render."""
    if pieces > most:
        raise OriginalTooLarge(f"the original consists of more than {most} pieces")


def cut(body: bytes, start: int, length: int) -> bytes:
    """`length` bytes from `start`; raises `OriginalCorrupt` where the file ends before."""
    if start < 0 or length < 0 or start + length > len(body):
        raise OriginalCorrupt("the original ends before its data does")
    return body[start : start + length]


def number(body: bytes, start: int, form: str) -> int:
    """One number in `struct`'s form."""
    value: int = struct.unpack_from(form, body, start)[0]
    return value
