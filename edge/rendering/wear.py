"""Wear: whether compression or a small sensor has left marks that an enlargement would sharpen.

What a file says of its own compression comes first; grain is measured where it says nothing.
"""

import math

import numpy as np
import numpy.typing as npt
from PIL import Image

from edge.rendering.facts import Facts

CLEAN_FROM = 95
"""Least quality (JPEG's scale) whose marks stay below what a network trained on clean pictures
takes for detail."""

NOISY_FROM = 1.3
"""Least grain of the luma, in levels of 255, that shows once it is enlarged and sharpened: noise of
2 levels in each channel. Clean photographs of products measure 0.2 to 0.8."""

_TILE = 32
_ACROSS = 12  # tiles looked at on each axis
_QUIETEST = 0.2  # of the tiles: where grain is all there is; the rest holds texture as well
_CLIPPED = 6  # levels from black or white, where noise is cut off


def reason(facts: Facts) -> str | None:
    """Why this original counts as worn, half a sentence; None where it is clean."""
    if facts.quality is not None and facts.quality < CLEAN_FROM:
        return f"compressed at quality {facts.quality}"
    if facts.noise is not None and facts.noise >= NOISY_FROM:
        return f"grain of {facts.noise:.1f} levels"
    return None


def noise(image: Image.Image) -> float | None:
    """Standard deviation of the grain in levels of 255, None where no tile can show any.

    J. Immerkaer, "Fast Noise Variance Estimation", 1996, on the quietest of up to 144 tiles of the
    luma: a difference of two Laplacians that edges and gradients cancel in.
    """
    plane = np.asarray(image.convert("L"), dtype=np.float32)
    tiles = [
        plane[top : top + _TILE, left : left + _TILE]
        for top in _places(plane.shape[0])
        for left in _places(plane.shape[1])
    ]
    found = sorted(_sigma(tile) for tile in tiles if _shows(tile))
    return round(found[int(len(found) * _QUIETEST)], 2) if found else None


def _shows(tile: npt.NDArray[np.float32]) -> bool:
    return min(tile.shape) >= 8 and _CLIPPED < float(tile.mean()) < 255 - _CLIPPED


def _sigma(tile: npt.NDArray[np.float32]) -> float:
    down = tile[:-2] - 2 * tile[1:-1] + tile[2:]
    both = down[:, :-2] - 2 * down[:, 1:-1] + down[:, 2:]
    return float(np.abs(both).mean()) * math.sqrt(math.pi / 2) / 6


def _places(side: int) -> list[int]:
    room = max(0, side - _TILE)
    count = min(_ACROSS, side // _TILE) or 1
    return sorted({round(room * i / max(1, count - 1)) for i in range(count)})
