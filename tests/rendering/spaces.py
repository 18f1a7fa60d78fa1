"""Colour spaces named by numbers, computed without the code under test.

Curves follow ITU-T H.273, table 3, and ITU-R BT.2100-2, tables 4 and 5; the rest is `profiles`'.
"""

import io
import struct

import imagecodecs
import numpy as np
import pillow_heif

from tests.rendering.originals import chunk, png
from tests.rendering.profiles import SRGB_PRIMARIES, matrix, to_srgb

D65, C = (0.3127, 0.3290), (0.310, 0.316)
PRIMARIES = {
    1: SRGB_PRIMARIES,
    4: ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), C),
    5: ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), D65),
    6: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), D65),
    7: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), D65),
    8: ((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), C),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), D65),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), D65),
    22: ((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), D65),
}
WHITE = 203.0  # cd/m2 of paper


def srgb_light(value):
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def smpte240(value):
    return np.where(value < 0.0912, value / 4, ((value + 0.1115) / 1.1115) ** (1 / 0.45))


LIGHT = {
    1: srgb_light,
    2: srgb_light,
    4: lambda value: value**2.2,
    5: lambda value: value**2.8,
    6: srgb_light,
    7: smpte240,
    8: lambda value: value,
    9: lambda value: np.where(value > 0, 100.0 ** (value - 1), 0),
    10: lambda value: np.where(value > 0, (100 * 10**0.5) ** (value - 1), 0),
    13: srgb_light,
    14: srgb_light,
    17: lambda value: value**2.6,
}


def expected(primaries: int, transfer: int, rgb: np.ndarray) -> np.ndarray:
    """What these 8-bit values look like in sRGB, 0 to 255."""
    return to_srgb(LIGHT[transfer](np.asarray(rgb) / 255) @ matrix(PRIMARIES[primaries]).T)


def linear_bt2020(rgb: np.ndarray) -> np.ndarray:
    """The light, 1 for paper, of 8-bit sRGB in BT.2020's primaries."""
    xyz = srgb_light(np.asarray(rgb) / 255) @ matrix(SRGB_PRIMARIES).T
    return np.maximum(xyz @ np.linalg.inv(matrix(PRIMARIES[9])).T, 0)


def pq(linear: np.ndarray) -> np.ndarray:
    """PQ's values, 0 to 1, of light that is 1 for paper."""
    power = (np.asarray(linear) * WHITE / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def hlg(linear: np.ndarray) -> np.ndarray:
    """HLG's values, 0 to 1, that a screen of 1,000 cd/m2 shows as this light, 1 for paper."""
    shown = np.asarray(linear) * WHITE / 1000
    luminance = np.maximum(shown @ [0.2627, 0.6780, 0.0593], 1e-9)[..., None]
    scene = shown * luminance ** (1 / 1.2 - 1)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    upper = a * np.log(np.maximum(12 * scene - b, 1e-9)) + c
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), upper)


def png16(values: np.ndarray, *before: bytes) -> bytes:
    """A PNG of 16 bits of values 0 to 1, [H, W, C], with these chunks before its pixels."""
    height, width, channels = values.shape
    levels = np.rint(np.clip(values, 0, 1) * 65535).astype(">u2").reshape(height, -1)
    rows = b"".join(b"\0" + row.tobytes() for row in levels)
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    return png(width, height, bits=16, kind=kind, rows=rows, before=b"".join(before))


def cicp(primaries: int, transfer: int, *, full: bool = True) -> bytes:
    return chunk(b"cICP", bytes([primaries, transfer, 0, full]))


def gamma(value: float) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", round(value * 100_000)))


def chromaticities(primaries) -> bytes:
    red, green, blue, white = primaries
    numbers = (round(value * 100_000) for pair in (white, red, green, blue) for value in pair)
    return chunk(b"cHRM", struct.pack(">8I", *numbers))


def with_chunks(body: bytes, *chunks: bytes) -> bytes:
    """A PNG with these right behind its header."""
    return body[:33] + b"".join(chunks) + body[33:]


def with_nclx(body: bytes, primaries: int, transfer: int) -> bytes:
    """An AVIF or HEIC whose box of colours says these codes."""
    at = body.index(b"colrnclx") + 8
    return body[:at] + struct.pack(">HH", primaries, transfer) + body[at + 4 :]


def without_nclx(body: bytes) -> bytes:
    """The same without such a box: what the stream says is left."""
    assert b"colrnclx" in body
    return body.replace(b"colrnclx", b"skipnclx")


def with_stream_codes(avif: bytes, primaries: int, transfer: int) -> bytes:
    """An AVIF of libavif's (codes 1, 13 and 6) whose AV1 stream says others."""
    bits = f"{int.from_bytes(avif, 'big'):0{8 * len(avif)}b}"
    said, says = (
        "1" + "".join(f"{code:08b}" for code in (*codes, 6))
        for codes in ((1, 13), (primaries, transfer))
    )
    assert said in bits
    return int(bits.replace(said, says), 2).to_bytes(len(avif), "big")


def ten_bits(coded: np.ndarray, format: str, transfer: int) -> bytes:
    """An AVIF or HEIC of 10 bits of these values, 0 to 1, in BT.2020 and this transfer."""
    height, width, _ = coded.shape
    if format == "AVIF":
        levels = np.rint(coded * 1023).astype(np.uint16)
        options = {"bitspersample": 10, "pixelformat": "444", "numthreads": 1, "level": 100}
        return with_nclx(imagecodecs.avif_encode(levels, **options), 9, transfer)
    image = pillow_heif.from_bytes(
        mode="RGB;16", size=(width, height), data=np.rint(coded * 65535).astype(np.uint16).tobytes()
    )
    stream = io.BytesIO()
    image.save(
        stream, quality=-1, chroma=444, color_primaries=9, transfer_characteristics=transfer,
        matrix_coefficients=0, full_range_flag=1, save_nclx_profile=True,
    )  # fmt: skip
    return stream.getvalue()
