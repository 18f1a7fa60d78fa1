"""Run: the steps of a plan in order, pixel work on engine threads, waits on the event loop."""

import time
from collections.abc import Iterable
from itertools import groupby

from edge import progress, tracing
from edge.deadline import Deadline
from edge.rendering.pixels.picture import Picture
from edge.rendering.step import Step, Tools

Timings = tuple[tuple[str, float], ...]
"""Stage and seconds, in order."""


async def run(steps: Iterable[Step], picture: Picture, tools: Tools) -> tuple[Picture, Timings]:
    """Apply every step; neighbours that need no waiting share one hop to a thread.

    Raises:
        DeadlineExceeded: between two steps; the one that is running is finished first.
        ModelError, OriginError: from the steps that wait.
    """
    timings: list[tuple[str, float]] = []
    for waits, group in groupby(steps, key=lambda step: step.waits):
        if waits:
            for step in group:
                assert step.waits
                tools.deadline.check(step.op)
                progress.entered(step.op)
                start = time.perf_counter()
                with tracing.span(step.op):
                    picture = await step.apply(picture, tools)
                timings.append((step.op, time.perf_counter() - start))
        else:
            picture, spent = await tools.engine.run(apply_all, list(group), picture, tools.deadline)
            timings += spent
    return picture, tuple(timings)


def apply_all(
    steps: Iterable[Step], picture: Picture, deadline: Deadline
) -> tuple[Picture, list[tuple[str, float]]]:
    """Steps that wait for nothing, one after the other, in this thread."""
    timings = []
    for step in steps:
        assert not step.waits, f"{step.op} waits"
        deadline.check(step.op)
        progress.entered(step.op)
        start = time.perf_counter()
        with tracing.span(step.op):
            picture = step.apply(picture)
        timings.append((step.op, time.perf_counter() - start))
    return picture, timings
