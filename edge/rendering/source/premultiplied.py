"""Colours that a writer has weighted by alpha and did not say so.

PNG and WebP hold colours as they are (PNG, third edition, section 4.3, "Alpha channel"); some tools
write them weighted all the same. Taken as they are, every soft edge gets a dark fringe.
"""

import numpy as np
from PIL import Image, ImageChops

from edge.rendering.pixels.arrays import Floats, Levels

_ROUNDING = 1
"""Levels by which a weighted colour may exceed its alpha."""

_MOST_OVER = 0.001
"""Of the soft pixels, those that may do so all the same: damage by a lossy codec."""

_SPARSE, _CLEARLY_OVER = 4, 0.05
"""Step of the first look, and the share of soft pixels there that needs no second one."""

_IS_SOFT = [0] + [255] * 254 + [0]
"""A mask of what is neither clear nor solid, by alpha."""

_SOFT = 64
"""Alpha under which a weighted colour has too few levels left to be judged by."""

_APART, _STEP = 3, 8
"""Pixels between the two of a pair that is compared, and the levels of alpha that they differ by at
least."""

_LEAST = 64
"""Pairs, or soft pixels, under which nothing is told."""

_ENOUGH = 1_000_000
"""Pixels in which pairs are looked for, about: of larger pictures every few rows."""


def straightened(image: Image.Image) -> Image.Image:
    """The picture (RGBA) with its colours as they are without alpha.

    Where no colour exceeds its alpha, and colours that are close together under different alpha
    become more alike once the weight is taken away, they were weighted by it. All else comes back
    as it is: black shadows look the same both ways, and dark edges become less alike.
    """
    if not _may_be_weighted(image):
        return image
    pixels = np.asarray(image)
    if not _weighted(pixels):
        return image
    alpha = pixels[..., 3:]
    colours = pixels[..., :3].astype(np.uint16) * np.uint16(255) // np.maximum(alpha, 1)
    whole = np.dstack([np.minimum(colours, 255).astype(np.uint8), alpha])
    return Image.fromarray(whole, "RGBA")


def _may_be_weighted(image: Image.Image) -> bool:
    """Whether there are soft pixels, and no colour of theirs exceeds its alpha.

    By the engine, and first on every fourth pixel of every fourth row, where most see-through
    pictures show it: numpy took longer to tell than the decoder takes.
    """
    size = max(1, image.width // _SPARSE), max(1, image.height // _SPARSE)
    soft, over = _exceeding(image.resize(size, Image.Resampling.NEAREST))
    if soft >= _LEAST and over > _CLEARLY_OVER * soft:
        return False
    soft, over = _exceeding(image)
    return soft > 0 and over <= _MOST_OVER * soft


def _exceeding(image: Image.Image) -> tuple[int, int]:
    """How many soft pixels there are, and in how many of them a colour exceeds alpha."""
    red, green, blue, alpha = image.split()
    brightest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    over = ImageChops.subtract(brightest, alpha).histogram(alpha.point(_IS_SOFT))
    return sum(alpha.histogram()[1:255]), sum(over[_ROUNDING + 1 :])


def _weighted(pixels: Levels) -> bool:
    """Whether colours become more alike without their weight."""
    every = max(1, pixels[..., 3].size // _ENOUGH)
    pairs = _pairs(pixels[::every])
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
