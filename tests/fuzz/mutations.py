"""Mutations drawn from a seed: of bytes anywhere, and of the pieces of a format."""

import random
import struct
from collections.abc import Callable
from dataclasses import replace

from tests.fuzz.pieces import Piece, kind, put_together, taken_apart

EDGES = (0, 1, 2, 3, 7, 8, 16, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000,
         0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)  # fmt: skip
_TAGS = (254, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 284, 317, 320, 322, 323, 324,
         325, 338, 339, 347, 529, 530, 531, 34_665, 34_675, 34_853)  # fmt: skip
_COMPRESSIONS = (1, 2, 3, 4, 5, 6, 7, 8, 32_773, 32_946, 34_925, 50_000, 50_001)


def mutated(body: bytes, other: bytes, draw: random.Random) -> bytes:
    """One to five changes; most of pieces, some of bytes behind the frame's back."""
    for _ in range(draw.randint(1, 4)):
        if draw.random() < 0.65:
            body = _in_pieces(body, other, draw) or body
        else:
            body = draw.choice(_OF_BYTES)(body, other, draw) or body
    return body


def _in_pieces(body: bytes, other: bytes, draw: random.Random) -> bytes:
    try:
        pieces = taken_apart(body)
        guests = taken_apart(other) if kind(other) == kind(body) else []
    except (struct.error, ValueError, IndexError):
        return body
    level = pieces
    while level and draw.random() < 0.8:
        holders = [piece for piece in level if piece.inner]
        if not holders:
            break
        level = draw.choice(holders).inner
    if level:
        draw.choice(_OF_PIECES)(level, guests, draw)
    return put_together(kind(body), pieces)


def _change(level: list[Piece], guests: list[Piece], draw: random.Random) -> None:
    piece = draw.choice(level)
    if piece.name == b"entry":
        piece.content = _entry(piece.content, draw)
    elif piece.content:
        piece.content = draw.choice(_OF_BYTES)(piece.content, piece.content, draw) or piece.content


def _entry(content: bytes, draw: random.Random) -> bytes:
    """A TIFF's tag with another number, kind, count or value."""
    number, kind_, count, value = struct.unpack("<HHII", content.ljust(12, b"\0"))
    match draw.randrange(5):
        case 0:
            number = draw.choice(_TAGS)
        case 1:
            kind_ = draw.choice((1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 13, 16, draw.randrange(30)))
        case 2:
            count = draw.choice((*EDGES, count + 1, count * 2 & 0xFFFFFFFF))
        case 3:
            value = draw.choice((*EDGES, value + 1 & 0xFFFFFFFF, max(0, value - 1), value // 2))
        case _:
            value = draw.choice(_COMPRESSIONS)
    return struct.pack("<HHII", number, kind_, count & 0xFFFFFFFF, value)


def _drop(level: list[Piece], guests: list[Piece], draw: random.Random) -> None:
    del level[draw.randrange(len(level))]


def _double(level: list[Piece], guests: list[Piece], draw: random.Random) -> None:
    piece = draw.choice(level)
    copies = draw.choice((1, 1, 1, 2, 20))
    place = draw.randrange(len(level) + 1)
    level[place:place] = [replace(piece) for _ in range(copies)]


def _swap(level: list[Piece], guests: list[Piece], draw: random.Random) -> None:
    first, second = draw.randrange(len(level)), draw.randrange(len(level))
    level[first], level[second] = level[second], level[first]


def _invite(level: list[Piece], guests: list[Piece], draw: random.Random) -> None:
    """A piece of another file."""
    while guests and draw.random() < 0.7:
        holders = [piece for piece in guests if piece.inner]
        if not holders:
            break
        guests = draw.choice(holders).inner
    if guests:
        guest = draw.choice(guests)
        place = draw.randrange(len(level) + 1)
        replaced = draw.random() < 0.5 and place < len(level)
        level[place : place + replaced] = [replace(guest)]


def _rename(level: list[Piece], guests: list[Piece], draw: random.Random) -> None:
    level[draw.randrange(len(level))].name = draw.choice(level).name


def _trade(level: list[Piece], guests: list[Piece], draw: random.Random) -> None:
    """One piece with the content of another of its kind, or of any."""
    first, second = draw.choice(level), draw.choice(level)
    first.content, first.inner = second.content, second.inner


_OF_PIECES: tuple[Callable[[list[Piece], list[Piece], random.Random], None], ...] = (
    _change, _change, _change, _change, _drop, _double, _swap, _invite, _rename, _trade,
)  # fmt: skip


def _flip(body: bytes, other: bytes, draw: random.Random) -> bytes:
    at = _place(body, draw)
    return body[:at] + bytes([body[at] ^ 1 << draw.randrange(8)]) + body[at + 1 :]


def _noise(body: bytes, other: bytes, draw: random.Random) -> bytes:
    at, length = _place(body, draw), draw.randint(1, 16)
    return body[:at] + draw.randbytes(length) + body[at + length :]


def _number(body: bytes, other: bytes, draw: random.Random) -> bytes:
    at, width = _place(body, draw), draw.choice((1, 2, 2, 4, 4, 8))
    order = draw.choice(("big", "little"))
    was = int.from_bytes(body[at : at + width], order)
    value = draw.choice((*EDGES, was + 1, was - 1, was * 2, was // 2, len(body), len(body) - at))
    written = (value & (256**width - 1)).to_bytes(width, order)
    return body[:at] + written + body[at + width :]


def _cut(body: bytes, other: bytes, draw: random.Random) -> bytes:
    return body[: _place(body, draw)]


def _remove(body: bytes, other: bytes, draw: random.Random) -> bytes:
    at = _place(body, draw)
    return body[:at] + body[at + draw.randint(1, 64) :]


def _repeat(body: bytes, other: bytes, draw: random.Random) -> bytes:
    at, length = _place(body, draw), draw.randint(1, 200)
    return body[: at + length] * 2 if at < 8 else body[:at] + body[at - length :]


def _splice(body: bytes, other: bytes, draw: random.Random) -> bytes:
    at, start = _place(body, draw), draw.randrange(len(other))
    return body[:at] + other[start : start + draw.randint(1, 200)] + body[at:]


_OF_BYTES: tuple[Callable[[bytes, bytes, random.Random], bytes], ...] = (
    _flip, _flip, _noise, _number, _number, _number, _cut, _remove, _repeat, _splice,
)  # fmt: skip


def _place(body: bytes, draw: random.Random) -> int:
    """Half the time within the first 200 bytes, where headers are."""
    return draw.randrange(min(len(body), 200) if draw.random() < 0.5 else len(body))
