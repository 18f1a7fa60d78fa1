"""What can be measured on a finished picture: its background, the subject's box, its border.

A finished picture comes without a matte, so the background is what looks like it and is joined to
the border. It is judged in blocks of 8x8 pixels, the unit in which JPEG rounds: in a block that
holds nothing but background every pixel can be exact, in one that the outline crosses no codec
keeps it so. A block next to such a one is left out as well, for a soft or pale outline reaches into
it.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from edge.images import Box, Color
from edge.rendering.analysis.background import border_depth
from edge.rendering.numbers import tuned
from edge.rendering.pixels.arrays import Levels, Mask
from edge.rendering.pixels.levels import LEVELS, span
from edge.rendering.pixels.morphology import EDGE, border, flood, shrunk

BLOCK = 8
"""Pixels: JPEG's unit."""

_LINE = EDGE
"""Pixels: how wide a drawn border is at least."""


@dataclass(frozen=True)
class MeasurementNumbers:
    """What is measured of a finished picture."""

    agreed: float = tuned(
        0.9, "share", "of a border that says what the border is; the rest may be anything"
    )


MEASUREMENTS = MeasurementNumbers()


@dataclass(frozen=True, slots=True)
class BackgroundMeasurement:
    """The background of one colour as it came out.

    `border` is the share of the picture's border that is background; `exact` the share of the
    background's blocks in which every pixel has exactly the colour; `worst` how many levels the
    farthest pixel of them is off. `subject` is the box of all that is not background, None where
    nothing is.
    """

    border: float
    exact: float
    worst: int
    subject: Box | None


def measure_background(
    pixels: Levels, color: Color, matte: Image.Image | None = None
) -> BackgroundMeasurement:
    """Measure the background of a picture [H, W, 3] against the colour that it should have.

    Where there is a matte (L, of the same size), blocks that hold a pixel which is all subject are
    none of the background's, however pale, as long as they go on to some that are not.
    """
    height, width = pixels.shape[:2]
    rows = pixels.reshape(height, -1)
    subject = None if matte is None else _blocks(np.asarray(matte), 1) >= LEVELS.solid
    if color.rgb == (255, 255, 255):
        return _background(~rows, 3, subject)  # the usual one, in one pass instead of three
    wanted = np.tile(np.asarray(color.rgb, np.uint8), width)
    return _background(np.maximum(rows, wanted) - np.minimum(rows, wanted), 3, subject)


def measure_clear_background(image: Image.Image) -> BackgroundMeasurement:
    """The same for a picture, mode RGBA, whose background should be see-through; levels of
    alpha."""
    return _background(np.asarray(image.getchannel("A")), 1)


def _background(away: Levels, channels: int, subject: Mask | None = None) -> BackgroundMeasurement:
    """From the levels [H, W * channels] by which each value is off, and the blocks that are the
    subject's."""
    worst = _blocks(away, channels)
    edge = border(worst.shape)
    near = worst <= LEVELS.near
    if subject is not None:
        near &= ~flood(subject, subject & ~near)
    joined = flood(near, edge)
    background = shrunk(joined, 1)
    found = bool(background.any())
    # numpy's own maximum: OpenCV's reduction of large pictures takes seventy times as long
    across, down = (np.maximum.reduce(away, axis=axis) > LEVELS.near for axis in (0, 1))
    return BackgroundMeasurement(
        round(float(np.mean(joined[edge])), 4),
        float(np.mean(worst[background] == 0)) if found else 0.0,
        int(worst[background].max()) if found else 255,
        span(down, np.logical_or.reduce(across.reshape(-1, channels), axis=1)),
    )


def _blocks(levels: Levels, channels: int) -> Levels:
    """The greatest level of each block; the last ones may be narrower."""
    wide = BLOCK * channels
    height, width = levels.shape
    if height % BLOCK or width % wide:
        levels = np.pad(levels, ((0, -height % BLOCK), (0, -width % wide)), mode="edge")
    rows = levels.reshape(levels.shape[0] // BLOCK, BLOCK, levels.shape[1])
    tall = np.maximum.reduce(rows, axis=1).reshape(len(rows), -1, wide)
    greatest: Levels = np.maximum.reduce(np.ascontiguousarray(tall.transpose(2, 0, 1)), axis=0)
    return greatest


def chroma_of_border(pixels: Levels, matte: Image.Image | None = None) -> int:
    """Levels between the channels that nine tenths of the border stay under: 0 is pure grey.

    Args:
        pixels: RGB [H, W, 3].
        matte: L, of the same size; the subject's part of the border is left out.
    """
    depth = border_depth(min(pixels.shape[:2]))
    ring = _ring(pixels, depth)
    if matte is not None:
        ring = ring[_ring(np.asarray(matte)[..., None], depth)[:, 0] <= LEVELS.halo]
    if not len(ring):
        return 0
    chroma = ring.max(axis=1).astype(np.int16) - ring.min(axis=1)
    return int(np.percentile(chroma, 100 * MEASUREMENTS.agreed))


def has_drawn_border(pixels: Levels) -> bool:
    """Whether a frame of one colour runs around a picture [H, W, 3], unlike what is inside it."""
    least = min(pixels.shape[:2])
    depth = 2 * border_depth(least)
    if least < 4 * depth:
        return False
    outer = _ring(pixels, _LINE).astype(np.int16)
    colour = np.median(outer, axis=0)
    even = np.mean(np.abs(outer - colour).max(axis=1) <= LEVELS.near)
    inner = _ring(pixels[depth:-depth, depth:-depth], _LINE).astype(np.int16)
    unlike = np.mean(np.abs(inner - colour).max(axis=1) > LEVELS.near)
    return bool(min(even, unlike) > MEASUREMENTS.agreed)


def _ring(pixels: Levels, depth: int) -> Levels:
    """The outermost pixels as a list [N, 3]."""
    sides = (pixels[:depth], pixels[-depth:], pixels[depth:-depth, :depth])
    strips = [*sides, pixels[depth:-depth, -depth:]]
    return np.concatenate([strip.reshape(-1, pixels.shape[2]) for strip in strips])
