"""Find a rendition or make it: tiers, call, lease, gate, render, and the writes behind it."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

from edge import progress
from edge.admission import Admission, Cost
from edge.background_tasks import BackgroundTasks
from edge.cache.base import key_tag
from edge.cache.memory import MemoryTier
from edge.cache.nearest import Found
from edge.cache.purging import Purged
from edge.cache.tiers import Tiers
from edge.deadline import Deadline
from edge.delivery import recall
from edge.delivery.keys import DeliveryRequest, KeyedVariant, Keys
from edge.delivery.originals import Originals
from edge.errors import Busy, DeadlineExceeded, EdgeError, ModelMissing, ModelUnavailable
from edge.images import Original, Rendition, Stamp
from edge.rendering.compliance.verify import Report
from edge.rendering.memory import rereading
from edge.rendering.render import Renderer
from edge.rendering.source.scenes import SceneNames
from edge.single_flight import Leases, SingleFlight, find_or_make
from edge.telemetry import Metrics, Stages
from edge.variants.transform import Transform

Made = tuple[Rendition, str]
"""A rendition and its source."""

Review = Callable[[KeyedVariant, Rendition], Awaitable[Rendition]]

Make = Callable[[KeyedVariant, DeliveryRequest], Awaitable["Delivered"]]

_RENDER_SHARE = 0.95
"""Share of a request's time that its render may take. The render then reports its own time-out,
with the stage that was late, before the request's deadline cancels it."""

FALLBACK_TAG = "rendition:fallback"
"""Cache tag of every fallback rendition, so that a CDN can purge all of them at once."""


_UNSETTLED = "unsettled"
"""Note of a rendition whose original was just being written."""

MEMORY = MemoryTier.name
"""The source of what lies in this process."""

