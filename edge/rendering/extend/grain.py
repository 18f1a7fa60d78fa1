"""Grain like a picture's own, for what is made beside it: without, it would look like plastic."""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageFilter

Floats = npt.NDArray[np.float32]

TILE, BLOCK = 192, 12
"""Pixels of a side of the piece of grain that is laid over and over, too large for an eye to see
that a grain of a few levels repeats; and of the squares that it is made of."""

DEPTH = 32
"""Columns beside the edge whose grain is taken, at least."""

TRIES, CALMEST = 32, 2
"""Of so many squares beside the edge one of the calmest is taken each time: in the others is
texture, which is no grain."""

_NONE = 128  # the level of a grain layer that changes nothing
_SEED = 20_090_727


def grained(
    made: Image.Image, image: Image.Image, *, at_far: bool, shares: Image.Image | None = None
) -> Image.Image:
    """What was made beside that edge of a picture, with the grain that the picture has there.

    `shares` (mode L) says how much of the grain each pixel gets.
    """
    tile = _tile(image, at_far=at_far)
    layer = Image.new("RGB", made.size)
    for top in range(0, made.height, TILE):
        for left in range(0, made.width, TILE):
            layer.paste(tile, (left, top))
    if shares:
        layer = Image.composite(layer, Image.new("RGB", made.size, (_NONE,) * 3), shares)
    return ImageChops.add(made, layer, 1, -_NONE)


def _tile(image: Image.Image, *, at_far: bool) -> Image.Image:
    """Squares of the edge's own grain around `_NONE`, picked by dice that always fall alike."""
    deep = min(image.width, max(DEPTH, image.width // 16))
    left = image.width - deep if at_far else 0
    strip = image.crop((left, 0, left + deep, image.height))
    smooth = strip.filter(ImageFilter.BoxBlur(3))
    rough = np.asarray(strip, np.float32) - np.asarray(smooth, np.float32)
    dice, inner, count = np.random.default_rng(_SEED), np.arange(BLOCK), TILE // BLOCK
    rows = dice.integers(0, max(1, rough.shape[0] - BLOCK), (count, count, TRIES))
    columns = dice.integers(0, max(1, rough.shape[1] - BLOCK), (count, count, TRIES))
    energy = _energy(rough)[rows, columns]
    calmest = np.argsort(energy, axis=2, kind="stable")[..., :CALMEST]
    chosen = dice.integers(0, CALMEST, (count, count, 1))
    pick = np.take_along_axis(calmest, chosen, axis=2)
    rows = np.take_along_axis(rows, pick, axis=2)[:, None]
    columns = np.take_along_axis(columns, pick, axis=2)[:, None]
    rows = (rows + inner[:, None, None]) % rough.shape[0]
    columns = (columns + inner) % rough.shape[1]
    tile = rough[rows, columns].reshape(TILE, TILE, 3)
    limit = 3 * max(0.3, 1.48 * float(np.median(np.abs(tile))))  # outlines are no grain
    tile = np.clip(tile, -limit, limit)
    tile -= tile.mean(axis=(0, 1))
    return Image.fromarray(np.rint(tile + _NONE).astype(np.uint8))


def _energy(rough: Floats) -> Floats:
    """The mean square of each BLOCK's levels, by its top left corner [h, w]; none reaches over."""
    sums = np.pad(np.square(rough).sum(axis=2), ((1, BLOCK), (1, BLOCK)), mode="edge")
    sums = sums.cumsum(axis=0, dtype=np.float64).cumsum(axis=1)
    whole = sums[BLOCK:, BLOCK:] - sums[:-BLOCK, BLOCK:]
    energy: Floats = (whole - sums[BLOCK:, :-BLOCK] + sums[:-BLOCK, :-BLOCK]).astype(np.float32)
    return energy
