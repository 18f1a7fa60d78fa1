"""Catalogue pictures in a scene: each function sets it up and returns the product's parts."""

from __future__ import annotations

from . import backgrounds, furniture, gadgets, lighting, soft, studio, vessels
from .modify import corners, place


def mug() -> list:
    parts = place(vessels.mug(), turn=(0, 0, -32))
    backgrounds.table()
    lighting.surroundings("#6b5a4a", "#cfe0f2", 0.35)
    lighting.window((0, 0, 0.5), 1.5, 2.4, azimuth=-70, elevation=32)
    lighting.softbox((6, -3, 4), (0, 0, 0.4), (4, 4), 0.12, "#ffe9d0")
    studio.camera(parts, elevation=19, fill=0.62, centre=(0.5, 0.42), f_stop=0.5)
    return parts


def chair() -> list:
    parts = place(furniture.chair(), turn=(0, 0, -34))
    backgrounds.room()
    lighting.surroundings("#8a7f70", "#dfe8f2", 0.4)
    lighting.window((0, 0, 4), 8, 2.4, azimuth=-68, elevation=33)
    lighting.softbox((24, -18, 16), (0, 0, 4), (18, 18), 0.14)
    studio.camera(parts, elevation=9, lens=70, fill=0.72, centre=(0.5, 0.46), f_stop=0.25)
    return parts


def watch() -> list:
    parts = place(gadgets.watch(), at=(0, 0, 0.375), turn=(-14, 0, -26))
    floor = min(p.z for p in corners(parts))
    place(parts, at=(0, 0, -floor))
    backgrounds.marble("#3b3d40", "#7d7f82", "#8a7d70", distance=7)
    lighting.surroundings("#5a5550", "#dfe6ee", 0.3)
    lighting.window((0, 0, 0.4), 1.2, 1.9, azimuth=-55, elevation=42)
    lighting.softbox((4, -2, 2.5), (0, 0, 0.4), (1.5, 3), 0.25, "#ffe6cc")
    studio.camera(parts, elevation=14, lens=100, fill=0.68, centre=(0.5, 0.46), f_stop=0.9)
    return parts


def lamp() -> list:
    parts = furniture.lamp()
    backgrounds.sideboard(wall="#7f9690")
    lighting.surroundings("#4a4540", "#cfd6de", 0.22)
    lighting.window((0, 0, 1.5), 4, 1.5, azimuth=-60, elevation=30, color="#eaf0ff")
    glow = lighting.softbox((0, 0, 3.0), (0, 0, 0), (0.5, 0.5), 0.28, "#ffc98a")
    glow.location.z = 2.9
    books = [soft.carton("", c)[0] for c in ("#6f3b2f", "#c8b89a", "#34505c")]
    for i, book in enumerate(books):
        place(
            [book],
            at=(1.95 + 0.06 * i, 0.9, 0.30 + 0.38 * i),
            turn=(90, 0, 78 + 6 * i),
            scale=1.15 - 0.1 * i,
        )
    studio.camera(parts, elevation=8, lens=70, fill=0.66, centre=(0.46, 0.47), f_stop=0.35)
    return parts
