"""Regions of a grid: what is connected to what, grown, shrunk and filled.

A grid is a bool array [H, W]. Neighbours are the four that share a side; what is grown takes the
corners too.
"""

import cv2
import numpy as np

from edge.arrays import Labels, Levels, Mask, Places

cv2.setNumThreads(1)  # the engine's threads are the parallelism, one picture each


EDGE = 2
"""Cells: an edge's width, for a cell's 3x3 tells of its neighbours."""


def flood(free: Mask, seeds: Mask) -> Mask:
    """The `free` cells [H, W] that a path of free cells joins to a seed."""
    labels, count = components(free)
    kept = np.zeros(count + 1, np.bool_)
    kept[labels.ravel().take(np.flatnonzero(seeds))] = True
    kept[0] = False
    return kept.take(labels)


def components(cells: Mask) -> tuple[Labels, int]:
    """Number each connected region of cells [H, W] from 1; 0 is the rest. And how many."""
    count, labels = cv2.connectedComponents(_bytes(cells), connectivity=4)
    return labels, count - 1  # type: ignore[return-value]


def sizes_of(labels: Labels, count: int) -> Places:
    """Cells of each numbered region [count + 1]; the rest, number 0, counts as empty."""
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    return sizes


def border(shape: tuple[int, int], width: int = 1) -> Mask:
    """The outermost cells of a grid [H, W], `width` deep."""
    cells = np.ones(shape, np.bool_)
    cells[width:-width, width:-width] = False
    return cells


def filled(cells: Mask) -> Mask:
    """The cells [H, W] and everything that they enclose."""
    outside = ~cells
    return ~flood(outside, border(outside.shape))


def grown(cells: Mask, by: int) -> Mask:
    """The cells [H, W] and all within `by` cells of them, corners included."""
    return cv2.dilate(_bytes(cells), np.ones((2 * by + 1, 2 * by + 1), np.uint8)) > 0


def shrunk(cells: Mask, by: int) -> Mask:
    """The cells [H, W] that have only such cells within `by`; at the edge nothing goes."""
    return ~grown(~cells, by)


def closed(cells: Mask, by: int) -> Mask:
    """The cells [H, W] with gaps narrower than twice `by` shut; at the edge nothing grows."""
    padded = np.pad(cells, by)
    return shrunk(grown(padded, by), by)[by:-by, by:-by]


def _bytes(cells: Mask) -> Levels:
    return np.ascontiguousarray(cells).view(np.uint8)
