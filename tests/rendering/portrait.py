"""A person's head and shoulders, drawn by arithmetic so that a face detector sees one."""

from typing import Any

import numpy as np
from PIL import Image

SKIN, HAIR, SHIRT = (224, 170, 160), (70, 58, 48), (60, 80, 130)


def portrait(side: int = 640, radius: float = 0.17) -> Image.Image:
    """On white; `radius` is that of the face, in shares of the side."""
    y, x = np.mgrid[:side, :side].astype(np.float32)
    r = radius * side
    u, v = (x - side / 2) / r, (y - 0.4 * side) / (1.28 * r)
    sheet = np.full((side, side, 3), 255, np.float32)

    def lay(cover: Any, colour: Any) -> None:
        deep = cover[..., None]
        sheet[:] = sheet * (1 - deep) + np.asarray(colour, np.float32) * deep

    def darken(at: tuple[float, float], reach: tuple[float, float], depth: float) -> None:
        blot = np.exp(-(((u - at[0]) / reach[0]) ** 2 + ((v - at[1]) / reach[1]) ** 2))
        sheet[:] *= 1 - depth * blot[..., None]

    lay(inside(np.maximum(abs(u) / 1.7, 2.4 - v), 0.05), SHIRT)
    lay(inside(np.maximum(abs(u) / 0.5, abs(v - 1) / 0.6), 0.1), (160, 118, 100))
    lay(inside(np.hypot(u / 1.18, (v + 0.22) / 1.12), 0.08), HAIR)
    face = inside(np.hypot(u, v), 0.05)
    light = np.clip(1 - 0.4 * (0.8 * u * u + 0.5 * (v - 0.1) ** 2) - 0.1 * u, 0.2, 1.2)
    lay(face, np.array(SKIN) * light[..., None])
    lay(face * inside(v + 1.55 - 0.12 * np.cos(2.4 * u), 0.12), HAIR)
    for middle in (-0.4, 0.4):
        darken((middle, -0.08), (0.26, 0.13), 0.35)
        lay(inside(np.hypot((u - middle) / 0.17, (v + 0.08) / 0.065), 0.3), (235, 230, 225))
        lay(inside(np.hypot((u - middle) / 0.085, (v + 0.08) / 0.066), 0.3), (50, 35, 25))
        darken((middle, -0.15), (0.19, 0.022), 0.7)
        darken((middle * 1.05, -0.28), (0.2, 0.035), 0.8)
    for at, reach, depth in (
        ((0.1, 0.18), (0.07, 0.16), 0.28), ((-0.09, 0.27), (0.05, 0.03), 0.4),
        ((0.09, 0.27), (0.05, 0.03), 0.4), ((0, 0.32), (0.16, 0.05), 0.28),
    ):  # fmt: skip
        darken(at, reach, depth)
    lay(0.8 * inside(np.hypot(u / 0.28, (v - 0.56) / 0.075), 0.3), (165, 80, 80))
    darken((0, 0.56), (0.28, 0.015), 0.6)
    darken((0, 0.69), (0.2, 0.04), 0.25)
    return Image.fromarray(np.clip(sheet, 0, 255).astype(np.uint8))


def inside(distance: Any, soft: float) -> Any:
    """1 where the distance is under 1, 0 beyond, `soft` wide."""
    return np.clip(0.5 - (distance - 1) / soft, 0, 1)
