"""Prepare: from an original's bytes to the plan and the picture that it starts with.

The result never depends on what a cache holds: the picture that is segmented is decoded for that
alone, and the picture that the steps get is decoded as the plan needs it.
"""

from dataclasses import dataclass, replace

from PIL import Image

from edge.images import Size, digest
from edge.limits import Limits
from edge.models.base import Models
from edge.rendering.analysis import degradation
from edge.rendering.analysis.analysis import Analysis
from edge.rendering.analysis.analyze import analyze, trim
from edge.rendering.analysis.background import BACKGROUND
from edge.rendering.analysis.own_alpha import flattened
from edge.rendering.matting import segment
from edge.rendering.matting.mattes import Matte, NoMatte, Segmentation, resolution
from edge.rendering.ops import crop
from edge.rendering.pixels.picture import Picture
from edge.rendering.plan import Plan, needs_analysis, plan
from edge.rendering.request import RenderRequest
from edge.rendering.source.decode import Decoded, decode
from edge.rendering.source.facts import Facts
from edge.rendering.source.probe import read_facts
from edge.rendering.step import Step
from edge.variants.transform import Transform
from edge.variants.values import UpscaleMode


@dataclass(frozen=True, slots=True)
class Opened:
    """Header and pixels; `segmentation` where the request cuts out and one is there, `planned` the
    plan made with it."""

    facts: Facts
    decoded: Decoded
    segmentation: Segmentation | None = None
    planned: "Planned | None" = None

    @property
    def cut(self) -> Matte | None:
        found = self.segmentation and self.segmentation.found
        return found if isinstance(found, Matte) else None

    @property
    def notes(self) -> tuple[str, ...]:
        found = self.segmentation and self.segmentation.found
        if isinstance(found, NoMatte):
            return (f"left on its background as shot: {found.reason}",)
        return ()


@dataclass(frozen=True, slots=True)
class Planned:
    """The plan for a transform, and the analysis that it was made by, if any."""

    transform: Transform
    analysis: Analysis | None
    plan: Plan


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything that is known before the first step."""

    facts: Facts
    analysis: Analysis | None
    plan: Plan
    picture: Picture
    notes: tuple[str, ...]

    @property
    def steps(self) -> tuple[Step, ...]:
        """The plan's steps, for the picture as it was decoded."""
        return self.plan.steps_for(self.picture.size)


def open_original(request: RenderRequest, limits: Limits) -> Opened:
    """Header and pixels; pixel work.

    Raises:
        OriginalError: the original cannot be read, or is over a limit.
        RequestError: the request is over a limit, as far as that shows without an analysis.
        DeadlineExceeded: before it was decoded.
    """
    facts = request.watch.time("facts", read_facts, request.body, limits)
    request.deadline.check("decode")
    target = _first_target(request.transform, facts, limits)
    decoded = _decoded(request, facts, target)
    facts = replace(facts, alpha=decoded.image.mode == "RGBA")
    if _shows_grain(request.transform, facts, decoded):
        facts = replace(facts, noise=request.watch.time("grain", degradation.noise, decoded.image))
    return Opened(facts, decoded)


def open_named(request: RenderRequest, limits: Limits) -> tuple[Opened, str]:
    """The same, and the name that mattes are kept by: 32 hexadecimal digits of BLAKE2b."""
    return open_original(request, limits), digest(request.body)


def to_cut_out(opened: Opened, request: RenderRequest) -> Image.Image:
    """The picture that is segmented; pixel work.

    Every pixel of the original, or as many as `FINEST` allows: the same for every
    request.
    """
    size, decoded = opened.facts.size, opened.decoded.image
    finest = resolution(size)
    request.deadline.check("cut")
    whole = size.long < 2 * finest.long
    if not whole or Size(*decoded.size) != size:
        target = None if whole else finest
        decoded = _decoded(request, opened.facts, target).image
    if finest == size:
        return decoded
    return decoded.resize((finest.width, finest.height), Image.Resampling.HAMMING, reducing_gap=2.0)


