"""Wiring: every concrete class is named here, opened in order and closed in reverse."""

import asyncio
import logging
import os
import platform
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from edge import __version__, tracing
from edge.admission import Admission, Cost, Limit
from edge.background_tasks import BackgroundTasks
from edge.breaker import Breaker
from edge.cache.base import Purges, Tier
from edge.cache.folder import FolderTier
from edge.cache.guarded import TierState
from edge.cache.leases import RedisLeases
from edge.cache.memory import MemoryTier
from edge.cache.owed import OwedPurges
from edge.cache.purges import RedisPurges
from edge.cache.redis import RedisServer, RedisTier
from edge.cache.tiers import Tiers
from edge.cores import cores
from edge.delivery.delivery import Delivery
from edge.delivery.originals import Originals
from edge.delivery.recall import Recall
from edge.dialects import Dialects
from edge.errors import ModelContractBroken, ModelMissing
from edge.jobs.opening import Shop, open_desk, open_shop
from edge.jobs.review import Decisions
from edge.models import roles
from edge.models.base import Models, ModelState
from edge.models.embedded import EmbeddedModels
from edge.models.triton import TritonModels
from edge.origins.base import Origin
from edge.origins.browse import Listing
from edge.origins.opening import open_origin
from edge.origins.routes import Origins, parse_routes
from edge.reloading import Files
from edge.rendering.engine import pillow
from edge.rendering.engine.threads import EngineThreads
from edge.rendering.matting.store import MatteStore
from edge.rendering.render import RENDER_VERSION, Renderer
from edge.rendering.source import libraries
from edge.rendering.source.scenes import Scenes
from edge.rendering.tile_cache import TileCache
from edge.settings import Settings, naming
from edge.single_flight import Leases, NoLeases
from edge.telemetry import Metrics
from edge.web.access_log import AccessLog
from edge.web.admin import Admin
from edge.web.explain import Explain
from edge.web.gallery import Gallery
from edge.web.hits import Hits
from edge.web.image import ImageRoute
from edge.web.jobs import Jobs
from edge.web.openapi import OpenApi
from edge.web.playground import Playground
from edge.web.probes import Probes
from edge.web.recording import Recorder
from edge.web.review import Review
from edge.web.routes import application
from edge.web.tokens import Tokens
from edge.web.urls import Urls

_log = logging.getLogger("edge")

SAMPLES = Path(__file__).parent / "samples"


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

    shop: Shop
    """Jobs, and what works on them."""


