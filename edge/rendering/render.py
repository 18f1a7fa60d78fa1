"""Render: from an original and a transform to a rendition; also what would be done, for `explain`.

facts -> decode -> look -> cut -> plan -> run -> encode -> verify. Pixel work goes all the way in
one hop to an engine thread; what waits for a network comes back to the event loop for it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from edge.deadline import Deadline
from edge.errors import ModelMissing
from edge.gate import Cost
from edge.images import Original, Rendition
from edge.models import roles
from edge.models.base import Models, Priority
from edge.rendering import cutting, provenance
from edge.rendering.blurhash import blurhash
from edge.rendering.cases import notes, review
from edge.rendering.codec import decode
from edge.rendering.detection import Detected, Looked, detect
from edge.rendering.drift import reference
from edge.rendering.facts import Facts, read_facts
from edge.rendering.finish import Done, finish, reframed
from edge.rendering.job import Job, Stopwatch
from edge.rendering.look import Look
from edge.rendering.mattes import Mattes, Sitter
from edge.rendering.memory import Peak, peak
from edge.rendering.picture import Made, Picture
from edge.rendering.plan import Plan
from edge.rendering.run import Timings, apply_all, run
from edge.rendering.shelf import Shelf
from edge.rendering.sighting import Opened, Seen, name_of, open_original, see, to_cut_out
from edge.rendering.step import AsyncStep, Engine, SceneFacts, SceneFetch, Tools
from edge.rendering.verify import PALE, Own, Report, told_by, verify_file, with_seen
from edge.settings import Limits
from edge.variants.presets import Preset, Presets, Rules
from edge.variants.transform import Transform
from edge.variants.values import Fit, Ground, Matte, Upscale

RENDER_VERSION = "12"
"""Part of every cache key, of mattes as well: raised whenever the same wish yields another picture
than before."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A rendition and how it came about; `timings` are in seconds by stage, in order.

    `report` says how it holds its preset's rules, None where it has none.
    """

    rendition: Rendition
    plan: Plan
    facts: Facts
    look: Look | None
    timings: Timings
    quality: int | None
    report: Report | None = None


class Renderer:
    """Makes renditions; what outlives one of them is kept by `mattes` and `shelf`.

    Args:
        engine: threads for pixel work.
        models: the networks.
        limits: of originals and of renditions.
        scene: brings the ground picture of `bg=scene:<name>`.
        presets: whose rules finished renditions are held against; without, none are verified.
        mattes: where cut-outs come from; without, each render makes its own.
        shelf: where enlarged tiles are kept; without, each render makes its own.
        metadata: whether edited pictures say so within the file: `never`, `auto`, `always`.
        scene_facts: what the header of that ground picture says; without, it is not counted.
    """

    def __init__(
        self,
        engine: Engine,
        models: Models,
        limits: Limits,
        scene: SceneFetch | None = None,
        presets: Presets | None = None,
        *,
        mattes: Mattes | None = None,
        shelf: Shelf | None = None,
        metadata: str = "auto",
        scene_facts: SceneFacts | None = None,
    ) -> None:
        self._scene_facts = scene_facts
        self._mattes = mattes or Mattes(engine, models, RENDER_VERSION)
        self._shelf = shelf
        self._metadata = metadata
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
        fast: bool = False,
    ) -> Rendered:
        """One rendition, in the transform's format. Where that names none: PNG if something of the
        picture is see-through, else JPEG.

        A `fast` one has the same canvas and waits for no network: it is enlarged by Lanczos, and a
        subject that only a network could cut out stays on its ground as shot.

        Raises:
            OriginalError: the original cannot be read, or is over a limit.
            RequestError: the wish does not fit this original or this server.
            ModelError: a network that the plan needs cannot be used.
            DeadlineExceeded: between two stages.
        """
        watch = Stopwatch()
        shelf = self._shelf
        tools = Tools(self._models, self._engine, deadline, priority, self._scene, shelf, tags)
        job = Job(original.body, transform, self._preset(transform), watch, deadline, fast)
        if cutting.sought(transform):
            opened, name = await self._engine.run(self._open, job)
            opened, _ = await self._cut_out(opened, name, job, tools, tags)
            begin: Callable[[Job], tuple[Seen, Done | None]] = partial(self._begin, opened)
        else:
            begin = self._at_once
        seen, done = await self._made(begin, job, tools)
        if larger := reframed(done, job):
            seen, done = await self._made(begin, replace(job, transform=larger), tools)
        done = await self._looked_at(done, job, tools)
        rendition = Rendition.of(done.body, done.format, done.size, tags=tags, notes=done.notes)
        timings = tuple(watch.timings)
        return Rendered(
            rendition, seen.plan, seen.facts, seen.look, timings, done.quality, done.report
        )

    async def explain(
        self,
        original: Original,
        transform: Transform,
        *,
        deadline: Deadline,
        tags: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        """Facts, look and plan as JSON-able values; the same errors as `render` before its first
        step. A matte that was not there is made, for the plan depends on it, and kept."""
        job = Job(original.body, transform, None, Stopwatch(), deadline)
        opened, name = await self._engine.run(self._open, job)
        source = None
        if cutting.sought(transform):
            tools = Tools(self._models, self._engine, deadline)
            opened, source = await self._cut_out(opened, name, job, tools, tags)
        seen = await self._engine.run(see, opened, job, self._models, self._limits)
        decoded = seen.picture.size
        return {
            "transform": transform.canonical(),
            "facts": seen.facts.as_dict(),
            "decoded": {"size": [decoded.width, decoded.height], "notes": list(seen.notes)},
            "look": seen.look.as_facts() if seen.look else None,
            "review": list(review(seen.look)),
            "notes": list(notes(seen.look, seen.facts)),
            "blurhash": await self._engine.run(blurhash, opened.decoded.image),
            "matte": source and {"cached": None if source in ("made", "joined") else source},
            "plan": seen.plan.as_facts(),
        }

    async def peak(self, original: Original, transform: Transform, deadline: Deadline) -> Peak:
        """Bytes that this render may hold; the same errors as `render` where headers tell."""
        ground, scene = transform.background, None
        if ground and ground.kind is Ground.SCENE and self._scene_facts:
            scene = await self._scene_facts(ground.scene, deadline)
        return await self._engine.run(self._peak, original.body, transform, scene)

    def _peak(self, body: bytes, transform: Transform, scene: Facts | None) -> Peak:
        return peak(read_facts(body, self._limits), transform, self._limits, scene)

    def cost(self, transform: Transform) -> Cost:
        """The gate's class, before anything of the original is known."""
        return Cost.NETWORK if _networks(transform) else Cost.CLASSICAL

    def model_digests(self, transform: Transform) -> tuple[tuple[str, str], ...]:
        """Name and digest of each network that may have a part in it and is in the repository."""
        found = []
        preset = self._preset(transform)
        looking = preset.rules.networks if preset else ()
        for name in (*_networks(transform), *(_LOOKING[word] for word in looking)):
            try:
                found.append((name, self._models.spec(name).digest))
            except ModelMissing:
                continue  # the render says so, if it comes to need it
        return tuple(found)

    def verified(self, rendition: Rendition, transform: Transform) -> Report | None:
        """How a finished rendition holds its preset's rules; None where it has none."""
        preset, own = self._preset(transform), _own(rendition)
        return verify_file(rendition.body, preset, self._limits, own) if preset else None

    async def verify(self, body: bytes, preset: Preset, deadline: Deadline) -> Report:
        """Hold any finished picture against a preset's rules, with all that can be seen on it.

        Raises:
            OriginalUnsupported, OriginalCorrupt, OriginalTooLarge: the bytes cannot be read.
        """
        report = await self._engine.run(verify_file, body, preset, self._limits)
        rules, ground = preset.rules, preset.rules.ground
        if not rules.wants_a_look:
            return report
        image = (await self._engine.run(decode, body, read_facts(body, self._limits))).image
        looked = await self._engine.run(Looked.at, image, ground.color if ground else None)
        return with_seen(report, rules, looked, await self._detected(looked, rules, deadline))

    def insist(self, rendition: Rendition, transform: Transform) -> None:
        """Raises `NotCompliant`, with every broken rule, unless a rendition holds them all."""
        report = self.verified(rendition, transform)
        if report:
            report.insist()

    def _preset(self, transform: Transform) -> Preset | None:
        """The preset whose rules count for this wish."""
        named = transform.preset, transform.preset_version
        preset = self._presets.revision(*named) if self._presets else None
        return preset if preset and preset.rules else None

    def _open(self, job: Job) -> tuple[Opened, str]:
        """What is known before the subject is, and the name of the original's bytes."""
        return open_original(job, self._limits), name_of(job.body)

    async def _cut_out(
        self, opened: Opened, name: str, job: Job, tools: Tools, tags: tuple[str, ...]
    ) -> tuple[Opened, str]:
        """With the findings, and where they came from."""
        picture = partial(to_cut_out, opened, job)
        sitter = Sitter(name, opened.facts.size, tags, picture)
        findings, source = await self._mattes.of(sitter, tools, job.watch, fast=job.fast)
        if not job.fast:
            cutting.insist(findings.found, job.transform, self._models)
        image = opened.decoded.image
        fitting = partial(cutting.for_wish, findings, image, job.transform)
        return replace(opened, findings=await self._engine.run(fitting)), source

    async def _made(
        self, begin: Callable[[Job], tuple[Seen, Done | None]], job: Job, tools: Tools
    ) -> tuple[Seen, Done]:
        """What was seen, and what came out of all steps."""
        seen, done = await self._engine.run(begin, job)
        if done is None:
            picture, timings = await run(seen.steps, seen.picture, tools)
            job.watch.timings += timings
            done = await self._engine.run(self._finish, picture, job, seen)
        return seen, done

    async def _looked_at(self, done: Done, job: Job, tools: Tools) -> Done:
        """With what the rules want to know that is seen on the whole picture, by networks too."""
        rules = job.preset.rules if job.preset else None
        picture, report = done.picture, done.report
        if rules is None or picture is None or report is None or not rules.wants_a_look or job.fast:
            return replace(done, picture=None)
        ground = rules.ground.color if rules.ground else None
        start = time.perf_counter()
        looked = await self._engine.run(Looked.at, picture.image, ground, picture.matte)
        seen = await self._detected(looked, rules, tools.deadline, tools.priority)
        job.watch.timings.append(("look over", time.perf_counter() - start))
        return replace(done, picture=None, report=with_seen(report, rules, looked, seen))

    async def _detected(
        self, looked: Looked, rules: Rules, deadline: Deadline,
        priority: Priority = Priority.INTERACTIVE,
    ) -> Detected:  # fmt: skip
        return await detect(
            looked, text=rules.no_text, heads=rules.no_head, models=self._models,
            engine=self._engine, deadline=deadline, priority=priority,
        )  # fmt: skip

    def _at_once(self, job: Job) -> tuple[Seen, Done | None]:
        return self._begin(open_original(job, self._limits), job)

    def _begin(self, opened: Opened, job: Job) -> tuple[Seen, Done | None]:
        """As far as it goes without waiting: what was seen, and what came out."""
        seen = see(opened, job, self._models, self._limits)
        if any(isinstance(step, AsyncStep) for step in seen.steps):
            return seen, None
        picture, timings = apply_all(seen.steps, seen.picture, job.deadline)
        job.watch.timings += timings
        return seen, self._finish(picture, job, seen)

    def _finish(self, picture: Picture, job: Job, seen: Seen) -> Done:
        made = provenance.of(job, seen.plan, seen.look, self._models)
        xmp = provenance.embedded(made, job, self._metadata)
        doubted, facts = review(seen.look), notes(seen.look, seen.facts)
        known = None
        if job.preset:
            known = job.watch.time("colours", reference, seen.picture.image, seen.plan, picture)
        done = finish(picture, job, xmp, unsure=bool(doubted), notes=facts, reference=known)
        report = done.report
        if report:
            report = replace(report, review=doubted, notes=facts + (PALE,) * report.pale)
        return replace(done, made=made, report=report)


def _own(rendition: Rendition) -> Own:
    """What its notes tell of a picture beside its bytes."""
    made, told = rendition.note("made"), rendition.note("compliance")
    broken = None if told is None else told_by(told, "rule")
    notes = told_by(told, "notes") if told else frozenset()
    return Own(Made.read(made) if made else Made(0.0), broken=broken, notes=notes)


_LOOKING = {"no_text": roles.TEXT_DETECTION, "no_head": roles.FACE_DETECTION}
"""The networks that rules ask."""


def _networks(transform: Transform) -> tuple[str, ...]:
    """The networks that may have a part in it, by name."""
    names: list[str] = []
    factor = transform.upscale.factor
    if factor:
        names += (roles.UPSCALE[factor], roles.UPSCALE_WORN[factor])
    elif transform.upscale is Upscale.AUTO and transform.has_size:
        names += (*roles.UPSCALE.values(), *roles.UPSCALE_WORN.values())
    if (
        transform.matte is not Matte.OFF
        or transform.fit is Fit.PRODUCT
        or cutting.sought(transform)
    ):
        names += roles.MATTERS
    return tuple(names)
