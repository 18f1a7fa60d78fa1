"""Grain like a picture's own, for what is made beside it: without, it would look like plastic."""

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from edge.rendering.pixels.arrays import Floats

_TILE, _BLOCK = 192, 12
"""Pixels: sides of the piece of grain that is repeated, too large for an eye to see that a grain of
a few levels does, and of the squares that it is made of."""

_TRIES = 32
"""Squares beside the edge of which the quietest is taken each time: in the others is texture, which
is no grain. More take more time."""

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
    for top in range(0, made.height, _TILE):
        for left in range(0, made.width, _TILE):
            layer.paste(tile, (left, top))
    if shares:
        layer = Image.composite(layer, Image.new("RGB", made.size, (_NONE,) * 3), shares)
    return ImageChops.add(made, layer, 1, -_NONE)


def _tile(image: Image.Image, *, at_far: bool) -> Image.Image:
    """Squares of the edge's own grain around `_NONE`, picked by dice that always fall alike."""
    deep = min(image.width, max(2 * _BLOCK, image.width // 16))
    left = image.width - deep if at_far else 0
    strip = image.crop((left, 0, left + deep, image.height))
    smooth = strip.filter(ImageFilter.BoxBlur(3))
    rough = np.asarray(strip, np.float32) - np.asarray(smooth, np.float32)
    dice, inner, count = (
        np.random.default_rng(_SEED),
        np.arange(_BLOCK),
        _TILE // _BLOCK,
    )
    rows = dice.integers(0, max(1, rough.shape[0] - _BLOCK), (count, count, _TRIES))
    columns = dice.integers(0, max(1, rough.shape[1] - _BLOCK), (count, count, _TRIES))
    energy = _energy(rough)[rows, columns]
    pick = np.argmin(energy, axis=2, keepdims=True)
    rows = np.take_along_axis(rows, pick, axis=2)[:, None]
    columns = np.take_along_axis(columns, pick, axis=2)[:, None]
    rows = (rows + inner[:, None, None]) % rough.shape[0]
    columns = (columns + inner) % rough.shape[1]
    tile = rough[rows, columns].reshape(_TILE, _TILE, 3)
    limit = 3 * 1.48 * float(np.median(np.abs(tile)))  # three sigma: outlines are no grain
    tile = np.clip(tile, -limit, limit)
    tile -= tile.mean(axis=(0, 1))
    return Image.fromarray(np.rint(tile + _NONE).astype(np.uint8))


def _energy(rough: Floats) -> Floats:
    """The mean square of each BLOCK's levels, by its top left corner [h, w]; none reaches over."""
    sums = np.pad(np.square(rough).sum(axis=2), ((1, _BLOCK), (1, _BLOCK)), mode="edge")
    sums = sums.cumsum(axis=0, dtype=np.float64).cumsum(axis=1)
    whole = sums[_BLOCK:, _BLOCK:] - sums[:-_BLOCK, _BLOCK:]
    energy: Floats = (whole - sums[_BLOCK:, :-_BLOCK] + sums[:-_BLOCK, :-_BLOCK]).astype(np.float32)
    return energy
