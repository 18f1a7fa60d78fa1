"""Random vessels, boxes, furniture and gadgets: parts of one product each."""

from __future__ import annotations

import math
import random

from mathutils import Matrix, Vector

from . import materials, random_looks, vessels
from .mesh import box, ellipse, lathe, spline, sweep, tube
from .modify import place

Rng = random.Random


def profile(rng: Rng, height: float, widest: float, points: int = 6) -> list[tuple[float, float]]:
    """A random turned outline from the foot up."""
    rows = [(widest * rng.uniform(0.4, 1.0), 0.0)]
    for i in range(1, points):
        rows.append((widest * rng.uniform(0.3, 1.0), height * i / (points - 1)))
    return [(p.x, p.y) for p in spline([(max(r, 0.05), z) for r, z in rows], 8)]


def _ripple(rng: Rng):
    n, depth, twist = rng.randint(3, 24), rng.uniform(0.01, 0.08), rng.uniform(-1, 1)
    if rng.random() < 0.6:
        return None
    return lambda a, z: 1 + depth * math.sin(n * a + twist * z)


def bottle(rng: Rng) -> list:
    """A bottle: straight or bellied, with a cap or pump, often a label."""
    h, r, neck = rng.uniform(0.9, 2.2), rng.uniform(0.22, 0.5), rng.uniform(0.08, 0.2)
    clear = rng.random() < 0.3
    skin = random_looks.look(rng, clear=1.0 if clear else 0.0)
    soft = rng.uniform(0.05, 0.3)
    rows = [
        (0, 0),
        (r, 0, 0.06),
        (r, h * 0.7, soft),
        (neck, h * rng.uniform(0.75, 0.9), soft),
        (neck, h),
    ]
    parts = [
        lathe(
            "bottle", rows, skin, segments=96, ripple=_ripple(rng) if rng.random() < 0.2 else None
        )
    ]
    if clear:
        wet = materials.glass(random_looks.color(rng, plain=0), 0.0, 1.33).material
        parts.append(
            lathe(
                "liquid",
                [(0, 0.04), (r - 0.04, 0.04, 0.05), (r - 0.04, h * 0.55), (0, h * 0.55)],
                wet,
            )
        )
    if rng.random() < 0.7:
        image = random_looks.print_image(rng, 512, 384)
        parts.append(
            vessels.label_band(
                r * 1.004,
                h * 0.12,
                h * rng.uniform(0.4, 0.6),
                image,
                rng.uniform(0.2, 0.7),
                rng.uniform(0.3, 0.9),
            )
        )
    cap = random_looks.look(rng)
    if rng.random() < 0.3:
        return [*parts, *vessels.pump(h, cap, random_looks.metal(rng))]
    top = rng.uniform(0.1, 0.4)
    parts.append(
        lathe(
            "cap",
            [(0, h - 0.1), (neck * 1.25, h - 0.1), (neck * 1.25, h + top, 0.03), (0, h + top)],
            cap,
            segments=64,
        )
    )
    return parts


def vessel(rng: Rng) -> list:
    """A vase, bowl, jar or cup, sometimes with one or two handles."""
    h, w = rng.uniform(0.5, 2.0), rng.uniform(0.3, 0.8)
    outer = profile(rng, h, w, rng.randint(3, 6))
    thick = rng.uniform(0.012, 0.05)
    inner = [(max(r - thick, 0.02), max(z, thick)) for r, z in reversed(outer)]
    skin = random_looks.look(rng, clear=0.25)
    parts = [
        lathe(
            "vessel", [(0, 0), *outer, *inner, (0, thick)], skin, segments=128, ripple=_ripple(rng)
        )
    ]
    for side in rng.choice(((), (), (1,), (1, -1))):
        low, high = h * rng.uniform(0.15, 0.4), h * rng.uniform(0.6, 0.9)
        reach = w * rng.uniform(0.4, 0.9)
        at = [min(outer, key=lambda p, z=z: abs(p[1] - z))[0] * 0.95 for z in (low, high)]
        path = spline(
            [
                (side * at[1], 0, high),
                (side * (max(at) + reach), 0, high + 0.05),
                (side * (max(at) + reach * 0.9), 0, low + 0.1),
                (side * at[0], 0, low),
            ],
            10,
        )
        parts.append(sweep("handle", path, ellipse(0.06, 0.03), skin, up=(0, 1, 0)))
    return parts


def carton(rng: Rng) -> list:
    """One to three boxes, stacked or side by side, printed."""
    parts, x, z = [], 0.0, 0.0
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        size = [rng.uniform(0.3, 1.4) for _ in range(3)]
        kinds = [random_looks.look(rng) for _ in range(2)]
        body = box("carton", size, kinds[0], round_=rng.choice((0.004, 0.02, 0.08)), at=(x, 0, z))
        body.data.materials.append(kinds[1])
        body.data.polygons[2].material_index = 1
        body.rotation_euler.z = rng.uniform(-0.4, 0.4)
        parts.append(body)
        if rng.random() < 0.5:
            z += size[2]
        else:
            x += size[0] * 1.4
    return parts


