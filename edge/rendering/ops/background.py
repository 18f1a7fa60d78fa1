"""Background: composites the subject onto a colour, nothing, its own surroundings blurred, or a
scene.

Where the matte is 0 the background is left exactly as it is.
"""

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from edge.images import Box, Color, Size
from edge.rendering.analysis.analysis import Analysis
from edge.rendering.analysis.backdrop import backdrop
from edge.rendering.extend.extend import blurred_fill
from edge.rendering.matting.foreground import foreground
from edge.rendering.numbers import tuned
from edge.rendering.pixels.levels import LEVELS
from edge.rendering.pixels.picture import Picture
from edge.rendering.pixels.scales import SCALES
from edge.rendering.step import (
    AsyncStep,
    Edit,
    PixelStep,
    PlanContext,
    PlanState,
    SourceType,
    Step,
    Tools,
)
from edge.variants.transform import Transform
from edge.variants.values import BackgroundKind as Kind


@dataclass(frozen=True)
class CompositingNumbers:
    """How a subject is composited onto another background."""

    wrap: float = tuned(
        0.28,
        "share",
        "of the scene's light that reaches the very rim of a harmonised subject",
        "by eye: 24 cut-outs with 30 % less and more, which hardly differ",
    )


COMPOSITING = CompositingNumbers()


_NOTHING = (255, 255, 255)
"""Colour of fully transparent pixels: the old background there would be invisible, and a quarter of
the file."""

_VISIBLE = [0, *[255] * 255]


@dataclass(frozen=True, slots=True)
class PlainBackground(PixelStep):
    """`color` behind the subject, None for nothing at all."""

    op = "background"
    color: Color | None

    def after(self, state: PlanState) -> PlanState:
        return replace(state, alpha=self.color is None)

    def edits(self, transform: Transform, analysis: Analysis | None) -> tuple[Edit, ...]:
        whole = analysis is not None and analysis.whole  # beside which a colour is a margin
        clear = transform.background is None or transform.background.kind is Kind.TRANSPARENT
        return () if whole or clear else (_replaced(transform),)

    def apply(self, picture: Picture) -> Picture:
        if self.color is None:
            return alone(picture)
        if picture.decontaminated:
            return picture if picture.laid_on == self.color else picture.on(self.color)
        sheet = Image.new("RGB", picture.image.size, self.color.rgb)
        return replace(picture.with_image(sheet), matte=laid(picture, sheet))


@dataclass(frozen=True, slots=True)
class BlurredBackground(PixelStep):
    """The picture's own background out of focus; `radius` (sigma) in pixels of the canvas. An
    original whose own alpha hides it has none: of that the subject on white is blurred, as `pad`
    does."""

    op = "background"
    radius: float

    def after(self, state: PlanState) -> PlanState:
        return replace(state, alpha=False)

    def edits(self, transform: Transform, analysis: Analysis | None) -> tuple[Edit, ...]:
        return (_replaced(transform),)

    def apply(self, picture: Picture) -> Picture:
        subject, matte = cut(picture)
        if picture.exact:
            sheet = blurred_fill(alone(picture).image, Size(*matte.size))
        else:
            sheet = surroundings(picture.image, matte, self.radius)
        sheet.paste(subject, mask=matte)
        return replace(picture.with_image(sheet), matte=matte)


@dataclass(frozen=True, slots=True)
class SceneBackground(AsyncStep):
    """A background picture of the origin's, which fills the canvas; `harmonize` lets its light wrap
    around the subject's rim."""

    op = "background"
    fetches = True
    scene: str
    harmonize: bool

    def after(self, state: PlanState) -> PlanState:
        return replace(state, alpha=False)

    def edits(self, transform: Transform, analysis: Analysis | None) -> tuple[Edit, ...]:
        return (_replaced(transform),)

    async def apply(self, picture: Picture, tools: Tools) -> Picture:
        assert tools.scene is not None, "the renderer hands over where scenes come from"
        scene = await tools.scene(self.scene, tools.deadline)
        return await tools.engine.run(self._lay, picture, scene)

    def _lay(self, picture: Picture, scene: Image.Image) -> Picture:
        subject, matte = cut(picture)
        sheet = ImageOps.fit(scene.convert("RGB"), subject.size, Image.Resampling.LANCZOS)
        if self.harmonize:
            subject = harmonized(subject, matte, sheet)
        sheet.paste(subject, mask=matte)
        return replace(picture.with_image(sheet), matte=matte)


