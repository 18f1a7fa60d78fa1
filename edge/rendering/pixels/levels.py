"""What can be read off a matte: what of it counts, the subject's box, its outermost lines."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from edge.arrays import Levels, Mask
from edge.images import Box
from edge.rendering.numbers import tuned
from edge.rendering.pixels.buffers import array_of


@dataclass(frozen=True)
class LevelNumbers:
    """What of a matte counts as all, half or nothing."""

    halo: int = tuned(
        8,
        "levels",
        "alpha up to which a pixel is background, and from 255 all subject: noise and ringing of "
        "the matte; light nearer than that to black and white is cut off; standard deviation up to "
        "which a card in a picture is plain and shows no second view",
        "JPEG 78 rings by less, in luma, on 99.2 % of the white pixels within 8 of 40 cut-outs",
    )
    near: int = tuned(
        16,
        "levels",
        "distance that hardly shows: from the background's colour, of a grey from grey, of an "
        "alpha from nothing; twice of it, of an alpha from 255, where an enlarging network's "
        "colours begin to count, and of what is around a product from the border's colour; "
        "codecs ring by less",
        "JPEG 78 rings by less, in luma, on 99.98 % of the white pixels within 8 of 40 cut-outs; "
        "on 99.2 with half of it, on all with twice",
    )
    majority: float = tuned(
        0.5,
        "share",
        "from which a pixel, a region or an edge is rather one thing than the other: subject or "
        "background, plain or not",
        "one half, by what it decides",
    )

    @property
    def half(self) -> int:
        """Alpha from which a pixel counts as the subject's when it is measured."""
        return math.ceil(255 * self.majority)

    @property
    def quarter(self) -> int:
        """Half of that: alpha under which a shadow is faint, and the brightest channel of colours
        as dark as shadows and black products are."""
        return self.half // 2

    @property
    def solid(self) -> int:
        """Alpha from which a pixel is all subject."""
        return 256 - self.halo


LEVELS = LevelNumbers()


def snapped(matte: Image.Image) -> Image.Image:
    """The matte (L) with clean ends: next to nothing is nothing, next to all is all."""
    return Image.fromarray(snapped_levels(array_of(matte)))


def snapped_levels(alpha: Levels) -> Levels:
    """The same of a matte [...]; comparisons take half the time of a table."""
    some = cv2.threshold(alpha, LEVELS.halo, 0, cv2.THRESH_TOZERO)[1]
    solid = cv2.threshold(alpha, LEVELS.solid - 1, 255, cv2.THRESH_BINARY)[1]
    return cv2.max(some, solid, dst=some).reshape(alpha.shape)  # type: ignore[return-value]


def bounds(cells: Mask) -> Box | None:
    """The smallest box around all that are set [H, W]; None where none is."""
    return span(np.logical_or.reduce(cells, axis=1), np.logical_or.reduce(cells, axis=0))


def span(rows: Mask, columns: Mask) -> Box | None:
    """The box from the first to the last of `rows` [H] and `columns` [W] that is set."""
    down, across = np.flatnonzero(rows), np.flatnonzero(columns)
    if not len(down) or not len(across):
        return None
    return Box(int(across[0]), int(down[0]), int(across[-1]) + 1, int(down[-1]) + 1)


def edges(alpha: Levels) -> tuple[Levels, ...]:
    """The outermost lines of a matte [H, W]: left, top, right, bottom."""
    return alpha[:, 0], alpha[0], alpha[:, -1], alpha[-1]
