"""Crop: keeps a region of the upright original; later steps cut its pixels."""

from dataclasses import dataclass

from edge.errors import InvalidParameter
from edge.images import Size
from edge.rendering.pixels.geometry import Area
from edge.rendering.pixels.picture import Picture
from edge.rendering.step import PixelStep, PlanContext, PlanState
from edge.variants.transform import Transform


@dataclass(frozen=True, slots=True)
class Crop(PixelStep):
    """`view` is the region kept from here on."""

    op = "crop"
    view: Area

    def after(self, state: PlanState) -> PlanState:
        return state.narrowed(self.view)

    def apply(self, picture: Picture) -> Picture:
        return picture


def plan(transform: Transform, context: PlanContext) -> Crop | None:
    """A step where a region is requested, else None.

    Raises:
        InvalidParameter: the region lies outside the original.
    """
    view = region(transform, context.state.size)
    return None if view is None or view == context.state.view else Crop(view)


def region(transform: Transform, size: Size) -> Area | None:
    """The requested region of an original of that size, in whole pixels and inside it.

    Raises:
        InvalidParameter: the region lies outside the original.
    """
    if transform.crop is None:
        return None
    wanted = transform.crop
    requested = Area(wanted.x, wanted.y, wanted.x + wanted.width, wanted.y + wanted.height)
    if wanted.shares:
        return Area.of(requested.scaled(size.width, size.height).outward(size))
    view = requested.within(size)
    if view.width < 1 or view.height < 1:
        raise InvalidParameter(
            f"crop={wanted} leaves nothing of an original of {size}",
            param="crop",
            allowed="x,y,width,height inside the original",
        )
    return view


def shown(transform: Transform, size: Size) -> Area | None:
    """The same in shares of the original."""
    view = region(transform, size)
    return view and view.scaled(1 / size.width, 1 / size.height)
