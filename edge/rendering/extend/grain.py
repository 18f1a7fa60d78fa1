"""Grain like a picture's own, for its extension, which would look like plastic without it."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from edge.arrays import Floats
from edge.rendering.numbers import tuned
from edge.rendering.pixels.morphology import EDGE
from edge.rendering.pixels.scales import MAD, SCALES


@dataclass(frozen=True)
class GrainNumbers:
    """The piece of grain that is laid on what is made."""

    squares: int = tuned(
        16,
        "squares",
        "on a side of the piece that is repeated, too many for an eye to see that a grain of a few "
        "levels does",
        "grain of 22 hidden borders is met within a factor of 1.32, with half of it and with twice "
        "as well",
    )
    block: int = tuned(
        12,
        "pixels",
        "side of the squares of the picture that it is made of",
        "the same 1.32; 1.50 with half of it and with twice",
    )
    tries: int = tuned(
        32,
        "squares",
        "beside the edge, of which the quietest is taken each time: in the others is texture, "
        "which is no grain",
        "the same 1.32, with half as many and with twice as well",
    )

    @property
    def tile(self) -> int:
        """Pixels of the piece's side."""
        return self.squares * self.block


GRAIN = GrainNumbers()

_NONE = 128  # the level of a grain layer that changes nothing
_SEED = 20_090_727


def grained(
    synthesized: Image.Image, image: Image.Image, *, at_far: bool, shares: Image.Image | None = None
) -> Image.Image:
    """The extension beside that edge of a picture, with the grain that the picture has there.

    `shares` (mode L) says how much of the grain each pixel gets.
    """
    tile = _tile(image, at_far=at_far)
    layer = Image.new("RGB", synthesized.size)
    for top in range(0, synthesized.height, GRAIN.tile):
        for left in range(0, synthesized.width, GRAIN.tile):
            layer.paste(tile, (left, top))
    if shares:
        layer = Image.composite(layer, Image.new("RGB", synthesized.size, (_NONE,) * 3), shares)
    return ImageChops.add(synthesized, layer, 1, -_NONE)


def _tile(image: Image.Image, *, at_far: bool) -> Image.Image:
    """Squares of the edge's own grain around `_NONE`, chosen by a seeded generator."""
    deep = min(image.width, max(2 * GRAIN.block, round(SCALES.air * image.width)))
    left = image.width - deep if at_far else 0
    strip = image.crop((left, 0, left + deep, image.height))
    smooth = strip.filter(ImageFilter.BoxBlur(EDGE))
    rough = np.asarray(strip, np.float32) - np.asarray(smooth, np.float32)
    dice = np.random.default_rng(_SEED)
    inner, count = np.arange(GRAIN.block), GRAIN.squares
    rows = dice.integers(0, max(1, rough.shape[0] - GRAIN.block), (count, count, GRAIN.tries))
    columns = dice.integers(0, max(1, rough.shape[1] - GRAIN.block), (count, count, GRAIN.tries))
    energy = _energy(rough)[rows, columns]
    pick = np.argmin(energy, axis=2, keepdims=True)
    rows = np.take_along_axis(rows, pick, axis=2)[:, None]
    columns = np.take_along_axis(columns, pick, axis=2)[:, None]
    rows = (rows + inner[:, None, None]) % rough.shape[0]
    columns = (columns + inner) % rough.shape[1]
    tile = rough[rows, columns].reshape(GRAIN.tile, GRAIN.tile, 3)
    limit = 3 * MAD * float(np.median(np.abs(tile)))  # three sigma: outlines are no grain
    tile = np.clip(tile, -limit, limit)
    tile -= tile.mean(axis=(0, 1))
    return Image.fromarray(np.rint(tile + _NONE).astype(np.uint8))


def _energy(rough: Floats) -> Floats:
    """The mean square of each block's levels, by its top left corner [h, w]; none reaches over."""
    side = GRAIN.block
    sums = np.pad(np.square(rough).sum(axis=2), ((1, side), (1, side)), mode="edge")
    sums = sums.cumsum(axis=0, dtype=np.float64).cumsum(axis=1)
    whole = sums[side:, side:] - sums[:-side, side:]
    energy: Floats = (whole - sums[side:, :-side] + sums[:-side, :-side]).astype(np.float32)
    return energy
