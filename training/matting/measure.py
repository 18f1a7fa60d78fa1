"""How good a matte is: mean absolute error, F measure, error along the outline, sum of errors."""

import cv2
import numpy as np

NEAR = 4
"""Pixels on each side of the outline that count as its neighbourhood."""

BETA_SQUARED = 0.3
"""Precision weighs more than recall: the convention of salient object detection."""


def error(made: np.ndarray, alpha: np.ndarray) -> float:
    """Mean absolute error, 0 to 1, of uint8 mattes."""
    return float(np.abs(made.astype(float) - alpha).mean() / 255)


def outline_error(made: np.ndarray, alpha: np.ndarray) -> float:
    """The same within `NEAR` pixels of the outline; 0 where there is none."""
    kernel = np.ones((2 * NEAR + 1, 2 * NEAR + 1), np.uint8)
    solid = (alpha > 127).astype(np.uint8)
    near = cv2.dilate(solid, kernel) != cv2.erode(solid, kernel)
    if not near.any():
        return 0.0
    return float(np.abs(made[near].astype(float) - alpha[near]).mean() / 255)


def sad(made: np.ndarray, alpha: np.ndarray) -> float:
    """Sum of absolute differences in thousands, the unit of matting benchmarks."""
    return float(np.abs(made.astype(float) - alpha).sum() / 255 / 1000)


def curve(made: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """F at each of 255 thresholds."""
    solid = alpha > 127
    hits = np.bincount(made[solid], minlength=256)[::-1].cumsum()[::-1].astype(float)
    said = np.bincount(made.ravel(), minlength=256)[::-1].cumsum()[::-1]
    precision, recall = hits / np.maximum(said, 1), hits / max(1, solid.sum())
    weighed = BETA_SQUARED * precision + recall
    return ((1 + BETA_SQUARED) * precision * recall / np.maximum(weighed, 1e-9))[1:]


def summary(made: list[np.ndarray], alphas: list[np.ndarray]) -> dict[str, float]:
    """Means over a set; `max_f` is the best threshold's mean F over the set, as is usual."""
    both = list(zip(made, alphas, strict=True))
    return {
        "mae": float(np.mean([error(m, a) for m, a in both])),
        "max_f": float(np.mean([curve(m, a) for m, a in both], axis=0).max()),
        "outline": float(np.mean([outline_error(m, a) for m, a in both])),
        "sad": float(np.mean([sad(m, a) for m, a in both])),
    }
