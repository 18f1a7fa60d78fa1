"""Cuts a picture into tiles of one fixed size and joins what a network made of them, seamlessly.

A tile is its core and `overlap` pixels of context on each side. The context comes from the picture;
only where the picture ends are its edge pixels repeated. So a network whose radius is at most
`overlap` gives in each core exactly what it would give for the whole picture.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from edge.images import Box, Size
from edge.models.base import Tensor


@dataclass(frozen=True, slots=True)
class Tiling:
    """How a picture of `size` is cut: square tiles of `side` pixels, counted row by row."""

    size: Size
    side: int
    overlap: int = 0

    def __post_init__(self) -> None:
        if self.core < 1 or self.overlap < 0 or self.size.short < 1:
            raise ValueError(f"a {self.size} picture cannot be cut like {self}")

    @property
    def core(self) -> int:
        """Side of the part of each tile that is kept."""
        return self.side - 2 * self.overlap

    @property
    def columns(self) -> int:
        return -(-self.size.width // self.core)

    @property
    def rows(self) -> int:
        return -(-self.size.height // self.core)

    @property
    def count(self) -> int:
        return self.columns * self.rows

    def box(self, index: int) -> Box:
        """The part of the picture that a tile's core covers; smaller at the right and bottom."""
        top, left = (self.core * place for place in divmod(index, self.columns))
        return Box(
            left,
            top,
            min(left + self.core, self.size.width),
            min(top + self.core, self.size.height),
        )

    def cut(self, image: Tensor, index: int) -> Tensor:
        """One tile [side, side, C] of an [H, W, C] picture."""
        top, left = (self.core * place - self.overlap for place in divmod(index, self.columns))
        rows, above, below = _span(top, self.side, self.size.height)
        columns, before, behind = _span(left, self.side, self.size.width)
        inside = image[rows, columns]
        if not (above or below or before or behind):
            return inside
        return np.pad(inside, ((above, below), (before, behind), (0, 0)), mode="edge")

    def batch(self, image: Tensor, indices: Sequence[int]) -> Tensor:
        """Several tiles [n, side, side, C], contiguous."""
        return np.stack([self.cut(image, index) for index in indices])

    def meeting(self, region: Box) -> Iterator[int]:
        """The tiles whose cores hold a pixel of a region of the picture, in order."""
        columns = range(region.left // self.core, -(-region.right // self.core))
        for row in range(region.top // self.core, -(-region.bottom // self.core)):
            yield from (row * self.columns + column for column in columns)

    def show(self, canvas: Tensor, index: int, core: Tensor, region: Box, scale: int = 1) -> None:
        """Write what a scaled core [scale*h, scale*w, C] shows of a region into its canvas."""
        box = self.box(index)
        top, bottom = max(box.top, region.top), min(box.bottom, region.bottom)
        left, right = max(box.left, region.left), min(box.right, region.right)
        part = core[
            (top - box.top) * scale : (bottom - box.top) * scale,
            (left - box.left) * scale : (right - box.left) * scale,
        ]
        canvas[
            (top - region.top) * scale : (bottom - region.top) * scale,
            (left - region.left) * scale : (right - region.left) * scale,
        ] = part

    def target(self, index: int, scale: int = 1) -> tuple[slice, slice]:
        """Where in the scaled canvas a tile's core goes: rows and columns."""
        box = self.box(index)
        return (
            slice(box.top * scale, box.bottom * scale),
            slice(box.left * scale, box.right * scale),
        )

    def kept(self, index: int, scale: int = 1) -> tuple[slice, slice]:
        """Which part of a finished tile is its core: rows and columns."""
        start, size = self.overlap * scale, self.box(index).size
        return (
            slice(start, start + size.height * scale),
            slice(start, start + size.width * scale),
        )


def _span(start: int, length: int, end: int) -> tuple[slice, int, int]:
    """The part of [start, start+length) inside [0, end), and how much is missing at each side."""
    first, last = max(start, 0), min(start + length, end)
    return slice(first, last), first - start, start + length - last
