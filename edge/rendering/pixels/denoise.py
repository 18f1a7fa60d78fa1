"""Denoising: strong grain is reduced before a network would sharpen it."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from edge.arrays import Plane
from edge.rendering.numbers import tuned


@dataclass(frozen=True)
class DenoiseNumbers:
    """How much of strong grain goes."""

    luma: float = tuned(
        0.8,
        "standard deviations of the grain",
        "threshold of light: some stays, so that leather and fur do not turn to wax; twice that of "
        "colours, which nobody takes for detail",
        "7 photographs with grain of 2.8 levels, enlarged by 2: 30.1 dB, 30.2 with half of it, "
        "29.6 with twice",
    )


DENOISE = DenoiseNumbers()


_SCALES = (0.889, 0.200, 0.086)
"""How much of white noise each scale holds (Starck and Murtagh, "Astronomical Image and Data
Analysis", 2006, for this kernel in two dimensions)."""

_KERNEL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)


def denoised(image: Image.Image, grain: float) -> Image.Image:
    """An RGB picture with less grain. Means, edges and every detail well above the grain stay.

    Soft thresholds on an undecimated wavelet transform (the starlet), luma and colours each by
    themselves.

    Args:
        grain: standard deviation of its luma in levels of 255, as `degradation.noise` measures it.
    """
    bands = image.convert("YCbCr").split()
    strengths = (DENOISE.luma * grain, 2 * DENOISE.luma * grain, 2 * DENOISE.luma * grain)
    quieter = [_band(band, strength) for band, strength in zip(bands, strengths, strict=True)]
    return Image.merge("YCbCr", quieter).convert("RGB")


def _band(band: Image.Image, strength: float) -> Image.Image:
    plane = np.asarray(band, dtype=np.float32)
    result = np.zeros_like(plane)
    for scale, share in enumerate(_SCALES):
        smooth = _smoothed(plane, 2**scale)
        detail, least = plane - smooth, np.float32(share * strength)
        result += detail - np.clip(detail, -least, least)
        plane = smooth
    result += plane
    return Image.fromarray(np.clip(result + np.float32(0.5), 0, 255).astype(np.uint8))


def _smoothed(plane: Plane, step: int) -> Plane:
    """By the B3 spline, its taps `step` pixels apart; the border goes on as it ends."""
    for axis in (0, 1):
        wide = [(2 * step, 2 * step) if a == axis else (0, 0) for a in (0, 1)]
        padded = np.pad(plane, wide, mode="edge")
        length = plane.shape[axis]
        result = np.zeros_like(plane)
        for tap, weight in enumerate(_KERNEL):
            part = slice(tap * step, tap * step + length)
            result += np.float32(weight) * (padded[part] if axis == 0 else padded[:, part])
        plane = result
    return plane
