"""Shadows on a plain ground: what a darkened cell may look like and still be ground.

A shadow has the ground's colour with less light. On coloured paper it is somewhat more saturated,
because what light it gets was reflected by the paper before.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from edge.rendering.regions import Mask, components, flood, grown, shrunk

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

COLOURED, HARD_DEPTH, HARD_SHARE = 40.0, 0.5, 0.35
"""Levels of `colourfulness` from which colour alone tells a shadow; the darkest such shadow; and of
what the ground does not reach, the most that it may be."""

SHADOW_DEPTH = 0.22
"""The darkest that a shadow leaves of the ground's light; under it, black products begin."""

TINT = 11.0
"""Levels by which a shadow's colour may stray from the darkened ground's."""

BOUNCE, BOUNCE_MOST, TINGED = 80.0, 36.0, 8.0
"""Levels by which a shadow may be more saturated than the darkened ground, per share of light lost
and at most: paper lights its own shadow, and the product does, by paper's light. From this
colourfulness on, a ground has a colour to be saturated in."""

QUIET, LIT = 9.0, 180.0
"""Levels of calm up to which, and of the strongest channel from which, coloured ground is paper of
a studio: there pale outlines show which on cloth and in dim light drown."""

PALER, HUES = 4.0, 0.38
"""Levels by which a hard shadow on such paper may be less saturated than the darkened ground. Times
calm, how far the hue strays within one hard shadow on such paper (standard deviation): on
a product of the paper's hue it strays more."""


def shade_of(grid: Floats, ground: Floats) -> tuple[Floats, Floats]:
    """How much of the ground's light each cell has [h, w], and how many levels its colour is off
    from a ground of that light."""
    squared = np.maximum(np.einsum("hwc,hwc->hw", ground, ground), 1.0)
    light: Floats = np.einsum("hwc,hwc->hw", grid, ground) / squared
    return light, worst(np.abs(grid - light[..., None] * ground))


def bounced(grid: Floats, surface: Floats, light: Floats) -> Mask:
    """Shadows that are more saturated than the darkened ground, by what may have been reflected."""
    found = np.zeros(light.shape, np.bool_)
    if colourfulness(surface) < TINGED:
        return found
    places = np.nonzero((light < 0.97) & (light >= SHADOW_DEPTH))
    lit = light[places]
    off = grid[places] - lit[:, None] * surface[places]
    vivid = _vivid(surface)
    most = np.minimum(BOUNCE * (1 - lit), BOUNCE_MOST)
    off -= np.clip(off @ vivid, 0, most)[:, None] * vivid
    found[places] = worst(np.abs(off)) <= TINT
    return found


def hue_steps(grid: Floats, surface: Floats) -> Floats:
    """Levels of colour, apart from light, between the least and the greatest of each 3x3 [h, w]."""
    padded = np.pad(grid @ _vivid(surface), 1, mode="edge")
    rows = np.stack([padded[:-2], padded[1:-1], padded[2:]])
    high, low = rows.max(axis=0), rows.min(axis=0)
    high = np.maximum(np.maximum(high[:, :-2], high[:, 1:-1]), high[:, 2:])
    low = np.minimum(np.minimum(low[:, :-2], low[:, 1:-1]), low[:, 2:])
    steps: Floats = high - low
    return steps


def hard(
    grid: Pixels, ground: Mask, behind: Pixels, surface: Floats, steps: Pixels, calm: float
) -> Mask:
    """Cells of shadows with a sharp edge that `ground` [h, w] does not hold yet.

    On coloured paper a shadow has its colour and no product does, so it needs no soft edge; on
    white and grey paper white and grey products would be shadows, so none is found there. `behind`
    is the ground as it would be without the subject, `steps` the levels within three cells.
    """
    none = np.zeros_like(ground)
    if colourfulness(surface) < COLOURED:
        return none
    light, tint = shade_of(grid.astype(np.float32), behind.astype(np.float32))
    alike = (tint <= TINT) & ~ground
    alike &= (light >= HARD_DEPTH) & (light <= 1.05)
    hue = (grid - light[..., None] * behind) @ _vivid(surface)
    paper = is_paper(surface, calm)
    if paper:
        alike &= hue >= -PALER
    flat = alike & (steps <= calm)
    shadow = flood(flat, shrunk(flat, 1))
    if np.count_nonzero(shadow) > HARD_SHARE * np.count_nonzero(~ground):
        return none
    found = flood(shadow | (alike & grown(shadow, 5)), shadow)
    return _of_one_hue(found, hue, HUES * calm) if paper else found


def _of_one_hue(cells: Mask, hue: Floats, most: float) -> Mask:
    """The regions whose hue strays by no more than `most` levels (standard deviation)."""
    labels, count = components(cells)
    sizes = np.maximum(np.bincount(labels.ravel(), minlength=count + 1), 1)
    mean = np.bincount(labels.ravel(), hue.ravel(), count + 1) / sizes
    square = np.bincount(labels.ravel(), np.square(hue).ravel(), count + 1) / sizes
    even = square - np.square(mean) <= most * most
    even[0] = False
    kept: Mask = even[labels]
    return kept


def is_paper(surface: Floats, calm: float) -> bool:
    """Whether the ground is coloured, quiet and light."""
    lit = float(np.median(surface[::4, ::4].max(axis=2)))
    return colourfulness(surface) >= COLOURED and calm <= QUIET and lit >= LIT


def colourfulness(ground: Pixels | Floats) -> float:
    """Levels between the ground's strongest and weakest channel."""
    few = ground[::4, ::4].astype(np.float32)
    return float(np.median(few.max(axis=2) - few.min(axis=2)))


def _vivid(ground: Floats) -> Floats:
    """The unit colour along which the ground gets more saturated and no lighter [3]."""
    own = np.median(ground[::4, ::4].reshape(-1, 3), axis=0)
    own = own / np.linalg.norm(own)
    grey = np.full(3, 3**-0.5, np.float32)
    away: Floats = (grey @ own) * own - grey
    return away / np.linalg.norm(away)


def worst(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The greatest of three channels; numpy's own maximum over so short an axis is slow."""
    worst: npt.NDArray[Any] = np.maximum(np.maximum(values[..., 0], values[..., 1]), values[..., 2])
    return worst
