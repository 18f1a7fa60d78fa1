"""How much two pictures differ: PSNR, SSIM, and what chroma subsampling would lose."""

import math

import cv2
import numpy as np
from PIL import Image

from edge.arrays import Levels, Plane

_CELL = 4  # SSIM's windows are 2x2 cells, so 8x8 pixels every 4
WINDOW = 2 * _CELL
_WORST = 100  # of so many pixels, one is among the worst
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2  # Wang et al. 2004


def luma(image: Image.Image) -> Plane:
    """Brightness as [height, width], 0 to 255 (ITU-R 601)."""
    return np.asarray(image.convert("L"), dtype=np.float32)


def psnr(first: Image.Image, second: Image.Image) -> float:
    """Decibels over all channels of two pictures of one size and mode; infinite where equal."""
    difference = np.asarray(first, dtype=np.float32) - np.asarray(second, dtype=np.float32)
    error = float(np.mean(difference * difference))
    return 10 * math.log10(255**2 / error) if error else math.inf


def ssim(first: Plane, second: Plane) -> float:
    """Mean structural similarity of two planes [H, W] of one size, at least 8x8; 1 where equal.

    Wang et al. 2004 with uniform 8x8 windows every 4 pixels: within 0.01 of the Gaussian kind on
    photographs, and 20 times as fast.
    """
    mean1, mean2 = _windows(first), _windows(second)
    spread1 = _windows(first * first) - mean1 * mean1
    spread2 = _windows(second * second) - mean2 * mean2
    common = _windows(first * second) - mean1 * mean2
    alike = (2 * mean1 * mean2 + _C1) * (2 * common + _C2)
    return float(np.mean(alike / ((mean1**2 + mean2**2 + _C1) * (spread1 + spread2 + _C2))))


def _windows(plane: Plane) -> Plane:
    """The mean of each 8x8 window, every 4 pixels; a rest of under 4 pixels is left out."""
    cells = _sums(_sums(plane).T)
    sums = cells[:-1, :-1] + cells[1:, :-1] + cells[:-1, 1:] + cells[1:, 1:]
    return sums * np.float32(1 / WINDOW**2)


def _sums(plane: Plane) -> Plane:
    """Every 4 neighbours in a row added up; slices are 5 times as fast as a mean over an axis."""
    end = plane.shape[1] // _CELL * _CELL
    sums: Plane = plane[:, 0:end:4] + plane[:, 1:end:4] + plane[:, 2:end:4] + plane[:, 3:end:4]
    return sums


def chroma_loss(image: Image.Image) -> float:
    """How far colour would move if each block of 2x2 pixels had to share it, in levels of 255.

    The mean of the difference in Cb or Cr, whichever is larger, over the hundredth of all pixels
    where it is worst. 0 for a picture that has no such block.
    """
    if min(image.size) < 2:
        return 0.0
    even = (image.width // 2 * 2, image.height // 2 * 2)
    bands = image.convert("YCbCr").crop((0, 0, *even)).split()[1:]
    blue, red = map(_moved, bands)
    return _mean_of_worst(np.maximum(blue, red))


def _moved(band: Image.Image) -> Levels:
    """By OpenCV, in a fifth of the time that the engine takes for planes as small as these."""
    shared = cv2.resize(np.asarray(band.reduce(2)), band.size, interpolation=cv2.INTER_NEAREST)
    moved: Levels = cv2.absdiff(np.asarray(band), shared).astype(np.uint8, copy=False)
    return moved


def _mean_of_worst(levels: Levels) -> float:
    """Mean of the largest hundredth."""
    wanted = max(1, levels.size // _WORST)
    counts = np.bincount(levels.ravel(), minlength=256)[::-1]
    taken = np.diff(np.minimum(np.cumsum(counts), wanted), prepend=0)
    return float(taken @ np.arange(255, -1, -1)) / wanted
