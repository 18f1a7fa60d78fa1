"""Files taken apart into the pieces of their format, and put together again.

A mutation that keeps the frame intact (lengths, checksums, places) gets past the first look, to
what lies behind. Whatever cannot be taken apart is one piece.
"""

import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

_CONTAINERS = frozenset(
    {b"meta", b"iprp", b"ipco", b"iinf", b"iref", b"moov", b"trak", b"mdia", b"minf", b"stbl"}
)
_INNER = {b"meta": 4, b"iinf": 6, b"iref": 4}
"""Bytes that a container has before its first box."""


@dataclass
class Piece:
    """A name and a content; what is within it, where it holds further pieces; `start` is where the
    content lay in its file."""

    name: bytes
    content: bytes = b""
    inner: list["Piece"] = field(default_factory=list)
    start: int = 0


def kind(body: bytes) -> str:
    """The format's name, by the first bytes."""
    if body.startswith(b"\x89PNG"):
        return "png"
    if body.startswith(b"\xff\xd8"):
        return "jpeg"
    if body[:4] == b"RIFF":
        return "webp"
    if body.startswith(b"GIF8"):
        return "gif"
    if body[:4] in (b"II*\0", b"MM\0*"):
        return "tiff"
    return "boxes" if body[4:8] == b"ftyp" else "other"


def taken_apart(body: bytes) -> list[Piece]:
    """The pieces in their order; raises `ValueError` or `struct.error` where there are none."""
    return list(_READERS[kind(body)](body))


def put_together(format: str, pieces: list[Piece]) -> bytes:
    """The file of these pieces, with lengths, checksums and places that fit them."""
    return _WRITERS[format](pieces)


def _read_png(body: bytes) -> Iterator[Piece]:
    at = 8
    while at + 12 <= len(body):
        length = struct.unpack_from(">I", body, at)[0]
        yield Piece(body[at + 4 : at + 8], body[at + 8 : at + 8 + length])
        at += 12 + length


def _write_png(pieces: list[Piece]) -> bytes:
    parts = [b"\x89PNG\r\n\x1a\n"]
    for piece in pieces:
        check = zlib.crc32(piece.content, zlib.crc32(piece.name))
        parts += [struct.pack(">I", len(piece.content)), piece.name, piece.content]
        parts.append(struct.pack(">I", check))
    return b"".join(parts)


def _read_jpeg(body: bytes) -> Iterator[Piece]:
    """Segments up to a scan; its coded data goes with it."""
    at = 2
    while at + 4 <= len(body) and body[at] == 0xFF:
        length = struct.unpack_from(">H", body, at + 2)[0]
        end = at + 2 + length
        name = body[at : at + 2]
        yield Piece(name, body[at + 4 : end])
        if name == b"\xff\xda":
            start, end = end, _end_of_scan(body, end)
            yield Piece(b"data", body[start:end])
        at = end
    yield Piece(b"data", body[at:])


def _end_of_scan(body: bytes, at: int) -> int:
    while at + 1 < len(body):
        at = body.find(b"\xff", at)
        if at < 0 or at + 1 >= len(body):
            return len(body)
        if body[at + 1] != 0 and not 0xD0 <= body[at + 1] <= 0xD7:
            return at
        at += 2
    return len(body)


def _write_jpeg(pieces: list[Piece]) -> bytes:
    parts = [b"\xff\xd8"]
    for piece in pieces:
        if piece.name == b"data":
            parts.append(piece.content)
        else:
            length = struct.pack(">H", min(65_535, len(piece.content) + 2))
            parts.append(piece.name + length + piece.content)
    return b"".join(parts)


def _read_webp(body: bytes) -> Iterator[Piece]:
    at = 12
    while at + 8 <= len(body):
        length = struct.unpack_from("<I", body, at + 4)[0]
        yield Piece(body[at : at + 4], body[at + 8 : at + 8 + length])
        at += 8 + length + length % 2


def _write_webp(pieces: list[Piece]) -> bytes:
    chunks = b"".join(
        piece.name + struct.pack("<I", len(piece.content)) + piece.content
        + b"\0" * (len(piece.content) % 2)
        for piece in pieces
    )  # fmt: skip
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


