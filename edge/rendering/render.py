"""Render: from an original and a transform to a rendition; also what would be done, for `explain`.

facts -> decode -> look -> cut -> plan -> run -> encode -> verify. Pixel work goes all the way in
one hop to an engine thread; what waits for a network comes back to the event loop for it.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from edge import tracing
from edge.admission import Cost
from edge.deadline import Deadline
from edge.images import Original, Rendition
from edge.models import roles
from edge.models.base import Models, Priority, digests
from edge.rendering.analysis.analysis import Analysis
from edge.rendering.analysis.detection import Detected, Detections, detect
from edge.rendering.chain.client import ChainClient, Hand
from edge.rendering.compliance.attempts import Done, reframed
from edge.rendering.compliance.review import notes, review
from edge.rendering.compliance.verify import (
    Own,
    Report,
    as_made,
    verify_file,
    with_seen,
)  # fmt: skip
from edge.rendering.drawing import Drawing, Drawn, drawn
from edge.rendering.engine.processes import RenderProcesses
from edge.rendering.engine.threads import Engine
from edge.rendering.matting import segment
from edge.rendering.matting.store import MatteRequest, MatteStore
from edge.rendering.memory import Peak, peak
from edge.rendering.output.blurhash import blurhash
from edge.rendering.pixels.picture import Picture
from edge.rendering.plan import Plan
from edge.rendering.prepare import Opened, Prepared, name_of, open_original, prepare, to_cut_out
from edge.rendering.request import RenderRequest, Stopwatch
from edge.rendering.run import Timings, run
from edge.rendering.source import libraries
from edge.rendering.source.decode import decode
from edge.rendering.source.facts import Facts
from edge.rendering.source.probe import read_facts
from edge.rendering.step import SceneFacts, SceneFetch, Tools
from edge.rendering.tile_cache import TileCache
from edge.reported import Compliance, Reported, Synthesized
from edge.settings.limits import Limits
from edge.variants.presets import Preset, Presets, Rules
from edge.variants.transform import Transform
from edge.variants.values import BackgroundKind, Fit, MatteMode, Upscale

RENDER_VERSION = "26"
"""Part of every cache key, of mattes as well: raised whenever the same request yields another
picture than before."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A rendition and how it came about; `timings` are in seconds by stage, in order.

    `report` says how it holds its preset's rules, None where it has none.
    """

    rendition: Rendition
    plan: Plan
    facts: Facts
    analysis: Analysis | None
    timings: Timings
    quality: int | None
    report: Report | None = None


class Renderer:
    """Makes renditions; what outlives one of them is kept by `mattes` and `tile cache`.

    Args:
        engine: threads for pixel work.
        models: the networks.
        limits: of originals and of renditions.
        scene: brings the background picture of `bg=scene:<name>`.
        presets: whose rules finished renditions are held against; without, none are verified.
        mattes: where cut-outs come from; without, each render makes its own.
        tile cache: where enlarged tiles are kept; without, each render makes its own.
        metadata: whether edited pictures say so within the file: `never`, `auto`, `always`.
        scene_facts: what the header of that background picture says; without, it is not counted.
        chain: makes whole pictures elsewhere, where it can.
        processes: make pictures for which no network counts; without, threads make these, too.
    """

    def __init__(
        self,
        engine: Engine,
        models: Models,
        limits: Limits,
        scene: SceneFetch | None = None,
        presets: Presets | None = None,
        *,
        mattes: MatteStore | None = None,
        tile_cache: TileCache | None = None,
        metadata: str = "auto",
        scene_facts: SceneFacts | None = None,
        chain: ChainClient | None = None,
        processes: RenderProcesses | None = None,
    ) -> None:
        self._scene_facts = scene_facts
        self._chain = chain
        self._mattes = mattes or MatteStore(engine, models, RENDER_VERSION)
        self._tile_cache = tile_cache
        self._drawing = Drawing(models, limits, metadata)
        self._processes = processes
        self._engine = engine
        self._models = models
        self._limits = limits
        self._scene = scene
        self._presets = presets

    async def render(
        self,
        original: Original,
        transform: Transform,
        *,
        deadline: Deadline,
        priority: Priority = Priority.INTERACTIVE,
        tags: tuple[str, ...] = (),
        fallback: bool = False,
    ) -> Rendered:
        """One rendition, in the transform's format. Where that names none: PNG if something of the
        picture is see-through, else JPEG.

        A `fallback` one has the same canvas and waits for no network: it is enlarged by Lanczos,
        and a subject that only a network could cut out stays on its background as shot.

        Raises:
            OriginalError: the original cannot be read, or is over a limit.
            RequestError: the request does not fit this original or this server.
            ModelError: a network that the plan needs cannot be used.
            DeadlineExceeded: between two stages.
        """
        watch = Stopwatch()
        tile_cache = self._tile_cache
        tools = Tools(self._models, self._engine, deadline, priority, self._scene, tile_cache, tags)
        job = RenderRequest(
            original.body, transform, self._preset(transform), watch, deadline, fallback
        )
        if self._can_be_drawn_apart(job):
            apart = await self._engine.run(self._drawn_apart, job)
            if apart is not None:
                return _rendered(apart, tags)
        hand: Hand | None = None
        if segment.sought(transform):
            opened, name = await self._engine.run(self._open, job)
            hand = await self._chain.hand(opened, job) if self._chain else None
            opened, _ = await self._cut_out(opened, name, job, tools, tags, hand)
            hand = hand and replace(hand, opened=opened)
            begin: Callable[[RenderRequest], tuple[Prepared, Done | None]] = partial(
                self._drawing.begin, opened
            )
        else:
            begin = self._drawing.at_once
        prepared, done = await self._made(begin, job, tools, hand)
        if larger := reframed(done, job):
            prepared, done = await self._made(begin, replace(job, transform=larger), tools, hand)
        timings = tuple(watch.timings)
        return _rendered(
            Drawn(done, prepared.plan, prepared.facts, prepared.analysis, timings), tags
        )

    def _can_be_drawn_apart(self, job: RenderRequest) -> bool:
        """Whether one job of a process makes it, as far as the request tells."""
        if self._processes is None or _networks(job.transform):
            return False
        background = job.transform.background
        scene = background is not None and background.kind is BackgroundKind.SCENE
        return not (scene or (job.preset and job.preset.rules.needs_analysis))

    def _drawn_apart(self, job: RenderRequest) -> Drawn | None:
        """By a render process; None where its decoder is a process already, where none lives, or
        where something turned out to be waited for."""
        facts = job.watch.time("facts", read_facts, job.body, self._limits)
        if self._processes is None or libraries.stays(facts):
            return None
        with tracing.span("render process"):
            answer = self._processes.run(
                job.deadline, drawn, self._limits, self._drawing.metadata, job
            )
        return answer and answer[0]

    async def explain(
        self,
        original: Original,
        transform: Transform,
        *,
        deadline: Deadline,
        tags: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        """Facts, analysis and plan as JSON-able values; the same errors as `render` before its
        first step. A matte that was not there is made, for the plan depends on it, and kept."""
        job = RenderRequest(original.body, transform, None, Stopwatch(), deadline)
        opened, name = await self._engine.run(self._open, job)
        source = None
        if segment.sought(transform):
            tools = Tools(self._models, self._engine, deadline)
            opened, source = await self._cut_out(opened, name, job, tools, tags)
        prepared = await self._engine.run(prepare, opened, job, self._models, self._limits)
        decoded = prepared.picture.size
        return {
            "transform": transform.canonical(),
            "facts": prepared.facts.as_dict(),
            "decoded": {"size": [decoded.width, decoded.height], "notes": list(prepared.notes)},
            "analysis": prepared.analysis.as_facts() if prepared.analysis else None,
            "review": list(review(prepared.analysis)),
            "notes": list(notes(prepared.analysis, prepared.facts)),
            "blurhash": await self._engine.run(blurhash, opened.decoded.image),
            "matte": source and {"cached": None if source in ("made", "joined") else source},
            "plan": prepared.plan.as_facts(),
            "chain": source and self._chain and self._chain.told(opened, job),
        }

    async def peak(self, original: Original, transform: Transform, deadline: Deadline) -> Peak:
        """Bytes that this render may hold; the same errors as `render` where headers tell."""
        background, scene = transform.background, None
        if background and background.kind is BackgroundKind.SCENE and self._scene_facts:
            scene = await self._scene_facts(background.scene, deadline)
        return await self._engine.run(self._peak, original.body, transform, scene)

    def _peak(self, body: bytes, transform: Transform, scene: Facts | None) -> Peak:
        return peak(read_facts(body, self._limits), transform, self._limits, scene)

    def cost(self, transform: Transform) -> Cost:
        """The admission class, before anything of the original is known."""
        return Cost.NETWORK if _networks(transform) else Cost.CLASSICAL

    def lacks_network(self, transform: Transform) -> bool:
        """Whether one that it cannot do without, if its original needs it, is not installed."""
        needed = [roles.MATTING] if segment.must(transform) else []
        if factor := transform.upscale.factor:
            needed.append(roles.UPSCALE[factor])
        return not all(segment.has(self._models, name) for name in needed)

    def model_digests(self, transform: Transform) -> tuple[tuple[str, str], ...]:
        """Name and digest of each network that may have a part in it and is in the repository."""
        preset = self._preset(transform)
        looking = preset.rules.networks if preset else ()
        names = (*_networks(transform), *(_LOOKING[word] for word in looking))
        return digests(self._models, names)  # of one that is missing, the render says so if need be

    def verified(self, rendition: Rendition, transform: Transform) -> Report | None:
        """How a finished rendition holds its preset's rules; None where it has none."""
        preset, own = self._preset(transform), _own(rendition.reported)
        return verify_file(rendition.body, preset, self._limits, own) if preset else None

    async def verify(
        self, body: bytes, preset: Preset, deadline: Deadline, told: Compliance | None = None
    ) -> Report:
        """Hold any finished picture against a preset's rules, with all that can be seen on it.

        Args:
            told: the verdict of when these very bytes were made here, if that is known; it counts
                where it is by this version of this preset.

        Raises:
            OriginalUnsupported, OriginalCorrupt, OriginalTooLarge: the bytes cannot be read.
        """
        if told and told.of_preset(preset.name, preset.version):
            own = Own(broken=frozenset(told.broken), notes=frozenset(told.notes))
            report = await self._engine.run(verify_file, body, preset, self._limits, own)
            return as_made(report, told)
        report = await self._engine.run(verify_file, body, preset, self._limits)
        rules, background = preset.rules, preset.rules.background
        if not rules.needs_analysis:
            return report
        image = (await self._engine.run(decode, body, read_facts(body, self._limits))).image
        detections = await self._engine.run(
            Detections.at, image, background.color if background else None
        )
        return with_seen(
            report, rules, detections, await self._detected(detections, rules, deadline)
        )

    def require_compliance(self, rendition: Rendition, transform: Transform) -> None:
        """Raises `NotCompliant`, with every broken rule, unless a rendition holds them all."""
        report = self.verified(rendition, transform)
        if report:
            report.require_compliance()

    def _preset(self, transform: Transform) -> Preset | None:
        """The preset whose rules count for this request."""
        named = transform.preset, transform.preset_version
        preset = self._presets.revision(*named) if self._presets else None
        return preset if preset and preset.rules else None

    def _open(self, job: RenderRequest) -> tuple[Opened, str]:
        """What is known before the subject is, and the name of the original's bytes."""
        return open_original(job, self._limits), name_of(job.body)

    async def _cut_out(
        self,
        opened: Opened,
        name: str,
        job: RenderRequest,
        tools: Tools,
        tags: tuple[str, ...],
        hand: Hand | None = None,
    ) -> tuple[Opened, str]:
        """With the findings, and where they came from."""
        picture = partial(to_cut_out, opened, job)
        matte_request = MatteRequest(name, opened.facts.size, tags, picture)
        segmentation, source = await self._mattes.of(
            matte_request,
            tools,
            job.watch,
            fallback=job.fallback,
            search=hand.search(job.transform) if hand else segment.search,
        )
        if not job.fallback:
            segment.require_matte(segmentation.found, job.transform, self._models)
        image = opened.decoded.image
        if hand:
            hand.segmentation = segmentation
        fitting = partial(segment.for_transform, segmentation, image, job.transform)
        return replace(opened, segmentation=await self._engine.run(fitting)), source

    async def _made(
        self,
        begin: Callable[[RenderRequest], tuple[Prepared, Done | None]],
        job: RenderRequest,
        tools: Tools,
        hand: Hand | None,
    ) -> tuple[Prepared, Done]:
        """What was seen, and what came out of all steps; a picture that takes networks to make is
        looked over while it is encoded."""
        if hand and (made := await self._by_chain(hand, job, tools)):
            prepared, picture = made
            return prepared, await self._encoded(picture, prepared, job, tools)
        prepared, done = await self._engine.run(begin, job)
        if done is not None:
            return prepared, await self._looked_at(done, job, tools)
        picture, timings = await run(prepared.steps, prepared.picture, tools)
        job.watch.timings += timings
        return prepared, await self._encoded(picture, prepared, job, tools)

    async def _by_chain(
        self, hand: Hand, job: RenderRequest, tools: Tools
    ) -> tuple[Prepared, Picture] | None:
        """What was seen, and the picture after all steps, by the product chain; None where that did
        not make it."""
        prepared = await self._engine.run(prepare, hand.opened, job, self._models, self._limits)
        picture = await hand.picture(prepared, job, tools)
        return None if picture is None else (prepared, picture)

    async def _encoded(
        self, picture: Picture, prepared: Prepared, job: RenderRequest, tools: Tools
    ) -> Done:
        looking = asyncio.ensure_future(self._look_over(picture, job, tools))
        try:
            done = await self._engine.run(self._drawing.finish, picture, job, prepared)
            return await self._looked_at(done, job, tools, (picture, looking))
        finally:
            looking.cancel()

    async def _looked_at(
        self,
        done: Done,
        job: RenderRequest,
        tools: Tools,
        begun: tuple[Picture, "asyncio.Future[_Seen | None]"] | None = None,
    ) -> Done:
        """With what the rules want to know that is seen on the whole picture, by networks too; what
        has `begun` counts if that picture was encoded, not one that was mended."""
        picture, report = done.picture, done.report
        if picture is None or report is None:
            return replace(done, picture=None)
        if begun and begun[0] is picture:
            seen = await begun[1]
        else:
            seen = await self._look_over(picture, job, tools)
        if seen is None or job.preset is None:
            return replace(done, picture=None)
        return replace(done, picture=None, report=with_seen(report, job.preset.rules, *seen))

    async def _look_over(
        self, picture: Picture, job: RenderRequest, tools: Tools
    ) -> "_Seen | None":
        """None where no rule wants to know."""
        rules = job.preset.rules if job.preset else None
        if rules is None or not rules.needs_analysis or job.fallback:
            return None
        background = rules.background.color if rules.background else None
        start = time.perf_counter()
        with tracing.span("look over"):
            detections = await self._engine.run(
                Detections.at, picture.image, background, picture.matte
            )
            seen = await self._detected(detections, rules, tools.deadline, tools.priority)
        job.watch.timings.append(("look over", time.perf_counter() - start))
        return detections, seen

    async def _detected(
        self, detections: Detections, rules: Rules, deadline: Deadline,
        priority: Priority = Priority.INTERACTIVE,
    ) -> Detected:  # fmt: skip
        return await detect(
            detections, text=rules.no_text, heads=rules.no_head, models=self._models,
            engine=self._engine, deadline=deadline, priority=priority,
        )  # fmt: skip


