"""One render's request and its stopwatch."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

from edge import progress, tracing
from edge.deadline import Deadline
from edge.variants.presets import Preset
from edge.variants.transform import Transform

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True)
class Stopwatch:
    """Collects seconds by stage."""

    timings: list[tuple[str, float]] = field(default_factory=list)

    def time(self, stage: str, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        progress.entered(stage)
        start = time.perf_counter()
        try:
            with tracing.span(stage):
                return work(*args, **kwargs)
        finally:
            self.timings.append((stage, time.perf_counter() - start))


@dataclass(frozen=True, slots=True)
class RenderRequest:
    """One render's request, with what accompanies it; `preset` where rules are to be held.

    `fallback`: no network may be waited for.
    """

    body: bytes = field(repr=False)
    transform: Transform
    preset: Preset | None
    watch: Stopwatch
    deadline: Deadline
    fallback: bool = False
