"""Random potted plants."""

from __future__ import annotations

import math
import random

from mathutils import Vector

from . import materials, random_looks
from .mesh import grid, lathe

Rng = random.Random


def plant(rng: Rng) -> list:
    """A potted plant: leaves of one shape around a stem."""
    green = materials.leather(
        random_looks.shade((0.08, 0.22, 0.05), rng.uniform(0.4, 2.2)), 0.5
    ).material
    r = rng.uniform(0.25, 0.5)
    pot = [
        (0, 0),
        (r * 0.75, 0, 0.04),
        (r, r * 1.5, 0.02),
        (r * 0.92, r * 1.5, 0.02),
        (r * 0.85, r * 1.3),
        (0, r * 1.3),
    ]
    parts = [lathe("pot", pot, random_looks.look(rng), segments=64)]
    wide, long, droop = rng.uniform(0.03, 0.28), rng.uniform(0.4, 1.6), rng.uniform(-0.2, 0.9)
    for i in range(rng.randint(6, 40)):
        a, lift = 2.4 * i, rng.uniform(0.3, 1.2)
        out = Vector((math.cos(a), math.sin(a), 0))
        side = Vector((-math.sin(a), math.cos(a), 0))
        reach = long * rng.uniform(0.6, 1.1)
        root = Vector((0, 0, r * 1.3)) + out * r * 0.3 * rng.random()

        def at(u: float, v: float, out=out, side=side, reach=reach, lift=lift, root=root) -> Vector:
            x = (2 * u - 1) * wide * math.sin(math.pi * min(v * 0.96 + 0.03, 1)) ** 0.8
            return (
                root
                + out * reach * v * math.cos(lift)
                + Vector((0, 0, reach * v * math.sin(lift) - droop * v * v * reach))
                + side * x
                + Vector((0, 0, abs(x) * 0.4))
            )

        parts.append(grid("leaf", at, 7, 14, green))
    return parts