FALLBACKS = ("stale", "fallback")
"""Sources of a rendition that is served while the networks are late, in order of preference: the
rendition of the original's previous version, or one of the same canvas made without networks.
Neither is stored under the final rendition's key."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """A rendition, and how it was obtained.

    Attributes:
        source: the tier that held it, `render`, or one of `FALLBACKS`.
        joined: it came from a render that another request had started.
        settled: the original's stamp is; where it is not, caches keep the answer for moments only.
    """

    rendition: Rendition
    source: str
    joined: bool = False
    settled: bool = True

    @property
    def final(self) -> bool:
        return self.source not in FALLBACKS


class Delivery:
    """The order of events between the rooms below; the only one who talks to all of them.

    Args:
        originals: where originals come from.
        scenes: the background pictures of `bg=scene:<name>`; `scene_names` those that there are.
        origin: names where originals live, so that two catalogues never share a cache key.
        longest: seconds that a request may take; a render gets a little less, whoever waits.
        patience: seconds to wait for the networks where the request does not say; None: all it has.
        stands_in: serve something provisional after that wait, rather than `Busy`.
        review: adds what a person has decided to what is reported of a rendition just made.
    """

    def __init__(
        self,
        *,
        originals: Originals,
        scenes: Originals,
        tiers: Tiers,
        renderer: Renderer,
        leases: Leases,
        admission: Admission,
        background_tasks: BackgroundTasks,
        metrics: Metrics,
        origin: str,
        longest: float,
        scene_names: SceneNames = tuple,
        patience: float | None = None,
        stands_in: bool = True,
        review: Review | None = None,
    ) -> None:
        self._names = Keys(originals, scenes, renderer, origin, scene_names)
        self._originals = originals
        self._origin = origin
        self._tiers = tiers
        self._renderer = renderer
        self._leases = leases
        self._admission = admission
        self._background_tasks = background_tasks
        self._metrics = metrics
        self._longest = longest
        self._patience = patience
        self._stands_in = stands_in
        self._review = review
        self._single_flight: SingleFlight[Made] = SingleFlight()
        self._fallback_flights: SingleFlight[Rendition] = SingleFlight()
        self._delivered_from = cache(partial(metrics.tally, metrics.deliveries))
        tiers.on_purge(self._names.forget)

    async def name(self, request: DeliveryRequest) -> KeyedVariant:
        """What is asked for; asks the origin only when the original's stamp is not known."""
        return await self._names.name(request)

    def known(self, path: str, transform: Transform, version: str | None) -> KeyedVariant | None:
        """What is asked for, where that can be said without asking anybody."""
        return self._names.known(path, transform, version)

    def memory_hit(self, named: KeyedVariant) -> Rendition | None:
        """The rendition, where it lies in this process's memory."""
        rendition = self._tiers.nearest.memory_hit(named.key)
        if rendition is not None:
            self._delivered_from(MEMORY).inc()
        return rendition

    def soon(self, named: KeyedVariant, told: Callable[[Delivered | None], None]) -> bool:
        """Look in the tier behind memory where that takes no task; see `Nearest.soon`."""

        def found(answer: Found | None) -> None:
            told(self._delivered(named, *answer) if answer else None)

        return self._tiers.nearest.soon(named.key, found)

    def etag(self, named: KeyedVariant) -> str | None:
        """The ETag that this variant had when it was last delivered; no tier is asked."""
        return self._names.etag(named)

    def cost(self, transform: Transform) -> Cost:
        """The admission class of a render."""
        return self._renderer.cost(transform)

    async def find(self, named: KeyedVariant) -> Delivered | None:
        """Look in the tiers, nearest tier first."""
        found = await self._tiers.get(named.key)
        return self._delivered(named, *found) if found else None

    async def require_compliance(self, delivered: Delivered, request: DeliveryRequest) -> None:
        """Raise `NotCompliant` where the rendition breaks a rule of its preset."""
        if delivered.rendition.reported.breaks_rules:
            async with self._rereading(delivered.rendition, request.deadline):
                await asyncio.to_thread(
                    self._renderer.require_compliance, delivered.rendition, request.transform
                )

    async def make(
        self, named: KeyedVariant, request: DeliveryRequest, stages: Stages | None = None
    ) -> Delivered:
        """Render, or wait for the render of the same variant that is under way.

        Where the networks take longer than the caller waits, or cannot be had now, a fallback; the
        final one is made behind it.

        Raises:
            Busy: the final one is late, and the caller takes no other.
            DeadlineExceeded: the caller's time is over; the render goes on for those who wait.
        """
        stages = stages or Stages()
        joined = named.key in self._single_flight
        if joined:
            self._metrics.single_flight_joined.inc()
        flight = self._fly(named, request, stages)
        wait = self._patience if request.wait is None else request.wait
        if wait is None or not self._waits_for_networks(request.transform):
            made = await request.deadline.bound(flight, "the rendition was ready")
        else:
            try:
                made = await self._patiently(flight, min(wait, request.deadline.remaining))
            except (Busy, ModelMissing, ModelUnavailable, DeadlineExceeded):
                if request.strict or not self._stands_in:
                    raise
                return await self._fallback(named, request, stages)
        self._names.made(named)
        return self._delivered(named, *made, joined=joined)

    def _waits_for_networks(self, transform: Transform) -> bool:
        """Whether they may be late: where one is not installed there is nothing to wait for, and
        the render says so, however long it takes to come to that."""
        if self._renderer.lacks_network(transform):
            return False
        return self._renderer.cost(transform) is Cost.NETWORK

    async def _fly(self, named: KeyedVariant, request: DeliveryRequest, stages: Stages) -> Made:
        """What the call under way brings, or one of this caller's own."""
        deadline, progress = Deadline.after(self._longest * _RENDER_SHARE), _Progress()
        lead = partial(self._lead, named, request, stages, deadline, progress)
        return await self._single_flight.join(named.key, lead, progress.mostly_done, deadline)

    async def _fallback(
        self, named: KeyedVariant, request: DeliveryRequest, stages: Stages
    ) -> Delivered:
        """The previous version's rendition from a tier; else one made without networks."""
        before = self._names.before(named) if request.version is None else None
        if before and (found := await self._tiers.get(before)):
            self._delivered_from("stale").inc()
            return Delivered(found[0], "stale")

        async def fallback() -> Rendition:
            return (await self._render(request, stages, request.deadline, fallback=True))[1]

        flight = self._fallback_flights.join(named.key, fallback)
        rendition = await request.deadline.bound(flight, "the fallback rendition was ready")
        self._delivered_from("fallback").inc()
        return Delivered(rendition, "fallback")

    async def _patiently(self, flight: Coroutine[Any, Any, Made], seconds: float) -> Made:
        """What the call brings within the time; later it goes on, and the caller comes again."""
        task = asyncio.create_task(flight)
        try:
            done, _ = await asyncio.wait((task,), timeout=seconds)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if done:
            return task.result()
        if not self._background_tasks.run("late render", _quietly(task)):
            task.cancel()
        raise Busy("the networks need longer than wait= allows; the picture is being made")

    async def deliver(
        self,
        request: DeliveryRequest,
        *,
        named: KeyedVariant | None = None,
        make: Make | None = None,
        unchecked: Callable[[Delivered], object] | None = None,
    ) -> Delivered:
        """Find the rendition or make it; where the request is strict, check it.

        Args:
            named: its name, where the caller has asked for that before.
            make: makes what no tier holds, instead of `self.make`: so that a caller can stop
                waiting, or measure what it takes.
            unchecked: is told what was found or made, before that is checked.

        Raises:
            NotCompliant: the request is strict, and the rendition breaks a rule of its preset.
            EdgeError: what `name` and `make` raise.
        """
        named = named or await self.name(request)
        delivered = await self.find(named)
        if delivered is None:
            delivered = await (make or self.make)(named, request)
        if unchecked is not None:
            unchecked(delivered)
        if request.strict:
            await self.require_compliance(delivered, request)
        return delivered

    async def explain(self, request: DeliveryRequest) -> dict[str, Any]:
        """How the rendition would be made, its key, and which tier holds it; none is made.

        One that is held is held against its preset's rules once more. It costs what a render does
        before its first step, so it waits at the same admission control.

        Raises:
            Busy: admission control is full.
        """
        named = await self.name(request)
        original = await self._fetch(request, request.deadline)
        found = await self._tiers.get(named.key)
        async with self._place(self._renderer.cost(request.transform), Stages(), request.deadline):
            async with self._memory(original, request, Stages(), request.deadline):
                explained = await self._renderer.explain(
                    original, request.transform, deadline=request.deadline, tags=named.variant.tags
                )
            verification = await self._verified(found[0], request) if found else None
        return {
            "key": named.key,
            "tags": list(named.variant.tags),
            "version": named.variant.stamp,
            "cached": found[1] if found else None,
            "verification": verification,
            "original": {"bytes": len(original.body)},
            **explained,
        }

    async def _verified(
        self, rendition: Rendition, request: DeliveryRequest
    ) -> dict[str, Any] | None:
        async with self._rereading(rendition, request.deadline):
            report = await asyncio.to_thread(self._renderer.verified, rendition, request.transform)
        return report.as_facts() if report else None

    async def purge(self, tag: str) -> Purged:
        """Remove what carries the tag from every tier and replica.

        A render under way when the purge comes is served to those who wait and not stored.
        """
        return await self._tiers.purge(tag)

    async def purge_key(self, key: str) -> Purged:
        """Remove one single rendition from every tier."""
        return await self.purge(key_tag(key))

    async def close(self) -> None:
        """Give up the renders under way."""
        await self._single_flight.close()
        await self._fallback_flights.close()

    def _delivered(
        self, named: KeyedVariant, rendition: Rendition, source: str, *, joined: bool = False
    ) -> Delivered:
        if source != MEMORY:  # it was noted when it came there
            self._names.delivered(named, rendition.etag)
        self._delivered_from(source).inc()
        settled = named.settled and rendition.note(_UNSETTLED) is None
        return Delivered(rendition, source, joined, settled)

    async def _lead(
        self,
        named: KeyedVariant,
        request: DeliveryRequest,
        stages: Stages,
        deadline: Deadline,
        progress: "_Progress",
    ) -> Made:
        """One render for the whole fleet: a lease's holder works, the others get what it made."""

        async def make() -> Made:
            started = time.monotonic()
            made, rendition = await self._render(request, stages, deadline, progress=progress)
            rendition = await self._reviewed(made, rendition)
            await self._tiers.put(made.key, rendition, started)
            return rendition, "render"

        return await find_or_make(
            self._leases, named.key, deadline, find=lambda: self._tiers.get(named.key), make=make
        )

    async def _render(
        self,
        request: DeliveryRequest,
        stages: Stages,
        deadline: Deadline,
        *,
        fallback: bool = False,
        progress: "_Progress | None" = None,
    ) -> tuple[KeyedVariant, Rendition]:
        """Fetch and render; the name is that of the bytes that came, which may be newer.

        The deadline is for the way to a place; a render that has one has its whole time from then
        on, for what it makes is kept even where those who waited have left.
        """
        with stages.span("origin"):
            original = await self._fetch(request, deadline)
        named = await self._names.of(request, original.stamp.version)
        cost = Cost.CLASSICAL if fallback else self._renderer.cost(request.transform)
        tags = (*named.variant.tags, FALLBACK_TAG) if fallback else named.variant.tags
        async with (
            self._place(cost, stages, deadline),
            self._memory(original, request, stages, deadline),
        ):
            if progress is not None:
                progress.begins(self._admission.typical(cost))
                deadline = Deadline.after(self._longest * _RENDER_SHARE)
            rendered = await self._renderer.render(
                original,
                request.transform,
                tags=tags,
                deadline=deadline,
                priority=request.priority,
                fallback=fallback,
            )
        for stage, seconds in rendered.timings:
            stages.add(stage, seconds)
            self._metrics.render_seconds.labels(stage).observe(seconds)
        rendition = replace(
            rendered.rendition, notes=(*rendered.rendition.notes, *self._noted(original.stamp))
        )
        self._metrics.renders.labels(cost, rendition.format).inc()
        self._metrics.rendition_bytes.labels(rendition.format).observe(len(rendition.body))
        if rendered.report is not None and not fallback:
            self._count_verdict(rendered.report)
        return named, rendition

    def _count_verdict(self, report: Report) -> None:
        verdict = "pass" if report.passed else "fail"
        self._metrics.compliance.labels(report.preset, verdict).inc()
        for reason in report.review:
            self._metrics.review_reasons.labels(report.preset, reason).inc()

    def _noted(self, stamp: Stamp) -> tuple[tuple[str, str], ...]:
        """What a rendition tells of its original, for a time when the origin does not answer."""
        noted = ((recall.NOTE, recall.note(self._origin, stamp.version)),)
        return noted if stamp.settled else (*noted, (_UNSETTLED, "1"))

    async def renew(self, named: KeyedVariant, rendition: Rendition) -> None:
        """Put a picture of which other things are reported now in the place of what every tier and
        replica has."""
        await self._tiers.purge(key_tag(named.key))
        # made anew as far as tiers can tell: else the purge would count against it for ever
        renewed = replace(rendition, made=time.time())
        await self._tiers.put(named.key, renewed, time.monotonic())

    async def _reviewed(self, named: KeyedVariant, rendition: Rendition) -> Rendition:
        """With what a person has said of this picture, where it can be asked now."""
        if self._review is None or rendition.reported.compliance is None:
            return rendition
        try:
            return await self._review(named, rendition)
        except EdgeError:
            return rendition

    async def _fetch(self, request: DeliveryRequest, deadline: Deadline) -> Original:
        stamp = await self._originals.stamp(request.path, request.version, deadline)
        return await self._originals.fetch(request.path, stamp, deadline)

    @asynccontextmanager
    async def _memory(
        self, original: Original, request: DeliveryRequest, stages: Stages, deadline: Deadline
    ) -> AsyncIterator[None]:
        """Room for what a render is expected to hold at its peak."""
        peak = await self._renderer.peak(original, request.transform, deadline)
        start = time.perf_counter()
        async with self._admission.memory(peak.admitted(self._admission.budget), deadline):
            stages.add("queue", time.perf_counter() - start)
            yield

    @asynccontextmanager
    async def _rereading(self, rendition: Rendition, deadline: Deadline) -> AsyncIterator[None]:
        """Room for holding a rendition against its rules; one larger than all room waits for it."""
        count = min(rereading(rendition.size), self._admission.budget)
        async with self._admission.memory(count, deadline):
            yield

    @asynccontextmanager
    async def _place(self, cost: Cost, stages: Stages, deadline: Deadline) -> AsyncIterator[None]:
        progress.entered("queue")
        start = time.perf_counter()
        try:
            async with self._admission.enter(cost, deadline):
                stages.add("queue", time.perf_counter() - start)
                yield
        except Busy:
            self._metrics.admission_refused.labels(cost).inc()
            raise


class _Progress:
    """How far a render is."""

    def __init__(self) -> None:
        self._half = math.inf

    def begins(self, typical: float) -> None:
        """It has a place now, and takes so many seconds as a rule; 0: nobody knows."""
        self._half = time.monotonic() + (typical / 2 or math.inf)

    def mostly_done(self) -> bool:
        return time.monotonic() >= self._half


async def _quietly(task: asyncio.Task[Made]) -> None:
    """Let a render end that nobody waits for; its failure is the next caller's to hear."""
    with suppress(EdgeError):
        await task
