"""Random wheels, wire, chains, jewellery and tools: parts of one product each."""

from __future__ import annotations

import math
import random

from mathutils import Matrix, Vector

from . import details, random_hard, random_looks
from .mesh import box, ellipse, flat, lathe, spline, tube
from .modify import place

Rng = random.Random


def wheel(rng: Rng) -> list:
    """A spoked wheel or fan guard: a rim, a hub and thin spokes."""
    r, n = rng.uniform(0.8, 1.5), rng.choice((6, 12, 18, 28, 36))
    thick, spoke = rng.uniform(0.03, 0.12), rng.uniform(0.006, 0.025)
    tyre, wire = random_looks.look(rng), random_looks.metal(rng)
    rim = [
        (r * math.sin(2 * math.pi * i / 96), 0, r * math.cos(2 * math.pi * i / 96))
        for i in range(96)
    ]
    parts = [tube("rim", [Vector(p) for p in rim], thick, tyre, closed=True, up=(0, 1, 0))]
    hub = lathe(
        "hub", [(0, -0.15), (0.1, -0.15, 0.02), (0.1, 0.15, 0.02), (0, 0.15)], wire, segments=32
    )
    hub.data.transform(Matrix.Rotation(math.pi / 2, 4, "X"))
    lean = rng.choice((0, 0.3, 0.6))
    for i in range(n):
        a = 2 * math.pi * i / n
        b = a + lean * (1 if i % 2 else -1)
        y = 0.1 * (1 if i % 2 else -1)
        parts.append(
            tube(
                "spoke",
                [
                    (0.09 * math.sin(b), y, 0.09 * math.cos(b)),
                    (r * math.sin(a), 0, r * math.cos(a)),
                ],
                spoke,
                wire,
                up=(0, 1, 0),
            )
        )
    return place([*parts, hub], turn=(0, 0, rng.uniform(-60, 60)))


def basket(rng: Rng) -> list:
    """A wire basket or cage: rings and uprights along a turned outline."""
    h, r = rng.uniform(0.6, 1.8), rng.uniform(0.4, 0.9)
    wire, thin = random_looks.metal(rng), rng.uniform(0.008, 0.03)
    outline = random_hard.profile(rng, h, r, 4)
    parts = []
    for k in range(0, len(outline), rng.choice((3, 4, 6))):
        q, z = outline[k]
        ring = [
            Vector((q * math.sin(a), q * math.cos(a), z))
            for a in (2 * math.pi * i / 64 for i in range(64))
        ]
        parts.append(tube("ring", ring, thin, wire, closed=True))
    for i in range(n := rng.choice((8, 14, 24))):
        a = 2 * math.pi * i / n
        path = [Vector((q * math.sin(a), q * math.cos(a), z)) for q, z in outline]
        parts.append(tube("upright", path, thin, wire, up=(math.cos(a), -math.sin(a), 0)))
    return parts


def cable(rng: Rng) -> list:
    """A loose knot of cable, rope or a chain of links."""
    path = spline(
        [
            (rng.uniform(-1, 1), rng.uniform(-1, 1), rng.uniform(0.05, 0.9))
            for _ in range(rng.randint(5, 12))
        ],
        14,
        closed=True,
    )
    skin = random_looks.look(rng)
    if rng.random() < 0.5:
        return [tube("cable", path, rng.uniform(0.012, 0.06), skin, closed=True)]
    size, parts = rng.uniform(0.05, 0.1), []
    gold = random_looks.metal(rng)
    for i, (here, ahead) in enumerate(details.along(path, size * 1.5)):
        side = ahead.orthogonal() if i % 2 else ahead.cross(ahead.orthogonal())
        parts.append(details.ring(here, side, size, size * 0.22, gold))
    return parts[:140]


