"""PNG of a cut-out: a photographed subject with see-through pixels around it.

The imaging engine tries five filters on every row of the canvas, empty or not. In photographs
Paeth's is nearly always the best of them, so here it is the only one, and is worked out only where
the subject is; both halves are packed at a time. 92 instead of 154 ms for a sneaker on 2048 pixels,
and the same 1.2 MB. Neither half needs the other to be read, and a chunk says where the lower one
begins: so this server reads its own files half at a time as well. To all others they are as any.

Format: Portable Network Graphics (Third Edition), W3C 2025, sections 5.4 (names of chunks),
9 (filtering) and 11 (chunks).
"""

import io
import struct
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
from PIL import Image

from edge.images import Box
from edge.rendering.engine import pillow
from edge.rendering.pixels.levels import bounds

Levels = npt.NDArray[np.uint8]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_ZLIB = b"\x78\x5e"  # deflate with the usual window, made as a fallback
_HALVES = b"edGE"
"""A private chunk that nobody needs, and nobody may copy who changes the pixels: how many bytes of
the packed rows are the upper half's."""

_ADLER, _CHECK = 65521, 4
"""The modulus of zlib's checksum, and its bytes."""

_DEPTH, _COLOUR_AND_ALPHA = 8, 6
_SUB, _UP, _PAETH = 1, 2, 4
_ROWS = 16
"""Filtered at a time: what they need stays in the processor's cache."""


def write(image: Image.Image, level: int, xmp: bytes | None = None) -> bytes:
    """The file of an sRGB picture, mode RGBA.

    Args:
        level: zlib's, 1 to 9. It looks for runs alone, which is all that repeats in a photograph.
        xmp: a packet to embed, UTF-8.
    """
    upper, lower = _packed(np.asarray(image), level)
    chunks = [(b"IHDR", _header(image.width, image.height)), (b"sRGB", b"\0")]
    if xmp:
        chunks.append((b"iTXt", b"XML:com.adobe.xmp" + bytes(5) + xmp))
    chunks.append((_HALVES, struct.pack(">I", len(upper))))
    return _file([*chunks, (b"IDAT", upper + lower), (b"IEND", b"")])


def read(body: bytes) -> Image.Image | None:
    """A file of `write`, its halves at a time; None if it is none.

    Only for what this server wrote itself: whoever put such a chunk where it does not belong would
    show another picture here than elsewhere.

    Raises:
        OSError, SyntaxError, struct.error, KeyError: the file is damaged.
    """
    chunks = dict(_chunks(body))
    if _HALVES not in chunks:
        return None
    (length,) = struct.unpack(">I", chunks[_HALVES])
    width, height = struct.unpack_from(">II", chunks[b"IHDR"])
    packed, middle = chunks[b"IDAT"], height // 2

    def half(rows: int, stream: bytes) -> Image.Image:
        parts = [(b"IHDR", _header(width, rows)), (b"IDAT", stream), (b"IEND", b"")]
        opened = pillow.open_as(io.BytesIO(_file(parts)), "PNG")
        opened.load()
        return opened

    with ThreadPoolExecutor(1) as helper:
        above = helper.submit(half, middle, packed[:length]) if middle else None
        image = Image.new("RGBA", (width, height))
        image.paste(half(height - middle, _ZLIB + packed[length:-_CHECK]), (0, middle))
        if above:
            image.paste(above.result(), (0, 0))
    return image


def _header(width: int, height: int) -> bytes:
    return struct.pack(">IIBBBBB", width, height, _DEPTH, _COLOUR_AND_ALPHA, 0, 0, 0)


