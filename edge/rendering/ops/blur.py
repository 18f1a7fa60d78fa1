"""Blur: soften the whole picture, for placeholders and backdrops."""

from dataclasses import dataclass

from PIL import ImageFilter

from edge.rendering.pixels.picture import Picture
from edge.rendering.step import PixelStep, PlanContext
from edge.variants.transform import Transform


@dataclass(frozen=True, slots=True)
class Blur(PixelStep):
    """A Gaussian of `radius` (sigma) pixels of the output."""

    op = "blur"
    radius: float

    def apply(self, picture: Picture) -> Picture:
        soften = ImageFilter.GaussianBlur(self.radius)
        if not picture.has_alpha:
            return picture.with_image(picture.image.filter(soften))
        # Premultiplied: the hidden colours of see-through pixels must not bleed in.
        soft = picture.image.convert("RGBa").filter(soften)
        return picture.with_image(soft.convert("RGBA"))


def plan(transform: Transform, context: PlanContext) -> Blur | None:
    """A step for any radius above zero, else None."""
    return Blur(transform.blur) if transform.blur else None
