"""Figures for pictures: PSNR and SSIM of luma, colour difference."""

import cv2
import numpy as np


def luma(picture: np.ndarray) -> np.ndarray:
    """uint8 RGB [H,W,3] -> float BT.601 studio luma, 16 to 235 (MATLAB's rgb2ycbcr)."""
    return 16.0 + picture.astype(np.float64) @ np.array([65.481, 128.553, 24.966]) / 255.0


def psnr(made: np.ndarray, truth: np.ndarray, border: int) -> float:
    """dB of the luma of two uint8 pictures, `border` pixels cut on every side."""
    inner = (slice(border, -border or None), slice(border, -border or None))
    return float(10 * np.log10(255**2 / np.mean((luma(made)[inner] - luma(truth)[inner]) ** 2)))


def ssim(made: np.ndarray, truth: np.ndarray, border: int) -> float:
    """Mean structural similarity of luma, 11x11 Gaussian window of 1.5 px (Wang et al. 2004)."""
    inner = (slice(border, -border or None), slice(border, -border or None))
    a, b = luma(made)[inner], luma(truth)[inner]

    def blur(plane: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(plane, (11, 11), 1.5)[5:-5, 5:-5]

    mean_a, mean_b = blur(a), blur(b)
    var_a, var_b = blur(a * a) - mean_a**2, blur(b * b) - mean_b**2
    both = blur(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    light = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    return float((light * (2 * both + c2) / (var_a + var_b + c2)).mean())


def lab(picture: np.ndarray) -> np.ndarray:
    """uint8 sRGB [H,W,3] -> CIE L*a*b* under D65."""
    value = picture.astype(np.float64) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    to_xyz = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
              [0.0193339, 0.1191920, 0.9503041]]  # fmt: skip
    ratio = linear @ np.array(to_xyz).T / [0.95047, 1.0, 1.08883]
    root = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def delta_e(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """CIEDE2000 per pixel of two uint8 sRGB pictures (Sharma, Wu and Dalal 2005)."""
    (l1, a1, b1), (l2, a2, b2) = (np.moveaxis(lab(p), -1, 0) for p in (one, other))
    chroma7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    stretch = 1.5 - 0.5 * np.sqrt(chroma7 / (chroma7 + 25.0**7))
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = (np.degrees(np.arctan2(b, a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    turn = np.where(c1 * c2 == 0, 0.0, (h2 - h1 + 180) % 360 - 180)
    hue = np.where(c1 * c2 == 0, h1 + h2, (h1 + turn / 2) % 360)
    light, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    waves = ((-0.17, 1, -30), (0.24, 2, 0), (0.32, 3, 6), (-0.20, 4, -63))
    t = 1 + sum(high * np.cos(np.radians(times * hue + turned)) for high, times, turned in waves)
    weight_l = 1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2)
    dl = (l2 - l1) / weight_l
    dc = (c2 - c1) / (1 + 0.045 * chroma)
    dh = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2)) / (1 + 0.015 * chroma * t)
    bend = 2 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7))
    rotate = -bend * np.sin(np.radians(60 * np.exp(-(((hue - 275) / 25) ** 2))))
    return np.sqrt(np.maximum(dl**2 + dc**2 + dh**2 + rotate * dc * dh, 0))
