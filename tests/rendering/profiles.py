"""Colour profiles made by hand, and the colours that they mean, computed without any engine.

Everything follows the ICC's specification and the published primaries; nothing here calls the
library that the code under test calls.
"""

import struct

import numpy as np

D50 = np.array([0.9642, 1.0, 0.8249])  # the profile connection space's white, ICC.1:2022
D65 = np.array([0.9504559, 1.0, 1.0890578])
BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)

# Red, green and blue as x, y; white as x, y; the exponent of the tone curve.
SRGB_PRIMARIES = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), (0.3127, 0.3290))
SPACES = {
    "adobe-rgb": (((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), (0.3127, 0.3290)), 563 / 256),
    "prophoto": (((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001), (0.3457, 0.3585)), 1.8),
    "display-p3": (((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.3127, 0.3290)), 2.2),
}


def _xyz(x: float, y: float) -> np.ndarray:
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _adapted(white: np.ndarray) -> np.ndarray:
    """The matrix that takes colours seen under this white to D50 (Bradford)."""
    gain = (BRADFORD @ D50) / (BRADFORD @ white)
    return np.linalg.inv(BRADFORD) @ np.diag(gain) @ BRADFORD


def matrix(primaries: tuple[tuple[float, float], ...]) -> np.ndarray:
    """Linear RGB to XYZ under D50."""
    columns = np.stack([_xyz(*primary) for primary in primaries[:3]], axis=1)
    white = _xyz(*primaries[3])
    return _adapted(white) @ (columns * np.linalg.solve(columns, white))


def to_srgb(xyz: np.ndarray) -> np.ndarray:
    """XYZ under D50 to sRGB, 0 to 255, clipped."""
    linear = np.clip(xyz @ np.linalg.inv(matrix(SRGB_PRIMARIES)).T, 0, 1)
    curved = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return curved * 255


def expected(space: str, rgb: np.ndarray) -> np.ndarray:
    """What these 8-bit values of a space look like in sRGB."""
    primaries, gamma = SPACES[space]
    return to_srgb((rgb / 255) ** gamma @ matrix(primaries).T)


def xyz_of_lab(lab: np.ndarray) -> np.ndarray:
    """CIE L*a*b* to XYZ, both under D50."""
    fy = (lab[..., 0] + 16) / 116
    f = np.stack([fy + lab[..., 1] / 500, fy, fy - lab[..., 2] / 200], axis=-1)
    return np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * D50


def lab_of_srgb(rgb: np.ndarray) -> np.ndarray:
    """sRGB, 0 to 255, to L*a*b* under D50."""
    value = np.asarray(rgb, dtype=float) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    xyz = linear @ matrix(SRGB_PRIMARIES).T / D50
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack(
        [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])],
        axis=-1,
    )


def delta_e(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """CIEDE2000 between two arrays of sRGB colours (Sharma, Wu, Dalal 2005)."""
    lab1, lab2 = lab_of_srgb(first), lab_of_srgb(second)
    chroma = (np.hypot(lab1[..., 1], lab1[..., 2]) + np.hypot(lab2[..., 1], lab2[..., 2])) / 2
    stretch = 1.5 - 0.5 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7))
    c1, h1 = _polar(lab1, stretch)
    c2, h2 = _polar(lab2, stretch)
    both = c1 * c2 > 0
    turn = np.where(both, (h2 - h1 + 540) % 360 - 180, 0)
    dl, dc = lab2[..., 0] - lab1[..., 0], c2 - c1
    dh = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))
    mean_l, mean_c = (lab1[..., 0] + lab2[..., 0]) / 2, (c1 + c2) / 2
    mean_h = np.where(both, h1 + turn / 2, h1 + h2) % 360
    return _weighed(dl, dc, dh, mean_l, mean_c, mean_h)


def _polar(lab: np.ndarray, stretch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a, b = lab[..., 1] * stretch, lab[..., 2]
    return np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360


def _weighed(dl, dc, dh, mean_l, mean_c, mean_h) -> np.ndarray:
    t = (
        1
        - 0.17 * np.cos(np.radians(mean_h - 30))
        + 0.24 * np.cos(np.radians(2 * mean_h))
        + 0.32 * np.cos(np.radians(3 * mean_h + 6))
        - 0.20 * np.cos(np.radians(4 * mean_h - 63))
    )
    far = (mean_l - 50) ** 2
    sl = 1 + 0.015 * far / np.sqrt(20 + far)
    sc, sh = 1 + 0.045 * mean_c, 1 + 0.015 * mean_c * t
    angle = 60 * np.exp(-(((mean_h - 275) / 25) ** 2))
    rt = -2 * np.sqrt(mean_c**7 / (mean_c**7 + 25.0**7)) * np.sin(np.radians(angle))
    light, c, h = dl / sl, dc / sc, dh / sh
    return np.sqrt(np.maximum(0, light**2 + c**2 + h**2 + rt * c * h))


def profile(space: str) -> bytes:
    """A version 2 display profile of matrix and curves for one of `SPACES`."""
    primaries, gamma = SPACES[space]
    columns = matrix(primaries).T
    tags = {b"desc": _description(space), b"wtpt": _point(D50)}
    tags |= {name: _point(c) for name, c in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)}
    tags |= {name: _gamma(gamma) for name in (b"rTRC", b"gTRC", b"bTRC")}
    return _packed(b"mntr", b"RGB ", b"XYZ ", tags)


