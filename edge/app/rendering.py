"""What renders pictures: for the server, and for one command alike."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from edge.app.networks import open_chain, open_models
from edge.app.sources import scene_names
from edge.app.stores import Stores
from edge.delivery.originals import Originals
from edge.models.base import Models
from edge.rendering.chain.client import ChainClient
from edge.rendering.engine.processes import RenderProcesses
from edge.rendering.engine.threads import EngineThreads
from edge.rendering.matting.store import MatteStore
from edge.rendering.render import RENDER_VERSION, Renderer
from edge.rendering.source import libraries
from edge.rendering.source.scenes import Scenes
from edge.rendering.tile_cache import TileCache
from edge.settings import Settings
from edge.telemetry import Metrics
from edge.variants.presets import Presets


@dataclass(frozen=True, slots=True)
class RenderingParts:
    """What works on pixels here, the networks, and what makes whole pictures elsewhere."""

    threads: EngineThreads
    processes: RenderProcesses | None
    models: Models
    chain: ChainClient | None = None


@asynccontextmanager
async def open_engine(given: Settings, metrics: Metrics) -> AsyncIterator[RenderingParts]:
    async with AsyncExitStack() as stack:
        models = open_models(given, metrics)
        stack.push_async_callback(models.close)
        stack.callback(libraries.use(given.decode, _counted(metrics)))
        threads = EngineThreads(given.server.threads)
        stack.callback(threads.close)
        processes = _processes(given, metrics)
        if processes is not None:
            stack.callback(processes.close)
        yield RenderingParts(threads, processes, models, open_chain(given, models, metrics))


def _processes(given: Settings, metrics: Metrics) -> RenderProcesses | None:
    """None where the settings ask for none."""
    if not given.server.processes:
        return None
    return RenderProcesses(
        given.server.processes,
        "edge.rendering.drawing",
        lambda reason: metrics.processes_replaced.labels(reason).inc(),
    )


def _counted(metrics: Metrics) -> Callable[[str], None]:
    """What counts the decoders that had to be replaced, by reason."""
    return lambda reason: metrics.decoders_replaced.labels(reason).inc()


@asynccontextmanager
async def open_renderer(
    given: Settings,
    engine: RenderingParts,
    stores: Stores,
    presets: Presets,
    backgrounds: Originals,
    tile_cache: TileCache,
    metrics: Metrics,
) -> AsyncIterator[Renderer]:
    """Args:
    backgrounds: the pictures of `bg=scene:<name>`.
    """
    threads, models = engine.threads, engine.models
    mattes = MatteStore(
        threads, models, RENDER_VERSION, tiers=stores.tiers, leases=stores.leases, metrics=metrics
    )
    scenes = Scenes(backgrounds.bring, threads, given.limits, partial(scene_names, given))
    stores.tiers.purging.on_purge(tile_cache.forget)
    try:
        yield Renderer(
            threads,
            models,
            given.limits,
            scenes,
            presets,
            mattes=mattes,
            tile_cache=tile_cache,
            metadata=given.files.provenance,
            scene_facts=scenes.facts,
            chain=engine.chain,
            processes=engine.processes,
        )
    finally:
        await mattes.close()
