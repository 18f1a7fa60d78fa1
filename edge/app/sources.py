"""Where originals and background pictures come from."""

import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path

from edge.admission import Admission
from edge.cache.guarded import TierState
from edge.delivery.originals import Originals
from edge.delivery.recall import Recall
from edge.origins.base import Origin
from edge.origins.opening import open_origin
from edge.origins.routes import Origins, Route, parse_routes
from edge.settings import Settings, naming
from edge.telemetry import Metrics

SAMPLES = Path(__file__).parents[1] / "samples"

_MOST_SCENES = 50


def _open_origins(
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


def originals_routes(given: Settings) -> tuple[Route, ...]:
    """Which paths of originals lie where."""
    return parse_routes(given.origin.url or str(SAMPLES))


def open_originals(
    given: Settings, admission: Admission | None = None, metrics: Metrics | None = None
) -> Origins:
    return _open_origins(given, given.origin.url, SAMPLES, admission, metrics)


def open_scenes(
    given: Settings, admission: Admission | None = None, metrics: Metrics | None = None
) -> Origins:
    return _open_origins(
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


def survey(origins: Origins) -> Callable[[], Awaitable[Sequence[TierState]]]:
    """How readiness asks the origins."""

    async def states() -> Sequence[TierState]:
        return [
            TierState(name, not wrong, wrong) for name, wrong in (await origins.states()).items()
        ]

    return states
