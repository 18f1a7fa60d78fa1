"""The tiers, each on its real store."""

from collections.abc import AsyncIterator, Callable

import pytest

from edge.cache.base import Tier
from edge.cache.folder import FolderTier
from edge.cache.memory import MemoryTier
from edge.cache.redis import RedisTier
from edge.cache.s3 import S3Tier

KINDS = ("memory", "redis", "folder", "s3")
LIMIT = 4_000_000


@pytest.fixture
def open_tier(request: pytest.FixtureRequest, tmp_path) -> Callable[[str], Tier]:
    """A tier of the kind; opened again, it finds what was there (except memory, by its nature)."""

    def opened(kind: str) -> Tier:
        if kind == "memory":
            return MemoryTier(LIMIT)
        if kind == "redis":
            return RedisTier(request.getfixturevalue("redis_url"), ttl=600, timeout=60.0)
        if kind == "folder":
            return FolderTier(tmp_path / "tier", LIMIT)
        bucket, endpoint = map(request.getfixturevalue, ("bucket", "s3_endpoint"))
        return S3Tier(bucket, "renditions", endpoint, timeout=60.0)

    return opened


@pytest.fixture(params=KINDS)
async def tier(request: pytest.FixtureRequest, open_tier) -> AsyncIterator[Tier]:
    opened = open_tier(request.param)
    yield opened
    await opened.close()
