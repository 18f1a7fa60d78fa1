"""Trim: a border of one colour does not count. The look has measured it."""

from dataclasses import dataclass

from edge.rendering.pixels.geometry import Area
from edge.rendering.pixels.picture import Picture
from edge.rendering.step import PixelStep, PlanContext, State
from edge.variants.transform import Transform


@dataclass(frozen=True, slots=True)
class Trim(PixelStep):
    """`view` is what counts from here on."""

    op = "trim"
    view: Area
    tolerance: int

    def after(self, state: State) -> State:
        return state.narrowed(self.view)

    def apply(self, picture: Picture) -> Picture:
        return picture


def plan(transform: Transform, context: PlanContext) -> Trim | None:
    """Wanted where a tolerance is given and the look has found a border."""
    trimmed = context.analysis.trimmed if context.analysis else None
    if not transform.trim or trimmed is None:
        return None
    size = context.state.size
    area = trimmed.scaled(size.width, size.height)
    view = Area(*(round(edge, 3) for edge in area.as_tuple()))
    return None if view == context.state.view else Trim(view, transform.trim)
