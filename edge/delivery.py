"""Find a rendition or make it: ladder, flight, lease, gate, render, and the writes behind it."""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

from cachetools import LRUCache

from edge.cache.base import key_tag
from edge.cache.ladder import Ladder
from edge.coalesce import Flights, Leases, find_or_make
from edge.deadline import Deadline
from edge.errands import Errands
from edge.errors import Busy, EdgeError
from edge.gate import Cost, Gate
from edge.images import Original, Rendition
from edge.originals import Originals
from edge.rendering.render import RENDER_VERSION, Renderer
from edge.rendering.scenes import scene_path
from edge.telemetry import Metrics, Stages
from edge.variants.transform import Transform
from edge.variants.variant import Variant

Made = tuple[Rendition, str]
"""A rendition and its source."""

_RENDER_SHARE = 0.95
"""A render ends before its first caller leaves: so the caller hears what was late, and the late
network is known as late, not as given up by its caller."""
_ETAGS = 10_000
_NAMES = 4_096


@dataclass(frozen=True, slots=True)
class Ask:
    """One wish for one original, with the time that the caller has.

    `version` is the URL's `v`: a new one makes the origin be asked at once. `wait` is how many
    seconds the caller waits for a render with networks; `strict` refuses what breaks a rule.
    """

    path: str
    transform: Transform
    deadline: Deadline
    version: str | None = None
    wait: float | None = None
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """A variant and its cache key."""

    variant: Variant
    key: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """A rendition, and where it came from: a tier's name or `render`; `joined` another's flight."""

    rendition: Rendition
    source: str
    joined: bool = False


