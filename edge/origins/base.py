"""What every origin can do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from edge.deadline import Deadline
from edge.errors import OriginTimeout
from edge.images import Original, Stamp


class Origin(Protocol):
    """A place where originals live. Paths are relative, decoded, already checked, no leading slash.

    Raises, from every verb: `OriginalNotFound`, `OriginalTooLarge` (over the byte limit),
    `InvalidPath`, `AddressForbidden`, `OriginUnavailable`, `OriginTimeout`, `OriginTruncated`.
    """

    @property
    def name(self) -> str: ...

    async def stamp(self, path: str, deadline: Deadline) -> Stamp:
        """The validator of one original, without its bytes."""
        ...

    async def fetch(self, path: str, deadline: Deadline) -> Original:
        """The whole original, its length checked, and the stamp that belongs to these bytes."""
        ...

    async def ping(self) -> None:
        """Raise an `OriginError` unless the origin answers."""
        ...

    async def close(self) -> None: ...


@asynccontextmanager
async def in_time(path: str, deadline: Deadline) -> AsyncIterator[None]:
    """Raise `OriginTimeout` where the block is not done by the deadline."""
    try:
        async with asyncio.timeout(deadline.remaining):
            yield
    except TimeoutError as error:
        raise OriginTimeout(f"the origin did not answer for {path} in time") from error
