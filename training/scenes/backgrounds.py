"""What products stand on: seamless sweeps, a table by a wall, a room, a sideboard."""

from __future__ import annotations

import math

from mathutils import Vector

from . import materials
from .mesh import box, fillet, surface
from .modify import place


def sweep(
    color: str = "#ffffff",
    *,
    roughness: float = 0.85,
    depth: float = 9.0,
    radius: float = 4.0,
    width: float = 60.0,
    gloss: float = 0.0,
    gradient: str | None = None,
) -> list:
    """A paper sweep: floor, wide curve, back wall; `gradient` is the colour high on it."""
    profile = fillet([(-30, 0), (depth, 0, radius * 1.4), (depth, 40)], 40)
    rings = [[Vector((x, y, z)) for x in (-width / 2, width / 2)] for y, z in profile]
    s = materials.Surface("sweep", color, roughness=roughness, coat=gloss, coat_roughness=0.12)
    if gradient:
        height = s.node("SeparateXYZ", out=2, Vector=s.where())
        s.set(
            color=s.ramp(
                s.math("MULTIPLY", height, 1 / (radius * 2.2)),
                (0.0, color),
                (1.0, gradient),
                ease="EASE",
            )
        )
    return [surface("sweep", rings, s.material, closed=False)]


def planks(
    width: float,
    depth: float,
    z: float,
    surface_of,
    board: float = 1.2,
    gap: float = 0.012,
    thick: float = 0.3,
    round_: float = 0.02,
) -> list:
    """Boards side by side, grain along x; `surface_of(i)` gives each its material."""
    out, n = [], int(depth / board)
    for i in range(n):
        y = -depth / 2 + board * (i + 0.5)
        out.append(
            box(
                "board",
                (width, board - gap, thick),
                surface_of(i),
                round_=round_,
                at=(((i * 7) % 5) * 0.37, y, z - thick),
            )
        )
    return out


def table(
    dark="#5b3a22",
    light="#a9784c",
    wall="#d8d2c6",
    *,
    depth: float = 10.0,
    distance: float = 9.0,
    board: float = 2.2,
) -> list:
    """A wooden table top with a plain wall behind it."""
    woods = [materials.wood(dark, light, scale=0.8 + 0.1 * i) for i in range(4)]
    for i, w in enumerate(woods):
        w.bsdf.inputs["Coat Roughness"].default_value = 0.25 + 0.05 * i
    top = planks(40, depth, 0, lambda i: woods[(i * 3 + 1) % 4].material, board)
    rings = [[Vector((x, distance, z)) for x in (-60, 60)] for z in (-20, 60)]
    back = surface("wall", rings, materials.painted(wall, 0.8, 0.3, 6).material, closed=False)
    return [*place(top, at=(0, depth * 0.2, 0)), back]


def room(
    floor=("#6d4a2f", "#b58a5c"),
    wall="#cfd3cd",
    *,
    distance: float = 9.0,
    skirting: float = 1.0,
    board: float = 1.5,
) -> list:
    """A parquet floor, a wall and a skirting board."""
    woods = [materials.wood(*floor, scale=0.35 + 0.05 * i, roughness=0.4) for i in range(4)]
    boards = []
    for row in range(int(40 / board)):
        for col in range(4):
            x = (col - 1.5) * 14 + ((row * 5) % 7) * 1.9 - 6
            boards.append(
                box(
                    "board",
                    (13.98, board - 0.015, 0.3),
                    woods[(row * 3 + col * 5) % 4].material,
                    round_=0.015,
                    at=(x, -26 + row * board, -0.3),
                )
            )
    rings = [[Vector((x, distance, z)) for x in (-90, 90)] for z in (-1, 80)]
    back = surface("wall", rings, materials.painted(wall, 0.75, 0.25, 3).material, closed=False)
    white = materials.painted("#efeeea", 0.45, 0.03).material
    skirt = box("skirting", (180, 0.18, skirting), white, round_=0.04, at=(0, distance - 0.1, 0))
    return [*boards, back, skirt]


def sideboard(wood=("#7a5230", "#c19462"), wall="#b9c4c0", *, depth: float = 5.0) -> list:
    """A sideboard's top close to a coloured wall."""
    s = materials.wood(*wood, scale=0.5, roughness=0.35)
    top = box("top", (60, depth, 0.4), s.material, round_=0.06, at=(0, depth * 0.12, -0.4))
    y = depth * 0.64
    rings = [[Vector((x, y, z)) for x in (-60, 60)] for z in (-20, 60)]
    back = surface("wall", rings, materials.painted(wall, 0.85, 0.35, 5).material, closed=False)
    return [top, back]


def marble(color="#e9e7e3", vein="#8b8986", wall="#dcd6cf", distance: float = 10.0) -> list:
    """A polished marble top before a soft wall."""
    s = materials.Surface("marble", color, roughness=0.12, coat=0.3)
    warp = s.noise(0.35, 8, rough=0.6)
    lines = s.math("ABSOLUTE", s.math("SUBTRACT", warp, 0.5))
    fine = s.math("ABSOLUTE", s.math("SUBTRACT", s.noise(1.4, 8, rough=0.65), 0.5))
    tone = s.mix(
        s.ramp(lines, (0.0, "#ffffff"), (0.035, "#000000")),
        materials.rgb(color),
        materials.rgb(vein),
    )
    s.set(
        color=s.mix(
            s.math("MULTIPLY", s.ramp(fine, (0.0, "#ffffff"), (0.03, "#000000")), 0.35),
            tone,
            materials.rgb(vein),
        )
    )
    top = box("marble", (40, 14, 0.4), s.material, round_=0.05, at=(0, 2, -0.4))
    rings = [[Vector((x, distance, z)) for x in (-60, 60)] for z in (-20, 60)]
    return [
        top,
        surface("wall", rings, materials.painted(wall, 0.9, 0.2, 4).material, closed=False),
    ]


__all__ = ["marble", "math", "planks", "room", "sideboard", "sweep", "table"]
