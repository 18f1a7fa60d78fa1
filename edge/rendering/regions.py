"""Regions of a small grid: what is connected to what, grown, shrunk and filled, without a library.

A grid is a bool array [H, W]. Everything here is meant for reduced pictures of up to some hundred
thousand cells; neighbours are the four that share a side.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.int32]


def flood(free: Mask, seeds: Mask) -> Mask:
    """The free cells that a path of free cells joins to a seed."""
    reached = seeds & free
    rows, columns = _Runs.of(free), _Runs.of(free.T)
    count = -1
    while count != (count := int(np.count_nonzero(reached))):
        reached = rows.spread(np.maximum, reached) & free
        reached = columns.spread(np.maximum, reached.T).T & free
    return reached


def components(cells: Mask) -> tuple[Labels, int]:
    """Number each connected region from 1; 0 is everything else. Also says how many there are."""
    rows, columns = _Runs.of(cells), _Runs.of(cells.T)
    lowest = np.arange(cells.size, dtype=np.int32).reshape(cells.shape)
    before = np.empty_like(lowest)
    while not np.array_equal(before, lowest):
        before = lowest
        lowest = np.where(cells, rows.spread(np.minimum, lowest), cells.size)
        lowest = np.where(cells, columns.spread(np.minimum, lowest.T).T, cells.size)
    names, labels = np.unique(lowest[cells], return_inverse=True)
    numbered = np.zeros(cells.shape, np.int32)
    numbered[cells] = labels.astype(np.int32) + 1
    return numbered, len(names)


def border(shape: tuple[int, int], width: int = 1) -> Mask:
    """The outermost cells of a grid, `width` deep."""
    cells = np.ones(shape, np.bool_)
    cells[width:-width, width:-width] = False
    return cells


def filled(cells: Mask) -> Mask:
    """The cells and everything that they enclose."""
    outside = ~cells
    return ~flood(outside, border(outside.shape))


def grown(cells: Mask, by: int) -> Mask:
    """The cells and all within `by` cells of them, corners included."""
    return _spread(_spread(cells, by, axis=1), by, axis=0)


def shrunk(cells: Mask, by: int) -> Mask:
    """The cells that have only such cells within `by`; the picture's edge takes nothing away."""
    return ~grown(~cells, by)


def closed(cells: Mask, by: int) -> Mask:
    """The cells with gaps narrower than twice `by` shut; nothing grows at the picture's edge."""
    padded = np.pad(cells, by)
    return shrunk(grown(padded, by), by)[by:-by, by:-by]


def embraced(cells: Mask) -> Mask:
    """Other cells from which the view hits such cells in at least three of the four directions."""
    views = np.zeros(cells.shape, np.uint8)
    for turned, seen in ((cells, views), (cells.T, views.T)):
        seen += np.logical_or.accumulate(turned, axis=1)
        seen += np.logical_or.accumulate(turned[:, ::-1], axis=1)[:, ::-1]
    held: Mask = (views >= 3) & ~cells
    return held


def _spread(cells: Mask, by: int, axis: int) -> Mask:
    """Grown along one axis only; each round may double the reach."""
    done, length = 0, cells.shape[axis]
    while done < by:
        step = min(by - done, 2 * done + 1)
        later, sooner = slice(step, None), slice(None, max(0, length - step))
        wider = cells.copy()
        if axis == 1:
            wider[:, later] |= cells[:, sooner]
            wider[:, sooner] |= cells[:, later]
        else:
            wider[later] |= cells[sooner]
            wider[sooner] |= cells[later]
        cells, done = wider, done + step
    return cells


@dataclass(frozen=True, slots=True)
class _Runs:
    """The horizontal runs of equal cells, over all rows: where each starts and how long it is."""

    starts: npt.NDArray[np.intp]
    lengths: npt.NDArray[np.intp]

    @classmethod
    def of(cls, cells: Mask) -> "_Runs":
        changes = np.empty(cells.shape, np.bool_)
        changes[:, 0] = True
        np.not_equal(cells[:, 1:], cells[:, :-1], out=changes[:, 1:])
        starts = np.flatnonzero(changes)
        return cls(starts, np.diff(starts, append=cells.size))

    def spread(self, pick: np.ufunc, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Every cell takes its run's least or greatest value."""
        picked = pick.reduceat(np.ascontiguousarray(values).ravel(), self.starts)
        spread: npt.NDArray[Any] = np.repeat(picked, self.lengths).reshape(values.shape)
        return spread
