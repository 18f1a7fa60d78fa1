"""Colour spaces that are named by numbers, as curves, matrices and ICC profiles.

Sources: ITU-T H.273 (2024), table 3; IEC 61966-2-1 (sRGB); ICC.1:2022, annex E for Bradford's
matrix.
"""

from functools import lru_cache

import numpy as np
from imagecodecs import cms_profile

from edge.arrays import Doubles
from edge.rendering.pixels.colour_difference import linear
from edge.rendering.source.headers.cicp import BT709, Chromaticity, ColourSpace, Primaries, Transfer

_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_CURVE = 4096
"""Entries of a profile's curve: steps of a quarter of a level of 10 bits."""


def light(space: ColourSpace, values: Doubles) -> Doubles:
    """The light [..., 3], 0 to 1, that stored values of 0 to 1 mean; any space but those of HDR."""
    match space.transfer:
        case Transfer.GAMMA:
            return np.asarray(values**space.gamma)
        case Transfer.SMPTE240M:
            bent = ((values + 0.1115) / 1.1115) ** (1 / 0.45)
            return np.where(values < 4 * 0.0228, values / 4, bent)
        case Transfer.LOG100:
            return np.where(values > 0, 10 ** (2 * (values - 1)), 0.0)
        case Transfer.LOG316:
            return np.where(values > 0, 10 ** (2.5 * (values - 1)), 0.0)
        case _:
            return linear(values)


def srgb_of(linear: Doubles) -> Doubles:
    """sRGB's values [..., 3], 0 to 1, of light; what is outside of 0 to 1 is clipped."""
    clipped = np.clip(linear, 0, 1)
    return np.where(clipped <= 0.0031308, 12.92 * clipped, 1.055 * clipped ** (1 / 2.4) - 0.055)


def grey_curve(space: ColourSpace) -> list[int]:
    """The sRGB level of each of 256 levels of grey; any space but those of HDR."""
    levels = srgb_of(light(space, np.arange(256) / 255))
    return [round(float(level) * 255) for level in levels]


def to_bt709(primaries: Primaries) -> Doubles:
    """The matrix [3, 3] from linear RGB of these primaries to that of sRGB, for columns."""
    return np.asarray(np.linalg.inv(_to_d50(BT709)) @ _to_d50(primaries))


@lru_cache(32)
def profile(space: ColourSpace) -> bytes:
    """An ICC profile of matrix and curves, by LittleCMS; any space but those of HDR.

    Made once: a new one says another time, and is another key for what is remembered of profiles.
    """
    values = light(space, np.arange(_CURVE) / (_CURVE - 1))
    curve = np.rint(np.clip(values, 0, 1) * 65535).astype(np.uint16)
    plain = space.transfer is Transfer.GAMMA
    *primaries, white = ((*point, 1.0) for point in space.primaries)
    result: bytes = cms_profile(
        "rgb",
        whitepoint=white,
        primaries=[number for point in primaries for number in point],
        transferfunction=None if plain else curve,
        gamma=space.gamma if plain else None,
    )
    return result


def _to_d50(primaries: Primaries) -> Doubles:
    """Linear RGB to XYZ under D50."""
    columns = np.stack([_tristimulus(point) for point in primaries[:3]], axis=1)
    white = _tristimulus(primaries[3])
    white = white / white[1]
    gain = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    adapted = np.linalg.inv(_BRADFORD) @ np.diag(gain) @ _BRADFORD
    return np.asarray(adapted @ (columns * np.linalg.solve(columns, white)))


def _tristimulus(point: Chromaticity) -> Doubles:
    x, y = point
    return np.array([x, y, 1 - x - y])
