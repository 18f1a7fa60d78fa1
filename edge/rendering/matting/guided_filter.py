"""Refines a coarse matte to the picture's size and edges by a guided filter.

Source: K. He and J. Sun, "Fast Guided Filter", 2015, arXiv:1505.00996.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from PIL import Image

from edge.arrays import Floats, Mask, Pixels, Shares
from edge.images import Box, Size
from edge.rendering.matting.outline import Outline
from edge.rendering.numbers import tuned
from edge.rendering.pixels.geometry import Area
from edge.rendering.pixels.levels import bounds
from edge.rendering.pixels.scales import SCALES

HE = 'He and Sun 2015, "Fast Guided Filter"'


@dataclass(frozen=True)
class GuidedFilterNumbers:
    """How a matte follows the picture's edges."""

    window: int = tuned(
        2,
        "cells",
        "radius of the guided filter's window",
        "mean error along 49 known outlines 34.9 levels; 35.3 with a window of 4 on cells half as "
        "large",
    )
    smoothness: float = tuned(
        1e-3,
        "variance of colour (0 to 1)",
        "under which a window of the guided filter counts as flat",
        HE,
    )
    steepness: float = tuned(
        2.0,
        "ratio",
        "times as steep a network's outline gets, which is softer than a product's",
        "along outlines of 12 composites alpha is off by 12.3 levels; 12.1 as it is, 13.5 with "
        "four times",
    )


GUIDED = GuidedFilterNumbers()


def sized(network: Pixels, width: int, height: int) -> Shares:
    """A matte uint8 [h, w] in another size [height, width], as shares."""
    small = cv2.resize(network, (width, height), interpolation=cv2.INTER_LINEAR)
    return small.astype(np.float32) / np.float32(255)


@dataclass(frozen=True, slots=True)
class Guide:
    """How alpha follows a picture's colours: `model` float32 [h, w, 4] holds slopes for red, green
    and blue (shares a level) and a share on a grid; 0 beside what was asked for."""

    model: Floats = field(repr=False)

    @classmethod
    def led(cls, image: Image.Image, network: Pixels, cells: Mask) -> "Guide":
        """A coarse matte uint8 [h, w] led along the picture's edges near some `cells` of it."""
        factor = min(1.0, SCALES.guided / max(image.size))
        size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
        model = np.zeros((size[1], size[0], 4), np.float32)
        if box := bounds(cells):
            # A window away from where it counts lies what both means still reach.
            inner = _box_in(box, cells, size, 2 * GUIDED.window + 2)
            guide = [plane[inner] for plane in _planes(image.resize(size, Image.Resampling.BOX))]
            *slopes, level = _linear(guide, _decided(sized(network, *size)[inner]))
            model[inner] = cv2.merge([*(slope / 255 for slope in slopes), level])
        return cls(model)

    def shares(self, outline: Outline, colours: Floats) -> Floats:
        """Alpha (0 to 1) [4, N] of an outline of `colours` [3, 4, N], mostly decided."""
        *slopes, led = outline.by_pixel(self.model)
        for slope, plane in zip(slopes, colours, strict=True):
            slope *= plane
            led += slope
        return _decided(led)


def _box_in(box: Box, cells: Mask, size: tuple[int, int], margin: int) -> tuple[slice, slice]:
    """Rows and columns of a picture of `size` that a box of cells covers, and a margin."""
    across, down = size[0] / cells.shape[1], size[1] / cells.shape[0]
    found = Area.of(box).scaled(across, down).outward(Size(*size)).grown(margin)
    found = found.clamped(Size(*size))
    return slice(found.top, found.bottom), slice(found.left, found.right)


def _planes(image: Image.Image) -> list[Floats]:
    """Red, green and blue as shares (0 to 1)."""
    levels = cv2.split(np.asarray(image))
    return [level.astype(np.float32) * np.float32(1 / 255) for level in levels]


def _decided(alpha: Floats) -> Floats:
    """As steep as a product's outline."""
    steeper: Floats = np.clip(GUIDED.steepness * alpha + (1 - GUIDED.steepness) / 2, 0, 1)
    return steeper


def _linear(guide: Sequence[Floats], alpha: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Slopes for red, green and blue, and level, of the local model alpha = slope I + level [h, w].

    The slopes solve a symmetric 3x3 system in each window, here by its adjugate, plane by plane:
    a quarter of the time that a general solver takes for as many small systems.
    """
    r, g, b = guide
    mr, mg, mb, ma = (_mean(plane) for plane in (r, g, b, alpha))
    flat = np.float32(GUIDED.smoothness)
    rr, gg, bb = (_mean(p * p) - m * m + flat for p, m in ((r, mr), (g, mg), (b, mb)))
    rg, rb, gb = _mean(r * g) - mr * mg, _mean(r * b) - mr * mb, _mean(g * b) - mg * mb
    ra, ga, ba = (_mean(p * alpha) - m * ma for p, m in ((r, mr), (g, mg), (b, mb)))
    first = (gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb)
    second = (first[1], rr * bb - rb * rb, rb * rg - rr * gb)
    third = (first[2], second[2], rr * gg - rg * rg)
    scale = 1 / (rr * first[0] + rg * first[1] + rb * first[2])
    slopes = [(row[0] * ra + row[1] * ga + row[2] * ba) * scale for row in (first, second, third)]
    level = ma - slopes[0] * mr - slopes[1] * mg - slopes[2] * mb
    red, green, blue, rest = (_mean(plane) for plane in (*slopes, level))
    return red, green, blue, rest


def _mean(plane: Floats) -> Floats:
    side = 2 * GUIDED.window + 1
    return cv2.blur(plane, (side, side))  # type: ignore[return-value]
