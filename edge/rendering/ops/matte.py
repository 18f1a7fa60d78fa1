"""Matte: resizes the subject's alpha to the canvas, as sharp as the picture there.

The matte itself is found before the plan, because the frame follows from it (`matting/segment.py`),
and goes through every op beside the picture. Where the picture was enlarged the network has drawn
its outline anew, while the matte was only stretched; so alpha is estimated from it once more.
"""

from dataclasses import dataclass, replace

from PIL import Image

from edge.rendering.analysis.analysis import Analysis
from edge.rendering.matting.alpha import sharpened
from edge.rendering.pixels.picture import Picture
from edge.rendering.pixels.scales import SCALES
from edge.rendering.step import Edit, PixelStep, PlanContext, SourceType
from edge.variants.transform import Transform


@dataclass(frozen=True, slots=True)
class ApplyMatte(PixelStep):
    """`by` found the subject, in a cut that a person would reject with the probability `doubt`;
    `sharpen` where the matte was stretched."""

    op = "matte"
    cuts_out = True
    by: str
    doubt: float
    sharpen: bool

    @property
    def notes(self) -> tuple[str, ...]:
        ways = {
            "alpha": "by its own alpha",
            "plain-background": "from its plain background",
        }
        return (f"cut out {ways.get(self.by, 'by a network')}, doubt {self.doubt:.2f}",)

    def edits(self, transform: Transform, analysis: Analysis | None) -> tuple[Edit, ...]:
        return (Edit(SourceType.ENHANCED, "cut out of its background"),)

    def apply(self, picture: Picture) -> Picture:
        if picture.matte is None or not self.sharpen:
            return picture
        return replace(picture, matte=Image.fromarray(sharpened(picture, self.by)))


def plan(transform: Transform, context: PlanContext) -> ApplyMatte | None:
    """A step where the subject is cut out, else None; also None for a photo that is delivered
    whole."""
    analysis = context.analysis
    if (
        analysis is None
        or analysis.cut_by is None
        or context.whole
        or not context.state.matted
        or not transform.cuts_out
    ):
        return None
    soft = context.state.reduced < 1 / SCALES.worth and not context.state.decontaminated
    return ApplyMatte(analysis.cut_by, analysis.doubt or 0.0, soft and analysis.cut_by != "alpha")
