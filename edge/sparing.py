"""Workers leave a core to the server on their machine while that has clients.

Niceness alone does not: a thread that wakes while every core is busy waits for the scheduler, up to
a tick of 4 ms where the busy one is of another group (container, session), and finds the core's
caches cold. With a core that nothing of lower rank runs on, it waits for nobody.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from edge.cache.presence import Presence
from edge.cache.redis import stopping
from edge.cores import keep_to, usable
from edge.settings import Settings
from edge.telemetry import Metrics

_CHECK_SECONDS = 1.0

_log = logging.getLogger("edge")


@asynccontextmanager
async def publishing(given: Settings, metrics: Metrics) -> AsyncIterator[None]:
    """While the block runs, publish whenever clients were answered, for the workers on this
    machine."""
    async with _beside(given, partial(_publish, metrics)):
        yield


@asynccontextmanager
async def leaving_cores(given: Settings) -> AsyncIterator[None]:
    """While the block runs and a server on this machine answers clients, keep this worker off as
    many cores as the settings say, if it has more than that."""
    own = usable()
    few = frozenset(sorted(own)[given.jobs.spare_cores :])
    if not few or few == own:
        yield
        return
    async with _beside(given, partial(_leave, own, few)):
        yield


@asynccontextmanager
async def _beside(
    given: Settings, work: Callable[[Presence], Coroutine[Any, Any, None]]
) -> AsyncIterator[None]:
    if not given.cache.redis_url:
        yield
        return
    presence = Presence(given.cache.redis_url, given.cache.tier_timeout)
    task = asyncio.create_task(work(presence))
    try:
        yield
    finally:
        task.cancel()
        await presence.close()


async def _publish(metrics: Metrics, presence: Presence) -> None:
    reported = 0.0
    while not stopping():
        if (now := metrics.pictures_answered()) > reported:
            reported = now
            await presence.publish()
        await asyncio.sleep(_CHECK_SECONDS)


async def _leave(own: frozenset[int], few: frozenset[int], presence: Presence) -> None:
    kept = own
    while not stopping():
        chosen = few if await presence.somebody() else own
        if chosen != kept:
            _log.info("cores", extra={"used": sorted(chosen)})
            keep_to(kept := chosen)
        await asyncio.sleep(_CHECK_SECONDS)