class TierMetrics:
    """What the tiers tells, as metrics."""

    def __init__(self, metrics: Metrics) -> None:
        # Finding a label's child costs more than counting it, and every hit counts.
        self._lookups = cache(partial(metrics.tally, metrics.tier_lookups))
        self._writes = cache(metrics.tier_writes.labels)
        self._purged = cache(metrics.purged.labels)

    def looked_up(self, tier: str, outcome: str) -> None:
        self._lookups(tier, outcome).inc()

    def wrote(self, tier: str, outcome: str) -> None:
        self._writes(tier, outcome).inc()

    def purged(self, tier: str, entries: int) -> None:
        self._purged(tier).inc(entries)


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
    files = Files.open(given, metrics)
    presets, keys = files.presets, files.keys
    tokens = Tokens(lambda: files.tokens.value)
    async with AsyncExitStack() as stack:
        tracing_ends = tracing.start(given.tracing, __version__, RENDER_VERSION)
        stack.push_async_callback(asyncio.to_thread, tracing_ends)
        models = open_models(given, metrics)
        stack.push_async_callback(models.close)
        stack.callback(libraries.use(given.decode, counted(metrics)))
        threads = EngineThreads(given.server.threads)
        stack.callback(threads.close)
        admission = open_gate(given, threads.count)
        origins = open_origins(given, given.origin.url, SAMPLES, admission, metrics)
        scenes = open_scenes(given, admission, metrics)
        stack.push_async_callback(origins.close)
        stack.push_async_callback(scenes.close)
        server = await stack.enter_async_context(open_redis_server(given))
        leases, purges = open_leases(given, server)
        stack.push_async_callback(leases.close)
        tier_list = open_tiers(given, server)
        tiers = Tiers(
            tier_list,
            given.cache.tier_timeout,
            background_tasks=background_tasks,
            purges=purges,
            observer=TierMetrics(metrics),
            owed=OwedPurges(beside_folder_tier(given, "purges.owed")),
        )
        stack.push_async_callback(tiers.close)
        await tiers.start()
        stack.push_async_callback(background_tasks.drain, given.server.drain)
        desk = await stack.enter_async_context(
            open_desk(
                given,
                presets,
                lambda: keys.value,
                parse_routes(given.origin.url or str(SAMPLES)),
                file=jobs_file,
                anywhere=jobs_file is not None,
            )
        )
        backgrounds = remembered(given, scenes, metrics)
        mattes = MatteStore(
            threads, models, RENDER_VERSION, tiers=tiers, leases=leases, metrics=metrics
        )
        stack.push_async_callback(mattes.close)
        tile_cache = TileCache(given.cache.enlarged_bytes, metrics)
        tiers.on_purge(tile_cache.forget)
        known_scenes = partial(scene_names, given)
        pictures = Scenes(backgrounds.bring, threads, given.limits, known_scenes)
        renderer = Renderer(
            threads,
            models,
            given.limits,
            pictures,
            presets,
            mattes=mattes,
            tile_cache=tile_cache,
            metadata=given.files.provenance,
            scene_facts=pictures.facts,
        )
        delivery = Delivery(
            originals=remembered(given, origins, metrics, Recall(tiers, given.origin.url)),
            scenes=backgrounds,
            scene_names=known_scenes,
            tiers=tiers,
            renderer=renderer,
            leases=leases,
            admission=admission,
            background_tasks=background_tasks,
            metrics=metrics,
            origin=given.origin.url,
            longest=given.server.deadline,
            patience=given.http.fallback_after / 1000 or None,
            stands_in=given.http.fallback_max_age > 0,
            review=Decisions(desk.store).annotate,
        )
        stack.push_async_callback(delivery.close)
        about = {
            "version": __version__,
            "engine": str(imaging),
            "decoders": libraries.describe(),
            "networks": await runs_networks(models),
            "tiers": [tier.name for tier in tier_list],
            "origin": given.origin.url or "the bundled samples",
        }
        probes = Probes(
            {
                "tiers": tiers.states,
                "origins": survey(origins),
                "scenes": survey(scenes),
                "models": networks(models),
            },
            frozenset({"origins"}),
            {name: told for name, told in about.items() if name != "origin"},
            metrics,
            Gauges(metrics, admission, background_tasks, tiers, tile_cache).refresh,
            tokens if given.admin.metrics else None,
        )

        signed = given.signing.required
        listing = Listing(
            parse_routes(given.origin.url or str(SAMPLES)), given.s3.endpoint_url or None
        )
        stack.push_async_callback(listing.close)

        with naming("EDGE_DIALECTS"):
            dialects = Dialects.of(given.query.dialects, given.query.sources)
        urls = Urls(presets, given, lambda: keys.value, dialects)
        recorder = Recorder(metrics, AccessLog(given.server.access_log))
        hits = Hits(urls, delivery, given.http, metrics, recorder)
        looking = asyncio.create_task(warn_of_what_is_missing(origins, scenes, models))
        stack.callback(looking.cancel)
        files.on_change(urls.forget)
        stack.enter_context(files.watched())
        shop = open_shop(given, desk, delivery, presets, metrics)
        if not desk.store.shared:
            await stack.enter_async_context(shop.working(at_once))
        gallery = playground = None
        if given.server.playground:
            gallery = Gallery(listing, tokens, lambda: keys.value, presets, signed=signed)
            playground = Playground(listing.paths, presets, signed=signed)
        asgi = application(
            image=ImageRoute(urls, delivery, hits),
            urls=urls,
            recorder=recorder,
            explain=Explain(delivery, urls, tokens, presets, needs_token=given.signing.required),
            admin=Admin(delivery, tokens),
            probes=probes,
            openapi=OpenApi(presets),
            playground=playground,
            gallery=gallery,
            metrics=metrics,
            placeholder=given.http.placeholder,
            jobs=Jobs(shop, tokens, cores()),
            review=Review(shop, tokens),
            admin_port=given.server.admin_port,
        )
        yield Server(
            asgi, hits, given, metrics, delivery, probes, background_tasks,
            about, files.reload,
            files.any, shop,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Gauges:
    """Values that are read rather than counted, brought up to date before each scrape."""

    metrics: Metrics
    admission: Admission
    background_tasks: BackgroundTasks
    tiers: Tiers
    tile_cache: TileCache

    async def refresh(self) -> None:
        for cost, load in self.admission.load().items():
            self.metrics.admission_running.labels(cost).set(load.running)
            self.metrics.admission_waiting.labels(cost).set(load.waiting)
        self.metrics.admission_bytes.set(self.admission.held)
        self.metrics.background_tasks.set(len(self.background_tasks))
        self.metrics.tasks.set(len(asyncio.all_tasks()))
        self.metrics.enlarged_bytes.set(self.tile_cache.bytes)
        for tier, usage in (await self.tiers.usage()).items():
            if usage.bytes is not None:
                self.metrics.tier_bytes.labels(tier).set(usage.bytes)


def build(imaging: object) -> dict[str, str]:
    """What runs here, as the labels of `edge_build_info`."""
    return {
        "version": __version__,
        "render_version": RENDER_VERSION,
        "python": platform.python_version(),
        "engine": str(imaging),
    }


def counted(metrics: Metrics) -> Callable[[str], None]:
    """What counts the decoders that had to be replaced, by reason."""
    return lambda reason: metrics.decoders_replaced.labels(reason).inc()


def open_models(given: Settings, metrics: Metrics | None = None) -> Models:
    """The networks: on Triton where a URL is given, in this process otherwise."""
    if given.triton.url:
        with naming("EDGE_TRITON_URL"):
            return TritonModels(
                given.triton.url,
                given.models.folders,
                in_flight=given.triton.in_flight,
                shared_memory=given.triton.shared_memory,
                metrics=metrics,
            )
    return EmbeddedModels(
        given.models.folders,
        given.models.threads,
        metrics=metrics,
        backend=given.models.backend,
        precision=given.models.precision,
    )


async def runs_networks(models: Models) -> str:
    """What runs the networks, in words; in this process it is chosen now."""
    if isinstance(models, EmbeddedModels):
        return f"{models.runtime}, {await models.choice()}"
    return models.runtime


def open_origins(
    given: Settings,
    url: str,
    default: Path,
    admission: Admission | None = None,
    metrics: Metrics | None = None,
    variable: str = "EDGE_ORIGIN_URL",
) -> Origins:
    """Every origin that a setting names; without one, the bundled folder."""
    routes = parse_routes(url or str(default), variable=variable)
    with naming(variable):
        rows = {
            route: open_origin(
                route,
                max_bytes=given.origin.max_bytes,
                timeout=given.origin.timeout,
                allow_hosts=given.origin.http_allow,
                private_networks=given.origin.http_private,
                s3_endpoint=given.s3.endpoint_url,
            )
            for route in routes
        }
    return Origins(rows, admission, metrics)


def open_scenes(
    given: Settings, admission: Admission | None = None, metrics: Metrics | None = None
) -> Origins:
    return open_origins(
        given, given.origin.scenes, SAMPLES / "scenes", admission, metrics, "EDGE_ORIGIN_SCENES"
    )


def scene_names(given: Settings) -> tuple[str, ...]:
    """The names that `bg=scene:` takes, where scenes lie in a folder that can be listed."""
    found: set[str] = set()
    for route in parse_routes(given.origin.scenes or str(SAMPLES / "scenes")):
        if route.scheme == "folder" and not route.prefix and route.template is None:
            with suppress(OSError):
                found |= {Path(name).stem for name in os.listdir(route.target) if name[0] != "."}
    return tuple(sorted(found)[:_MOST_SCENES])


_MOST_SCENES = 50


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


def open_leases(given: Settings, server: Breaker | None = None) -> tuple[Leases, Purges | None]:
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


def open_gate(given: Settings, threads: int) -> Admission:
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
    found = [_NO_MEMORY_TOLD]
    with suppress(OSError, ValueError, AttributeError):
        found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for file in _MEMORY_LIMITS:
        with suppress(OSError, ValueError):
            found.append(int(Path(file).read_text()))
    return min(found)


_NO_MEMORY_TOLD = 4 * 2**30
_MEMORY_LIMITS = (
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)
"""Of cgroups of version 2 and 1; a word instead of a number is no limit."""


def survey(origins: Origins) -> Callable[[], Awaitable[Sequence[TierState]]]:
    """How readiness asks the origins."""

    async def states() -> Sequence[TierState]:
        return [
            TierState(name, not wrong, wrong) for name, wrong in (await origins.states()).items()
        ]

    return states


def networks(models: Models) -> Callable[[], Awaitable[Sequence[ModelState]]]:
    """How readiness asks the networks: those that are there, and those without which a request of
    the URL's grammar fails."""

    async def states() -> Sequence[ModelState]:
        return [*await models.states(), *absent(models)]

    return states


def absent(models: Models) -> list[ModelState]:
    """The networks without which a request of the URL's grammar fails, as far as they are not
    there. None is asked or loaded."""
    found = []
    for role in roles.ROLES:
        try:
            models.spec(role)
        except ModelMissing:
            lost = "cut-outs" if role == roles.MATTING else "enlarging"
            detail = f"not in EDGE_MODELS_FOLDER: no {lost} without it"
            found.append(ModelState(role, ready=False, detail=detail))
        except ModelContractBroken:
            continue  # it is there, and answers for itself
    return found


async def warn_of_what_is_missing(origins: Origins, scenes: Origins, models: Models) -> None:
    """Say at the start what will keep readiness from being plain; the tiers do that themselves."""
    missing = [(f"network {state.name}", state.detail) for state in absent(models)]
    for what, asked in (("origin", origins), ("scenes", scenes)):
        missing += [(f"{what} {name}", why) for name, why in (await asked.states()).items() if why]
    for what, why in missing:
        _log.warning("degraded: something is missing", extra={"what": what, "detail": why})


def remembered(
    given: Settings, origin: Origin, metrics: Metrics, recall: Recall | None = None
) -> Originals:
    return Originals(
        origin,
        metrics,
        remember=given.origin.remember,
        body_bytes=given.cache.original_bytes,
        recall=recall,
    )
