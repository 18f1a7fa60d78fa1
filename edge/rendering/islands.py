"""Islands: where a network's matte holds what looks like the ground beside it.

A handle, a spread strap, the bars of a chair enclose ground that a network which sees the picture
small takes for the subject. Such places are found by colour: what is common in the ground nearby
and rare in the subject nearby. Found is not proven, for a print may have the wall's colour, so the
places are only asked about again.
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
"""Of the picture: smaller islands are not worth a question."""

HOLE = 90.0
"""Mean alpha of an island up to which it is a hole."""

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


def settle(refined: Pixels, alpha: Pixels, places: Mask) -> bool:
    """Take each answer for what it is: an island that is mostly ground becomes a hole, any other
    stays the subject's as it was. Says whether there is one of those: by its colour it may be
    ground all the same.

    Args:
        refined: uint8 [H, W], what the refining network says of a matte that was undecided in
            `places`; changed in place. alpha: the same before; places: bool, of `islands`.
    """
    factor = max(1, -(-max(alpha.shape) // LONGEST))
    high, wide = (length // factor * factor for length in alpha.shape)
    numbers, count = components(places[:high:factor, :wide:factor])
    sizes = np.maximum(1, np.bincount(numbers.ravel(), minlength=count + 1))
    levels = np.asarray(Image.fromarray(refined[:high, :wide]).reduce(factor), np.float32)
    means = np.bincount(numbers.ravel(), levels.ravel(), count + 1) / sizes
    kept = means > HOLE
    kept[0] = False
    grid = Image.fromarray(grown(kept[numbers], 1).astype(np.uint8))
    size = alpha.shape[1], alpha.shape[0]
    back = np.asarray(grid.resize(size, Image.Resampling.NEAREST)) > 0
    np.maximum(refined, alpha, out=refined, where=back & places)
    return bool(kept.any())


def _on_grid(colours: Pixels, alpha: Pixels) -> Mask:
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
    return grown(_set_off(colours, closed(whole, 2), held), _AROUND)


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
