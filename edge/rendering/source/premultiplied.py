"""Colours that a writer has weighted by alpha and did not say so.

PNG and WebP hold colours as they are (PNG, third edition, section 4.3, "Alpha channel"); some tools
write them weighted all the same. Taken as they are, every soft edge gets a dark fringe.
"""

import numpy as np
from PIL import Image

from edge.rendering.pixels.arrays import Floats, Levels, Mask

_ROUNDING = 1
"""Levels by which a weighted colour may exceed its alpha."""

_MOST_OVER = 0.001
"""Of the soft pixels, those that may do so all the same: damage by a lossy codec."""

_SOFT = 64
"""Alpha under which a weighted colour has too few levels left to be judged by."""

_APART, _STEP = 3, 8
"""Pixels between the two of a pair that is compared, and the levels of alpha that they differ by at
least."""

_LEAST = 64
"""Pairs under which nothing is told."""

_ENOUGH = 1_000_000
"""Pixels that are looked at, about: of larger pictures every few rows."""


def straightened(image: Image.Image) -> Image.Image:
    """The picture (RGBA) with its colours as they are without alpha.

    Where no colour exceeds its alpha, and colours that are close together under different alpha
    become more alike once the weight is taken away, they were weighted by it. All else comes back
    as it is: black shadows look the same both ways, and dark edges become less alike.
    """
    pixels = np.asarray(image)
    alpha = pixels[..., 3]
    soft = (alpha > 0) & (alpha < 255)
    if not soft.any() or not _weighted(pixels, soft):
        return image
    colours = pixels[..., :3].astype(np.uint16) * np.uint16(255) // np.maximum(alpha, 1)[..., None]
    whole = np.dstack([np.minimum(colours, 255).astype(np.uint8), alpha])
    return Image.fromarray(whole, "RGBA")


def _weighted(pixels: Levels, soft: Mask) -> bool:
    every = max(1, soft.size // _ENOUGH)
    pixels, soft = pixels[::every], soft[::every]
    brightest = pixels[..., :3].max(axis=2).astype(np.int16)
    over = soft & (brightest > pixels[..., 3].astype(np.int16) + _ROUNDING)
    if np.count_nonzero(over) > _MOST_OVER * np.count_nonzero(soft):
        return False
    pairs = _pairs(pixels)
    if len(pairs) < _LEAST:
        return False
    colours, alpha = pairs[..., :3], pairs[..., 3:]
    without = colours * 255 / alpha
    apart, apart_without = (np.abs(one[:, 0] - one[:, 1]).mean() for one in (colours, without))
    return bool(apart_without < apart / 2)


def _pairs(pixels: Levels) -> Floats:
    """Pixels that are close together in a row, of clearly different alpha: float32 [N, 2, 4]."""
    near, far = pixels[:, :-_APART], pixels[:, _APART:]
    one, other = near[..., 3].astype(np.int16), far[..., 3].astype(np.int16)
    found = (np.minimum(one, other) >= _SOFT) & (np.abs(one - other) >= _STEP)
    return np.stack([near[found], far[found]], axis=1).astype(np.float32)
