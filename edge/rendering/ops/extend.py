"""Extend: a picture that does not fill its canvas gets more of its own background around it."""

from dataclasses import dataclass, replace

from edge.images import Box, Size
from edge.rendering.analysis.analysis import Analysis
from edge.rendering.extend.extend import SubjectRegion, extended, stuck
from edge.rendering.pixels.geometry import Area
from edge.rendering.pixels.picture import Picture
from edge.rendering.step import Edit, PixelStep, PlanContext, PlanState, SourceType
from edge.reported import Synthesized
from edge.variants.transform import Transform
from edge.variants.values import Fit


@dataclass(frozen=True, slots=True)
class Extend(PixelStep):
    """The picture at `at` in `canvas`; `synthesized` is the share (0 to 1) of the canvas beyond it.

    `subject` is its box in the picture, `sure` where a matte says so; `stays` names the sides that
    it runs out of, where the background goes on behind it, or the picture's colours are laid out of
    focus.
    """

    op = "extend"
    wants_matte = True
    canvas: Size
    at: tuple[int, int]
    synthesized: float
    subject: Box | None
    sure: bool = True
    stays: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        lines = [
            f"{self.synthesized:.0%} of the canvas is made: background beyond the photo's edge"
        ]
        if self.stays:
            sides = " and ".join(self.stays)
            lines.append(
                f"review: the subject runs out of the photo at the {sides}, and is cut there"
            )
        return tuple(lines)

    def edits(self, transform: Transform, analysis: Analysis | None) -> tuple[Edit, ...]:
        return (Edit(SourceType.COMPOSITE, "its background extended"),)

    def after(self, state: PlanState) -> PlanState:
        return state.padded(self.canvas, self.at)

    def apply(self, picture: Picture) -> Picture:
        known = SubjectRegion(self.subject, self.sure, picture.matte)
        done = extended(picture.image.convert("RGB"), self.canvas, self.at, known)
        subject = self.subject and Box(
            *Area.of(self.subject).moved(*self.at).outward(self.canvas).as_tuple()
        )
        synthesized = Synthesized(self.synthesized, round(done.guessed, 4), done.review)
        return replace(
            picture.with_image(done.image), matte=None, subject=subject, synthesized=synthesized
        )


def plan(transform: Transform, context: PlanContext) -> Extend | None:
    """A step for a picture as shot whose content does not fill the canvas that its fit requires,
    else None."""
    state, framing = context.state, context.state.framing
    if framing is None or framing.content == framing.canvas:
        return None
    if transform.background is not None or state.alpha or transform.fit is Fit.PAD:
        return None
    synthesized = round(1 - framing.content.pixels / framing.canvas.pixels, 4)
    subject = state.subject.outward(state.size) if state.subject else None
    sure = context.analysis is not None and context.analysis.sure
    return Extend(framing.canvas, framing.at, synthesized, subject, sure, stuck(framing, subject))
