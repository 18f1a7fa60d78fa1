"""CIE L*a*b* (D65) and CIEDE2000: how different two colours look to a person."""

import numpy as np

from edge.arrays import Doubles, Floats, Lab, Levels

_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
     [0.0193339, 0.1191920, 0.9503041]], np.float32,
)  # fmt: skip
"""Linear sRGB to XYZ (IEC 61966-2-1)."""
_WHITE = np.array([0.95047, 1.0, 1.08883], np.float32)


def linear(values: Doubles) -> Doubles:
    """Light [...], 0 to 1, of sRGB's values of the same range and shape (IEC 61966-2-1)."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


_LINEAR = linear(np.arange(256) / 255).astype(np.float32)


def lab(pixels: Levels) -> Lab:
    """sRGB, uint8 [..., 3] -> L* (0 to 100), a*, b*: float32 [..., 3] (CIE 15:2004, section 8)."""
    xyz = _LINEAR[pixels] @ _TO_XYZ.T / _WHITE
    root = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = np.moveaxis(root, -1, 0)
    result: Lab = np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1).astype(np.float32)
    return result


def ciede2000(one: Lab, other: Lab) -> Floats:
    """CIEDE2000 of Lab colours [..., 3], all weights 1 -> [...]; about 1 is just noticed.

    After Sharma, Wu and Dalal, "The CIEDE2000 Color-Difference Formula", Color Research and
    Application 30 (2005), equations 2 to 22, in their order.
    """
    (l1, a1, b1), (l2, a2, b2) = (
        np.moveaxis(np.asarray(c, np.float64), -1, 0) for c in (one, other)
    )
    stretch = 1 + 0.5 * (1 - _faded((_chroma(a1, b1) + _chroma(a2, b2)) / 2))
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = _chroma(a1, b1), _chroma(a2, b2)
    h1, h2 = _hue(a1, b1), _hue(a2, b2)
    grey = c1 * c2 == 0
    turn = np.where(grey, 0, _turned(h2 - h1 + 180) - 180)
    turn = np.where((turn == -180) & (h2 > h1), 180, turn)
    dl, dc = l2 - l1, c2 - c1
    dh = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn) / 2)
    light, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    hue = np.where(grey, h1 + h2, _middle(h1, h2))
    t = (1 - 0.17 * _cos(hue - 30) + 0.24 * _cos(2 * hue) + 0.32 * _cos(3 * hue + 6)
         - 0.20 * _cos(4 * hue - 63))  # fmt: skip
    sl = 1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2)
    sc, sh = 1 + 0.045 * chroma, 1 + 0.015 * chroma * t
    theta = 30 * np.exp(-(((hue - 275) / 25) ** 2))
    rt = -np.sin(np.radians(2 * theta)) * 2 * _faded(chroma)
    dl, dc, dh = dl / sl, dc / sc, dh / sh
    result: Floats = np.sqrt(dl**2 + dc**2 + dh**2 + rt * dc * dh).astype(np.float32)
    return result


def _chroma(a: Doubles, b: Doubles) -> Doubles:
    """What `np.hypot` gives, which looks out for numbers that no colour has."""
    result: Doubles = np.sqrt(a * a + b * b)
    return result


def _faded(chroma: Doubles) -> Doubles:
    square = chroma * chroma
    seventh: Doubles = square * square * square * chroma
    result: Doubles = np.sqrt(seventh / (seventh + 25.0**7))
    return result


def _hue(a: Doubles, b: Doubles) -> Doubles:
    return _turned(np.degrees(np.arctan2(b, a)))


def _turned(degrees: Doubles) -> Doubles:
    """Angles from -360 on and under 720 as 0 to 360: a sum is quicker than a remainder."""
    result: Doubles = degrees + 360.0 * (degrees < 0) - 360.0 * (degrees >= 360)
    return result


def _middle(h1: Doubles, h2: Doubles) -> Doubles:
    """The mean of two hues, on the shorter way around."""
    total = h1 + h2
    far = np.abs(h1 - h2) > 180
    result: Doubles = np.where(far, np.where(total < 360, total + 360, total - 360), total)
    return result / 2


def _cos(degrees: Doubles) -> Doubles:
    result: Doubles = np.cos(np.radians(degrees))
    return result
