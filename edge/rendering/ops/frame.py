"""Frame: decide where the picture sits in the canvas; cut to the kept region where that saves work.

The decision is arithmetic (`framing.py`) and stands in the state for all later ops. Most renders
cut nothing here, because the resize takes its region out of the whole picture in one go, and the
upscale sees what lies around its own. Only what a crop or trim left away no network may see.
"""

from dataclasses import dataclass, replace

from edge.images import Box, Size
from edge.rendering.framing.framing import frame, network_factor
from edge.rendering.pixels.geometry import Area
from edge.rendering.pixels.picture import Picture
from edge.rendering.step import Framing, PixelStep, PlanContext, PlanState
from edge.variants.transform import Transform


@dataclass(frozen=True, slots=True)
class Frame(PixelStep):
    """`region` becomes `content`, at `at` in `canvas`; only `cut`, where given, goes on."""

    op = "frame"
    region: Area
    content: Size
    canvas: Size
    at: tuple[int, int]
    cut: Box | None = None

    @property
    def needs_full_decode(self) -> bool:
        return self.cut is not None  # which counts whole pixels

    @property
    def framing(self) -> Framing:
        return Framing(self.region, self.content, self.canvas, self.at)

    def after(self, state: PlanState) -> PlanState:
        framing = self.framing
        state = replace(state, framing=framing, reduced=1 / framing.enlargement)
        return state.cropped(self.cut) if self.cut else state

    def apply(self, picture: Picture) -> Picture:
        return picture.cropped(self.cut) if self.cut else picture


def plan(transform: Transform, context: PlanContext) -> Frame:
    """Always a step: every picture has a canvas.

    Raises:
        OutputTooLarge: from the framing.
    """
    framing, size = frame(transform, context), context.state.size
    kept = framing.region.outward(size)
    is_plain_cut = framing.region == Area.of(kept) and framing.content == kept.size
    narrowed = context.state.view != Area.whole(size)
    wanted = is_plain_cut or (narrowed and network_factor(transform, framing, context) is not None)
    cut = kept if wanted and kept.size != size else None
    return Frame(framing.region, framing.content, framing.canvas, framing.at, cut)
