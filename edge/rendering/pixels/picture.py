"""What travels through a plan: pixels, and where the subject is in them."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Self

import cv2
from PIL import Image

from edge.arrays import Levels
from edge.images import Box, Color, Size
from edge.rendering.pixels.buffers import array_of, filled, layers_over, without_alpha
from edge.rendering.pixels.geometry import Area
from edge.rendering.pixels.levels import LEVELS, snapped
from edge.reported import Synthesized

REDUCING_GAP = 3.0
"""Whole blocks are averaged first, as long as so many times the target's pixels stay: Pillow's
documentation calls that almost indistinguishable from resampling everything."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Pixels on their way: sRGB, upright, mode RGB or RGBA; nobody writes into them.

    `matte` (mode L, the same size) is the alpha of the subject once an op has found it; `subject`
    is the subject's box in this picture's pixels, None while unknown. `synthesized` says what of it
    no camera saw, None where nothing is. `decontaminated`: wherever the matte is above 0 the image
    holds the subject's foreground colours; elsewhere its colours mean nothing. `name` is the same
    for the same pixels and matte, empty where nobody gave it one. `rough`: the matte is only
    measured, never shown, so it is resized by the cheapest filter. `exact`: the matte is the
    original's own alpha, so its lowest and highest levels are not taken for noise. `array`: uint8
    [H, W, 4], where the image lies in one; its last channel is the matte's once the picture is
    decontaminated, and means nothing before. `laid_on`: the colour behind the subject, where it
    lies on one already.
    """

    image: Image.Image = field(repr=False)
    matte: Image.Image | None = field(default=None, repr=False)
    subject: Box | None = None
    synthesized: Synthesized | None = None
    decontaminated: bool = False
    name: str = ""
    rough: bool = False
    exact: bool = False
    array: Levels | None = field(default=None, repr=False)
    laid_on: Color | None = None

    @property
    def size(self) -> Size:
        return Size(*self.image.size)

    @property
    def clean_matte(self) -> Image.Image:
        """The matte (L) with levels near 0 set to 0 and near 255 to 255, unless it is `exact`."""
        assert self.matte is not None, "asked for only where there is a matte"
        return self.matte if self.exact else snapped(self.matte)

    @property
    def opaque(self) -> Image.Image:
        """The image, mode RGB; what is see-through shows its hidden colour."""
        return self.image if self.image.mode == "RGB" else self.image.convert("RGB")

    @property
    def has_alpha(self) -> bool:
        return self.image.mode == "RGBA"

    def with_image(self, image: Image.Image) -> Self:
        return replace(self, image=image, array=None, laid_on=None)

    def on(self, color: Color, canvas: Size | None = None, at: tuple[int, int] = (0, 0)) -> Self:
        """The subject of a decontaminated picture on one opaque colour, at a place of a canvas
        (default: its own); its matte with clean ends."""
        matte, canvas = self.clean_matte, canvas or self.size
        sheet = filled(canvas, color.rgb)
        sheet.paste(self.image, at, matte)
        whole = Image.new("L", sheet.size, 0)
        whole.paste(matte, at)
        moved = self.mapped(lambda _: sheet, lambda area, _: area.moved(*at), lambda _: whole)
        return replace(moved, laid_on=color)

    def cropped(self, box: Box) -> Self:
        """Only `box`, which is brought inside the picture first."""
        box = box.clamped(self.size)
        return self.mapped(
            lambda image: image.crop(box.as_tuple()),
            lambda area, _: area.moved(-box.left, -box.top),
        )

    def resized(self, size: Size, region: Area | None = None) -> Self:
        """`region` (default: all of it) resampled by Lanczos; alpha is premultiplied meanwhile."""
        kept = region or Area.whole(self.size)
        across, down = size.width / kept.width, size.height / kept.height
        target, edges = (size.width, size.height), kept.as_tuple()

        def smaller(image: Image.Image) -> Image.Image:
            return image.resize(target, Image.Resampling.LANCZOS, edges, REDUCING_GAP)

        def move(area: Area, _: Size) -> Area:
            return area.moved(-kept.left, -kept.top).scaled(across, down)

        def roughly(matte: Image.Image) -> Image.Image:
            return matte.resize(target, Image.Resampling.NEAREST, edges)

        if not (self.decontaminated and self.matte):
            return self.mapped(smaller, move, roughly if self.rough else None)
        together = smaller(self._together())
        matte = together.getchannel("A")
        if not self.exact:
            matte = Image.fromarray(unrung(array_of(matte)))
        resized = replace(self, matte=None).mapped(lambda _: without_alpha(together), move)
        return replace(resized, matte=matte)

    def mapped(
        self,
        change: Callable[[Image.Image], Image.Image],
        move: Callable[[Area, Size], Area],
        change_matte: Callable[[Image.Image], Image.Image] | None = None,
    ) -> Self:
        """The same change to image and matte, unless that has its own; `move` says where an area of
        a picture of that size goes."""
        image = change(self.image)
        matte = self.matte and (change_matte or change)(self.matte)
        subject = self.subject
        if subject:
            size = Size(*image.size)
            subject = move(Area.of(subject), self.size).within(size).outward(size)
        return replace(self, image=image, matte=matte, subject=subject, array=None, laid_on=None)

    def _together(self) -> Image.Image:
        """Image and matte as one picture, mode RGBA."""
        assert self.matte is not None, "asked for only where there is a matte"
        if self.array is not None:
            return layers_over(self.array)
        together = self.image.copy()
        together.putalpha(self.matte)
        return together


def without_ringing(alpha: int) -> int:
    """A level of alpha (0 to 255) with what Lanczos overshoots by cut off at both ends."""
    return min(255, max(0, round((alpha - LEVELS.halo) * 255 / (255 - 2 * LEVELS.halo))))


def unrung(alpha: Levels) -> Levels:
    """`without_ringing` of levels [H, W]; arithmetic takes two thirds of the time of a table."""
    less = cv2.subtract(alpha, (LEVELS.halo, 0, 0, 0))  # type: ignore[call-overload]  # at least 0
    found: Levels = cv2.convertScaleAbs(less, dst=less, alpha=255 / (255 - 2 * LEVELS.halo))
    return found