def plan(transform: Transform, context: PlanContext) -> Step | None:
    """A step where the subject has been cut out, else None."""
    background = transform.background
    if not context.state.matted or background is None or not transform.cuts_out:
        return None
    if background.kind is Kind.SCENE:
        return SceneBackground(background.scene, transform.harmonize and not context.whole)
    if background.kind is Kind.BLUR and context.whole:
        return None  # nothing of it is background; `pad` has blurred the margins
    if background.kind is Kind.BLUR:
        return BlurredBackground(round(context.state.size.short * SCALES.rim, 1))
    # A colour that lets light through is laid behind by `flatten`, as behind any clear pixel.
    color = background.color
    return PlainBackground(color if color and color.opaque else None)


def _replaced(transform: Transform) -> Edit:
    return Edit(SourceType.COMPOSITE, f"set on another background ({transform.background})")


def alone(picture: Picture) -> Picture:
    """The subject in its own colours on nothing (RGBA)."""
    subject, matte = cut(picture)
    sheet = Image.new("RGBA", subject.size, (*_NOTHING, 0))
    if box := matte.getbbox():
        part, alpha = subject.crop(box), matte.crop(box)
        part.putalpha(alpha)
        sheet.paste(part, box[:2], alpha.point(_VISIBLE))
    return replace(picture.with_image(sheet), matte=matte)


def laid(picture: Picture, sheet: Image.Image) -> Image.Image:
    """Paste the subject, in its decontaminated colours, on `sheet` (RGB), within the subject's box.
    Returns its matte with clean ends (L)."""
    matte = picture.clean_matte
    if box := matte.getbbox():
        around = Box(*box).grown(SCALES.beside).clamped(picture.size).as_tuple()
        part = matte.crop(around)
        subject = foreground(picture.image.crop(around).convert("RGB"), part)
        sheet.paste(subject, around[:2], part)
    return matte


def cut(picture: Picture) -> tuple[Image.Image, Image.Image]:
    """The subject in its own colours (RGB) and its matte with clean ends (L)."""
    matte = picture.clean_matte
    image = picture.opaque
    return (image if picture.decontaminated else foreground(image, matte)), matte


def surroundings(image: Image.Image, matte: Image.Image, radius: float) -> Image.Image:
    """The background without the subject, blurred; the subject's place, and what is see-through, is
    filled from around it."""
    factor = max(1, round(radius / 2))
    size = Size(*image.size).scaled(1 / factor)
    small = image.resize((size.width, size.height), Image.Resampling.BOX)
    visible = np.asarray(matte.resize(small.size, Image.Resampling.BOX)) < LEVELS.halo
    if small.mode == "RGBA":
        visible &= np.asarray(small.getchannel("A")) > LEVELS.solid
    grid = small.convert("RGB")
    filled = Image.fromarray(backdrop(np.asarray(grid), visible)) if visible.any() else grid
    soft = filled.filter(ImageFilter.GaussianBlur(radius / factor))
    return soft.resize(image.size, Image.Resampling.BICUBIC)


def harmonized(subject: Image.Image, matte: Image.Image, scene: Image.Image) -> Image.Image:
    """The subject with the scene's light on its rim: the scene, blurred, fades in towards it."""
    radius = max(1.0, min(subject.size) * SCALES.rim)
    light = scene.filter(ImageFilter.GaussianBlur(2 * radius))
    inside = matte.filter(ImageFilter.GaussianBlur(radius))
    rim = inside.point([round(COMPOSITING.wrap * (255 - level)) for level in range(256)])
    return Image.composite(light, subject, rim)
