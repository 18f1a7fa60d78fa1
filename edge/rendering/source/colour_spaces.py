"""Colour spaces that are named by numbers, as curves, matrices and ICC profiles.

Sources: ITU-T H.273 (2024), table 3; IEC 61966-2-1 (sRGB); ICC.1:2022, sections 7 to 10 and annex
E for Bradford's matrix.
"""

import struct

import numpy as np

from edge.rendering.pixels.arrays import Doubles
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
            return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


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


def profile(space: ColourSpace) -> bytes:
    """An ICC profile, version 4, of matrix and curves; any space but those of HDR."""
    values = light(space, np.arange(_CURVE) / (_CURVE - 1))
    curve = b"curv\0\0\0\0" + struct.pack(">I", _CURVE)
    curve += np.rint(np.clip(values, 0, 1) * 65535).astype(">u2").tobytes()
    if space.transfer is Transfer.GAMMA:
        curve = b"para\0\0\0\0\0\0\0\0" + struct.pack(">i", round(space.gamma * 65536))
    columns = zip((b"rXYZ", b"gXYZ", b"bXYZ"), _to_d50(space.primaries).T, strict=True)
    tags = {b"desc": _text(space.name), b"wtpt": _point(_D50)}
    tags |= {name: _point(column) for name, column in columns}
    tags |= {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    return _packed(tags)


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


def _packed(tags: dict[bytes, bytes]) -> bytes:
    """Header, tag table and tags; equal ones are stored once."""
    place = 128 + 4 + 12 * len(tags)
    table, content = struct.pack(">I", len(tags)), b""
    places: dict[bytes, int] = {}
    for name, tag in tags.items():
        if tag not in places:
            places[tag] = place + len(content)
            content += tag + b"\0" * (-len(tag) % 4)
        table += struct.pack(">4sII", name, places[tag], len(tag))
    head = bytearray(128)
    struct.pack_into(">I", head, 0, place + len(content))
    head[8:12] = b"\x04\x20\0\0"
    head[12:24] = b"mntrRGB XYZ "
    head[36:40] = b"acsp"
    struct.pack_into(">3i", head, 68, *(round(value * 65536) for value in _D50))
    return bytes(head) + table + content


def _text(words: str) -> bytes:
    letters = words.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">II4sII", 1, 12, b"enUS", len(letters), 28) + letters


def _point(xyz: Doubles) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(float(value) * 65536) for value in xyz))
