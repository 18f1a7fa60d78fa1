"""A server, opened part by part."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from edge import __version__, tracing
from edge.admission import Admission, Cost, Limit
from edge.app import networks, sources
from edge.app.readiness import Gauges, about, build, warn_of_what_is_missing
from edge.app.rendering import open_engine, open_renderer
from edge.app.stores import beside_folder_tier, open_stores
from edge.app.web import open_web
from edge.background_tasks import BackgroundTasks
from edge.cache.purging import PendingPurges
from edge.delivery.admitted import AdmittedRenderer
from edge.delivery.delivery import Delivery
from edge.delivery.keys import CacheKeys
from edge.delivery.making import Making
from edge.delivery.recall import Recall
from edge.jobs.opening import JobProcessing, open_management, open_processing
from edge.jobs.review import Decisions
from edge.reloading import ReloadedFiles
from edge.rendering.engine import pillow
from edge.rendering.render import RENDER_VERSION
from edge.rendering.tile_cache import TileCache
from edge.settings import Settings
from edge.telemetry import Metrics
from edge.web.hits import Hits
from edge.web.probes import Probes
from edge.web.reported import compliance_line
from edge.web.surveys import Surveys
from edge.web.tokens import Tokens


def open_admission(given: Settings, threads: int) -> Admission:
    limits = given.limits
    return Admission(
        {
            Cost.ORIGIN: Limit(limits.origin_running, limits.origin_waiting),
            Cost.CLASSICAL: Limit(limits.classical_running or threads, limits.classical_waiting),
            Cost.NETWORK: Limit(
                limits.network_running,
                limits.network_waiting,
                slow=given.server.deadline * _SLOW_SHARE,
            ),
        },
        limits.memory_bytes or available_memory() * 3 // 4,
    )


_SLOW_SHARE = 0.3
"""Of the deadline: where renders with networks take more, fewer run at once, and so finish."""


def available_memory() -> int:
    """Bytes that this process may hold: the container's limit where there is one, else the
    machine's; 4 GiB where neither is told."""
    found = [_UNKNOWN_MEMORY]
    with suppress(OSError, ValueError, AttributeError):
        found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for file in _MEMORY_LIMITS:
        with suppress(OSError, ValueError):
            found.append(int(Path(file).read_text()))
    return min(found)


_UNKNOWN_MEMORY = 4 * 2**30
_MEMORY_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Of cgroups of version 2 and 1; a word instead of a number is no limit."""


@dataclass(frozen=True, slots=True)
class Server:
    """Everything that is open while the server runs."""

    asgi: ASGIApp
    hits: Hits
    given: Settings
    metrics: Metrics
    delivery: Delivery
    probes: Probes
    background_tasks: BackgroundTasks
    about: dict[str, Any]
    reload: Callable[[], Awaitable[None]]
    """Reads the files of keys, tokens and presets anew."""

    watches: bool
    """Whether there is such a file."""

    processing: JobProcessing
    """Jobs, and what works on them."""


@asynccontextmanager
async def connect(
    given: Settings, *, jobs_file: str | None = None, at_once: int = 1
) -> AsyncIterator[Server]:
    """Open everything that the settings name; close it all when the block ends.

    Args:
        jobs_file: keeps jobs in this file, for one command, which may write wherever it likes.
        at_once: items of jobs that are worked on here at the same time, where there is no Redis
            and so nobody else to do it.

    Raises:
        SettingsError: something in them cannot be.
    """
    imaging = pillow.check(given.server.engine)
    metrics, background_tasks = Metrics(), BackgroundTasks()
    metrics.build.labels(**build(imaging)).set(1)
    files = ReloadedFiles.open(given, metrics)
    tokens = Tokens(lambda: files.tokens.value)
    async with AsyncExitStack() as stack:
        enter, at_end = stack.enter_async_context, stack.push_async_callback
        at_end(asyncio.to_thread, tracing.start(given.tracing, __version__, RENDER_VERSION))
        engine = await enter(open_engine(given, metrics))
        admission = open_admission(given, engine.threads.count)
        origins = sources.open_originals(given, admission, metrics)
        at_end(origins.close)
        scenes = sources.open_scenes(given, admission, metrics)
        at_end(scenes.close)
        pending = PendingPurges(beside_folder_tier(given, "purges.owed"))
        stores = await enter(open_stores(given, metrics, background_tasks, pending))
        management = await enter(
            open_management(
                given,
                files.presets,
                lambda: files.keys.value,
                sources.originals_routes(given),
                file=jobs_file,
                anywhere=jobs_file is not None,
                compliance_line=compliance_line,
            )
        )
        backgrounds = sources.remembered(given, scenes, metrics)
        tile_cache = TileCache(given.cache.enlarged_bytes, metrics)
        renderer = await enter(
            open_renderer(given, engine, stores, files.presets, backgrounds, tile_cache, metrics)
        )
        recall = Recall(stores.tiers, given.origin.url)
        originals = sources.remembered(given, origins, metrics, recall)
        names = partial(sources.scene_names, given)
        keys = CacheKeys(originals, backgrounds, renderer, given.origin.url, names)
        admitted = AdmittedRenderer(
            renderer,
            keys,
            originals,
            admission,
            metrics,
            longest=given.server.deadline,
            origin=given.origin.url,
        )
        making = Making(
            admitted,
            keys,
            stores.tiers,
            stores.leases,
            background_tasks,
            metrics,
            default_wait=given.http.fallback_after / 1000 or None,
            fallbacks=given.http.fallback_max_age > 0,
            review=Decisions(management.store).annotate,
        )
        delivery = Delivery(keys, stores.tiers, admitted, making, metrics)
        at_end(delivery.close)
        details = await about(given, imaging, engine.models, stores.names)
        surveys = Surveys(
            {
                "tiers": stores.tiers.states,
                "origins": sources.survey(origins),
                "scenes": sources.survey(scenes),
                "models": networks.survey(engine.models, engine.chain),
            }
        )
        stack.callback(surveys.close)
        probes = Probes(
            surveys,
            frozenset({"origins"}),
            {name: value for name, value in details.items() if name != "origin"},
            metrics,
            Gauges(metrics, admission, background_tasks, stores.tiers, tile_cache).refresh,
            tokens if given.admin.metrics else None,
        )
        looking = asyncio.create_task(warn_of_what_is_missing(origins, scenes, engine.models))
        stack.callback(looking.cancel)
        processing = open_processing(given, management, delivery, files.presets, metrics)
        asgi, hits = await enter(
            open_web(given, files, tokens, delivery, probes, processing, metrics)
        )
        if not management.store.shared:
            await enter(processing.working(at_once))
        yield Server(
            asgi, hits, given, metrics, delivery, probes, background_tasks, details,
            files.reload, files.any, processing,
        )  # fmt: skip
