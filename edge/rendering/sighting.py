"""Sighting: from an original's bytes to the plan and the picture that it starts with.

What is seen never depends on what a cache holds: the picture that mattes are made of is decoded for
them alone, and the picture that the steps get is decoded as the plan needs it.
"""

import hashlib
from dataclasses import dataclass, replace

from PIL import Image

from edge.images import Size
from edge.models.base import Models
from edge.rendering import cutting, wear
from edge.rendering.codec import Decoded, decode
from edge.rendering.cutting import Abstained, Cut, Findings
from edge.rendering.facts import Facts, read_facts
from edge.rendering.job import Job
from edge.rendering.look import LONGEST, Look, look, trim
from edge.rendering.ops import crop
from edge.rendering.own_alpha import flattened
from edge.rendering.picture import Picture
from edge.rendering.plan import Plan, plan, wants_look
from edge.rendering.step import Step
from edge.settings import Limits
from edge.variants.transform import Transform
from edge.variants.values import Upscale


@dataclass(frozen=True, slots=True)
class Opened:
    """Header and pixels; `findings` where the wish cuts out and they are there."""

    facts: Facts
    decoded: Decoded
    findings: Findings | None = None

    @property
    def cut(self) -> Cut | None:
        found = self.findings and self.findings.found
        return found if isinstance(found, Cut) else None

    @property
    def notes(self) -> tuple[str, ...]:
        found = self.findings and self.findings.found
        if isinstance(found, Abstained):
            return (f"left on its ground as shot: {found.reason}",)
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


def open_original(job: Job, limits: Limits) -> Opened:
    """Header and pixels; pixel work.

    Raises:
        OriginalError: the original cannot be read, or is over a limit.
        RequestError: the wish is over a limit, as far as that shows without a look.
        DeadlineExceeded: before it was decoded.
    """
    facts = job.watch.time("facts", read_facts, job.body, limits)
    job.deadline.check("decode")
    target = _first_target(job.transform, facts, limits)
    decoded = _decoded(job, facts, target)
    facts = replace(facts, alpha=decoded.image.mode == "RGBA")
    if _shows_grain(job.transform, facts, decoded):
        facts = replace(facts, noise=job.watch.time("grain", wear.noise, decoded.image))
    return Opened(facts, decoded)


def name_of(body: bytes) -> str:
    """What mattes are kept by: 32 hexadecimal digits of BLAKE2b."""
    return hashlib.blake2b(body, digest_size=16).hexdigest()


def to_cut_out(opened: Opened, job: Job) -> Image.Image:
    """The picture that the subject is looked for in; pixel work.

    Every pixel of the original, or as many as `cutting.FINEST` allows: the same for every wish.
    """
    size, decoded = opened.facts.size, opened.decoded.image
    finest = cutting.resolution(size)
    job.deadline.check("cut")
    whole = size.long < 2 * finest.long
    if not whole or Size(*decoded.size) != size:
        target = None if whole else finest
        decoded = _decoded(job, opened.facts, target).image
    if finest == size:
        return decoded
    return decoded.resize((finest.width, finest.height), Image.Resampling.HAMMING, reducing_gap=2.0)


def see(opened: Opened, job: Job, models: Models, limits: Limits) -> Seen:
    """The plan, on what the look and the matte say, and the pixels that it starts with.

    Raises:
        RequestError: the wish does not fit this original.
        DeadlineExceeded: before it was decoded anew.
    """
    seen = _look(opened, job) if wants_look(job.transform) else None
    facts, decoded = opened.facts, opened.decoded
    made = job.watch.time("plan", plan, job.transform, facts, seen, limits)
    made = made.settled(None if job.fast else models)
    if not _suffices(decoded, made):
        job.deadline.check("decode")
        decoded = _decoded(job, facts, made.decode)
    if not cutting.wanted(job.transform):
        looked_at = any(step.wants_matte for step in made.steps)
        known = opened.cut if looked_at else None
        picture = _picture(decoded, seen, known, cuts_out=False)
        return Seen(facts, seen, made, replace(picture, rough=True), decoded.notes)
    picture = _picture(decoded, seen, opened.cut)
    return Seen(facts, seen, made, picture, (*decoded.notes, *opened.notes))


def _decoded(job: Job, facts: Facts, target: Size | None) -> Decoded:
    return job.watch.time("decode", decode, job.body, facts, target=target, deadline=job.deadline)


def _look(opened: Opened, job: Job) -> Look:
    image, wish, size = opened.decoded.image, job.transform, opened.facts.size
    seen = opened.findings.told if opened.findings else job.watch.time("look", look, image)
    if not wish.trim:
        return seen
    view = crop.region(wish, size)
    within = view and view.scaled(1 / size.width, 1 / size.height)
    return replace(seen, trimmed=job.watch.time("look", trim, image, wish.trim, within))


def _first_target(transform: Transform, facts: Facts, limits: Limits) -> Size | None:
    """The least size to decode at, as far as the header tells; a trim wants every pixel.

    Planning without a look also finds a canvas that is over the limits before any pixel is
    decoded.
    """
    if transform.trim:
        return None
    least = plan(transform, facts, None, limits).decode
    if least is None or cutting.sought(transform) or not wants_look(transform):
        return least
    return max(least, facts.size.scaled(min(1.0, LONGEST / facts.size.long)))


def _suffices(decoded: Decoded, plan: Plan) -> bool:
    least = plan.decode or plan.source
    return decoded.image.width >= least.width and decoded.image.height >= least.height


def _picture(
    decoded: Decoded, look: Look | None, cut: Cut | None, *, cuts_out: bool = True
) -> Picture:
    size = Size(*decoded.image.size)
    subject = look.subject_in(size) if look else None
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
    return Picture(image, matte, box, lifted=own, exact=own)


def _shows_grain(transform: Transform, facts: Facts, decoded: Decoded) -> bool:
    """Whether grain counts and can be measured: in a picture decoded in full."""
    return transform.upscale is not Upscale.OFF and facts.size == Size(*decoded.image.size)
