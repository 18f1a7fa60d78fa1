"""The original under a finished picture, with which its colours are compared."""

import cv2
import numpy as np
from PIL import Image

from edge.arrays import Mask
from edge.images import Box, Size
from edge.rendering.compliance.drift import DriftReference, reduced
from edge.rendering.pixels.buffers import array_of
from edge.rendering.pixels.geometry import Area
from edge.rendering.pixels.levels import LEVELS
from edge.rendering.pixels.picture import Picture
from edge.rendering.pixels.scales import SCALES
from edge.rendering.plan import Plan


def reference(source: Image.Image, plan: Plan, final: Picture) -> DriftReference | None:
    """The original under its final picture; None where they share no pixel that could be compared.

    Args:
        source: the original as it was decoded, upright.
        final: what the plan made of it; where it carries a matte only the subject counts.
    """
    image, framing = source if source.mode == "RGB" else source.convert("RGB"), plan.framing
    scale = source.width / plan.source.width
    for turn in plan.turns:
        image = turn.apply(Picture(image)).image
    content = Area.of(Box(0, 0, *_pair(framing.content))).moved(*framing.at)
    shown = content.within(framing.canvas)
    if shown.width < 1 or shown.height < 1:
        return None
    across, down = framing.region.width / content.width, framing.region.height / content.height
    region = shown.moved(-content.left, -content.top).scaled(across, down)
    region = region.moved(framing.region.left, framing.region.top).scaled(scale, scale)
    factor = SCALES.coarse / max(shown.width, shown.height)
    size = max(1, round(shown.width * factor)), max(1, round(shown.height * factor))
    image = reduced(image, size, region.within(Size(*image.size)))
    part = shown.scaled(1 / framing.canvas.width, 1 / framing.canvas.height)
    return DriftReference(image, _inside(final.matte, size, part), part)


def _pair(size: Size) -> tuple[int, int]:
    return size.width, size.height


def _inside(matte: Image.Image | None, size: tuple[int, int], part: Area) -> Mask:
    if matte is None:
        return np.ones(size[::-1], bool)
    half = matte.width // 2, matte.height // 2
    if min(half) >= 2 * max(size):  # the engine's means of one band are slow
        means = cv2.resize(array_of(matte), half, interpolation=cv2.INTER_AREA)
        matte = Image.fromarray(means)
    whole = np.asarray(reduced(matte, size, part.scaled(*matte.size))) >= LEVELS.solid
    sure: Mask = cv2.erode(whole.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0).astype(
        bool
    )
    return sure
