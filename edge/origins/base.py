"""What every origin can do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from edge.deadline import Deadline
from edge.errors import OriginTimeout
from edge.images import Original, Stamp

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


@asynccontextmanager
async def in_time(path: str, deadline: Deadline) -> AsyncIterator[None]:
    """Raise `OriginTimeout` where the block is not done by the deadline."""
    try:
        async with asyncio.timeout(deadline.remaining):
            yield
    except TimeoutError as error:
        raise OriginTimeout("the origin did not answer in time", private=path) from error
