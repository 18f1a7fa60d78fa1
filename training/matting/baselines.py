"""What there is without a network: nothing at all, GrabCut from a box, a classical saliency."""

import cv2
import numpy as np

MARGIN = 0.05
"""Of each side: the box that GrabCut is started from."""

ROUNDS = 5

GRABCUT_SIDE = 320
"""Pixels on the long side: at full size one picture takes many seconds."""


def empty(picture: np.ndarray) -> np.ndarray:
    return np.zeros(picture.shape[:2], np.uint8)


def grabcut(picture: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 3] -> uint8 [H, W] (Rother et al. 2004, as OpenCV does it, reduced first)."""
    cv2.setRNGSeed(0)
    whole, factor = picture.shape[1::-1], min(1.0, GRABCUT_SIDE / max(picture.shape[:2]))
    size = [max(1, round(length * factor)) for length in whole]
    picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    height, width = picture.shape[:2]
    box = (
        round(width * MARGIN),
        round(height * MARGIN),
        round(width * (1 - 2 * MARGIN)),
        round(height * (1 - 2 * MARGIN)),
    )
    mask = np.zeros((height, width), np.uint8)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    bgr = np.ascontiguousarray(picture[..., ::-1])
    cv2.grabCut(bgr, mask, box, *models, ROUNDS, cv2.GC_INIT_WITH_RECT)
    solid = np.where((mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD), 255, 0).astype(np.uint8)
    return cv2.resize(solid, whole, interpolation=cv2.INTER_LINEAR)


def frequency_tuned(picture: np.ndarray) -> np.ndarray:
    """Distance from the mean colour in Lab after a little blur (Achanta et al. 2009)."""
    lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    away = np.linalg.norm(cv2.GaussianBlur(lab, (5, 5), 0) - lab.mean((0, 1)), axis=-1)
    return np.uint8(255 * away / max(1e-6, away.max()))


def unlike_border(picture: np.ndarray) -> np.ndarray:
    """Distance in Lab from the nearest of a few colours of the border, cut in two by Otsu.

    The border prior of classical salient object detection (Wei et al. 2012), in its plainest form.
    """
    small = cv2.resize(picture, (128, 128), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    border = np.concatenate([lab[:6].reshape(-1, 3), lab[-6:].reshape(-1, 3),
                             lab[:, :6].reshape(-1, 3), lab[:, -6:].reshape(-1, 3)])  # fmt: skip
    cv2.setRNGSeed(0)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 0.5)
    colours = cv2.kmeans(border, 6, None, stop, 2, cv2.KMEANS_PP_CENTERS)[2]
    away = np.linalg.norm(lab[:, :, None] - colours, axis=-1).min(-1)
    away = np.uint8(255 * np.minimum(1, away / max(1.0, np.percentile(away, 98))))
    solid = cv2.threshold(away, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[1]
    return cv2.resize(solid, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)


BASELINES = {
    "empty": empty,
    "GrabCut from a box": grabcut,
    "frequency-tuned saliency": frequency_tuned,
    "unlike the border": unlike_border,
}
