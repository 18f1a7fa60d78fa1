"""Grain like a picture's own, for what is made beside it: without, it would look like plastic."""

import numpy as np
from PIL import Image, ImageChops, ImageFilter

TILE, BLOCK = 192, 12
"""Pixels of a side of the piece of grain that is laid over and over, too large for an eye to see
that a grain of a few levels repeats; and of the squares that it is made of."""

DEPTH = 32
"""Columns beside the edge whose grain is taken, at least."""

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
    limit = 3 * max(0.3, 1.48 * float(np.median(np.abs(rough))))  # outlines are no grain
    rough = np.clip(rough, -limit, limit)
    rough -= rough.mean(axis=(0, 1))
    dice, inner, count = np.random.default_rng(_SEED), np.arange(BLOCK), TILE // BLOCK
    rows = dice.integers(0, max(1, rough.shape[0] - BLOCK), (count, 1, count, 1))
    columns = dice.integers(0, max(1, rough.shape[1] - BLOCK), (count, 1, count, 1))
    rows = (rows + inner[:, None, None]) % rough.shape[0]
    columns = (columns + inner) % rough.shape[1]
    tile = rough[rows, columns].reshape(TILE, TILE, 3)
    return Image.fromarray(np.rint(tile + _NONE).astype(np.uint8))
