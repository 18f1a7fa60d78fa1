"""Render: from an original and a transform to a rendition; also what would be done, for `explain`.

facts -> decode -> look -> cut -> plan -> run -> encode -> verify. Pixel work goes all the way in
one hop to an engine thread; what waits for a network comes back to the event loop for it.
"""

import time
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image

from edge.deadline import Deadline
from edge.errors import ModelMissing
from edge.gate import Cost
from edge.images import Format, Original, Rendition, Size
from edge.models import roles
from edge.models.base import Models, Priority
from edge.rendering import cutting, wear
from edge.rendering.codec import Decoded, decode
from edge.rendering.cutting import Cut
from edge.rendering.facts import Facts, read_facts
from edge.rendering.finish import Done, finish
from edge.rendering.job import Job, Stopwatch
from edge.rendering.look import LONGEST, Look, look, trim
from edge.rendering.ops import crop
from edge.rendering.picture import Picture
from edge.rendering.plain_ground import Abstained
from edge.rendering.plan import Plan, plan, wants_look
from edge.rendering.run import Timings, apply_all, run
from edge.rendering.step import AsyncStep, Engine, SceneFetch, Step, Tools
from edge.rendering.verify import Report, verify_file
from edge.settings import Limits
from edge.variants.presets import Preset, Presets
from edge.variants.transform import Transform
from edge.variants.values import Fit, Matte, Upscale

RENDER_VERSION = "2"
"""Part of every cache key: raised whenever the same wish yields another picture than before."""


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
    """Makes renditions; holds nothing between two of them.

    Args:
        engine: threads for pixel work.
        models: the networks.
        limits: of originals and of renditions.
        scene: brings the ground picture of `bg=scene:<name>`.
        presets: whose rules finished renditions are held against; without, none are verified.
    """

    def __init__(
        self,
        engine: Engine,
        models: Models,
        limits: Limits,
        scene: SceneFetch | None = None,
        presets: Presets | None = None,
    ) -> None:
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
        """One rendition, in the transform's format (JPEG where it names none).

        A `fast` one has the same canvas and waits for no network: it is enlarged by Lanczos, and a
        subject that only a network could cut out stays on its ground as shot.

        Raises:
            OriginalError: the original cannot be read, or is over a limit.
            RequestError: the wish does not fit this original or this server.
            ModelError: a network that the plan needs cannot be used.
            DeadlineExceeded: between two stages.
        """
        watch = Stopwatch()
        tools = Tools(self._models, self._engine, deadline, priority, self._scene)
        job = Job(original.body, transform, self._preset(transform), watch, deadline, fast)
        opened, seen, done = await self._engine.run(self._begin, job)
        if seen is None:
            seen = await self._see_by_network(opened, job, tools)
        if done is None:
            picture, timings = await run(seen.steps, seen.picture, tools)
            watch.timings += timings
            done = await self._engine.run(finish, picture, job)
        format = transform.format or Format.JPEG
        rendition = Rendition.of(done.body, format, done.size, tags=tags, notes=done.notes)
        timings = tuple(watch.timings)
        return Rendered(
            rendition, seen.plan, seen.facts, seen.look, timings, done.quality, done.report
        )

    async def explain(
        self, original: Original, transform: Transform, *, deadline: Deadline
    ) -> dict[str, Any]:
        """Facts, look and plan as JSON-able values; the same errors as `render` before its first
        step."""
        job = Job(original.body, transform, None, Stopwatch(), deadline)
        opened = await self._engine.run(self._open, job)
        if opened.undecided:
            tools = Tools(self._models, self._engine, deadline)
            seen = await self._see_by_network(opened, job, tools)
        else:
            seen = await self._engine.run(self._see, opened, job)
        decoded = seen.picture.size
        return {
            "transform": transform.canonical(),
            "facts": seen.facts.as_dict(),
            "decoded": {"size": [decoded.width, decoded.height], "notes": list(seen.notes)},
            "look": seen.look.as_facts() if seen.look else None,
            "plan": seen.plan.as_facts(),
        }

    def cost(self, transform: Transform) -> Cost:
        """The gate's class, before anything of the original is known."""
        return Cost.NETWORK if _networks(transform) else Cost.CLASSICAL

    def model_digests(self, transform: Transform) -> tuple[tuple[str, str], ...]:
        """Name and digest of each network that may have a part in it and is in the repository."""
        found = []
        for name in _networks(transform):
            try:
                found.append((name, self._models.spec(name).digest))
            except ModelMissing:
                continue  # the render says so, if it comes to need it
        return tuple(found)

    def verified(self, body: bytes, transform: Transform) -> Report | None:
        """How a finished rendition holds its preset's rules; None where it has none."""
        preset = self._preset(transform)
        return verify_file(body, preset, self._limits) if preset else None

    def insist(self, body: bytes, transform: Transform) -> None:
        """Raises `NotCompliant`, with every broken rule, unless a rendition holds them all."""
        report = self.verified(body, transform)
        if report:
            report.insist()

    def _preset(self, transform: Transform) -> Preset | None:
        """The preset whose rules count for this wish."""
        preset = self._presets.get(transform.preset) if self._presets else None
        return preset if preset and preset.rules else None

    def _begin(self, job: Job) -> tuple["Opened", "Seen | None", Done | None]:
        """As far as it goes without waiting: what was opened, what was seen, what came out."""
        opened = self._open(job)
        if opened.undecided:
            return opened, None, None
        seen = self._see(opened, job)
        if any(isinstance(step, AsyncStep) for step in seen.steps):
            return opened, seen, None
        picture, timings = apply_all(seen.steps, seen.picture, job.deadline)
        job.watch.timings += timings
        return opened, seen, finish(picture, job)

    def _open(self, job: Job) -> "Opened":
        """Header, pixels, look, and the matte if it can be had without a network."""
        facts = job.watch.time("facts", read_facts, job.body, self._limits)
        job.deadline.check("decode")
        target = self._first_target(job.transform, facts)
        decoded = job.watch.time("decode", decode, job.body, facts, target=target)
        facts = replace(facts, alpha=decoded.image.mode == "RGBA")
        if _shows_grain(job.transform, facts, decoded):
            facts = replace(facts, noise=job.watch.time("grain", wear.noise, decoded.image))
        if not wants_look(job.transform):
            return Opened(facts, decoded, None)
        seen = job.watch.time("look", _look, decoded.image, job.transform, facts.size)
        if not cutting.wanted(job.transform):
            return Opened(facts, decoded, seen)
        job.deadline.check("cut")
        found = job.watch.time("cut", cutting.at_hand, decoded.image)
        return Opened(
            facts, decoded, seen, found, not (job.fast or cutting.settled(found, self._models))
        )

    async def _see_by_network(self, opened: "Opened", job: Job, tools: Tools) -> "Seen":
        """What is seen once the networks have been asked for the matte."""
        start = time.perf_counter()
        found = await cutting.by_network(opened.decoded.image, job.transform, tools)
        job.watch.timings.append(("matting", time.perf_counter() - start))
        asked = replace(opened, found=found or opened.found, undecided=False)
        return await self._engine.run(self._see, asked, job)

    def _see(self, opened: "Opened", job: Job) -> "Seen":
        """The plan, on what the look and the matte say, and the pixels that it starts with."""
        look, facts, decoded = opened.told, opened.facts, opened.decoded
        made = job.watch.time("plan", plan, job.transform, facts, look, self._limits)
        made = made.settled(None if job.fast else self._models)
        if not _suffices(decoded, made):
            job.deadline.check("decode")
            decoded = job.watch.time("decode", decode, job.body, facts, target=made.decode)
        picture = _picture(decoded, look, opened.cut)
        return Seen(facts, look, made, picture, (*decoded.notes, *opened.notes))

    def _first_target(self, transform: Transform, facts: Facts) -> Size | None:
        """The least size to decode at, as far as the header tells; a trim wants every pixel.

        Planning without a look also finds a canvas that is over the limits before any pixel is
        decoded.
        """
        if transform.trim:
            return None
        least = plan(transform, facts, None, self._limits).decode
        if least is None or not wants_look(transform):
            return least
        long = cutting.LOOKED_AT if cutting.wanted(transform) else LONGEST
        return max(least, facts.size.scaled(min(1.0, long / facts.size.long)))


