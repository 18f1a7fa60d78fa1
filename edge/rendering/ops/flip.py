"""Flip: mirror left to right, top to bottom, or both."""

from dataclasses import dataclass

from PIL import Image

from edge.images import Size
from edge.rendering.pixels.geometry import Area
from edge.rendering.pixels.picture import Picture
from edge.rendering.step import PixelStep, PlanContext, PlanState
from edge.variants.transform import Transform
from edge.variants.values import FlipMode as Flipped

_MIRRORS = {
    (True, False): Image.Transpose.FLIP_LEFT_RIGHT,
    (False, True): Image.Transpose.FLIP_TOP_BOTTOM,
    (True, True): Image.Transpose.ROTATE_180,
}


@dataclass(frozen=True, slots=True)
class Flip(PixelStep):
    """`across` mirrors left to right, `down` top to bottom."""

    op = "flip"
    turns = True
    across: bool
    down: bool

    def after(self, state: PlanState) -> PlanState:
        return state.mapped(state.size, lambda area: self._mirrored(area, state.size))

    def apply(self, picture: Picture) -> Picture:
        mirror = _MIRRORS[self.across, self.down]
        return picture.mapped(lambda image: image.transpose(mirror), self._mirrored)

    def _mirrored(self, area: Area, size: Size) -> Area:
        left, top, right, bottom = area.as_tuple()
        if self.across:
            left, right = size.width - right, size.width - left
        if self.down:
            top, bottom = size.height - bottom, size.height - top
        return Area(left, top, right, bottom)


def plan(transform: Transform, context: PlanContext) -> Flip | None:
    """A step for any word but `off`, else None."""
    if transform.flip is Flipped.NONE:
        return None
    return Flip(
        transform.flip in (Flipped.HORIZONTAL, Flipped.BOTH),
        transform.flip in (Flipped.VERTICAL, Flipped.BOTH),
    )
