"""Flatten: composites see-through pixels onto a colour, where one is requested or the format has no
alpha."""

from dataclasses import dataclass, replace

from PIL import Image

from edge.images import WHITE, Color, Format
from edge.rendering.pixels.picture import Picture
from edge.rendering.step import PixelStep, PlanContext, PlanState
from edge.variants.transform import Transform
from edge.variants.values import BackgroundKind


@dataclass(frozen=True, slots=True)
class Flatten(PixelStep):
    """`color` behind the picture; on an opaque colour the picture loses its alpha."""

    op = "flatten"
    color: Color

    def after(self, state: PlanState) -> PlanState:
        return replace(state, alpha=not self.color.opaque)

    def apply(self, picture: Picture) -> Picture:
        if not picture.has_alpha:
            return picture
        sheet = Image.new("RGBA", picture.image.size, (*self.color.rgb, self.color.alpha))
        sheet.alpha_composite(picture.image)
        return picture.with_image(sheet.convert("RGB") if self.color.opaque else sheet)


def plan(transform: Transform, context: PlanContext) -> Flatten | None:
    """A step where pixels may be see-through and may not stay so, else None."""
    if not context.state.alpha:
        return None
    background = transform.background
    color = background.color if background and background.kind is BackgroundKind.COLOR else None
    if transform.format is Format.JPEG:
        return Flatten(_over_white(color) if color else WHITE)
    return Flatten(color) if color else None


def _over_white(color: Color) -> Color:
    share = color.alpha / 255
    return Color(*(round(channel * share + 255 * (1 - share)) for channel in color.rgb))
