"""Colour spaces that are named by numbers: CICP (in AVIF, HEIC and PNG), and PNG's gAMA and cHRM.

Source: ITU-T H.273 (2024), tables 2 (primaries) and 3 (transfer characteristics).
"""

import struct
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

_HEAD = 128
_MAX_TAGS = 100
_MAX_LETTERS = 200
_ENTRY = 12  # bytes: name, place, length

_FOR_CONVERSION = frozenset(
    {b"wtpt", b"bkpt", b"chad", b"kTRC"}
    | {bytes((colour,)) + kind for colour in b"rgb" for kind in (b"XYZ", b"TRC")}
    | {way + bytes((intent,)) for way in (b"A2B", b"B2A") for intent in b"0123"}
)
"""What converting needs (ICC.1:2022, section 8): tables, or matrix and curves, and white. Not the
pipelines of any length (`D2B0` and others): one profile of 4 MB could make a pixel take a second.
Profiles that have those must have one of the others as well."""


def description(profile: bytes) -> str:
    """The profile's own description, at most 200 letters; "" where it has none that can be read."""
    try:
        tag = _tag(profile, b"desc")
        text = _multilingual(tag) if tag[:4] == b"mluc" else _plain(tag)
    except (struct.error, UnicodeDecodeError, KeyError):
        return ""
    return "".join(letter for letter in text if letter.isprintable())[:_MAX_LETTERS].strip()


def for_conversion(profile: bytes) -> bytes:
    """The same profile with no tag in its table but those that a conversion needs."""
    count = min(struct.unpack_from(">I", profile, _HEAD)[0], _MAX_TAGS)
    start, end = _HEAD + 4, _HEAD + 4 + _ENTRY * count
    entries = [profile[at : at + _ENTRY] for at in range(start, end, _ENTRY)]
    kept = [entry for entry in entries if entry[:4] in _FOR_CONVERSION]
    table = struct.pack(">I", len(kept)) + b"".join(kept)
    return profile[:_HEAD] + table.ljust(end - _HEAD, b"\0") + profile[end:]


def codes(profile: bytes) -> tuple[int, int] | None:
    """H.273's codes of primaries and transfer in a profile of version 4.4 (ICC.1:2022, 9.2.17)."""
    try:
        tag = _tag(profile, b"cicp")
    except (struct.error, KeyError):
        return None
    return (tag[8], tag[9]) if tag[:4] == b"cicp" and len(tag) >= 12 else None


def _tag(profile: bytes, name: bytes) -> bytes:
    count = struct.unpack_from(">I", profile, _HEAD)[0]
    for index in range(min(count, _MAX_TAGS)):
        found, start, length = struct.unpack_from(">4sII", profile, _HEAD + 4 + 12 * index)
        if found == name:
            return profile[start : start + length]
    raise KeyError(name)


def _plain(tag: bytes) -> str:
    """Version 2's textDescriptionType: a counted ASCII string."""
    length = struct.unpack_from(">I", tag, 8)[0]
    return tag[12 : 12 + min(length, _MAX_LETTERS)].split(b"\0")[0].decode("latin-1")


def _multilingual(tag: bytes) -> str:
    """Version 4's multiLocalizedUnicodeType: the first language's UTF-16."""
    length, start = struct.unpack_from(">II", tag, 20)
    return tag[start : start + min(length, 2 * _MAX_LETTERS)].decode("utf-16-be")


Chromaticity = tuple[float, float]
Primaries = tuple[Chromaticity, Chromaticity, Chromaticity, Chromaticity]
"""CIE 1931 x and y of red, green, blue and white."""

_D65, _C, _E = (0.3127, 0.3290), (0.310, 0.316), (1 / 3, 1 / 3)

BT709: Primaries = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), _D65)
BT2020: Primaries = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65)
_SMPTE170M: Primaries = ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65)

PRIMARIES: MappingProxyType[int, Primaries] = MappingProxyType(
    {
        1: BT709,
        4: ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), _C),
        5: ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), _D65),
        6: _SMPTE170M,
        7: _SMPTE170M,
        8: ((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), _C),
        9: BT2020,
        10: ((1.0, 0.0), (0.0, 1.0), (0.0, 0.0), _E),
        11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
        12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65),
        22: ((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), _D65),
    }
)
"""By H.273's code; what is reserved or unspecified (2) counts as BT.709."""


class Transfer(StrEnum):
    """How the stored numbers mean light."""

    SRGB = "sRGB"
    GAMMA = "gamma"
    SMPTE240M = "SMPTE 240M"
    LOG100 = "logarithmic, 100:1"
    LOG316 = "logarithmic, 316:1"
    PQ = "PQ"
    HLG = "HLG"


TRANSFERS: MappingProxyType[int, tuple[Transfer, float]] = MappingProxyType(
    {
        4: (Transfer.GAMMA, 2.2),
        5: (Transfer.GAMMA, 2.8),
        7: (Transfer.SMPTE240M, 1.0),
        8: (Transfer.GAMMA, 1.0),
        9: (Transfer.LOG100, 1.0),
        10: (Transfer.LOG316, 1.0),
        16: (Transfer.PQ, 1.0),
        17: (Transfer.GAMMA, 2.6),
        18: (Transfer.HLG, 1.0),
    }
)
"""By H.273's code, with the exponent of a gamma. All others are sRGB's curve: 13 by its name, 2 for
lack of any, and the camera curves of television (1, 6, 11, 12, 14, 15), which are what a camera
does to light and not what a screen does: pictures that carry them were made to look right on
screens of sRGB, and are shown so."""


@dataclass(frozen=True, slots=True)
class ColourSpace:
    """What red, green, blue and white are, and how numbers mean light.

    `gamma` is the exponent from number to light of `Transfer.GAMMA`. `name` says where it was told.
    """

    primaries: Primaries
    transfer: Transfer
    gamma: float = 1.0
    name: str = ""

    @property
    def hdr(self) -> bool:
        """Whether light goes beyond the white of paper."""
        return self.transfer in (Transfer.PQ, Transfer.HLG)

    @property
    def srgb(self) -> bool:
        """Whether nothing is to be converted."""
        return self.transfer is Transfer.SRGB and _near(self.primaries, BT709)


def of_codes(primaries: int, transfer: int) -> ColourSpace:
    """The space that H.273's codes name."""
    curve, gamma = TRANSFERS.get(transfer, (Transfer.SRGB, 1.0))
    name = f"CICP {primaries}/{transfer}"
    return ColourSpace(PRIMARIES.get(primaries, BT709), curve, gamma, name)


def of_gamma(exponent: float, primaries: Primaries | None) -> ColourSpace:
    """The space of PNG's gAMA and cHRM; `exponent` from number to light, 1 / gAMA.

    Together with sRGB's primaries, or none, an exponent near 2.2 is what writers of sRGB state for
    viewers that know no sRGB chunk (PNG third edition, section 11.3.2.5): then it is sRGB.
    """
    space = primaries or BT709
    if _near(space, BT709) and abs(exponent - 2.2) < 0.11:
        return ColourSpace(BT709, Transfer.SRGB, name="gAMA")
    name = "gAMA and cHRM" if primaries else "gAMA"
    return ColourSpace(space, Transfer.GAMMA, exponent, name)


def _near(first: Primaries, second: Primaries) -> bool:
    pairs = zip(first, second, strict=True)
    return all(abs(a - b) <= 0.002 for one, two in pairs for a, b in zip(one, two, strict=True))
