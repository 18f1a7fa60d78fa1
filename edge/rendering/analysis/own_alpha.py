"""An original's own transparency: whether it is a cut-out, and what of it is a shadow.

Such an alpha is the matte, to the level: soft shadows, veils and glass stay as they are, and the
colours are the foreground's already.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from edge.arrays import Mask, Pixels
from edge.rendering.numbers import tuned
from edge.rendering.pixels.levels import LEVELS
from edge.rendering.pixels.morphology import EDGE, components, grown, shrunk, sizes_of
from edge.rendering.pixels.scales import SCALES


@dataclass(frozen=True)
class OwnAlphaNumbers:
    """When an original's alpha is a cut-out."""

    hidden: float = tuned(
        0.01,
        "share",
        "least of a picture that its alpha has to hide before it is a cut-out",
        "each of 1,006 cut-outs hides 11 % or more; two of 299 shop photos have an alpha, which "
        "hides 0.05 % at most; rounded corners hide 1 %",
    )
    faint: float = tuned(
        0.25,
        "share",
        "of a drop shadow that is faint: dark glass and veils end sharply",
        "alphas of 83 cut-outs are off by 1.34 levels once a drop shadow is taken away; 1.34 with "
        "half of it, 1.36 with twice",
    )


OWN_ALPHA = OwnAlphaNumbers()


def hides(image: Image.Image) -> bool:
    """Whether the alpha of an RGBA picture hides enough to be meant as a cut-out."""
    hidden = 255 - np.asarray(image.getchannel("A"))
    return float(hidden.mean()) / 255 >= OWN_ALPHA.hidden


def flattened(image: Image.Image) -> Image.Image:
    """The picture (RGB) with what its alpha lets through on white, as a browser shows it."""
    if image.mode != "RGBA":
        return image if image.mode == "RGB" else image.convert("RGB")
    sheet = Image.new("RGBA", image.size, (255, 255, 255, 255))
    sheet.alpha_composite(image)
    return sheet.convert("RGB")


def without_shadow(image: Image.Image, matte: Image.Image) -> Image.Image:
    """The matte (L) of a cut-out `image` (RGBA, of any size) without its drop shadow, which goes
    whole or, where none is found, not at all."""
    scale = min(1.0, SCALES.fine / max(image.size))
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    grid = np.asarray(image.resize(size, Image.Resampling.BOX))
    shadow = _shadow(grid[..., :3], grid[..., 3])
    if not shadow.any():
        return matte
    near = Image.fromarray(grown(shadow, EDGE).view(np.uint8)).resize(matte.size)
    alpha = np.asarray(matte)
    kept = np.where((np.asarray(near) > 0) & (alpha < LEVELS.solid), np.uint8(0), alpha)
    return Image.fromarray(kept)


def _shadow(colours: Pixels, alpha: Pixels) -> Mask:
    """Wide, dark and fading regions of soft alpha: dark glass and a black veil end sharply."""
    soft = (alpha > 0) & (alpha < LEVELS.solid) & (colours.max(axis=2) <= LEVELS.quarter)
    labels, count = components(soft)
    sizes = np.maximum(sizes_of(labels, count), 1)
    faint = np.bincount(labels[alpha < LEVELS.quarter], minlength=count + 1) / sizes
    wide = np.zeros(count + 1, np.bool_)
    wide[labels[shrunk(soft, EDGE)]] = True
    found = wide & (faint >= OWN_ALPHA.faint)
    found[0] = False
    shadow: Mask = found[labels]
    return shadow