class Delivery:
    """The order of events between the rooms below; the only one who talks to all of them.

    Args:
        originals: where originals come from.
        scenes: the ground pictures of `bg=scene:<name>`.
        origin: names where originals live, so that two catalogues never share a cache key.
        longest: seconds that a request may take; a render gets a little less, whoever waits.
    """

    def __init__(
        self,
        *,
        originals: Originals,
        scenes: Originals,
        ladder: Ladder,
        renderer: Renderer,
        leases: Leases,
        gate: Gate,
        errands: Errands,
        metrics: Metrics,
        origin: str,
        longest: float,
    ) -> None:
        self._origin = origin
        self._originals = originals
        self._scenes = scenes
        self._ladder = ladder
        self._renderer = renderer
        self._leases = leases
        self._gate = gate
        self._errands = errands
        self._metrics = metrics
        self._longest = longest
        self._flights: Flights[Made] = Flights()
        self._etags: LRUCache[str, str] = LRUCache(_ETAGS)
        self._names: LRUCache[tuple[str, str, str, str], Named] = LRUCache(_NAMES)
        self._delivered_from = cache(metrics.deliveries.labels)

    async def name(self, ask: Ask) -> Named:
        """What is asked for; asks the origin only when the original's stamp is not known."""
        stamp = self._originals.known(ask.path, ask.version)
        if stamp is None:
            stamp = await self._originals.stamp(ask.path, ask.version, ask.deadline)
        return await self._named(ask, stamp.version)

    def etag(self, named: Named) -> str | None:
        """The ETag that this variant had when it was last delivered; no tier is asked."""
        return self._etags.get(named.key)

    async def find(self, named: Named) -> Delivered | None:
        """Look in the ladder, nearest tier first."""
        found = await self._ladder.get(named.key)
        return self._delivered(named, *found) if found else None

    async def insist(self, delivered: Delivered, ask: Ask) -> None:
        """Raise `NotCompliant` where the rendition breaks a rule of its preset."""
        if "; fail" in (delivered.rendition.note("compliance") or ""):
            body = delivered.rendition.body
            await asyncio.to_thread(self._renderer.insist, body, ask.transform)

    async def make(self, named: Named, ask: Ask, stages: Stages) -> Delivered:
        """Render, or wait for the render of the same variant that is under way.

        Raises:
            DeadlineExceeded: the caller's time is over; the render goes on for those who wait.
        """
        joined = named.key in self._flights
        if joined:
            self._metrics.flights_joined.inc()
        flight = self._flights.join(named.key, lambda: self._lead(named, ask, stages))
        if ask.wait is not None and self._renderer.cost(ask.transform) is Cost.NETWORK:
            flight = self._patiently(flight, ask.wait)
        rendition, source = await ask.deadline.bound(flight, "the rendition was ready")
        return self._delivered(named, rendition, source, joined=joined)

    async def _patiently(self, flight: Coroutine[Any, Any, Made], seconds: float) -> Made:
        """What the flight brings within the time; later it goes on, and the caller comes again."""
        task = asyncio.create_task(flight)
        try:
            done, _ = await asyncio.wait((task,), timeout=seconds)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if done:
            return task.result()
        self._errands.run("late render", _quietly(task))
        raise Busy("the networks need longer than wait= allows; the picture is being made")

    async def deliver(self, ask: Ask, stages: Stages | None = None) -> Delivered:
        """Find it or make it."""
        named = await self.name(ask)
        delivered = await self.find(named) or await self.make(named, ask, stages or Stages())
        if ask.strict:
            await self.insist(delivered, ask)
        return delivered

    async def explain(self, ask: Ask) -> dict[str, Any]:
        """How the rendition would be made, its key, and which tier holds it; none is made.

        One that is held is held against its preset's rules once more.
        """
        named = await self.name(ask)
        original = await self._fetch(ask, ask.deadline)
        explained = await self._renderer.explain(original, ask.transform, deadline=ask.deadline)
        found = await self._ladder.get(named.key)
        return {
            "key": named.key,
            "tags": list(named.variant.tags),
            "version": named.variant.stamp,
            "cached": found[1] if found else None,
            "verification": await self._verified(found[0], ask) if found else None,
            **explained,
        }

    async def _verified(self, rendition: Rendition, ask: Ask) -> dict[str, Any] | None:
        report = await asyncio.to_thread(self._renderer.verified, rendition.body, ask.transform)
        return report.as_facts() if report else None

    async def purge(self, tag: str) -> dict[str, int | str]:
        """Remove what carries the tag from every tier; how many went, or what went wrong, by tier.

        A render under way when the purge comes is served to those who wait and not stored.
        """
        self.forget()
        return await self._ladder.purge(tag)

    async def purge_key(self, key: str) -> dict[str, int | str]:
        """Remove one single rendition from every tier."""
        return await self.purge(key_tag(key))

    def forget(self) -> None:
        """Forget ETags, stamps and originals, so that the next request asks the origin anew."""
        self._etags.clear()
        self._originals.forget_all()
        self._scenes.forget_all()

    async def close(self) -> None:
        """Give up the renders under way."""
        await self._flights.close()

    async def _named(self, ask: Ask, stamp: str) -> Named:
        scene = ask.transform.background.scene if ask.transform.background else ""
        if scene:
            scene = (await self._scenes.stamp(scene_path(scene), None, ask.deadline)).version
        known = (ask.path, stamp, ask.transform.canonical(), scene)
        named = self._names.get(known)
        if named is None:
            self._names[known] = named = self._new_name(ask, stamp, scene)
        return named

    def _new_name(self, ask: Ask, stamp: str, scene: str) -> Named:
        digests = self._renderer.model_digests(ask.transform)
        variant = Variant(ask.path, self._origin, stamp, ask.transform, digests, scene)
        return Named(variant, variant.key(RENDER_VERSION))

    def _delivered(
        self, named: Named, rendition: Rendition, source: str, *, joined: bool = False
    ) -> Delivered:
        self._etags[named.key] = rendition.etag
        self._delivered_from(source).inc()
        return Delivered(rendition, source, joined)

    async def _lead(self, named: Named, ask: Ask, stages: Stages) -> Made:
        """One render for the whole fleet: a lease's holder works, the others get what it made."""
        deadline = Deadline.after(self._longest * _RENDER_SHARE)

        async def make() -> Made:
            started = time.monotonic()
            made, rendition = await self._render(ask, stages, deadline)
            await self._ladder.put(made.key, rendition, started)
            return rendition, "render"

        return await find_or_make(
            self._leases, named.key, deadline, find=lambda: self._ladder.get(named.key), make=make
        )

    async def _render(
        self, ask: Ask, stages: Stages, deadline: Deadline
    ) -> tuple[Named, Rendition]:
        """Fetch and render; the name is that of the bytes that came, which may be newer."""
        async with self._place(Cost.ORIGIN, stages, deadline):
            with stages.span("origin"):
                original = await self._fetch(ask, deadline)
        named = await self._named(ask, original.stamp.version)
        cost = self._renderer.cost(ask.transform)
        async with self._place(cost, stages, deadline):
            rendered = await self._renderer.render(
                original, ask.transform, tags=named.variant.tags, deadline=deadline
            )
        for stage, seconds in rendered.timings:
            stages.add(stage, seconds)
            self._metrics.render_seconds.labels(stage).observe(seconds)
        rendition = rendered.rendition
        self._metrics.renders.labels(cost, rendition.format).inc()
        self._metrics.rendition_bytes.labels(rendition.format).observe(len(rendition.body))
        return named, rendition

    async def _fetch(self, ask: Ask, deadline: Deadline) -> Original:
        stamp = await self._originals.stamp(ask.path, ask.version, deadline)
        return await self._originals.fetch(ask.path, stamp, deadline)

    @asynccontextmanager
    async def _place(self, cost: Cost, stages: Stages, deadline: Deadline) -> AsyncIterator[None]:
        start = time.perf_counter()
        try:
            async with self._gate.enter(cost, deadline):
                stages.add("queue", time.perf_counter() - start)
                yield
        except Busy:
            self._metrics.gate_refused.labels(cost).inc()
            raise


async def _quietly(task: asyncio.Task[Made]) -> None:
    """Let a render end that nobody waits for; its failure is the next caller's to hear."""
    with suppress(EdgeError):
        await task
