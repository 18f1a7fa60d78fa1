"""Measurements on a finished picture: its background, the subject's box, its border.

A finished picture comes without a matte, so the background is what looks like it and is joined to
the border. It is judged in blocks of 8x8 pixels, the unit in which JPEG rounds: in a block that
holds nothing but background every pixel can be exact, in one that the outline crosses no codec
keeps it so. A block next to such a one is left out as well, for a soft or pale outline reaches into
it.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from edge.arrays import Doubles, Levels, Mask, Samples
from edge.images import Box, Color
from edge.rendering.analysis.analyze import ANALYSIS
from edge.rendering.analysis.background import border_depth
from edge.rendering.pixels.buffers import array_of
from edge.rendering.pixels.levels import LEVELS, span
from edge.rendering.pixels.morphology import EDGE, border, flood, shrunk
from edge.rendering.pixels.sampling import middle_of

BLOCK = 8
"""Pixels: JPEG's unit."""

_LINE = EDGE
"""Pixels: how wide a drawn border is at least."""


@dataclass(frozen=True, slots=True)
class BackgroundMeasurement:
    """The measured background of one colour.

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
    """Measure the background of a picture [H, W, 3 or 4] against the colour that it should have; a
    fourth channel is passed over.

    Where there is a matte (L, of the same size), blocks that hold a pixel which is all subject are
    none of the background's, however pale, as long as they go on to some that are not.
    """
    subject = None if matte is None else _blocks(array_of(matte)) >= LEVELS.solid
    given = (*color.rgb, 255)[: pixels.shape[2]]
    return _background(pixels, given, subject)


def measure_clear_background(image: Image.Image) -> BackgroundMeasurement:
    """The same for a picture, mode RGBA, whose background should be see-through; levels of
    alpha."""
    return _background(array_of(image.getchannel("A"))[..., None], (0,))


def _background(
    pixels: Levels, wanted: tuple[int, ...], subject: Mask | None = None
) -> BackgroundMeasurement:
    """From a picture [H, W, C], the levels that it should have there, and the blocks that are the
    subject's."""
    away = _away(pixels, wanted)
    worst = _across(away, len(wanted))
    edge = border(worst.shape)
    near = worst <= LEVELS.near
    if subject is not None:
        near &= ~flood(subject, subject & ~near)
    joined = flood(near, edge)
    background = shrunk(joined, 1)
    found = bool(background.any())
    return BackgroundMeasurement(
        round(float(np.mean(joined[edge])), 4),
        float(np.mean(worst[background] == 0)) if found else 0.0,
        int(worst[background].max()) if found else 255,
        _subject(pixels, wanted, away),
    )


def _subject(pixels: Levels, wanted: tuple[int, ...], away: Levels) -> Box | None:
    """The box of all that is not background, to the pixel, by what is off in rows of blocks."""
    off = away > LEVELS.near
    columns = np.logical_or.reduce(
        np.logical_or.reduce(off, axis=0).reshape(-1, len(wanted)), axis=1
    )
    rows = np.zeros(len(pixels), np.bool_)
    blocks = np.flatnonzero(np.logical_or.reduce(off, axis=1))
    for block in {*blocks[:1].tolist(), *blocks[-1:].tolist()}:
        part = slice(block * BLOCK, (block + 1) * BLOCK)
        lines = _away(pixels[part], wanted, 1) > LEVELS.near
        rows[part] = np.logical_or.reduce(lines, axis=1)
    return span(rows, columns)


def _away(pixels: Levels, wanted: tuple[int, ...], block: int = BLOCK) -> Levels:
    """The levels [h, W * C] by which each column is off at most, in every block of rows; by numpy,
    for OpenCV's reductions of large pictures take seventy times as long."""
    if set(wanted) == {255}:  # the usual one, and what a matte asks, in one pass instead of two
        return ~_reduced(np.minimum, pixels, block)
    most = _reduced(np.maximum, pixels, block)
    if set(wanted) == {0}:
        return most
    level = np.tile(np.asarray(wanted, np.uint8), pixels.shape[1])
    least = np.minimum(_reduced(np.minimum, pixels, block), level)
    found: Levels = np.maximum(np.maximum(most, level) - level, level - least)
    return found


def _reduced(which: np.ufunc, pixels: Levels, block: int) -> Levels:
    """The least or greatest of each column in every block of rows; the last may be lower."""
    rows, whole = pixels.reshape(len(pixels), -1), len(pixels) - len(pixels) % block
    found: Levels = which.reduce(rows[:whole].reshape(-1, block, rows.shape[1]), axis=1)
    if whole < len(rows):
        found = np.concatenate([found, which.reduce(rows[whole:], axis=0, keepdims=True)])
    return found


def _across(away: Levels, channels: int) -> Levels:
    """The greatest level in each block of columns; the last one may be narrower."""
    wide = BLOCK * channels
    if rest := -away.shape[1] % wide:
        away = np.pad(away, ((0, 0), (0, rest)))
    tall = cv2.transpose(away).reshape(-1, wide, len(away))  # along a long axis numpy is quick
    return np.ascontiguousarray(np.maximum.reduce(tall, axis=1).T)


def _blocks(levels: Levels) -> Levels:
    """The greatest level of each block [H, W]."""
    return _across(_away(levels[..., None], (0,)), 1)


def chroma_of_border(pixels: Levels, matte: Image.Image | None = None) -> int:
    """Levels between the channels that most of the border stays under: 0 is pure grey.

    Args:
        pixels: RGB [H, W, 3 or 4].
        matte: L, of the same size; the subject's part of the border is left out.
    """
    depth = border_depth(min(pixels.shape[:2]))
    ring = _ring(pixels[..., :3], depth)
    if matte is not None:
        ring = ring[_ring(np.asarray(matte)[..., None], depth)[:, 0] <= LEVELS.halo]
    if not len(ring):
        return 0
    chroma = ring.max(axis=1).astype(np.int16) - ring.min(axis=1)
    return int(np.percentile(chroma, 100 * ANALYSIS.uniform))


def has_drawn_border(pixels: Levels) -> bool:
    """Whether a frame of one colour runs around a picture [H, W, 3 or 4], unlike what is inside."""
    pixels = pixels[..., :3]
    least = min(pixels.shape[:2])
    depth = 2 * border_depth(least)
    if least <= 2 * (depth + _LINE):
        return False  # nothing is inside
    outer = _ring(pixels, _LINE)
    colour = middle_of(outer)
    even = np.mean(_off(outer, colour) <= LEVELS.near)
    inner = _ring(pixels[depth:-depth, depth:-depth], _LINE)
    unlike = np.mean(_off(inner, colour) > LEVELS.near)
    return bool(min(even, unlike) > ANALYSIS.uniform)


def _off(ring: Samples, colour: Doubles) -> Doubles:
    """Levels by which pixels [N, 3] are off a colour in the worst channel; numpy's maximum over an
    axis of three is slow."""
    off: Doubles = np.maximum.reduce([np.abs(ring[:, i] - level) for i, level in enumerate(colour)])
    return off


def _ring(pixels: Levels, depth: int) -> Levels:
    """The outermost pixels as a list [N, 3]."""
    sides = (pixels[:depth], pixels[-depth:], pixels[depth:-depth, :depth])
    strips = [*sides, pixels[depth:-depth, -depth:]]
    return np.concatenate([strip.reshape(-1, pixels.shape[2]) for strip in strips])
