"""Cuts what is wanted of a picture into tiles and joins what a network made of them, seamlessly.

A picture is a grid of small cells, counted from its corner. A tile is a rectangle of cells and
`overlap` pixels of context on each side. The context comes from the picture; only where the picture
ends are its edge pixels repeated. So a network whose radius is at most `overlap` gives in each cell
exactly what it would give for the whole picture, whatever tile the cell was in: tiles lie where
they cost least, and cells are what can be kept.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import cv2
import numpy as np

from edge.arrays import Levels, Mask, Places, Tensor
from edge.images import Box, Size

_AROUND = 2
"""Pixels to each side whose mean a pixel is held against to tell an even background."""

CELL = 48
"""Pixels of a cell's side at most: small ones fit what is wanted better, and are more to keep."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A rectangle of cells: its first row and column, and how many it has of each."""

    row: int
    column: int
    down: int
    across: int


@dataclass(frozen=True, slots=True)
class Tiling:
    """How a picture of `size` is cut.

    `cell` is a cell's side in pixels; `sides` are the sides in pixels that a tile may have, by how
    many cells these hold beside the `overlap`.
    """

    size: Size
    cell: int
    overlap: int
    sides: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, size: Size, side: int, overlap: int = 0, small: int = 0) -> Self:
        """For a network that takes tiles of `side` pixels, or of `small` ones too (0: none).

        Raises:
            ValueError: nothing of a tile would be kept, or of the picture.
        """
        core = side - 2 * overlap
        if core < 1 or overlap < 0 or size.short < 1:
            raise ValueError(f"a {size} picture cannot be cut in {side} less {overlap} pixels")
        inner = small - 2 * overlap
        if inner < 1:
            count = -(-core // CELL)
            return cls(size, core // count, overlap, ((count, side),))
        cell = int(np.gcd(core, inner))
        return cls(size, cell, overlap, ((inner // cell, small), (core // cell, side)))

    @property
    def columns(self) -> int:
        return -(-self.size.width // self.cell)

    @property
    def rows(self) -> int:
        return -(-self.size.height // self.cell)

    def meeting(self, region: Box, wanted: Mask | None = None) -> Mask:
        """The cells [rows, columns] that hold a pixel of a region; where `wanted` (bool [H, W], the
        picture's size) is given, one that is set there."""
        cells = np.zeros((self.rows, self.columns), np.bool_)
        down = slice(region.top // self.cell, -(-region.bottom // self.cell))
        across = slice(region.left // self.cell, -(-region.right // self.cell))
        cells[down, across] = True
        if wanted is not None:
            inside = np.zeros_like(wanted)
            part = np.s_[region.top : region.bottom, region.left : region.right]
            inside[part] = wanted[part]
            starts = (np.arange(count) * self.cell for count in cells.shape)
            for axis, places in enumerate(starts):
                inside = np.logical_or.reduceat(inside, places, axis=axis)
            cells &= inside
        return cells

    def showing(self, image: Tensor, cells: Mask, levels: int) -> Mask:
        """Of some cells [rows, columns] those in which, or in whose context, a pixel of the picture
        [H, W, 3] is more than `levels` (0 to 255) off the mean of those around it; in the others
        there is an even background alone, plain or graduated."""
        found = np.zeros_like(cells)
        rows, columns = (np.flatnonzero(cells.any(axis)) for axis in (1, 0))
        if not len(rows):
            return found
        held = Tile(int(rows[0]), int(columns[0]), int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1)
        near = self.box(held).grown(self.overlap + _AROUND).clamped(self.size)
        uneven = unevenness(image[near.top : near.bottom, near.left : near.right]) > levels
        counts = cv2.integral(uneven.view(np.uint8))
        down, across = np.nonzero(cells)
        top, bottom = self._reached(down, near.top, self.size.height)
        left, right = self._reached(across, near.left, self.size.width)
        within = counts[bottom, right] - counts[bottom, left]
        found[down, across] = within > counts[top, right] - counts[top, left]
        return found

    def _reached(self, places: Places, start: int, end: int) -> tuple[Places, Places]:
        """Where the context of rows or columns of cells begins and ends, counted from `start`."""
        first = np.maximum(places * self.cell - self.overlap, 0)
        last = np.minimum((places + 1) * self.cell + self.overlap, end)
        return first - start, last - start

    def strips(self, cells: Mask, tile: Tile | None = None) -> Iterator[Box]:
        """The parts of the picture, or of a tile, that these cells [rows, columns] cover, those
        beside each other as one, and all of it where no cell misses."""
        tile = tile or Tile(0, 0, self.rows, self.columns)
        inside = cells[tile.row : tile.row + tile.down, tile.column : tile.column + tile.across]
        if inside.all():
            yield self.box(tile)
            return
        steps = np.diff(inside.view(np.int8), prepend=np.int8(0), append=np.int8(0))
        starts, ends = (np.argwhere(steps == step).tolist() for step in (1, -1))
        for (row, first), (_, end) in zip(starts, ends, strict=True):
            yield self.box(Tile(tile.row + row, tile.column + first, 1, end - first))

    def covering(self, cells: Mask) -> list[Tile]:
        """Tiles that hold all these cells [rows, columns] at the least cost: bands of rows, cut
        across. The largest come first, so that of two that run at a time none is left for the end,
        those of a size after each other."""
        masks = tuple(sum(1 << int(c) for c in np.flatnonzero(row)) for row in cells)
        # Of the context a network's layers need less and less: half of it in the mean.
        sides = tuple((count, side - self.overlap) for count, side in self.sides)
        return sorted(_bands(masks, sides), key=lambda tile: (-tile.down * tile.across, tile.down))

    def box(self, tile: Tile) -> Box:
        """The part of the picture that a tile's cells cover; smaller at the right and bottom."""
        return Box(
            tile.column * self.cell,
            tile.row * self.cell,
            min((tile.column + tile.across) * self.cell, self.size.width),
            min((tile.row + tile.down) * self.cell, self.size.height),
        )

    def cut(self, image: Tensor, tile: Tile) -> Tensor:
        """One tile [side, side, C] of an [H, W, C] picture."""
        sides = dict(self.sides)
        top, left = (self.cell * place - self.overlap for place in (tile.row, tile.column))
        rows, above, below = _span(top, sides[tile.down], self.size.height)
        columns, before, behind = _span(left, sides[tile.across], self.size.width)
        inside = image[rows, columns]
        if not (above or below or before or behind):
            return inside
        whole = cv2.copyMakeBorder(inside, above, below, before, behind, cv2.BORDER_REPLICATE)
        return np.asarray(whole, np.uint8)

    def kept(self, tile: Tile, scale: int = 1) -> tuple[slice, slice]:
        """Which part of an answered tile its cells are: rows and columns."""
        start, size = self.overlap * scale, self.box(tile).size
        return (slice(start, start + size.height * scale), slice(start, start + size.width * scale))

    def numbered(
        self, tile: Tile, cells: Mask, scale: int
    ) -> Iterator[tuple[int, tuple[slice, slice]]]:
        """The numbers of those of some cells [rows, columns] that are a tile's, counted row by row,
        and which part of what is `kept` of that tile they are."""
        inside = cells[tile.row : tile.row + tile.down, tile.column : tile.column + tile.across]
        side = self.cell * scale
        for row, column in np.argwhere(inside).tolist():
            top, left = row * side, column * side
            number = (tile.row + row) * self.columns + tile.column + column
            yield number, (slice(top, top + side), slice(left, left + side))

    def cell_at(self, index: int) -> Tile:
        """One cell alone, as if it were a tile."""
        return Tile(*divmod(index, self.columns), 1, 1)


def unevenness(image: Tensor) -> Levels:
    """[H, W] of [H, W, C]: by how many levels (0 to 255) each pixel is off the mean of the 5x5
    around it, in the worst channel."""
    side = 2 * _AROUND + 1
    around = cv2.blur(image, (side, side), borderType=cv2.BORDER_REPLICATE)
    off: Levels = np.maximum.reduce(cv2.split(cv2.absdiff(image, around)))
    return off


def show(canvas: Tensor, box: Box, larger: Tensor, region: Box, scale: int = 1) -> None:
    """Write what a box of the picture, enlarged [scale*h, scale*w, 3], shows of a region into the
    region's canvas of four channels, the last of which becomes 255."""
    both = box.met(region)

    def part(pixels: Tensor, whole: Box) -> Tensor:
        return pixels[
            (both.top - whole.top) * scale : (both.bottom - whole.top) * scale,
            (both.left - whole.left) * scale : (both.right - whole.left) * scale,
        ]

    if both.top < both.bottom and both.left < both.right:
        cv2.cvtColor(part(larger, box), cv2.COLOR_RGB2RGBA, dst=part(canvas, region))


Sides = tuple[tuple[int, int], ...]


def _bands(rows: Sequence[int], sides: Sides) -> Iterator[Tile]:
    """The cheapest way down the rows of cells, each the bits of its set columns."""
    count = len(rows)
    best: list[tuple[int, int]] = [(0, 0)] * (
        count + 1
    )  # cost from a row on, and its band's height
    for row in range(count - 1, -1, -1):
        ways = [(best[row + 1][0], 0)] if not rows[row] else []
        for down, side in sides:
            bits = 0
            for one in rows[row : row + down]:
                bits |= one
            cost = side * sum(width for *_, width in _across(bits, sides))
            ways.append((cost + best[min(row + down, count)][0], down))
        best[row] = min(ways)
    row = 0
    while row < count:
        down = best[row][1]
        bits = 0
        for one in rows[row : row + down]:
            bits |= one
        yield from (Tile(row, column, down, across) for column, across, _ in _across(bits, sides))
        row += down or 1


@lru_cache(maxsize=4096)
def _across(bits: int, sides: Sides) -> tuple[tuple[int, int, int], ...]:
    """The cheapest tiles of a band along its set columns: first column, cells, pixels."""
    if not bits:
        return ()
    first = (bits & -bits).bit_length() - 1
    ways = []
    for across, side in sides:
        rest = bits >> (first + across) << (first + across)
        ways.append(((first, across, side), *_across(rest, sides)))
    return min(ways, key=lambda way: sum(width for *_, width in way))


def _span(start: int, length: int, end: int) -> tuple[slice, int, int]:
    """The part of [start, start+length) inside [0, end), and how much is missing at each side."""
    first, last = max(start, 0), min(start + length, end)
    return slice(first, last), first - start, start + length - last
