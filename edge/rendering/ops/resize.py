"""Resize: the kept region to its size in the canvas, in one resampling."""

from dataclasses import dataclass, replace
from typing import Self

from edge.images import Size
from edge.rendering.pixels.geometry import Area
from edge.rendering.pixels.picture import Picture
from edge.rendering.step import PixelStep, PlanContext, PlanState
from edge.variants.transform import Transform


@dataclass(frozen=True, slots=True)
class Resize(PixelStep):
    """`region` of the picture becomes `size`; a crop costs nothing extra here.

    Nothing outside `view` is looked at: beside a cover's cut lies more of the same photo, which
    Lanczos should see, but beside a trim's cut lies the very border that has to go.
    """

    op = "resize"
    region: Area
    size: Size
    view: Area

    def after(self, state: PlanState) -> PlanState:
        across, down = self.size.width / self.region.width, self.size.height / self.region.height
        left, top = self.region.left, self.region.top
        return state.mapped(
            self.size, lambda area: area.moved(-left, -top).scaled(across, down)
        ).framed_whole()

    def scaled(self, across: float, down: float) -> Self:
        region, view = self.region.scaled(across, down), self.view.scaled(across, down)
        return replace(self, region=region, view=view)

    def factors_after(self, across: float, down: float) -> tuple[float, float]:
        return 1.0, 1.0

    @property
    def resize_scale(self) -> float:
        return max(self.size.width / self.region.width, self.size.height / self.region.height)

    def apply(self, picture: Picture) -> Picture:
        view = self.view.outward(picture.size)
        if view.size != picture.size:
            picture = picture.cropped(view)
        region = self.region.moved(-view.left, -view.top)
        return picture.resized(self.size, region.within(picture.size))


def plan(transform: Transform, context: PlanContext) -> Resize | None:
    """A step where the framing keeps another region or size than the picture has, else None."""
    framing = context.state.framing
    if framing is None:
        return None
    if framing.content == context.state.size and framing.region == Area.whole(framing.content):
        return None
    return Resize(framing.region, framing.content, context.state.view)
