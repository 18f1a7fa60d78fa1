"""The renderer behind admission control: fetches an original, waits for room, renders, counts."""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any

from edge import progress
from edge.accounting import Stages
from edge.admission import Admission, Cost
from edge.deadline import Deadline
from edge.delivery import recall
from edge.delivery.keys import CacheKeys, DeliveryRequest, KeyedVariant
from edge.delivery.originals import Originals
from edge.errors import Busy
from edge.images import Original, Rendition, Stamp
from edge.rendering.compliance.report import Report
from edge.rendering.memory import rereading
from edge.rendering.render import Renderer
from edge.telemetry import Metrics
from edge.variants.transform import Transform

_RENDER_SHARE = 0.95
"""Share of a request's time that its render may take. The render then reports its own time-out,
with the stage that was late, before the request's deadline cancels it."""

FALLBACK_TAG = "rendition:fallback"
"""Cache tag of every fallback rendition, so that a CDN can purge all of them at once."""

UNSETTLED = "unsettled"
"""Note of a rendition whose original was still being written."""


class RenderProgress:
    """The progress of one render, estimated from the typical duration of its class."""

    def __init__(self) -> None:
        self._half = math.inf

    def begins(self, typical: float) -> None:
        """Note that the render starts now and typically takes so many seconds; 0: unknown."""
        self._half = time.monotonic() + (typical / 2 or math.inf)

    def mostly_done(self) -> bool:
        return time.monotonic() >= self._half


@dataclass(eq=False)
class AdmittedRenderer:
    """Every use of the renderer, each with its place and its memory in admission control.

    Args:
        longest: seconds that a request may take; a render gets a little less, whoever waits.
        origin: names where originals live.
    """

    renderer: Renderer
    keys: CacheKeys
    originals: Originals
    admission: Admission
    metrics: Metrics
    _: KW_ONLY
    longest: float
    origin: str

    def deadline(self) -> Deadline:
        """The deadline of a render that starts now."""
        return Deadline.after(self.longest * _RENDER_SHARE)

    def cost(self, transform: Transform) -> Cost:
        """The admission class of a render."""
        return self.renderer.cost(transform)

    def waits_for_networks(self, transform: Transform) -> bool:
        """Whether the render needs networks, all of which are installed: only then can they be
        late."""
        if self.renderer.lacks_network(transform):
            return False
        return self.cost(transform) is Cost.NETWORK

    async def render(
        self,
        request: DeliveryRequest,
        stages: Stages,
        deadline: Deadline,
        *,
        fallback: bool = False,
        progress: RenderProgress | None = None,
    ) -> tuple[KeyedVariant, Rendition]:
        """Fetch the original and render; the variant returned is that of the bytes fetched, which
        may be newer.

        `deadline` bounds the wait for admission; once admitted, a render gets its whole time, since
        its result is stored even where the requests that waited have left.
        """
        with stages.span("origin"):
            original = await self._fetch(request, deadline)
        named = await self.keys.of(request, original.stamp.version)
        cost = Cost.CLASSICAL if fallback else self.renderer.cost(request.transform)
        tags = (*named.variant.tags, FALLBACK_TAG) if fallback else named.variant.tags
        async with (
            self._place(cost, stages, deadline),
            self._memory(original, request, stages, deadline),
        ):
            if progress is not None:
                progress.begins(self.admission.typical(cost))
                deadline = self.deadline()
            rendered = await self.renderer.render(
                original,
                request.transform,
                tags=tags,
                deadline=deadline,
                priority=request.priority,
                fallback=fallback,
            )
        for stage, seconds in rendered.timings:
            stages.add(stage, seconds)
            self.metrics.render_seconds.labels(stage).observe(seconds)
        rendition = replace(
            rendered.rendition, notes=(*rendered.rendition.notes, *self._noted(original.stamp))
        )
        self.metrics.renders.labels(cost, rendition.format).inc()
        self.metrics.rendition_bytes.labels(rendition.format).observe(len(rendition.body))
        if rendered.report is not None and not fallback:
            self._count_verdict(rendered.report)
        return named, rendition

    def _count_verdict(self, report: Report) -> None:
        verdict = "pass" if report.passed else "fail"
        self.metrics.compliance.labels(report.preset, verdict).inc()
        for reason in report.review:
            self.metrics.review_reasons.labels(report.preset, reason).inc()

    def _noted(self, stamp: Stamp) -> tuple[tuple[str, str], ...]:
        """What a rendition tells of its original, for a time when the origin does not answer."""
        noted = ((recall.NOTE, recall.note(self.origin, stamp.version)),)
        return noted if stamp.settled else (*noted, (UNSETTLED, "1"))

    async def explain(
        self, request: DeliveryRequest, tags: tuple[str, ...], rendition: Rendition | None
    ) -> dict[str, Any]:
        """How a rendition would be made, and the verification of the stored one, if any.

        It is admitted like a render, since it costs the same up to the first step.

        Raises:
            Busy: admission control is full.
        """
        stages, deadline = Stages(), request.deadline
        original = await self._fetch(request, deadline)
        async with self._place(self.cost(request.transform), stages, deadline):
            async with self._memory(original, request, stages, deadline):
                explained = await self.renderer.explain(
                    original, request.transform, deadline=deadline, tags=tags
                )
            verification = await self._verified(rendition, request) if rendition else None
        return {
            "verification": verification,
            "original": {"bytes": len(original.body)},
            **explained,
        }

    async def require_compliance(self, rendition: Rendition, request: DeliveryRequest) -> None:
        """Raise `NotCompliant` where the rendition breaks a rule of its preset."""
        if rendition.reported.breaks_rules:
            async with self._rereading(rendition, request.deadline):
                await asyncio.to_thread(
                    self.renderer.require_compliance, rendition, request.transform
                )

    async def _verified(
        self, rendition: Rendition, request: DeliveryRequest
    ) -> dict[str, Any] | None:
        async with self._rereading(rendition, request.deadline):
            report = await asyncio.to_thread(self.renderer.verified, rendition, request.transform)
        return report.as_facts() if report else None

    async def _fetch(self, request: DeliveryRequest, deadline: Deadline) -> Original:
        stamp = await self.originals.stamp(request.path, request.version, deadline)
        return await self.originals.fetch(request.path, stamp, deadline)

    @asynccontextmanager
    async def _memory(
        self, original: Original, request: DeliveryRequest, stages: Stages, deadline: Deadline
    ) -> AsyncIterator[None]:
        """Admission for the bytes that a render is expected to hold at its peak."""
        peak = await self.renderer.peak(original, request.transform, deadline)
        start = time.perf_counter()
        async with self.admission.memory(peak.admitted(self.admission.budget), deadline):
            stages.add("queue", time.perf_counter() - start)
            yield

    @asynccontextmanager
    async def _rereading(self, rendition: Rendition, deadline: Deadline) -> AsyncIterator[None]:
        """Admission for the bytes of verifying a rendition; one that exceeds the budget takes all
        of it."""
        count = min(rereading(rendition.size), self.admission.budget)
        async with self.admission.memory(count, deadline):
            yield

    @asynccontextmanager
    async def _place(self, cost: Cost, stages: Stages, deadline: Deadline) -> AsyncIterator[None]:
        progress.entered("queue")
        start = time.perf_counter()
        try:
            async with self.admission.enter(cost, deadline):
                stages.add("queue", time.perf_counter() - start)
                yield
        except Busy:
            self.metrics.admission_refused.labels(cost).inc()
            raise