def _read_gif(body: bytes) -> Iterator[Piece]:
    """The screen with its colours, and blocks; a frame is one with its data."""
    at = 13 + (3 << ((body[10] & 7) + 1) if body[10] & 0x80 else 0)
    yield Piece(b"screen", body[:at])
    while at < len(body) and body[at] in (0x21, 0x2C):
        start = at
        if body[at] == 0x21:
            at += 2
        else:
            flags = body[at + 9]
            at += 11 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
        while at < len(body) and body[at]:
            at += body[at] + 1
        at += 1
        yield Piece(b"block", body[start:at])
    yield Piece(b"rest", body[at:])


def _write_plainly(pieces: list[Piece]) -> bytes:
    return b"".join(piece.content for piece in pieces)


def _read_tiff(body: bytes) -> Iterator[Piece]:
    """The file as it is, and the entries of its first directory."""
    order = "<" if body[:2] == b"II" else ">"
    at = struct.unpack_from(order + "I", body, 4)[0]
    count = struct.unpack_from(order + "H", body, at)[0]
    yield Piece(b"file", body)
    for index in range(min(count, 200)):
        start = at + 2 + 12 * index
        yield Piece(b"entry", body[start : start + 12])


def _write_tiff(pieces: list[Piece]) -> bytes:
    """With its directory at the end, so that no place of anything else changes."""
    files = [piece.content for piece in pieces if piece.name == b"file"] or [b"II*\0\0\0\0\0"]
    body = files[0].ljust(8, b"\0")
    order = "<" if body[:2] == b"II" else ">"
    entries = [piece.content for piece in pieces if piece.name == b"entry"]
    body += b"\0" * (len(body) % 2)
    directory = struct.pack(order + "H", len(entries)) + b"".join(entries) + bytes(4)
    return body[:4] + struct.pack(order + "I", len(body)) + body[8:] + directory


def _read_boxes(body: bytes) -> Iterator[Piece]:
    at = 0
    while at + 8 <= len(body):
        length, name = struct.unpack_from(">I4s", body, at)
        length = length or len(body) - at
        if length < 8:
            break
        content = body[at + 8 : at + length]
        if name in _CONTAINERS:
            skipped = _INNER.get(name, 0)
            yield Piece(name, content[:skipped], list(_read_boxes(content[skipped:])))
        else:
            yield Piece(name, content, start=at + 8)
        at += length


def _write_boxes(pieces: list[Piece]) -> bytes:
    """Places in `iloc` are moved by as much as the boxes before the data have grown."""
    body = bytearray(b"".join(_box(piece) for piece in pieces))
    data = next((piece for piece in pieces if piece.name == b"mdat"), None)
    places = body.find(b"iloc") + 4
    if data and places > 4:
        with suppress(struct.error, IndexError):
            _move(body, places, body.find(b"mdat") + 4 - data.start)
    return bytes(body)


def _move(body: bytearray, at: int, by: int) -> None:
    """The first extent of each item, in tables of 4-byte numbers."""
    version, sizes = body[at], struct.unpack_from(">H", body, at + 4)[0]
    count = struct.unpack_from(">H", body, at + 6)[0]
    at += 8
    for _ in range(count if sizes >> 8 == 0x44 else 0):
        inside = version and body[at + 3] & 15
        at += 4 + (2 if version else 0)
        place = at if sizes >> 4 & 15 else at + 2
        if not inside:
            moved = struct.unpack_from(">I", body, place)[0] + by
            struct.pack_into(">I", body, place, moved & 0xFFFFFFFF)
        at += (sizes >> 4 & 15) + 2 + 8


def _box(piece: Piece) -> bytes:
    content = piece.content + b"".join(_box(inner) for inner in piece.inner)
    return struct.pack(">I4s", len(content) + 8, piece.name[:4].ljust(4)) + content


def _read_nothing(body: bytes) -> Iterator[Piece]:
    yield Piece(b"all", body)


_READERS = {
    "png": _read_png,
    "jpeg": _read_jpeg,
    "webp": _read_webp,
    "gif": _read_gif,
    "tiff": _read_tiff,
    "boxes": _read_boxes,
    "other": _read_nothing,
}
_WRITERS = {
    "png": _write_png,
    "jpeg": _write_jpeg,
    "webp": _write_webp,
    "gif": _write_plainly,
    "tiff": _write_tiff,
    "boxes": _write_boxes,
    "other": _write_plainly,
}
