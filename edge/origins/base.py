"""What every origin can do, and how its `Content-Encoding` is undone within a bound.

Identity was asked for. Some servers encode all the same; others say words that are no encoding
(`aws-chunked`, `utf-8`, `none`) over the file as it is.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from edge.deadline import Deadline
from edge.errors import OriginalTooLarge, OriginTimeout, OriginTruncated, OriginUnavailable
from edge.images import Original, Stamp, digest

_ZLIB = frozenset({"gzip", "x-gzip", "deflate"})
_NOTHING = frozenset({"", "identity", "none"})
_ANY_ZLIB, _BARE_DEFLATE = 47, -15
"""Window bits by which zlib tells gzip and deflate apart by itself, and those of a deflate stream
without the header that RFC 9110 section 8.4.1.2 asks for."""

_MOST_CODINGS = 4
_MOST_MEMBERS = 16
"""Of a gzip file (RFC 1952 section 2.2): what is left is copied for each."""

_GZIP = b"\x1f\x8b"
_BEGINNINGS = (
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"GIF8",
    b"II*\0",
    b"MM\0*",
    b"II+\0",
    b"MM\0+",
)


def is_picture(body: bytes) -> bool:
    """Whether the first bytes are those of a format that is read here."""
    riff = body[:4] == b"RIFF" and body[8:12] == b"WEBP"
    return body.startswith(_BEGINNINGS) or riff or body[4:8] == b"ftyp"


def codings_of(header: str) -> tuple[str, ...]:
    """The codings of a `Content-Encoding` header that did something, in their order."""
    words = (word.strip().lower() for word in header.split(","))
    return tuple(word for word in words if word not in _NOTHING)


def decoded(body: bytes, codings: tuple[str, ...], most: int) -> bytes:
    """The file itself; a word that is no coding known here is passed over before a picture.

    Args:
        codings: see `codings_of`.
        most: bytes that any stage may have.

    Raises:
        OriginalTooLarge: more than `most` bytes.
        OriginTruncated: a coding's data is damaged or ends early.
        OriginUnavailable: the codings are not known, or too many.
    """
    if len(codings) > _MOST_CODINGS:
        raise OriginUnavailable("the origin encodes its answer more than once or twice")
    unknown = None
    for coding in reversed(codings):
        if is_picture(body):
            return body
        if coding in _ZLIB:
            body = _inflated(body, most)
        else:
            unknown = coding
    if unknown is not None and not is_picture(body):
        raise OriginUnavailable(
            "the origin sent the original encoded, which was not requested",
            private=f"Content-Encoding {unknown!r}",
        )
    return body


def _inflated(data: bytes, most: int) -> bytes:
    whole = b""
    for _ in range(_MOST_MEMBERS):
        piece, data = _member(data, most - len(whole))
        whole = whole + piece if whole else piece
        if not data.startswith(_GZIP):
            return whole
    raise OriginTruncated("the original's encoding has too many parts")


def _member(data: bytes, most: int) -> tuple[bytes, bytes]:
    """What one member holds, and what comes behind it."""
    for bits in (_ANY_ZLIB, _BARE_DEFLATE):
        inflater = zlib.decompressobj(bits)
        try:
            piece = inflater.decompress(data, most + 1)
        except zlib.error as error:
            if bits == _ANY_ZLIB and not data.startswith(_GZIP):
                continue
            raise OriginTruncated("the original's encoding is damaged") from error
        if len(piece) > most:
            raise OriginalTooLarge(f"the original is over the limit of {most} bytes")
        if not inflater.eof:
            raise OriginTruncated("the original ended before it was whole")
        return piece, inflater.unused_data
    raise AssertionError("the last try returns or raises")


SETTLING_SECONDS = 2.0
"""For which a file that was just written may still be being written."""


class Origin(Protocol):
    """A place where originals live. Paths are relative, decoded, already checked, no leading slash.

    Raises, from every verb: `OriginalNotFound`, `OriginalTooLarge` (over the byte limit),
    `InvalidPath`, `AddressForbidden`, `OriginUnavailable`, `OriginTimeout`, `OriginTruncated`.
    """

    @property
    def name(self) -> str: ...

    async def stamp(self, path: str, deadline: Deadline) -> Stamp | Original:
        """The validator of one original, without its bytes; the whole original where the origin
        gives nothing but the bytes to tell a change by."""
        ...

    async def fetch(self, path: str, deadline: Deadline) -> Original:
        """The whole original, its length checked, and the stamp that belongs to these bytes."""
        ...

    async def ping(self) -> None:
        """Raise an `OriginError` unless the origin answers."""
        ...

    async def close(self) -> None: ...


def version_of(text: str) -> str:
    """A validator's text fit for keys and JSON: headers hold any bytes, which are not always UTF-8
    (they come with each such byte as a surrogate)."""
    if text.isprintable():
        return text
    return f"hex {text.encode(errors='surrogateescape').hex()}"


async def read_body(chunks: AsyncIterator[bytes], expected: int | None, most: int) -> bytes:
    """A body of at most `most` bytes; `expected`: how long it is, where the origin says so.

    Raises:
        OriginalTooLarge: it is longer.
        OriginTruncated: it ended before it was whole.
    """
    if expected is not None and expected > most:
        raise too_large(most)
    received = bytearray()
    async for chunk in chunks:
        received += chunk
        if len(received) > most:
            raise too_large(most)
    if expected is not None and len(received) != expected:
        raise OriginTruncated(f"the original ended after {len(received)} of {expected} bytes")
    return bytes(received)


def too_large(most: int) -> OriginalTooLarge:
    return OriginalTooLarge(f"the original is over the limit of {most} bytes")


async def unwrapped(
    name: str, wire: bytes, encoding: str, stamp: Stamp | None, most: int
) -> Original:
    """The original of what came over the wire.

    Args:
        encoding: `Content-Encoding`.
        stamp: the origin's own; None: a digest of the bytes.

    Raises:
        OriginalTooLarge: it is longer than `most` bytes once decoded.
        OriginTruncated: it cannot be decoded.
    """
    body, codings = wire, codings_of(encoding)
    if codings:
        body = await asyncio.to_thread(decoded, wire, codings, most)
    return Original(name, body, stamp or Stamp(digest(body), len(body)))


@asynccontextmanager
async def in_time(path: str, deadline: Deadline) -> AsyncIterator[None]:
    """Raise `OriginTimeout` where the block is not done by the deadline."""
    try:
        async with asyncio.timeout(deadline.remaining):
            yield
    except TimeoutError as error:
        raise OriginTimeout("the origin did not answer in time", private=path) from error
