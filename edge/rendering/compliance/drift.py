"""How far the product's colours moved between the original and its rendition."""

from dataclasses import dataclass, field

import cv2
import numpy as np
from PIL import Image

from edge.images import Box, Color, Size
from edge.rendering.ops.flip import Flip
from edge.rendering.ops.frame import Frame
from edge.rendering.ops.rotate import Rotate
from edge.rendering.pixels.arrays import Floats, Mask
from edge.rendering.pixels.colour_difference import ciede2000, lab
from edge.rendering.pixels.geometry import Area
from edge.rendering.pixels.levels import LEVELS
from edge.rendering.pixels.picture import Picture
from edge.rendering.pixels.scales import SCALES
from edge.rendering.plan import Plan
from edge.reported import ColourShift


@dataclass(frozen=True, slots=True)
class Reference:
    """What of the original lies in the canvas, at most `SCALES.coarse` pixels large: enough for
    the colours of an area, too few for the edges that a network sharpens.

    `image` (RGB) is that; `part` where it lies, in fractions of the canvas; `inside` (bool [h, w])
    the pixels that are the product's beyond doubt.
    """

    image: Image.Image = field(repr=False)
    inside: Mask = field(repr=False)
    part: Area


def reference(source: Image.Image, plan: Plan, final: Picture) -> Reference | None:
    """The original under its final picture; None where they share no pixel that could be compared.

    Args:
        source: the original as it was decoded, upright.
        final: what the plan made of it; where it carries a matte only the subject counts.
    """
    image, frame = source.convert("RGB"), None
    scale = source.width / plan.source.width
    for step in plan.steps:
        if isinstance(step, Rotate | Flip):
            image = step.apply(Picture(image)).image
        elif isinstance(step, Frame):
            frame = step
    if frame is None:
        return None
    content = Area.of(Box(0, 0, *_pair(frame.content))).moved(*frame.at)
    shown = content.within(frame.canvas)
    if shown.width < 1 or shown.height < 1:
        return None
    across, down = frame.region.width / content.width, frame.region.height / content.height
    region = shown.moved(-content.left, -content.top).scaled(across, down)
    region = region.moved(frame.region.left, frame.region.top).scaled(scale, scale)
    factor = SCALES.coarse / max(shown.width, shown.height)
    size = max(1, round(shown.width * factor)), max(1, round(shown.height * factor))
    image = _small(image, size, region.within(Size(*image.size)))
    part = shown.scaled(1 / frame.canvas.width, 1 / frame.canvas.height)
    return Reference(image, _inside(final.matte, size, part), part)


def _pair(size: Size) -> tuple[int, int]:
    return size.width, size.height


def _small(image: Image.Image, size: tuple[int, int], part: Area) -> Image.Image:
    """The part, in pixels, at that size: sampled alike whatever it was before."""
    return image.resize(size, Image.Resampling.BOX, part.as_tuple(), reducing_gap=2.0)


def _inside(matte: Image.Image | None, size: tuple[int, int], part: Area) -> Mask:
    if matte is None:
        return np.ones(size[::-1], bool)
    whole = np.asarray(_small(matte, size, part.scaled(*matte.size))) >= LEVELS.solid
    sure: Mask = cv2.erode(whole.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0).astype(
        bool
    )
    return sure


def compare(finished: Image.Image, known: Reference, swatch: Color | None) -> ColourShift:
    """The colours of a finished picture, of any size and the canvas's shape, against those."""
    here = known.part.scaled(*finished.size)
    opaque = finished if finished.mode == "RGB" else finished.convert("RGB")
    made = lab(np.asarray(_small(opaque, known.image.size, here))[known.inside])
    if not len(made):
        return ColourShift(None, None)
    moved = ciede2000(lab(np.asarray(known.image)[known.inside]), made)
    median, top = np.percentile(moved, (50, 95)).round(2).tolist()
    return ColourShift(median, top, None if swatch is None else distance(made, swatch))


def distance(product: Floats, swatch: Color) -> float:
    """CIEDE2000 from a swatch to the mean of the quarter of the product (Lab [N, 3]) that is
    nearest to it: shading and other colours beside the brand's do not count."""
    wanted = lab(np.array([swatch.rgb], np.uint8))
    away = ciede2000(product, np.broadcast_to(wanted, product.shape))
    nearest = product[np.argsort(away, kind="stable")[: max(1, len(product) // 4)]]
    return round(float(ciede2000(nearest.mean(0, keepdims=True), wanted)[0]), 2)
