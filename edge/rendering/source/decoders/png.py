"""PNG, by the stock Pillow; with every row, or not at all.

Format: Portable Network Graphics (Third Edition), W3C 2025, sections 5 (chunks) and 10.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Any

from edge.errors import OriginalCorrupt
from edge.rendering.engine import stock
from edge.rendering.source.decoders.options import DecodeOptions, Loaded
from edge.rendering.source.decoders.plain import plain

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_START = len(SIGNATURE)
_CHECK = 4  # bytes of Adler-32 at a zlib stream's end, and of a chunk's CRC-32
_PIECE = 2**20
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ONE_PASS = ((0, 0, 1, 1),)
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
           (0, 1, 1, 2))  # fmt: skip
"""Of Adam7: the first column and row, and the steps to the next."""


def load(data: bytes, request: DecodeOptions) -> Loaded:
    """All rows; a stream that ends before the last one is corrupt, a file that has them all and
    no end marker is a picture."""
    stock.part("PngImagePlugin")
    found = list(chunks(data))
    stream = b"".join(content for name, content in found if name == b"IDAT")
    if not _is_cut(data):
        stream = stream[:-_CHECK]
    if not stream:
        raise OriginalCorrupt("the PNG has no rows")
    try:
        return plain(_opened(found, stream, request), request)
    except OSError:
        end = _end_of_all_rows(stream, bytes(found[0][1]))
        if end is None:
            raise
        return plain(_opened(found, stream + end, request), request)


def _opened(found: list[tuple[bytes, memoryview]], stream: bytes, request: DecodeOptions) -> Any:
    """The decoded image of the same chunks, with these packed rows in one of them.

    A decoder that meets the end of the stream, its checksum, stops there, however many rows it has.
    One that does not meet it stops at the last row, or asks for more and is told that there is no
    more.
    """
    body = [_chunk(*part) for part in found if part[0] not in (b"IDAT", b"IEND")]
    rows = struct.pack(">I", len(stream)) + b"IDAT" + stream + bytes(_CHECK)  # checked before
    whole = b"".join((SIGNATURE, *body, rows, _chunk(b"IEND", b"")))
    opened = stock.opened(whole, "PNG")
    request.check(*opened.size)
    opened.load()
    return opened


def _end_of_all_rows(stream: bytes, head: bytes) -> bytes | None:
    """The checksum that a stream without one lacks, if it holds exactly the picture's rows.

    Few streams need it: where the last bytes come out only with what follows them.
    """
    wanted, count, check = _unpacked_size(head), 0, zlib.adler32(b"")
    inflater, rest = zlib.decompressobj(), stream
    while rest and count <= wanted:
        part = inflater.decompress(rest, _PIECE)
        count, check, rest = count + len(part), zlib.adler32(part, check), inflater.unconsumed_tail
        if not part:
            break
    return struct.pack(">I", check) if count == wanted else None


def _unpacked_size(head: bytes) -> int:
    """Bytes of all rows, each with that of its filter (section 7.2, and 8.1 for interlacing)."""
    width, height, bits, kind, _, _, interlaced = struct.unpack(">2I5B", head)
    deep = bits * _CHANNELS[kind]
    total = 0
    for left, top, across, down in _PASSES if interlaced else _ONE_PASS:
        wide, high = -(-(width - left) // across), -(-(height - top) // down)
        if wide > 0 and high > 0:
            total += high * (1 + (wide * deep + 7) // 8)
    return total


def bare(data: bytes) -> bytes:
    """The same file with nothing but its header, rows and end, for another library."""
    kept = (part for part in chunks(data) if part[0] in (b"IHDR", b"IDAT", b"IEND"))
    return data[:_START] + b"".join(_chunk(*part) for part in kept)


def _is_cut(data: bytes) -> bool:
    """Whether the file ended within its rows: what is there of them then has no checksum."""
    return data[-8:-4] != b"IEND"


def chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Name and content of each; the last one's content may be cut.

    Raises:
        OriginalCorrupt: a content is not what its checksum was made of.
    """
    at, view = _START, memoryview(data)
    while at + 8 < len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        content, check = view[at + 8 : at + 8 + length], data[at + 8 + length : at + 12 + length]
        at += 12 + length
        if len(check) == _CHECK and zlib.crc32(content, zlib.crc32(name)) != int.from_bytes(check):
            raise OriginalCorrupt(f"the PNG is damaged within its {name.decode('latin-1')} chunk")
        yield name, content


def _chunk(name: bytes, content: bytes | memoryview) -> bytes:
    check = zlib.crc32(content, zlib.crc32(name))
    return b"".join((struct.pack(">I", len(content)), name, content, struct.pack(">I", check)))
