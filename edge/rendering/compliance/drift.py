"""How far the product's colours moved between the original and its rendition."""

from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from edge.arrays import Lab, Mask
from edge.images import Color
from edge.rendering.pixels.colour_difference import ciede2000, lab
from edge.rendering.pixels.geometry import Area
from edge.reported import ColourShift

_PERCENTILES = (50, 95)
"""Of the product's pixels: what is reported, and what `drift_max` limits."""

_NEAREST = 4
"""Of so many of the product's pixels the nearest one is held against a swatch."""


@dataclass(frozen=True, slots=True)
class DriftReference:
    """The part of the original that lies in the canvas, at most `SCALES.coarse` pixels large:
    enough for the colours of an area, too few for the edges that a network sharpens.

    `image` (RGB) is that; `part` where it lies, in fractions of the canvas; `inside` (bool [h, w])
    the pixels that are the product's beyond doubt.
    """

    image: Image.Image = field(repr=False)
    inside: Mask = field(repr=False)
    part: Area


def reduced(image: Image.Image, size: tuple[int, int], part: Area) -> Image.Image:
    """The part, in pixels, at that size: sampled alike whatever it was before."""
    return image.resize(size, Image.Resampling.BOX, part.as_tuple(), reducing_gap=2.0)


def compare(finished: Image.Image, known: DriftReference, swatch: Color | None) -> ColourShift:
    """The colours of a finished picture, of any size and the canvas's shape, against those."""
    here = known.part.scaled(*finished.size)
    opaque = finished if finished.mode == "RGB" else finished.convert("RGB")
    colours = lab(np.asarray(reduced(opaque, known.image.size, here))[known.inside])
    if not len(colours):
        return ColourShift(None, None)
    moved = ciede2000(lab(np.asarray(known.image)[known.inside]), colours)
    median, top = np.percentile(moved, _PERCENTILES).round(2).tolist()
    return ColourShift(median, top, None if swatch is None else distance(colours, swatch))


def distance(product: Lab, swatch: Color) -> float:
    """CIEDE2000 from a swatch to the mean of the quarter of the product (Lab [N, 3]) that is
    nearest to it: shading and other colours beside the brand's do not count."""
    wanted = lab(np.array([swatch.rgb], np.uint8))
    away = ciede2000(product, np.broadcast_to(wanted, product.shape))
    nearest = product[np.argsort(away, kind="stable")[: max(1, len(product) // _NEAREST)]]
    return round(float(ciede2000(nearest.mean(0, keepdims=True), wanted)[0]), 2)
