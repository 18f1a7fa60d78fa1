"""An outline: the pixels of a picture among which alpha is sought, taken out of it and put back."""

from dataclasses import dataclass

import cv2
import numpy as np

from edge.arrays import Floats, Levels, Mask, Pixels, Places
from edge.images import Box
from edge.rendering.pixels.levels import LEVELS
from edge.rendering.pixels.sampling import between, colours_at, doubled, rows_and_columns
from edge.rendering.pixels.scales import SCALES


@dataclass(frozen=True, slots=True)
class Outline:
    """Where alpha is sought in a picture [H, W], by pairs of its rows and columns: what it is
    solved from is as coarse.

    `part` of the picture is looked at, in `laid` uint8 [h / 2, w / 2], rounded up: 255 where all is
    subject, `LEVELS.half` where alpha is sought, 0 where nothing is subject. `pairs` [N] are flat
    places there, `places` [4, N] those of their pixels in the picture: a last row or column may be
    alone, and is both of its pair.
    """

    shape: tuple[int, int]
    part: Box
    laid: Levels
    pairs: Places
    places: Places

    @classmethod
    def around(
        cls, core: Mask, subject: Mask, shape: tuple[int, int], part: Box | None = None
    ) -> "Outline":
        """What is `subject` and no `core` on a grid [h, w] that covers the part (None: all) of a
        picture of that shape (H, W)."""
        part = part or Box(0, 0, shape[1], shape[0])
        cells = np.where(core, np.uint8(255), subject.astype(np.uint8) * np.uint8(LEVELS.half))
        size = -(-part.size.width // 2), -(-part.size.height // 2)
        laid: Levels = cv2.resize(cells, size, interpolation=cv2.INTER_NEAREST_EXACT)  # type: ignore[assignment]
        sought = cv2.inRange(laid, LEVELS.half, LEVELS.half)
        pairs = np.flatnonzero(sought.view(np.bool_))
        rows, columns = rows_and_columns(2 * pairs, 2 * size[0])
        rows, columns = part.top + 2 * rows, part.left + columns
        down = np.stack([rows, np.minimum(rows + 1, part.bottom - 1)])
        across = np.stack([columns, np.minimum(columns + 1, part.right - 1)])
        places = (down[:, None] * shape[1] + across).reshape(4, -1)
        return cls(shape, part, laid, pairs, places)

    def alone(self) -> Levels:
        """The picture's alpha [H, W] where nothing is an outline: all subject, or nothing."""
        return self.drawn(np.zeros(self.places.shape, np.uint8))

    def colours(self, pixels: Levels) -> Floats:
        """Levels [3, 4, N] of the picture [H, W, 3 or 4]."""
        return colours_at(pixels, self.places.ravel()).reshape(3, 4, -1)

    def shares(self, matte: Levels) -> Floats:
        """A matte's [H, W] shares (0 to 1) there [4, N]."""
        found: Floats = matte.ravel().take(self.places).astype(np.float32)
        found *= np.float32(1 / 255)
        return found

    def by_pair(self, *grids: Pixels) -> list[Floats]:
        """Levels [3, N] of grids [h, w, 3] that cover the part."""
        rows, columns = rows_and_columns(self.pairs, self.laid.shape[1])
        return between(grids, rows, columns, self.laid.shape)

    def by_pixel(self, grid: Floats) -> Floats:
        """Values [C, 4, N], in the range of a grid [h, w, C] that covers the whole picture."""
        rows, columns = rows_and_columns(self.places.ravel(), self.shape[1])
        [found] = between([grid], rows, columns, self.shape)
        return found.reshape(-1, *self.places.shape)

    def tidied(self, found: Levels, *, inner: bool = False) -> Levels:
        """Alpha [4, N] without the faint specks that JPEG's noise leaves around an outline: all
        that is not near to something solid; `inner`: to a pair that is all solid."""
        solid = cv2.inRange(self.laid, 255, 255)
        which = np.minimum if inner else np.maximum
        solid.ravel()[self.pairs] = which.reduce(found, axis=0) >= LEVELS.half
        near = cv2.dilate(solid, np.ones((SCALES.beside + 1, SCALES.beside + 1), np.uint8))
        found *= near.ravel().take(self.pairs) > 0
        return found

    def drawn(self, found: Levels) -> Levels:
        """The picture's alpha [H, W], of what was found [4, N]; 0 beside the part."""
        part, (height, width) = self.part, self.shape
        twice = doubled(self.laid)
        alpha: Levels = cv2.copyMakeBorder(
            twice[: part.size.height, : part.size.width],
            part.top,
            height - part.bottom,
            part.left,
            width - part.right,
            cv2.BORDER_CONSTANT,
        )  # type: ignore[assignment]
        alpha.ravel()[self.places] = found
        return alpha
