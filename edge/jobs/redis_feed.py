"""The items of jobs in Redis: packed in chunks, and their states as letters of one string."""

import zlib
from collections.abc import Sequence
from typing import Any

from edge.jobs.model import Item
from edge.jobs.redis_keys import part_key, redis_errors
from edge.jobs.store import CHUNK

_SCAN = 8192
"""States that are read at once."""


class Feed:
    """Reads items of any job.

    Raises:
        JobsUnavailable: from every method, where Redis does not answer.
    """

    def __init__(self, redis: Any) -> None:
        self._redis = redis

    async def search(self, job: str, codes: str, cursor: int, limit: int) -> tuple[list[int], int]:
        """Indexes from the cursor on whose state is one of these letters, and where to go on."""
        found: list[int] = []
        wanted = frozenset(codes.encode())
        while len(found) < limit:
            with redis_errors():
                states = await self._redis.getrange(
                    part_key(job, "states"), cursor, cursor + _SCAN - 1
                )
            if not states:
                break
            for code in states:
                if code in wanted:
                    found.append(cursor)
                cursor += 1
                if len(found) == limit:
                    break
        return found, cursor

    async def items(self, job: str, indexes: Sequence[int]) -> list[Item]:
        """Those that are there, in the order of the indexes."""
        chunks = sorted({index // CHUNK for index in indexes})
        if not chunks:
            return []
        with redis_errors():
            packed = await self._redis.hmget(part_key(job, "feed"), chunks)
        lines = {
            chunk: zlib.decompress(body).split(b"\n")
            for chunk, body in zip(chunks, packed, strict=True)
            if body is not None
        }
        return [
            Item.unpack(lines[index // CHUNK][index % CHUNK])
            for index in indexes
            if index // CHUNK in lines and index % CHUNK < len(lines[index // CHUNK])
        ]