def _packed(pixels: Levels, level: int) -> tuple[bytes, bytes]:
    """The filtered rows as one zlib stream (RFC 1950) in two parts, made at a time; runs are never
    looked for far back."""
    rows = np.zeros((pixels.shape[0], 1 + pixels[0].size), np.uint8)
    words = pixels.view(np.uint32)[..., 0]
    box = bounds(words != words[0, 0])
    middle = len(rows) // 2

    def deflated(first: int, last: int, end: int) -> tuple[bytes, int]:
        _filter(pixels, box, rows, first, last)
        deflate = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS, 9, zlib.Z_RLE)
        part = rows[first:last].data
        return deflate.compress(part) + deflate.flush(end), zlib.adler32(part)

    with ThreadPoolExecutor(1) as helper:
        upper = helper.submit(deflated, 0, middle, zlib.Z_SYNC_FLUSH)
        lower, below = deflated(middle, len(rows), zlib.Z_FINISH)
        upper_part, above = upper.result()
    check = joined_check(above, below, rows[middle:].size)
    return _ZLIB + upper_part, lower + struct.pack(">I", check)


def joined_check(first: int, second: int, length: int) -> int:
    """Adler-32 (RFC 1950, section 8.2) of two strings in a row, from those of each and the second
    one's length in bytes."""
    low = (first & 0xFFFF) + (second & 0xFFFF) - 1
    high = (first >> 16) + (second >> 16) + length * ((first & 0xFFFF) - 1)
    return high % _ADLER << 16 | low % _ADLER


def _file(chunks: Iterable[tuple[bytes, bytes]]) -> bytes:
    return SIGNATURE + b"".join(_laid(chunks))


def _chunks(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(SIGNATURE)
    while at < len(body):
        length, kind = struct.unpack_from(">I4s", body, at)
        content = body[at + 8 : at + 8 + length]
        (check,) = struct.unpack_from(">I", body, at + 8 + length)
        if check != zlib.crc32(content, zlib.crc32(kind)):
            raise OSError(f"the chunk {kind!r} is damaged")
        yield kind, content
        at += 12 + length


def _laid(chunks: Iterable[tuple[bytes, bytes]]) -> Iterator[bytes]:
    for kind, content in chunks:
        check = zlib.crc32(content, zlib.crc32(kind))
        yield struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def _filter(pixels: Levels, box: Box | None, rows: Levels, first: int, last: int) -> None:
    """Write `rows` [H, 1 + 4 W] from the first to before the last: each behind the number of its
    filter.

    Outside of `box` all pixels [H, W, 4] are like the corner's: every difference is nought there,
    as the rows are, but for the row and column that follow on it. The first row does not look up.
    """
    if first == last:
        return
    height, width, channels = pixels.shape
    filtered = rows[:, 1:].reshape(height, width, channels)
    rows[first:last, 0] = _UP
    rows[first, 0] = _SUB
    filtered[first, 0] = pixels[first, 0]
    filtered[first, 1:] = pixels[first, 1:] - pixels[first, :-1]
    if box is None:
        return
    if first < box.bottom < last:
        filtered[box.bottom] = pixels[box.bottom] - pixels[box.bottom - 1]
    top, bottom = max(first + 1, box.top), min(last, box.bottom)
    rows[top:bottom, 0] = _PAETH
    right = min(box.right + 1, width)
    for start in range(top, bottom, _ROWS):
        end = min(start + _ROWS, bottom)
        band = Box(box.left, start, right, end)
        filtered[start:end, box.left : right] = _paeth(pixels, band)


def _paeth(pixels: Levels, box: Box) -> Levels:
    """What the predictor leaves of the pixels in the box, which is below the first row."""
    start = max(0, box.left - 1)
    part = pixels[box.top - 1 : box.bottom, start : box.right].astype(np.int16)
    if start == box.left:
        part = np.pad(part, ((0, 0), (1, 0), (0, 0)))
    here, left = part[1:, 1:], part[1:, :-1]
    above, corner = part[:-1, 1:], part[:-1, :-1]
    by_left, by_above = above - corner, left - corner
    by_corner = np.abs(by_left + by_above)
    by_left, by_above = np.abs(by_left), np.abs(by_above)
    guess = np.where(by_above <= by_corner, above, corner)
    guess = np.where((by_left <= by_above) & (by_left <= by_corner), left, guess)
    return (here - guess).astype(np.uint8)
