"""Islands: where a network's matte holds what looks like the ground beside it.

A handle, a spread strap, the bars of a chair enclose ground that a network which sees the picture
small takes for the subject. Such places are found by colour: what is common in the ground nearby
and rare in the subject nearby. Found is not proven, for a print may have the wall's colour, so the
places are only asked about again.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image

from edge.rendering.regions import Mask, components, flood, grown, shrunk
from edge.rendering.studio import Pixels

LONGEST = 256
"""Cells on the long side of the grid that is looked at."""

NEAR, SHADES = 6, 12
"""How many fields the picture has in each direction, and steps each colour channel: what is common
is counted per field and shade, and spread to its neighbours."""

ALIKE = 3.0
"""How much more common a shade must be in the ground than in the subject."""

RARE = 3e-3
"""A shade that takes less of the subject than this counts as much as one that does."""

LEAST = 0.001
"""Of the picture: smaller islands are not worth a question."""

_GROUND, _SUBJECT, _AROUND = 25, 230, 2

Histogram = npt.NDArray[np.float32]


def islands(pixels: Pixels, alpha: Pixels) -> Mask | None:
    """Where to look again; None where nothing is suspicious.

    Args:
        pixels: uint8 [H, W, 3]; alpha: uint8 [H, W], a coarse matte.

    Returns:
        bool [H, W].
    """
    factor = min(1.0, LONGEST / max(alpha.shape))
    high, wide = (max(1, round(length * factor)) for length in alpha.shape)
    small = (
        Image.fromarray(plane).resize((wide, high), Image.Resampling.BOX)
        for plane in (pixels, alpha)
    )
    found = _on_grid(*map(np.asarray, small))
    if not found.any():
        return None
    whole = Image.fromarray(found.astype(np.uint8) * 255)
    size = alpha.shape[1], alpha.shape[0]
    mask: Mask = np.asarray(whole.resize(size, Image.Resampling.BILINEAR)) >= 64
    return mask


def _on_grid(colours: Pixels, alpha: Pixels) -> Mask:
    high, wide = alpha.shape
    rows = (np.arange(high) * NEAR // high)[:, None]
    columns = (np.arange(wide) * NEAR // wide)[None]
    shade = colours.astype(np.int32) * SHADES >> 8
    place = (rows * NEAR + columns) * SHADES + shade[..., 0]
    place = (place * SHADES + shade[..., 1]) * SHADES + shade[..., 2]
    ground = _common(place[alpha <= _GROUND])[place]
    subject = _common(place[alpha >= _SUBJECT])[place]
    like_ground = (alpha >= 128) & (ground > ALIKE * (subject + RARE))
    like_ground = flood(like_ground, shrunk(like_ground, 2))
    numbers, count = components(like_ground)
    large = np.bincount(numbers.ravel(), minlength=count + 1) >= LEAST * alpha.size
    large[0] = False
    return grown(large[numbers], _AROUND)


def _common(places: npt.NDArray[np.int32]) -> Histogram:
    """How common each shade is around each field, 0 to 1, by place."""
    shape = (NEAR, NEAR, SHADES, SHADES, SHADES)
    counted = np.bincount(places, minlength=NEAR**2 * SHADES**3).reshape(shape)
    near = _spread(_spread(counted.astype(np.float32), 0), 1)
    totals = np.maximum(1, near.sum(axis=(2, 3, 4), keepdims=True))
    shares: Histogram = (near / totals).astype(np.float32)
    for axis in (2, 3, 4):
        shares = np.divide(_spread(shares, axis), 4, dtype=np.float32)
    flat: Histogram = shares.ravel()
    return flat


def _spread(values: Histogram, axis: int) -> Histogram:
    """Each with half of its two neighbours along an axis, times two."""
    made = 2 * values
    ahead, behind = (_along(values, axis, part) for part in (slice(1, None), slice(None, -1)))
    _along(made, axis, slice(None, -1))[...] += ahead
    _along(made, axis, slice(1, None))[...] += behind
    return made


def _along(values: Histogram, axis: int, part: slice) -> Histogram:
    view: Histogram = values[(slice(None),) * axis + (part,)]
    return view
