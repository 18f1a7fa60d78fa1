"""A shell chair and a table lamp. Each function returns the parts of one product."""

from __future__ import annotations

import math

from mathutils import Vector

from . import materials
from .mesh import grid, lathe, spline, tube
from .modify import solidify, subdivide

SIDE = [
    (-2.25, 4.20),
    (-1.95, 4.42),
    (-1.2, 4.42),
    (0.0, 4.22),
    (1.0, 4.25),
    (1.75, 4.62),
    (2.15, 5.4),
    (2.4, 6.4),
    (2.62, 7.4),
    (2.8, 8.1),
]


def _shell(material):
    """The moulded seat and back: a profile carried across with curled edges and round corners."""
    path = spline(SIDE, 16)

    def at(u: float, v: float) -> Vector:
        k = min(v * (len(path) - 1), len(path) - 1.001)
        i = int(k)
        here = path[i].lerp(path[i + 1], k - i)
        slope = (path[i + 1] - path[i]).normalized()
        x = 2 * u - 1
        half = 2.28 + 0.14 * math.sin(math.pi * min(v * 2, 1)) - 0.30 * max(v - 0.5, 0) * 2
        ends = max(1 - abs(2 * v - 1) ** 9, 0.0) ** 0.45
        half *= 0.80 + 0.20 * ends
        curl = (0.28 + 0.5 * math.sin(math.pi * v) ** 2) * abs(x) ** 2.6
        dish = 0.12 * (1 - x * x) * math.sin(math.pi * v)
        return Vector(
            (
                half * x * (1 - 0.06 * curl),
                here.x - slope.y * (curl - dish),
                here.y + slope.x * (curl - dish),
            )
        )

    return subdivide(solidify(grid("shell", at, 33, 61, material), 0.10, 0.0), 1)


def _leg(top, foot, material):
    path = [Vector(top).lerp(Vector(foot), t / 12) for t in range(13)]
    return tube(
        "leg",
        path,
        0.17,
        material,
        up=(0.3, 1, 0),
        scale=lambda t: 0.85 + 0.35 * math.sin(math.pi * min(t * 1.2 + 0.1, 1)) - 0.35 * t,
    )


def chair(color: str = "#c8912f") -> list:
    """A plastic shell chair on beech dowel legs with a wire brace."""
    shell = materials.plastic(color, 0.42, 0.12)
    beech = materials.wood("#a8763f", "#d9ad73", 0.45, 1.4, "Z").material
    steel = materials.metal("#1b1b1c", 0.35).material
    parts = [_shell(shell.material)]
    tops = {(sx, sy): (sx * 1.15, 0.05 + sy * 1.15, 4.02) for sx in (-1, 1) for sy in (-1, 1)}
    feet = {k: (k[0] * 2.15, 0.1 + k[1] * 2.05, 0.0) for k in tops}

    def on(key, t: float) -> Vector:
        return Vector(tops[key]).lerp(Vector(feet[key]), t)

    for key in tops:
        parts.append(_leg(tops[key], feet[key], beech))
        parts.append(
            lathe("foot", [(0, 0), (0.12, 0), (0.12, 0.1, 0.02), (0, 0.12)], steel, segments=24)
        )
        parts[-1].location = feet[key]
    for a, b in (((-1, -1), (1, -1)), ((-1, 1), (1, 1)), ((-1, -1), (-1, 1)), ((1, -1), (1, 1))):
        parts.append(tube("rod", [on(a, 0.02), on(b, 0.40)], 0.055, steel))
        parts.append(tube("rod", [on(b, 0.02), on(a, 0.40)], 0.055, steel))
        parts.append(tube("bar", [on(a, 0.02), on(b, 0.02)], 0.07, steel))
    return parts


def lamp(shade: str = "#e8dcc3", brass: str = "#b58d4a") -> list:
    """A table lamp: a ribbed ceramic foot, a brass neck and a lit linen shade."""
    foot = materials.ceramic("#31535a", 0.15)
    body = lathe(
        "foot",
        spline(
            [
                (0.0, 0.02),
                (0.55, 0.0),
                (0.62, 0.05),
                (0.6, 0.16),
                (0.8, 0.6),
                (0.9, 1.0),
                (0.72, 1.5),
                (0.36, 1.82),
                (0.2, 1.95),
                (0.18, 2.0),
            ],
            12,
        ),
        foot.material,
        segments=240,
        ripple=lambda a, z: 1 + 0.012 * math.sin(28 * a) * min(max(z - 0.1, 0), 1),
    )
    metal = materials.metal(brass, 0.22).material
    neck = lathe(
        "neck",
        [(0.2, 1.98), (0.22, 2.0), (0.22, 2.08, 0.02), (0.08, 2.14, 0.05), (0.07, 2.5)],
        metal,
        segments=64,
    )
    linen = materials.weave(shade, (420, 110), roughness=0.9, transmission=0.0)
    linen.set(emission="#ffc98a", emission_strength=0.9)
    cone = lathe("shade", [(1.18, 2.25), (0.82, 3.75)], linen.material, steps=40)
    solidify(cone, 0.02)
    bulb = lathe(
        "bulb",
        [(0, 2.5), (0.2, 2.62, 0.1), (0.28, 2.85, 0.15), (0, 3.1)],
        materials.Surface("bulb", "#ffffff", emission="#ffdcae", emission_strength=9).material,
    )
    trims = [
        lathe(
            "trim", [(r, z), (r + 0.015, z), (r + 0.015, z + 0.05), (r, z + 0.05)], linen.material
        )
        for r, z in ((1.18, 2.24), (0.822, 3.72))
    ]
    return [body, neck, cone, bulb, *trims]
