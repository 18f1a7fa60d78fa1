"""PNG, by the stock Pillow; with every row, or not at all.

Format: Portable Network Graphics (Third Edition), W3C 2025, sections 5 (chunks) and 10.
"""

import struct
import zlib
from collections.abc import Iterator

from edge.errors import OriginalCorrupt
from edge.rendering import stock
from edge.rendering.decoders.ask import Ask, Loaded
from edge.rendering.decoders.plain import plain

_START = 8
_CHECK = 4  # bytes of Adler-32 at a zlib stream's end


def load(data: bytes, ask: Ask) -> Loaded:
    """All rows; a stream that ends before the last one is corrupt, a file that has them all and
    no end marker is a picture."""
    stock.part("PngImagePlugin")
    opened = stock.opened(_without_end(data), "PNG")
    ask.check(*opened.size)
    opened.load()
    return plain(opened, ask)


def bare(data: bytes) -> bytes:
    """The same file with nothing but its header, rows and end, each chunk's check computed anew."""
    kept = (part for part in chunks(data) if part[0] in (b"IHDR", b"IDAT", b"IEND"))
    return data[:_START] + b"".join(_chunk(*part) for part in kept)


def _without_end(data: bytes) -> bytes:
    """The same file, its packed rows in one chunk and without their checksum.

    A decoder that meets the end of the stream stops there, however many rows it has. One that does
    not meet it stops at the last row, or asks for more and is told that there is no more.
    """
    found = list(chunks(data))
    stream = b"".join(content for name, content in found if name == b"IDAT")
    if not _is_cut(data):
        stream = stream[:-_CHECK]
    if not stream:
        raise OriginalCorrupt("the PNG has no rows")
    body = [_chunk(*part) for part in found if part[0] not in (b"IDAT", b"IEND")]
    return b"".join((data[:_START], *body, _chunk(b"IDAT", stream), _chunk(b"IEND", b"")))


def _is_cut(data: bytes) -> bool:
    """Whether the file ended within its rows: what is there of them then has no checksum."""
    return data[-8:-4] != b"IEND"


def chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Name and content of each; the last one's content may be cut."""
    at, view = _START, memoryview(data)
    while at + 8 < len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        yield name, view[at + 8 : at + 8 + length]
        at += 12 + length


def _chunk(name: bytes, content: bytes | memoryview) -> bytes:
    check = zlib.crc32(content, zlib.crc32(name))
    return b"".join((struct.pack(">I", len(content)), name, content, struct.pack(">I", check)))