def furniture(rng: Rng) -> list:
    """A stool, table, bench, tile cache or tiers from a top and thin legs."""
    w, d, h = rng.uniform(1.5, 5), rng.uniform(1, 2.5), rng.uniform(1.5, 5)
    skin, frame = random_looks.look(rng), random_looks.look(rng)
    parts = []
    for level in sorted({1.0, *(rng.random() for _ in range(rng.choice((0, 0, 1, 3))))}):
        parts.append(
            box("top", (w, d, rng.uniform(0.05, 0.25)), skin, round_=0.03, at=(0, 0, h * level))
        )
    if rng.random() < 0.25:
        parts = [
            lathe(
                "seat",
                [(0, h - 0.1), (d / 2, h - 0.1, 0.05), (d / 2, h + 0.1, 0.05), (0, h + 0.1)],
                skin,
            )
        ]
        w = d * 0.7
    splay, r = rng.uniform(0.8, 1.15), rng.uniform(0.03, 0.14)
    for sx in (-1, 1):
        for sy in (-1, 1):
            top, foot = (
                Vector((sx * w * 0.42, sy * d * 0.4, h)),
                Vector((sx * w * 0.42 * splay, sy * d * 0.4 * splay, 0)),
            )
            parts.append(
                tube("leg", [top.lerp(foot, k / 6) for k in range(7)], r, frame, up=(0.3, 1, 0))
            )
        if rng.random() < 0.6:
            y = d * 0.4
            parts.append(
                tube(
                    "bar",
                    [(sx * w * 0.42, -y, h * 0.3), (sx * w * 0.42, y, h * 0.3)],
                    r * 0.7,
                    frame,
                )
            )
    if rng.random() < 0.4:
        for k in range(rng.randint(2, 9)):
            x = (k / 8 - 0.5) * w * 0.8
            parts.append(
                tube(
                    "slat",
                    [(x, d * 0.45, h), (x * 1.1, d * 0.55, h * 1.7)],
                    r * 0.6,
                    frame,
                    up=(0, 1, 0),
                )
            )
        parts.append(
            tube("rail", [(-w * 0.5, d * 0.55, h * 1.7), (w * 0.5, d * 0.55, h * 1.7)], r, frame)
        )
    return parts


def gadget(rng: Rng) -> list:
    """A camera, phone, speaker or remote: a rounded block with discs, buttons, a screen."""
    w, d, h = rng.uniform(0.6, 1.6), rng.uniform(0.1, 0.7), rng.uniform(0.5, 1.8)
    body = box(
        "body", (w, d, h), random_looks.look(rng), round_=rng.uniform(0.03, min(w, d, h) * 0.45)
    )
    parts, dark = [body], random_looks.look(rng)
    for _ in range(rng.randint(1, 8)):
        r, x, z = rng.uniform(0.03, 0.25), rng.uniform(-0.4, 0.4) * w, rng.uniform(0.15, 0.85) * h
        disc = lathe(
            "disc",
            [(0, -0.1), (r, -0.1), (r, rng.uniform(0.01, 0.3), 0.02), (r * 0.8, 0.01), (0, 0.0)],
            rng.choice((dark, random_looks.look(rng))),
            segments=48,
        )
        disc.data.transform(Matrix.Rotation(math.pi / 2, 4, "X"))
        disc.location = (x, -d / 2, z)
        parts.append(disc)
    if rng.random() < 0.4:
        arc = spline(
            [
                (-w / 2, 0, h * 0.9),
                (-w * 0.3, 0, h + rng.uniform(0.1, 1)),
                (w * 0.3, 0, h + 0.4),
                (w / 2, 0, h * 0.9),
            ],
            10,
        )
        parts.append(
            sweep(
                "strap", arc, ellipse(0.05, 0.012), random_looks.look(rng, soft=True), up=(0, 1, 0)
            )
        )
    return parts


def blocks(rng: Rng) -> list:
    """A made-up solid: spheres, cones, tori and bent tubes grown together."""
    parts = []
    for _ in range(rng.randint(1, 6)):
        at = Vector((rng.uniform(-0.6, 0.6), rng.uniform(-0.4, 0.4), rng.uniform(0, 1.2)))
        rows = [(0, 0), *profile(rng, rng.uniform(0.2, 1.2), rng.uniform(0.15, 0.6), 4)]
        rows.append((0, rows[-1][1]))
        part = lathe(
            "solid", rows, random_looks.look(rng, clear=0.05), segments=rng.choice((4, 6, 64, 64))
        )
        place([part], at, (rng.uniform(0, 180), rng.uniform(0, 180), 0))
        parts.append(part)
    return parts
