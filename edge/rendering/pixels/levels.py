"""What can be read off a matte: the subject's box, and which sides of the picture it reaches."""

import numpy as np
import numpy.typing as npt
from PIL import Image

from edge.images import Box

Mask = npt.NDArray[np.bool_]

SOLID = 248
"""Alpha from which a pixel is all subject."""

HALF = 128
"""From this alpha on a pixel counts as the subject's when it is measured."""

HALO = 8
"""Alpha up to which a pixel is background: noise and ringing of the matte, three percent of
subject."""

_SNAP = [0 if a <= HALO else 255 if a >= SOLID else a for a in range(256)]

NEAR = 16
"""Levels from the background's colour, in the worst channel, up to which a pixel is taken for
background when the subject is looked for: codecs ring by less, products differ by more or are white
on white.
"""


def snapped(matte: Image.Image) -> Image.Image:
    """The matte (L) with clean ends: next to nothing is nothing, next to all is all."""
    return matte.point(_SNAP)


def bounds(cells: Mask) -> Box | None:
    """The smallest box around all that are set [H, W]; None where none is."""
    return span(np.logical_or.reduce(cells, axis=1), np.logical_or.reduce(cells, axis=0))


def span(rows: Mask, columns: Mask) -> Box | None:
    """The box from the first to the last row and column that are set."""
    down, across = np.flatnonzero(rows), np.flatnonzero(columns)
    if not len(down) or not len(across):
        return None
    return Box(int(across[0]), int(down[0]), int(across[-1]) + 1, int(down[-1]) + 1)


def edges(alpha: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.uint8]]:
    """The outermost lines of a matte [H, W] by the side that they are: left, top, right, bottom."""
    return {"left": alpha[:, 0], "top": alpha[0], "right": alpha[:, -1], "bottom": alpha[-1]}


def touched(alpha: npt.NDArray[np.uint8], least: int = HALF) -> tuple[str, ...]:
    """The sides that the subject reaches with more than a pixel."""
    lines = edges(alpha).items()
    return tuple(side for side, line in lines if int(np.count_nonzero(line >= least)) > 1)