@dataclass(frozen=True, slots=True)
class Opened:
    """What is known before the plan; `undecided` where only a network could find the subject."""

    facts: Facts
    decoded: Decoded
    look: Look | None
    found: Cut | Abstained | None = None
    undecided: bool = False

    @property
    def cut(self) -> Cut | None:
        return self.found if isinstance(self.found, Cut) else None

    @property
    def told(self) -> Look | None:
        """The look, with what finding the matte has shown."""
        if self.look is None or self.found is None:
            return self.look
        return cutting.told(self.look, self.found)

    @property
    def notes(self) -> tuple[str, ...]:
        if isinstance(self.found, Abstained):
            return (f"left on its ground as shot: {self.found.reason}",)
        return ()


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that is known before the first step."""

    facts: Facts
    look: Look | None
    plan: Plan
    picture: Picture
    notes: tuple[str, ...]

    @property
    def steps(self) -> tuple[Step, ...]:
        """The plan's steps, for the picture as it was decoded."""
        return self.plan.steps_for(self.picture.size)


def _look(image: Any, transform: Transform, size: Size) -> Look:
    seen = look(image)
    if not transform.trim:
        return seen
    view = crop.region(transform, size)
    within = view and view.scaled(1 / size.width, 1 / size.height)
    return replace(seen, trimmed=trim(image, transform.trim, within))


def _suffices(decoded: Decoded, plan: Plan) -> bool:
    least = plan.decode or plan.source
    return decoded.image.width >= least.width and decoded.image.height >= least.height


def _picture(decoded: Decoded, look: Look | None, cut: Cut | None) -> Picture:
    size = Size(*decoded.image.size)
    subject = look.subject_in(size) if look else None
    matte = cut.matte if cut else None
    if matte and matte.size != decoded.image.size:
        matte = matte.resize(decoded.image.size, Image.Resampling.BICUBIC)
    return Picture(decoded.image, matte, subject.outward(size) if subject else None)


def _shows_grain(transform: Transform, facts: Facts, decoded: Decoded) -> bool:
    """Whether grain counts and can be measured: in every pixel, where the file does not tell."""
    every = facts.size == Size(*decoded.image.size)
    return every and transform.upscale is not Upscale.OFF and wear.reason(facts) is None


def _networks(transform: Transform) -> tuple[str, ...]:
    """The networks that may have a part in it, by name."""
    names: list[str] = []
    factor = transform.upscale.factor
    if factor:
        names += (roles.UPSCALE[factor], roles.UPSCALE_WORN[factor])
    elif transform.upscale is Upscale.AUTO and transform.has_size:
        names += (*roles.UPSCALE.values(), *roles.UPSCALE_WORN.values())
    if transform.matte is not Matte.OFF or transform.fit is Fit.PRODUCT:
        names += (roles.MATTING, roles.MATTING_REFINE)
    return tuple(names)
