"""Colours under see-through pixels, continued from what is seen beside them."""

import cv2
import numpy as np

from edge.arrays import Floats, Pixels


def continued(colours: Pixels, alpha: Pixels) -> Pixels:
    """Colours uint8 [h, w, 3] that go on smoothly where alpha uint8 [h, w] is 0.

    What is opaque stays as it is; what is half see-through is mixed by its alpha with what lies
    around. By push and pull: premultiplied means are halved until nothing is empty, and each level
    is filled from the coarser one (Gortler and others, The Lumigraph, SIGGRAPH 1996, section 3.4).
    A picture without anything opaque becomes black.
    """
    weight: Floats = alpha.astype(np.float32) / np.float32(255)
    premultiplied: Floats = colours.astype(np.float32)
    premultiplied *= weight[..., None]
    filled = _filled(premultiplied, weight)
    result: Pixels = np.rint(np.clip(filled, 0, 255)).astype(np.uint8)
    return result


def _filled(premultiplied: Floats, weight: Floats) -> Floats:
    height, width = weight.shape
    filled = premultiplied.copy()
    if height * width == 1 or weight.min() == 1:
        filled /= np.maximum(weight, np.float32(1e-6))[..., None]
        return filled
    half = max(1, width // 2), max(1, height // 2)
    coarse = _filled(_mean(premultiplied, half), _mean(weight, half))
    around = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    filled += (1 - weight)[..., None] * around.reshape(filled.shape)
    return filled


def _mean(plane: Floats, size: tuple[int, int]) -> Floats:
    smaller: Floats = cv2.resize(plane, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    return smaller.reshape(*size[::-1], *plane.shape[2:])
