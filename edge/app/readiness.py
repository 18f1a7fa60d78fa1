"""What this process reports of itself: at its start, to probes, and in gauges."""

import asyncio
import logging
import platform
from dataclasses import dataclass
from typing import Any

from edge import __version__
from edge.admission import Admission
from edge.app.networks import absent, runs_networks
from edge.background_tasks import BackgroundTasks
from edge.cache.tiers import Tiers
from edge.models.base import Models
from edge.origins.routes import Origins
from edge.rendering.render import RENDER_VERSION
from edge.rendering.source import libraries
from edge.rendering.tile_cache import TileCache
from edge.settings import Settings
from edge.telemetry import Metrics

_log = logging.getLogger("edge")


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


async def about(
    given: Settings, imaging: object, models: Models, tiers: tuple[str, ...]
) -> dict[str, Any]:
    """What a start says of itself."""
    return {
        "version": __version__,
        "engine": str(imaging),
        "decoders": libraries.describe(),
        "networks": await runs_networks(models),
        "tiers": list(tiers),
        "origin": given.origin.url or "the bundled samples",
    }


async def warn_of_what_is_missing(origins: Origins, scenes: Origins, models: Models) -> None:
    """Say at the start what will keep readiness from being plain; the tiers do that themselves."""
    missing = [(f"network {state.name}", state.detail) for state in absent(models)]
    for what, group in (("origin", origins), ("scenes", scenes)):
        missing += [(f"{what} {name}", why) for name, why in (await group.states()).items() if why]
    for what, why in missing:
        _log.warning("degraded: something is missing", extra={"what": what, "detail": why})