def jewel(rng: Rng) -> list:
    """A ring with a stone, or a string of beads."""
    gold = random_looks.metal(rng)
    if rng.random() < 0.4:
        n, r = rng.randint(14, 40), rng.uniform(0.5, 0.9)
        skin = random_looks.look(rng, clear=0.2)
        size = math.pi * r / n * rng.uniform(0.8, 1.0)
        bead = [
            (math.sin(math.pi * i / 16) * size, -math.cos(math.pi * i / 16) * size)
            for i in range(17)
        ]
        parts = []
        for i in range(n):
            a = 2 * math.pi * i / n
            parts.append(lathe("bead", bead, skin, segments=24))
            parts[-1].location = (r * math.sin(a), r * math.cos(a) * rng.uniform(0.9, 1), size)
        return parts
    band = rng.uniform(0.03, 0.09)
    profile = [(0.45 + x, y) for x, y in ellipse(band * 0.5, band, 24, rng.uniform(2, 4))]
    parts = [lathe("band", [*profile, profile[0]], gold)]
    parts[0].data.transform(Matrix.Rotation(math.pi / 2, 4, "X"))
    s = rng.uniform(0.1, 0.22)
    stone = lathe(
        "stone",
        [(0, -s), (s, 0), (s * 0.6, s * 0.4), (0, s * 0.4)],
        random_looks.look(rng, clear=0.8),
        segments=rng.choice((6, 8, 12)),
    )
    stone.data.shade_flat()
    stone.location.z = 0.45 + s * 0.9
    claws = [
        tube("claw", [(0.0, 0.0, 0.45), (s * math.cos(a), s * math.sin(a), 0.47 + s)], 0.018, gold)
        for a in (math.pi / 4 + math.pi / 2 * i for i in range(4))
    ]
    return place([*parts, stone, *claws], turn=(rng.uniform(-80, 0), 0, rng.uniform(-40, 40)))


def tool(rng: Rng) -> list:
    """A hand tool or cutlery: a turned handle and a flat or wiry head."""
    grip, steel = random_looks.look(rng), random_looks.metal(rng)
    n, r = rng.uniform(0.6, 1.2), rng.uniform(0.05, 0.13)
    outline = spline(
        [(r * 0.6, 0), (r, n * 0.2), (r * rng.uniform(0.6, 1), n * 0.6), (r * 0.8, n)], 6
    )
    parts = [
        lathe("grip", [(0, 0), *((p.x, p.y) for p in outline), (0, n)], grip, segments=48),
        tube(
            "shaft",
            [(0, 0, n - 0.1), (0, 0, n + 0.8)],
            r * rng.uniform(0.25, 0.5),
            steel,
            up=(0, 1, 0),
        ),
    ]
    top = n + 0.75
    kind = rng.choice(("hammer", "blade", "whisk", "fork", "brush", "spanner"))
    if kind == "hammer":
        parts.append(
            box("head", (rng.uniform(0.4, 0.9), 0.18, 0.2), steel, round_=0.03, at=(0, 0, top))
        )
    elif kind in ("blade", "spanner"):
        w = rng.uniform(0.08, 0.25)
        shape = [
            (-w * 0.4, 0),
            (w * 0.4, 0),
            (w, 0.4),
            (w * rng.uniform(0.2, 1), 1.0),
            (-w * 0.3, rng.uniform(0.9, 1.2)),
            (-w, 0.4),
        ]
        plate = flat(
            "blade",
            [[(p.x, p.y) for p in spline(shape, 6, closed=True)]],
            0.03,
            steel,
            round_=0.008,
        )
        plate.location.z = top
        parts.append(plate)
    else:
        count, wide = rng.randint(3, 30 if kind == "brush" else 9), rng.uniform(0.1, 0.3)
        for i in range(count):
            a = math.pi * i / count
            x, y = wide * math.cos(a), (wide * math.sin(a) if kind == "whisk" else 0.02)
            path = [(0, 0, top), (x, y, top + 0.3), (x * 0.9, y * 0.9, top + 0.7)]
            if kind == "whisk":
                path += [
                    (0, 0, top + 0.9),
                    (-x * 0.9, -y * 0.9, top + 0.7),
                    (-x, -y, top + 0.3),
                    (0, 0, top),
                ]
            parts.append(
                tube("wire", spline(path, 8), rng.uniform(0.008, 0.025), steel, up=(0.1, 1, 0))
            )
    return place(parts, turn=(rng.uniform(0, 80), rng.uniform(-90, 90), rng.uniform(0, 360)))
