"""Islands: where a network's matte holds what looks like the ground beside it.

A handle, a spread strap, the bars of a chair enclose ground that a network which sees the picture
small takes for the subject. Such places are found by colour: what is common in the ground nearby
and rare in the subject nearby. Found is not proven, for a print may have the wall's colour, so
nothing is cut away; a person is asked to look.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image

from edge.rendering.regions import Mask, closed, components, flood, grown, shrunk
from edge.rendering.studio import Pixels

LONGEST = 256
"""Cells on the long side of the grid that is looked at."""

NEAR, SHADES = 6, 12
"""How many fields the picture has in each direction, and steps each colour channel: what is common
is counted per field and shade, and spread to its neighbours."""

ALIKE, REACH = 3.0, 12
"""How much more common a shade must be in the ground than in the subject; and how many cells from
there an island may go on where it is more common at all."""

RARE = 3e-3
"""A shade that takes less of the subject than this counts as much as one that does."""

SET_OFF = 48.0
"""Levels by which three quarters of the subject around an island must differ from it: a shaded
cheek passes into the rest of a face, a handle ends where the table begins."""

LEAST = 0.001
"""Of the picture: smaller islands are not worth a look."""

_GROUND, _SUBJECT = 25, 230

Histogram = npt.NDArray[np.float32]


def holds_ground(pixels: Pixels, alpha: Pixels) -> bool:
    """Whether a person should look for ground inside the subject.

    Args:
        pixels: uint8 [H, W, 3].
        alpha: uint8 [H, W], a matte.
    """
    factor = min(1.0, LONGEST / max(alpha.shape))
    high, wide = (max(1, round(length * factor)) for length in alpha.shape)
    small = (
        Image.fromarray(plane).resize((wide, high), Image.Resampling.BOX)
        for plane in (pixels, alpha)
    )
    return bool(islands(*map(np.asarray, small)).any())


def islands(colours: Pixels, alpha: Pixels) -> Mask:
    """The cells of such places [h, w], on a grid of colours [h, w, 3]."""
    high, wide = alpha.shape
    rows = (np.arange(high) * NEAR // high)[:, None]
    columns = (np.arange(wide) * NEAR // wide)[None]
    shade = colours.astype(np.int32) * SHADES >> 8
    place = (rows * NEAR + columns) * SHADES + shade[..., 0]
    place = (place * SHADES + shade[..., 1]) * SHADES + shade[..., 2]
    ground = _common(place[alpha <= _GROUND])[place]
    subject = _common(place[alpha >= _SUBJECT])[place]
    held, other = alpha >= 128, subject + RARE
    sure = held & (ground > ALIKE * other)
    sure = flood(sure, shrunk(sure, 2))
    numbers, count = components(sure)
    large = np.bincount(numbers.ravel(), minlength=count + 1) >= LEAST * alpha.size
    large[0] = False
    whole = flood(held & (ground > other), large[numbers]) & grown(large[numbers], REACH)
    return _set_off(colours, closed(whole, 2), held)


def _set_off(colours: Pixels, found: Mask, held: Mask) -> Mask:
    """Of the places found those that differ from what is around them within the subject."""
    numbers, count = components(found)
    kept = np.zeros_like(found)
    for number in range(1, count + 1):
        place = numbers == number
        ring = grown(place, 4) & ~grown(place, 1) & held
        if not ring.any():
            continue
        off = np.abs(colours[ring] - np.median(colours[place], axis=0)).max(axis=-1)
        if np.percentile(off, 25) >= SET_OFF:
            kept |= place
    return kept


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
