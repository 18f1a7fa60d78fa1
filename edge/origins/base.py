"""What every origin can do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from edge.deadline import Deadline
from edge.errors import OriginalTooLarge, OriginTimeout, OriginTruncated
from edge.images import Original, Stamp, digest
from edge.origins.encodings import codings_of, decoded

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
