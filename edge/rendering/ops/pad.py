"""Pad: lay the content into its larger canvas, on a colour, on nothing, or on its own blur."""

from dataclasses import dataclass, replace

from PIL import Image

from edge.images import WHITE, Color, Size
from edge.rendering.extend.extend import blurred_fill
from edge.rendering.pixels.picture import Picture
from edge.rendering.step import PixelStep, PlanContext, PlanState
from edge.variants.transform import Transform
from edge.variants.values import BackgroundKind

_CLEAR = Color(255, 255, 255, 0)


@dataclass(frozen=True, slots=True)
class Pad(PixelStep):
    """The picture at `at` in `canvas`; `color` None means a blur of the picture itself. `final`:
    it is opaque, and what a subject that is cut out will be laid on."""

    op = "pad"
    canvas: Size
    at: tuple[int, int]
    color: Color | None
    added: float
    final: bool = False

    @property
    def notes(self) -> tuple[str, ...]:
        return (f"{self.added:.0%} of the canvas is added background",)

    def after(self, state: PlanState) -> PlanState:
        alpha = state.alpha or bool(self.color and not self.color.opaque)
        return replace(state.padded(self.canvas, self.at), alpha=alpha)

    def apply(self, picture: Picture) -> Picture:
        if self.color and self.final and picture.decontaminated and picture.matte:
            return picture.on(self.color, self.canvas, self.at)
        return picture.mapped(
            lambda image: self._lay(image, self._sheet(image)),
            lambda area, _: area.moved(*self.at),
        )

    def _sheet(self, image: Image.Image) -> Image.Image:
        size = (self.canvas.width, self.canvas.height)
        if image.mode == "L":
            return Image.new("L", size, 0)
        if self.color is None:
            return blurred_fill(image, self.canvas).convert(image.mode)
        if image.mode == "RGB" and self.color.opaque:
            return Image.new("RGB", size, self.color.rgb)
        return Image.new("RGBA", size, (*self.color.rgb, self.color.alpha))

    def _lay(self, image: Image.Image, sheet: Image.Image) -> Image.Image:
        if image.mode == "RGBA":
            sheet.alpha_composite(image, self.at)
        else:
            sheet.paste(image, self.at)
        return sheet


def plan(transform: Transform, context: PlanContext) -> Pad | None:
    """A step where the content does not fill its canvas, else None."""
    framing = context.state.framing
    if framing is None or framing.content == framing.canvas:
        return None
    added = round(1 - framing.content.pixels / framing.canvas.pixels, 4)
    color, background = _color(transform, context), transform.background
    plain = background is not None and background.kind is BackgroundKind.COLOR
    final = plain and context.state.decontaminated and bool(color and color.opaque)
    return Pad(framing.canvas, framing.at, color, added, final)


def _color(transform: Transform, context: PlanContext) -> Color | None:
    """The requested colour; else that of the photo's plain background, or white."""
    background, analysis = transform.background, context.analysis
    if background and background.kind is BackgroundKind.COLOR:
        color = background.color or WHITE
        return color if color.opaque else _CLEAR  # `flatten` lays it behind all of it at once
    if background and background.kind is BackgroundKind.BLUR:
        # the background op blurs all of it at once, where anything of it is background
        return _CLEAR if context.state.matted and not context.whole else None
    if context.state.alpha or (background and background.kind is BackgroundKind.TRANSPARENT):
        return _CLEAR
    return analysis.background if analysis and analysis.uniform else WHITE
