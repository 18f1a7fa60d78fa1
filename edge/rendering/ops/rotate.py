"""Rotate: by a quarter turn or several, exactly."""

from collections.abc import Mapping
from dataclasses import dataclass

from PIL import Image

from edge.images import Size
from edge.rendering.pixels.geometry import Area
from edge.rendering.pixels.picture import Picture
from edge.rendering.step import PixelStep, PlanContext, PlanState
from edge.variants.transform import Transform

# Pillow turns counter-clockwise, the URL clockwise.
_TURNS: Mapping[int, Image.Transpose] = {
    90: Image.Transpose.ROTATE_270,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class Rotate(PixelStep):
    """`degrees` clockwise: 90, 180 or 270."""

    op = "rotate"
    turns = True
    degrees: int

    @property
    def undone(self) -> "Rotate":
        return Rotate(360 - self.degrees)

    def after(self, state: PlanState) -> PlanState:
        size = state.size
        turned = size if self.degrees == 180 else Size(size.height, size.width)
        return state.mapped(turned, lambda area: self._turned(area, size))

    def factors_after(self, across: float, down: float) -> tuple[float, float]:
        return (down, across) if self.degrees % 180 else (across, down)

    def apply(self, picture: Picture) -> Picture:
        turn = _TURNS[self.degrees]
        return picture.mapped(lambda image: image.transpose(turn), self._turned)

    def _turned(self, area: Area, size: Size) -> Area:
        left, top, right, bottom = area.as_tuple()
        wide, high = size.width, size.height
        return {
            90: Area(high - bottom, left, high - top, right),
            180: Area(wide - right, high - bottom, wide - left, high - top),
            270: Area(top, wide - right, bottom, wide - left),
        }[self.degrees]


def plan(transform: Transform, context: PlanContext) -> Rotate | None:
    """A step for any angle but 0, else None."""
    return Rotate(transform.rotate) if transform.rotate else None
