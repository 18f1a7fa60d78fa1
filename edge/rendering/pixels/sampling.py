"""Colours at scattered places of a picture: channels first, which numpy adds up several times as
fast as three beside each other."""

from collections.abc import Sequence

import cv2
import numpy as np

from edge.arrays import Doubles, Floats, Levels, Mask, Pixels, Places

_ROW = 1024
"""Places in a row of a map: OpenCV takes no side of more than 32,767."""


def colours_at(pixels: Levels, places: Places) -> Floats:
    """Levels float32 [3, N] of a picture [H, W, 3 or 4], contiguous, at some flat places."""
    height, width, channels = pixels.shape
    flat = pixels.reshape(height * width, channels)
    if channels == 4:  # a pixel is one number then
        taken = flat.view(np.uint32).ravel().take(places).view(np.uint8).reshape(-1, 4)
    else:
        taken = flat.take(places, axis=0)
    return taken.T[:3].astype(np.float32, order="C")


def put_colours(pixels: Levels, places: Places, colours: Pixels) -> None:
    """Write colours [N, 3] at flat places of a picture [H, W, 4], whose fourth channel stays."""
    whole = pixels.view(np.uint32).reshape(-1)  # a pixel is one number then
    found = whole.take(places).view(np.uint8).reshape(-1, 4)
    found[:, :3] = colours
    whole[places] = found.view(np.uint32).ravel()


def doubled(levels: Levels) -> Levels:
    """Each level [H, W] four times: [2 H, 2 W]. Two bytes beside each other are one number here,
    which takes a third of the time that OpenCV's nearest pixels take."""
    height, width = levels.shape
    wide = levels.astype(np.uint16)
    wide *= np.uint16(257)
    twice = np.empty((height, 2, 2 * width), np.uint8)
    twice[:] = wide.view(np.uint8)[:, None]
    return twice.reshape(2 * height, 2 * width)


def coarse_colours(pixels: Levels, near: int) -> Places:
    """The number of each pixel's colour [...], of pixels [..., 3]; colours are one where each
    channel is in the same step of `near` levels."""
    steps = (pixels // near).astype(np.intp)
    count = -(-256 // near)
    numbers: Places = (steps[..., 0] * count + steps[..., 1]) * count + steps[..., 2]
    return numbers


def rows_and_columns(places: Places, width: int) -> tuple[Places, Places]:
    """Of flat places [N]; a division by one number, which numpy does several times as fast as
    `divmod`."""
    rows = places // width
    return rows, places - rows * width


def between(
    grids: Sequence[Pixels | Floats], rows: Places, columns: Places, shape: Sequence[int]
) -> list[Floats]:
    """Levels float32 [C, N] of some grids [h, w, C] where pixels of a picture of that shape [H, W]
    lie in them; bilinear, and beyond the middles of the outermost cells as there."""
    height, width = grids[0].shape[:2]
    places = cv2.convertMaps(
        _folded(columns, width / shape[1]), _folded(rows, height / shape[0]), cv2.CV_16SC2
    )
    found = (
        cv2.remap(grid, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for grid in grids
    )
    flat = (each.reshape(-1, each.shape[2])[: len(rows)] for each in found)
    return [each.T.astype(np.float32, order="C") for each in flat]


def _folded(places: Places, scale: float) -> Floats:
    """Pixels [N] in cells, from the middle of the first one, as a map of rows; what is left of the
    last one is filled up."""
    folded = np.zeros((-(-len(places) // _ROW), _ROW), np.float32)
    flat = folded.ravel()[: len(places)]
    np.add(places, 0.5, out=flat, casting="same_kind")
    flat *= np.float32(scale)
    flat -= np.float32(0.5)
    return folded


def colours_in(pixels: Levels, cells: Mask) -> Levels:
    """Colours uint8 [N, C] of a picture [H, W, C] where cells [H, W] are set: what `pixels[cells]`
    gives, several times as fast."""
    return pixels.reshape(-1, pixels.shape[2]).take(np.flatnonzero(cells), axis=0)


def middle_of(colours: Levels) -> Doubles:
    """The median level of each channel of colours [N, C], N at least 1: what `np.median` gives, by
    counting, at a fraction of the time."""
    middle, low = len(colours) // 2, (len(colours) - 1) // 2
    totals = (np.cumsum(np.bincount(channel, minlength=256)) for channel in colours.T)
    return np.array([np.searchsorted(total, (low, middle), "right").mean() for total in totals])
