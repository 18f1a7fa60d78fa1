"""Headers of the formats that are read here, one file per container; no engine, no pixels.

Each file has one `read(body, limits) -> Header`, which walks the container's pieces in flat memory
and refuses what is over a limit before anybody decodes it.
"""

import struct
from collections.abc import Callable
from dataclasses import replace

from edge.errors import OriginalCorrupt, OriginalUnsupported
from edge.limits import Limits
from edge.rendering.source.headers import cicp, gif, heif, jpeg, png, tiff, webp
from edge.rendering.source.headers.base import Header

_READERS: tuple[tuple[bytes, Callable[[bytes, Limits], Header]], ...] = (
    (b"\xff\xd8\xff", jpeg.read),
    (b"\x89PNG\r\n\x1a\n", png.read),
    (b"GIF87a", gif.read),
    (b"GIF89a", gif.read),
    (b"II*\0", tiff.read),
    (b"MM\0*", tiff.read),
    (b"II+\0", tiff.read),
    (b"MM\0+", tiff.read),
)

_NOT_READ = (
    (b"%PDF", "a PDF"),
    (b"8BPS", "a Photoshop file"),
    (b"%!PS", "PostScript"),
    (b"\xc5\xd0\xd3\xc6", "PostScript"),
    (b"SIMPLE  =", "a FITS file"),
    (b"BM", "a BMP"),
    (b"\0\0\1\0", "an icon"),
    (b"\xff\x0a", "a JPEG XL"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"PK\3\4", "a zip archive"),
)
"""First bytes of what shops do upload, so that the answer can say what it was."""

_ALLOWED = "JPEG, PNG, WebP, AVIF, GIF, TIFF or HEIC"


def read(body: bytes, limits: Limits) -> Header:
    """What the file's header says.

    Raises:
        OriginalUnsupported: the first bytes are of no format that is read here.
        OriginalCorrupt: the header contradicts itself or the file ends too early.
        OriginalTooLarge: over a limit of pixels, frames, profile, text or pieces.
    """
    reader = _reader(body)
    try:
        return _with_codes(reader(body, limits))
    except (struct.error, IndexError, OverflowError) as error:  # the last: a 64-bit offset
        raise OriginalCorrupt("the original ends within its header") from error


def _with_codes(header: Header) -> Header:
    """A profile of high dynamic range carries its codes, too: its own curves end at a light that no
    screen shows, and the picture would come out dark."""
    found = header.icc and cicp.codes(header.icc)
    if not found or not (space := cicp.of_codes(*found)).hdr:
        return header
    return replace(header, icc=None, space=space)


def _reader(body: bytes) -> Callable[[bytes, Limits], Header]:
    for magic, reader in _READERS:
        if body.startswith(magic):
            return reader
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return webp.read
    if body[4:8] == b"ftyp" and len(body) > 16 and heif.format_of(body):
        return heif.read
    raise OriginalUnsupported(f"the original is {_unknown_kind(body)}", allowed=_ALLOWED)


def _unknown_kind(body: bytes) -> str:
    if not body:
        return "empty"
    start = body[:256].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "a web page"
    if start.startswith((b"<svg", b"<?xml")):
        return "an SVG or other XML"
    named = (name for magic, name in _NOT_READ if body.startswith(magic))
    return next(named, "no picture that is known here")
