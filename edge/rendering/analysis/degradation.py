"""Degradation: marks of compression or of a small sensor, which an enlargement would sharpen.

What a file says of its own compression comes first; grain is measured where it says nothing.
"""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from edge.arrays import Doubles, Places, Samples
from edge.rendering.numbers import tuned
from edge.rendering.pixels.buffers import array_of
from edge.rendering.pixels.levels import LEVELS
from edge.rendering.source.facts import Facts


@dataclass(frozen=True)
class DegradationNumbers:
    """From where on an original counts as degraded, and where its grain is measured."""

    clean_from: int = tuned(
        95,
        "quality of JPEG",
        "least quality whose marks stay below what a network trained on clean pictures takes for"
        " detail",
        "by 2, 7 photographs: the photo network is 0.6 dB better at JPEG 80, 0.2 at 90, as good as "
        "the clean one at 95, 0.1 worse at 97",
    )
    noisy_from: float = tuned(
        1.3,
        "levels",
        "least grain of the luma that shows once it is enlarged and sharpened",
        "noise of 2 levels in each channel; clean photographs of products measure 0.2 to 0.8",
    )
    strong_from: float = tuned(
        2.0,
        "levels",
        "least grain that the network for degraded photos does not take away by itself",
        "by 2, 7 photographs: to take grain of 2.8 levels down first gains 0.1 dB, of 2 nothing, "
        "of 1.4 it loses 0.2",
    )
    white: float = tuned(
        1.2,
        "ratio",
        "grain halves where four pixels become one; what loses less than this factor is cloth, "
        "paint or stone",
        "grey hoodies and concrete measure 0.4 to 0.8, grain 1.3 to 2.1",
    )
    tile: int = tuned(
        32,
        "pixels",
        "side of the tiles in which grain is measured",
        "grain of 0 to 5 levels on 13 photographs is told within 0.33 levels; 0.29 with half of "
        "it, 0.43 with twice",
    )
    across: int = tuned(
        12,
        "tiles",
        "looked at on each axis, at most: what that may take",
        "the same 0.33 levels; 0.30 with half as many, 0.33 with twice",
    )
    quietest: float = tuned(
        0.2,
        "share",
        "of the tiles, the quiet ones where grain is all there is; the rest holds texture as well",
        "the same 0.33 levels; 0.30 with half of it, 0.65 with twice",
    )


DEGRADATION = DegradationNumbers()


def reason(facts: Facts) -> str | None:
    """Why this original counts as degraded, half a sentence; None where it is clean."""
    if facts.quality is not None and facts.quality < DEGRADATION.clean_from:
        return f"compressed at quality {facts.quality}"
    if facts.noise is not None and facts.noise >= DEGRADATION.noisy_from:
        return f"grain of {facts.noise:.1f} levels"
    return None


def strong_grain(facts: Facts) -> float | None:
    """Grain that has to be taken down before anything is enlarged; None where there is little."""
    return (
        facts.noise if facts.noise is not None and facts.noise >= DEGRADATION.strong_from else None
    )


def noise(image: Image.Image) -> float | None:
    """Standard deviation of the luma's grain in levels of 255, 0 where what moves is texture; None
    where no part of the picture can show any.

    J. Immerkaer, "Fast Noise Variance Estimation", 1996, on the quietest of up to 144 tiles: a
    difference of two Laplacians that edges and gradients cancel in.
    """
    luma = image.convert("L")
    fine = _quietest(luma)
    if fine is None or fine < DEGRADATION.noisy_from:
        return fine
    return fine if fine >= DEGRADATION.white * (_quietest(luma.reduce(2)) or 0.0) else 0.0


def _quietest(luma: Image.Image) -> float | None:
    plane = array_of(luma)
    rows, columns = (_places(side) for side in plane.shape)
    tiles = plane[rows[:, None, :, None], columns[:, None]].reshape(
        -1, rows.shape[1], columns.shape[1]
    )
    middle = tiles.mean(axis=(1, 2))
    shows = (LEVELS.halo < middle) & (middle < 255 - LEVELS.halo)
    if min(tiles.shape[1:]) <= 2 or not shows.any():
        return None
    found = np.sort(_sigma(tiles[shows].astype(np.int16)))
    return round(float(found[int(len(found) * DEGRADATION.quietest)]), 2)


def _sigma(tiles: Samples) -> Doubles:
    """Of each tile int16 [N, h, w]."""
    down = tiles[:, :-2] - 2 * tiles[:, 1:-1] + tiles[:, 2:]
    both = down[..., :-2] - 2 * down[..., 1:-1] + down[..., 2:]
    sigma: Doubles = np.abs(both).mean(axis=(1, 2)) * math.sqrt(math.pi / 2) / 6
    return sigma


def _places(side: int) -> Places:
    """The pixels [tiles, pixels of one] of the tiles along a side."""
    room = max(0, side - DEGRADATION.tile)
    count = min(DEGRADATION.across, side // DEGRADATION.tile) or 1
    first = sorted({round(room * i / max(1, count - 1)) for i in range(count)})
    return np.add.outer(first, np.arange(min(side, DEGRADATION.tile)))
