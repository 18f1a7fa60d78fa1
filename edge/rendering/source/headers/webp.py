"""WebP: the chunks of the RIFF container."""

from collections.abc import Iterator
from dataclasses import dataclass

from edge.errors import OriginalCorrupt
from edge.images import Size
from edge.rendering.source.headers import exif, vp8
from edge.rendering.source.headers.base import (
    MAX_EXIF,
    Budget,
    Header,
    OriginalFormat,
    check_frames,
    check_profile,
    check_size,
    cut,
    number,
)
from edge.settings.limits import Limits

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
            found.quality = vp8.quality(cut(body, start, min(length, _FRAME_HEADER)))
        elif name == b"EXIF" and found.orientation is None:
            found.orientation = exif.orientation(cut(body, start, min(length, MAX_EXIF)))
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
    at, budget = 12, Budget()
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
