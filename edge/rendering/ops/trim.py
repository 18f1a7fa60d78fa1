"""Trim: removes a border of one colour, which the analysis has measured."""

from dataclasses import dataclass

from edge.rendering.pixels.geometry import Area
from edge.rendering.pixels.picture import Picture
from edge.rendering.step import PixelStep, PlanContext, PlanState
from edge.variants.transform import Transform


@dataclass(frozen=True, slots=True)
class Trim(PixelStep):
    """`view` is the region kept from here on."""

    op = "trim"
    view: Area
    tolerance: int

    def after(self, state: PlanState) -> PlanState:
        return state.narrowed(self.view)

    def apply(self, picture: Picture) -> Picture:
        return picture


def plan(transform: Transform, context: PlanContext) -> Trim | None:
    """A step where a tolerance is given and the analysis has found a border; else None."""
    trimmed = context.analysis.trimmed if context.analysis else None
    if not transform.trim or trimmed is None:
        return None
    size = context.state.size
    area = trimmed.scaled(size.width, size.height)
    view = Area(*(round(edge, 3) for edge in area.as_tuple()))
    return None if view == context.state.view else Trim(view, transform.trim)