def fitted(
    opened: Opened, segmentation: Segmentation, request: RenderRequest, limits: Limits
) -> Opened:
    """With the segmentation as the request needs it; pixel work.

    Raises:
        RequestError: the request does not fit this original.
    """
    image, planned = opened.decoded.image, None
    if request.transform.cuts_out and isinstance(segmentation.found, Matte):
        planned = _planned(replace(opened, segmentation=segmentation), request, limits)
    view = planned.plan.shown if planned else None
    fitting = segment.for_transform(segmentation, image, request.transform, view)
    if fitting is not segmentation:
        planned = None
    return replace(opened, segmentation=fitting, planned=planned)


def prepare(opened: Opened, request: RenderRequest, models: Models, limits: Limits) -> Prepared:
    """The plan, by analysis and matte, and the pixels that it starts with; pixel work.

    Raises:
        RequestError: the request does not fit this original.
        DeadlineExceeded: before it was decoded anew.
    """
    known = opened.planned
    if known is None or known.transform is not request.transform:
        known = _planned(opened, request, limits)
    facts, decoded, analysis = opened.facts, opened.decoded, known.analysis
    planned = known.plan.settled(None if request.fallback else models)
    if not _suffices(decoded, planned):
        request.deadline.check("decode")
        decoded = _decoded(request, facts, planned.decode)
    if not request.transform.cuts_out:
        inspected = any(step.wants_matte for step in planned.steps)
        cut = opened.cut if inspected else None
        picture = _picture(decoded, analysis, cut, cuts_out=False)
        return Prepared(facts, analysis, planned, replace(picture, rough=True), decoded.notes)
    picture = _picture(decoded, analysis, opened.cut)
    return Prepared(facts, analysis, planned, picture, (*decoded.notes, *opened.notes))


def _planned(opened: Opened, request: RenderRequest, limits: Limits) -> Planned:
    transform, watch = request.transform, request.watch
    analysis = _analysis_of(opened, request) if needs_analysis(transform) else None
    made = watch.time("plan", plan, transform, opened.facts, analysis, limits)
    return Planned(transform, analysis, made)


def _decoded(request: RenderRequest, facts: Facts, target: Size | None) -> Decoded:
    return request.watch.time(
        "decode", decode, request.body, facts, target=target, deadline=request.deadline
    )


def _analysis_of(opened: Opened, request: RenderRequest) -> Analysis:
    image, transform, size = opened.decoded.image, request.transform, opened.facts.size
    analysis = (
        opened.segmentation.refined
        if opened.segmentation
        else request.watch.time("analysis", analyze, image)
    )
    if not transform.trim:
        return analysis
    view = crop.shown(transform, size)
    return replace(
        analysis, trimmed=request.watch.time("analysis", trim, image, transform.trim, view)
    )


def _first_target(transform: Transform, facts: Facts, limits: Limits) -> Size | None:
    """The least size to decode at, as far as the header tells; a trim wants every pixel.

    Planning without an analysis also finds a canvas that is over the limits before any pixel is
    decoded.
    """
    if transform.trim:
        return None
    least = plan(transform, facts, None, limits).decode
    if least is None or transform.needs_segmentation or not needs_analysis(transform):
        return least
    return max(least, facts.size.scaled(min(1.0, BACKGROUND.grid / facts.size.long)))


def _suffices(decoded: Decoded, plan: Plan) -> bool:
    least = plan.decode or plan.source
    return decoded.image.width >= least.width and decoded.image.height >= least.height


def _picture(
    decoded: Decoded, analysis: Analysis | None, cut: Matte | None, *, cuts_out: bool = True
) -> Picture:
    size = Size(*decoded.image.size)
    subject = analysis.subject_in(size) if analysis else None
    matte = cut.matte if cut else None
    by_alpha = cut is not None and cut.by == "alpha"
    own = by_alpha and cuts_out
    image = decoded.image
    if own:
        image = image.convert("RGB")  # the matte has all of its alpha, which counts once
    elif cut and not by_alpha:
        image = flattened(image)
    if matte and matte.size != decoded.image.size:
        matte = matte.resize(decoded.image.size, Image.Resampling.BICUBIC)
    box = subject.outward(size) if subject else None
    return Picture(image, matte, box, decontaminated=own, exact=own)


def _shows_grain(transform: Transform, facts: Facts, decoded: Decoded) -> bool:
    """Whether grain counts and can be measured: in a picture decoded in full."""
    return transform.upscale is not UpscaleMode.OFF and facts.size == Size(*decoded.image.size)
