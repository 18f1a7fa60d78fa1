"""An original's own transparency: whether it is a cut-out, and what of it is a shadow.

Such an alpha is the matte, to the level: soft shadows, veils and glass stay as they are, and the
colours are the foreground's already.
"""

import numpy as np
from PIL import Image

from edge.rendering.analysis.background import Pixels
from edge.rendering.pixels.morphology import Mask, components, grown, shrunk, sizes_of

HIDDEN = 0.01
"""Of a picture, the least that its alpha has to hide before it is a cut-out: rounded corners, a
clear pixel or a rounding error hide less."""

VISIBLE = 16
"""Alpha from which something is seen at all, on white or on black."""

GRID = 640
"""Cells on the long side of the grid on which shadows are found."""

DARK, WIDE, FADING = 48, 2, 0.3
"""Of a shadow: the brightest channel of its colour, half its least width in cells, and the part of
it that is fainter than a quarter. Dark glass and a black veil end sharply."""

_FAINT, _SOLID = 64, 230


def hides(image: Image.Image) -> bool:
    """Whether the alpha of an RGBA picture hides enough to be meant as a cut-out."""
    hidden = 255 - np.asarray(image.getchannel("A"))
    return float(hidden.mean()) / 255 >= HIDDEN


def flattened(image: Image.Image) -> Image.Image:
    """The picture (RGB) with what its alpha lets through on white, as a browser shows it."""
    if image.mode != "RGBA":
        return image.convert("RGB")
    sheet = Image.new("RGBA", image.size, (255, 255, 255, 255))
    sheet.alpha_composite(image)
    return sheet.convert("RGB")


def without_shadow(image: Image.Image, matte: Image.Image) -> Image.Image:
    """The matte (L) of a cut-out `image` (RGBA, of any size) without its drop shadow, which goes
    whole or, where none is found, not at all."""
    scale = min(1.0, GRID / max(image.size))
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    grid = np.asarray(image.resize(size, Image.Resampling.BOX))
    shadow = _shadow(grid[..., :3], grid[..., 3])
    if not shadow.any():
        return matte
    near = Image.fromarray(grown(shadow, 2).view(np.uint8)).resize(matte.size)
    alpha = np.asarray(matte)
    kept = np.where((np.asarray(near) > 0) & (alpha < _SOLID), np.uint8(0), alpha)
    return Image.fromarray(kept)


def _shadow(colours: Pixels, alpha: Pixels) -> Mask:
    """Wide, dark and fading regions of soft alpha, of which some lies outside the rest's box."""
    soft = (alpha > 0) & (alpha < _SOLID) & (colours.max(axis=2) <= DARK)
    labels, count = components(soft)
    sizes = np.maximum(sizes_of(labels, count), 1)
    faint = np.bincount(labels[alpha < _FAINT], minlength=count + 1) / sizes
    wide = np.zeros(count + 1, np.bool_)
    wide[labels[shrunk(soft, WIDE)]] = True
    found = wide & (faint >= FADING)
    found[0] = False
    shadow: Mask = found[labels]
    return shadow
