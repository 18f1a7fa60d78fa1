"""Where renditions lie, and what replicas share."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from edge.background_tasks import BackgroundTasks
from edge.breaker import Breaker
from edge.cache.base import Tier
from edge.cache.folder import FolderTier
from edge.cache.leases import RedisLeases
from edge.cache.memory import MemoryTier
from edge.cache.purges import RedisPurges
from edge.cache.purging import PendingPurges
from edge.cache.redis import RedisServer, RedisTier
from edge.cache.tiers import Tiers
from edge.settings import Settings, naming
from edge.single_flight import Leases, NoLeases
from edge.telemetry import Metrics


@dataclass(frozen=True, slots=True)
class Stores:
    """The tiers as one, their names from the nearest on, and the leases."""

    tiers: Tiers
    names: tuple[str, ...]
    leases: Leases


@asynccontextmanager
async def open_stores(
    given: Settings,
    metrics: Metrics,
    background_tasks: BackgroundTasks,
    pending: PendingPurges | None = None,
) -> AsyncIterator[Stores]:
    """The tiers, started; at the end, what is being written behind an answer gets its time."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(open_redis_server(given))
        leases, purges = open_leases(given, server)
        stack.push_async_callback(leases.close)
        tier_list = open_tiers(given, server)
        tiers = Tiers(
            tier_list,
            given.cache.tier_timeout,
            background_tasks=background_tasks,
            purges=purges,
            metrics=metrics,
            pending=pending,
        )
        stack.push_async_callback(tiers.close)
        await tiers.start()
        stack.push_async_callback(background_tasks.drain, given.server.drain)
        yield Stores(tiers, tuple(tier.name for tier in tier_list), leases)


@asynccontextmanager
async def open_redis_server(given: Settings) -> AsyncIterator[Breaker | None]:
    """Whether the Redis that the settings name answers; None where they name none."""
    if not given.cache.redis_url:
        yield None
        return
    with naming("EDGE_CACHE_REDIS_URL"):
        server = RedisServer(given.cache.redis_url, given.cache.tier_timeout)
    try:
        yield server.breaker
    finally:
        await server.close()


def beside_folder_tier(given: Settings, name: str) -> Path | None:
    """A file beside the tier that outlives this process on its machine; None without such a one."""
    store = given.cache.store_url
    return Path(store, name) if store and not store.startswith("s3://") else None


def open_leases(
    given: Settings, server: Breaker | None = None
) -> tuple[Leases, RedisPurges | None]:
    """With Redis, one render per key in the whole fleet, and purges that reach every replica."""
    if not given.cache.redis_url:
        return NoLeases(), None
    url, timeout = given.cache.redis_url, given.cache.tier_timeout
    own = beside_folder_tier(given, "purges.position")
    return RedisLeases(url, timeout, server=server), RedisPurges(url, timeout, own, server)


def open_tiers(given: Settings, server: Breaker | None = None) -> list[Tier]:
    """The tiers that the settings name, nearest first."""
    cache = given.cache
    tier_list: list[Tier] = []
    if cache.memory_bytes:
        tier_list.append(MemoryTier(cache.memory_bytes))
    if cache.redis_url:
        tier_list.append(RedisTier(cache.redis_url, cache.redis_ttl, cache.tier_timeout, server))
    if cache.store_url.startswith("s3://"):
        from edge.cache.s3 import S3Tier  # its libraries take half of a start

        bucket, _, prefix = cache.store_url.removeprefix("s3://").partition("/")
        tier_list.append(S3Tier(bucket, prefix, given.s3.endpoint_url))
    elif cache.store_url:
        tier_list.append(FolderTier(Path(cache.store_url), cache.store_bytes))
    return tier_list