def with_tags(rgb: bytes, more: dict[bytes, bytes]) -> bytes:
    """A profile of red, green and blue with other tags as well."""
    count = struct.unpack_from(">I", rgb, 128)[0]
    entries = [struct.unpack_from(">4s2I", rgb, 132 + 12 * index) for index in range(count)]
    tags = {name: rgb[start : start + length] for name, start, length in entries}
    return _packed(b"mntr", b"RGB ", b"XYZ ", tags | more)


def with_codes(rgb: bytes, primaries: int, transfer: int) -> bytes:
    """The same with the tag of H.273's codes."""
    return with_tags(rgb, {b"cicp": b"cicp\0\0\0\0" + bytes([primaries, transfer, 0, 1])})


def grey_profile(gamma: float) -> bytes:
    """A version 2 profile of one channel."""
    tags = {b"desc": _description("grey"), b"wtpt": _point(D50), b"kTRC": _gamma(gamma)}
    return _packed(b"mntr", b"GRAY", b"XYZ ", tags)


def ink_lab(cmyk: np.ndarray) -> np.ndarray:
    """A press of our own: the Lab colour of ink amounts, 0 to 1, on white paper.

    Each ink lets through a share of red, green and blue light; what is left makes the colour.
    """
    inks = np.array([[0.02, 0.45, 0.85], [0.80, 0.03, 0.40], [0.98, 0.88, 0.03], [0, 0, 0]])
    light = np.prod(1 - cmyk[..., :, None] * (1 - inks), axis=-2)
    xyz = light @ matrix(SRGB_PRIMARIES).T / D50
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack(
        [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])],
        axis=-1,
    )


def expected_ink(cmyk: np.ndarray) -> np.ndarray:
    """What 8-bit ink amounts look like in sRGB."""
    return to_srgb(xyz_of_lab(ink_lab(np.asarray(cmyk) / 255)))


def ink_profile(steps: int = 11) -> bytes:
    """The press as a version 2 output profile: a table of steps^4 Lab colours."""
    grid = np.stack(np.meshgrid(*[np.linspace(0, 1, steps)] * 4, indexing="ij"), axis=-1)
    lab = ink_lab(grid.reshape(-1, 4))
    words = np.stack(
        [lab[:, 0] * 0xFF00 / 100, (lab[:, 1] + 128) * 256, (lab[:, 2] + 128) * 256], axis=-1
    )
    table = np.clip(np.rint(words), 0, 65535).astype(">u2").tobytes()
    identity = struct.pack(">9i", *[65536 if i % 4 == 0 else 0 for i in range(9)])
    ramp = struct.pack(">2H", 0, 65535)
    lut = b"mft2\0\0\0\0" + bytes([4, 3, steps, 0]) + identity + struct.pack(">2H", 2, 2)
    lut += ramp * 4 + table + ramp * 3
    tags = {b"desc": _description("press"), b"wtpt": _point(D50), b"A2B0": lut, b"A2B1": lut}
    return _packed(b"prtr", b"CMYK", b"Lab ", tags)


def _packed(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    head = bytearray(128)
    head[8:12] = b"\x02\x40\0\0"
    head[12:24] = kind + space + connection
    head[36:40] = b"acsp"
    head[68:80] = struct.pack(">3i", *(round(v * 65536) for v in D50))
    place = 128 + 4 + 12 * len(tags)
    directory, content = struct.pack(">I", len(tags)), b""
    for name, tag in tags.items():
        padded = tag + b"\0" * (-len(tag) % 4)
        directory += struct.pack(">4s2I", name, place + len(content), len(tag))
        content += padded
    head[0:4] = struct.pack(">I", place + len(content))
    return bytes(head) + directory + content


def _description(text: str) -> bytes:
    letters = text.encode() + b"\0"
    return b"desc\0\0\0\0" + struct.pack(">I", len(letters)) + letters + b"\0" * 78


def _point(xyz: np.ndarray) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in xyz))


def _gamma(exponent: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(exponent * 256))
