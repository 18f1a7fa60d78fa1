"""Makes a rendition that no tier holds: once for all requests, with a fallback while it is late."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import partial
from typing import Any

from edge.accounting import Stages
from edge.background_tasks import BackgroundTasks
from edge.cache.nearest import Found
from edge.cache.tiers import Tiers
from edge.deadline import Deadline
from edge.delivery.admitted import AdmittedRenderer, RenderProgress
from edge.delivery.keys import CacheKeys, DeliveryRequest, KeyedVariant
from edge.errors import Busy, DeadlineExceeded, EdgeError, ModelMissing, ModelUnavailable
from edge.images import Rendition
from edge.single_flight import Leases, SingleFlight, find_or_make
from edge.telemetry import Metrics

Review = Callable[[KeyedVariant, Rendition], Awaitable[Rendition]]

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
        settled: the original's stamp is settled; else caches keep the answer for seconds only.
    """

    rendition: Rendition
    source: str
    joined: bool = False
    settled: bool = True

    @property
    def final(self) -> bool:
        return self.source not in FALLBACKS


@dataclass(eq=False)
class Making:
    """One render for all who ask at the same time, in this process and among the replicas.

    Args:
        default_wait: seconds that a request without `wait=` waits for the networks; None: until its
            deadline.
        fallbacks: serve a fallback after that wait, rather than raise `Busy`.
        review: adds a reviewer's decision to the report of a rendition just made.
    """

    renderer: AdmittedRenderer
    keys: CacheKeys
    tiers: Tiers
    leases: Leases
    background_tasks: BackgroundTasks
    metrics: Metrics
    _: KW_ONLY
    default_wait: float | None
    fallbacks: bool
    review: Review | None
    _single_flight: SingleFlight[Delivered] = field(default_factory=SingleFlight, init=False)
    _fallback_renders: SingleFlight[Rendition] = field(default_factory=SingleFlight, init=False)

    async def make(
        self, named: KeyedVariant, request: DeliveryRequest, stages: Stages
    ) -> Delivered:
        """Render, or wait for the render of the same variant that is under way.

        Where the networks take longer than the request waits, or are unavailable, a fallback; the
        final rendition is made in the background.

        Raises:
            Busy: the final rendition is late, and the request accepts no fallback.
            DeadlineExceeded: the request's deadline has passed; the render goes on for others.
        """
        joined = named.key in self._single_flight
        if joined:
            self.metrics.single_flight_joined.inc()
        shared = self._join(named, request, stages)
        wait = self.default_wait if request.wait is None else request.wait
        if wait is None or not self.renderer.waits_for_networks(request.transform):
            rendered = await request.deadline.bound(shared, "the rendition was ready")
        else:
            try:
                rendered = await self._within(shared, min(wait, request.deadline.remaining))
            except (Busy, ModelMissing, ModelUnavailable, DeadlineExceeded):
                if request.strict or not self.fallbacks:
                    raise
                return await self._fallback(named, request, stages)
        self.keys.rendered(named)
        return replace(rendered, joined=joined)

    async def close(self) -> None:
        """Cancel the renders under way."""
        await self._single_flight.close()
        await self._fallback_renders.close()

    async def _join(
        self, named: KeyedVariant, request: DeliveryRequest, stages: Stages
    ) -> Delivered:
        """The result of the render under way for this key, or of a new one."""
        deadline, progress = self.renderer.deadline(), RenderProgress()
        lead = partial(self._lead, named, request, stages, deadline, progress)
        return await self._single_flight.join(named.key, lead, progress.mostly_done, deadline)

    async def _fallback(
        self, named: KeyedVariant, request: DeliveryRequest, stages: Stages
    ) -> Delivered:
        """The previous version's rendition from a tier; else one made without networks."""
        before = self.keys.before(named) if request.version is None else None
        if before and (found := await self.tiers.get(before)):
            return Delivered(found[0], "stale")

        async def fallback() -> Rendition:
            _, rendition = await self.renderer.render(
                request, stages, request.deadline, fallback=True
            )
            return rendition

        shared = self._fallback_renders.join(named.key, fallback)
        rendition = await request.deadline.bound(shared, "the fallback rendition was ready")
        return Delivered(rendition, "fallback")

    async def _within(self, shared: Coroutine[Any, Any, Delivered], seconds: float) -> Delivered:
        """The result of a shared render within the time; after it the render goes on in the
        background, and `Busy` is raised."""
        task = asyncio.create_task(shared)
        try:
            done, _ = await asyncio.wait((task,), timeout=seconds)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if done:
            return task.result()
        if not self.background_tasks.run("late render", _quietly(task)):
            task.cancel()
        raise Busy("the networks need longer than wait= allows; the picture is being made")

    async def _lead(
        self,
        named: KeyedVariant,
        request: DeliveryRequest,
        stages: Stages,
        deadline: Deadline,
        progress: RenderProgress,
    ) -> Delivered:
        """One render for all replicas: the lease's holder renders, the others get its result."""

        async def make() -> Found:
            started = time.monotonic()
            rendered, rendition = await self.renderer.render(
                request, stages, deadline, progress=progress
            )
            rendition = await self._reviewed(rendered, rendition)
            await self.tiers.put(rendered.key, rendition, started)
            return rendition, "render"

        find = partial(self.tiers.get, named.key)
        return Delivered(
            *await find_or_make(self.leases, named.key, deadline, find=find, make=make)
        )

    async def _reviewed(self, named: KeyedVariant, rendition: Rendition) -> Rendition:
        """The rendition with a reviewer's decision in its report, unless the store of decisions
        fails."""
        if self.review is None or rendition.reported.compliance is None:
            return rendition
        try:
            return await self.review(named, rendition)
        except EdgeError:
            return rendition


async def _quietly(task: asyncio.Task[Delivered]) -> None:
    """Wait for a render that no request waits for; the next request will raise its error."""
    with suppress(EdgeError):
        await task