def _rendered(drawn: Drawn, tags: tuple[str, ...]) -> Rendered:
    done = drawn.done
    rendition = Rendition.of(done.body, done.format, done.size, tags=tags, reported=done.reported)
    return Rendered(
        rendition,
        drawn.plan,
        drawn.facts,
        drawn.analysis,
        drawn.timings,
        done.quality,
        done.report,
    )


_Seen = tuple[Detections, Detected]
"""What of a finished picture was looked at, and what networks saw there."""


def _own(reported: Reported) -> Own:
    """What is known of a picture beside its bytes."""
    compliance, made = reported.compliance, reported.synthesized or Synthesized(0.0)
    if compliance is None:
        return Own(made)
    return Own(made, broken=frozenset(compliance.broken), notes=frozenset(compliance.notes))


_LOOKING = {"no_text": roles.TEXT_DETECTION, "no_head": roles.FACE_DETECTION}
"""The networks that rules ask."""


def _networks(transform: Transform) -> tuple[str, ...]:
    """The networks that may have a part in it, by name."""
    names: list[str] = []
    factor = transform.upscale.factor
    if factor:
        names += (roles.UPSCALE[factor], roles.UPSCALE_DEGRADED[factor])
    elif transform.upscale is Upscale.AUTO and transform.has_size:
        names += (*roles.UPSCALE.values(), *roles.UPSCALE_DEGRADED.values())
    if (
        transform.matte is not MatteMode.OFF
        or transform.fit is Fit.PRODUCT
        or segment.sought(transform)
    ):
        names += roles.MATTERS
    return tuple(names)
