"""Sunglasses and a leather tote. Each function returns the parts of one product."""

from __future__ import annotations

import math

from mathutils import Vector
from PIL import Image, ImageDraw

from . import details, labels, materials
from .mesh import ellipse, flat, outward, spline, surface, sweep, wrinkle
from .modify import bevel, copy, solidify, subdivide

LENS = [
    (0.115, 0.10),
    (0.22, 0.165),
    (0.42, 0.19),
    (0.60, 0.165),
    (0.655, 0.06),
    (0.60, -0.12),
    (0.45, -0.225),
    (0.30, -0.215),
    (0.17, -0.12),
    (0.105, 0.0),
]


def _rim() -> list[tuple[float, float]]:
    """The outline of the front: the lens grown by the rim, with brow, end piece and bridge."""
    loop = spline(LENS, 10, closed=True)
    right = [(0.0, 0.142), (0.04, 0.145)]
    for i, p in enumerate(loop[2:-8], 2):
        way = (loop[(i + 1) % len(loop)] - loop[i - 1]).normalized()
        angle = math.atan2(p.y, p.x - 0.38)
        width = (
            0.040
            + 0.016 * max(math.sin(angle), 0)
            + 0.055 * math.exp(-(((angle - 0.55) / 0.22) ** 2))
        )
        q = p + Vector((-way.y, way.x)) * width
        right.append((q.x, q.y))
    right += [(0.035, 0.045), (0.0, 0.055)]
    return right


def _wrap(obj, amount: float = 0.20):
    """Bow the front of a pair of glasses backwards at the sides."""
    for v in obj.data.vertices:
        v.co.y += amount * (v.co.x / 0.74) ** 2
    return obj


def _lens(material):
    """One thin, slightly domed lens: its front from the middle out, its back to the middle."""
    outline = spline(LENS, 8, closed=True)
    middle = sum(outline, Vector((0, 0))) / len(outline)
    steps = [(k / 12, 0.0) for k in range(13)] + [(k / 12, 0.016) for k in range(12, -1, -1)]
    rings = []
    for t, back in steps:
        ring = [middle + (p - middle) * max(t, 1e-4) * 1.012 for p in outline]
        rings.append([Vector((q.x, 0.004 - 0.03 * (1 - t * t) + back, q.y)) for q in ring])
    return _wrap(outward(surface("lens", rings, material)))


def sunglasses(color: str = "#6b3a1e", spots: str = "#1d0d06", tint: str = "#23262a") -> list:
    """Acetate sunglasses in tortoise with graded lenses, standing open."""
    acetate = materials.Surface("acetate", color, roughness=0.12, coat=0.8, coat_roughness=0.03)
    cloud = acetate.noise(4.2, 3, rough=0.55)
    acetate.set(color=acetate.ramp(cloud, (0.40, spots), (0.50, color), (0.62, "#b0702f")))
    half = _rim()
    outer = half + [(-x, y) for x, y in reversed(half[1:-1])]
    hole = [(p.x, p.y) for p in spline(LENS, 10, closed=True)]
    front = _wrap(
        flat(
            "front",
            [outer, hole, [(-x, y) for x, y in reversed(hole)]],
            0.052,
            acetate.material,
            round_=0.016,
        )
    )
    glass = materials.Surface("tint", tint, roughness=0.0, transmission=1.0, ior=1.5)
    height = glass.node("SeparateXYZ", out=2, Vector=glass.where())
    glass.set(color=glass.ramp(glass.span(height, 0.5, 1.0), (0.40, "#9a9a90"), (0.60, tint)))
    lens = _lens(glass.material)
    path = spline(
        [
            (0.722, 0.19, 0.165),
            (0.735, 0.30, 0.17),
            (0.74, 0.65, 0.165),
            (0.735, 1.0, 0.15),
            (0.72, 1.22, 0.10),
            (0.70, 1.40, -0.06),
            (0.685, 1.50, -0.245),
        ],
        12,
    )
    temple = sweep(
        "temple",
        path,
        ellipse(0.022, 0.052, 28, 3.2),
        acetate.material,
        scale=lambda t: 1.1 - 0.5 * math.sin(math.pi * min(t * 1.1, 1)) ** 1.2,
    )
    steel = materials.metal("#d8d2c4", 0.15).material
    parts = [front, lens, copy(lens, mirror=True), temple, copy(temple, mirror=True)]
    for side in (-1, 1):
        parts += [
            details.rivet(
                (side * x, 0.157 + 0.2 * (x - 0.7), z), (side * 0.25, -1, 0), 0.011, steel
            )
            for x, z in ((0.69, 0.185), (0.69, 0.155))
        ]
        parts += [
            details.rivet((side * 0.757, y, 0.168), (side, 0, 0), 0.012, steel)
            for y in (0.34, 0.38)
        ]
    return parts


class Bag:
    """The body of a tote: `at(a, t)` is a point of its skin, angle a in turns, height t in 0..1."""

    width, depth, height = 0.78, 0.30, 1.42

    def at(self, a: float, t: float) -> Vector:
        half = self.width * (1 + 0.10 * t)
        deep = self.depth * (1 - 0.62 * t**1.6) * (1 + 0.1 * math.sin(math.pi * t))
        x, y = _round(a, half, deep, 7 - 3.4 * t)
        pinch = 0.05 * t * math.exp(-(((abs(x) / half - 1) / 0.06) ** 2))
        return Vector(
            (x - math.copysign(pinch, x), y, self.height * t - 0.035 * t * (x / half) ** 2)
        )

    def face(self, x: float, z: float, out: float = 0.0, side: int = -1) -> Vector:
        """The point of the front (-1) or back skin above (x, z), `out` units off it."""
        t = min(z / self.height, 1.0)
        half, deep = self.width * (1 + 0.10 * t), self.depth * (1 - 0.62 * t**1.6)
        deep *= 1 + 0.1 * math.sin(math.pi * t)
        power = 7 - 3.4 * t
        y = deep * max(1 - abs(x / half) ** power, 0.0) ** (1 / power)
        return Vector((x, side * (y + out), z))


def _round(a: float, half: float, deep: float, power: float) -> tuple[float, float]:
    """A superellipse by turns, evenly spread over wide shapes."""
    t = 2 * math.pi * a
    c, s = math.cos(t), math.sin(t)
    r = (abs(c) ** power + abs(s) ** power) ** (-1 / power)
    return half * r * c, deep * r * s


def tote(color: str = "#8a4a2b", thread: str = "#e2c9a4", lining: str = "#3a2a22") -> list:
    """A leather tote with two handles, stitched seams and a small stamped patch."""
    bag, hide = Bag(), materials.leather(color, 0.42, 45)
    yarn = materials.plastic(thread, 0.7).material
    brass = materials.metal("#c9a45c", 0.18).material
    n, rings = 280, []
    for k in (0.0, 0.5, 0.85, 0.97):
        rings.append([bag.at(i / n, 0.0) * k for i in range(n)])
    for j in range(71):
        t = j / 70
        rings.append([bag.at(i / n, t) + Vector((0, 0, 0)) for i in range(n)])
    low = 0.03
    for k, ring in enumerate(rings[:4]):
        rings[k] = [Vector((p.x, p.y, 0.0)) for p in ring]
    body = surface("body", rings, hide.material)
    wrinkle(body, 0.42, 0.020, 3.1, (1, 0.3, 0.8))
    wrinkle(body, 0.16, 0.003, 9.7, (1, 0.3, 1.6))
    for v in body.data.vertices[: 5 * n]:
        v.co.z = 0.0  # the wrinkles must not lift the bottom off the background
    solidify(body, low, -1).modifiers[-1].use_even_offset = False
    inner = materials.weave(lining, 90).material
    body.data.materials.append(inner)
    body.modifiers[-1].material_offset = 1
    body.modifiers[-1].material_offset_rim = 0
    parts = [body]
    for side in (-1, 1):
        parts += _handle(bag, side, hide.material, yarn, brass)
        seam = [bag.face(x / 100, bag.height - 0.07, 0.020, side) for x in range(-70, 71, 2)]
        parts.append(details.stitches(seam, yarn))
    stamp = Image.new("RGB", (400, 180), "#7a4023")
    pen = ImageDraw.Draw(stamp)
    pen.rounded_rectangle((14, 14, 386, 166), 18, outline="#e2c9a4", width=3)
    labels.text(pen, (200, 78), "HALDEN", 56, "#3a1c0c", spacing=0.2)
    labels.text(pen, (200, 128), "leather goods", 28, "#3a1c0c", spacing=0.1)
    parts.append(details.patch(stamp, 0.30, 0.135, (0.0, 0.92), lambda x, z: bag.face(x, z, 0.024)))
    return parts


def _handle(bag: Bag, side: int, hide, yarn, brass) -> list:
    """A flat strap that runs up the skin, over an arch, and down again."""

    def point(x: float, z: float) -> Vector:
        if z <= bag.height:
            return bag.face(x, z, 0.03, side)
        lean = min((z - bag.height) / 0.6, 1.0)
        return bag.face(x, bag.height, 0.03 + 0.05 * lean, side) + Vector((0, 0, z - bag.height))

    rise = [
        (0.40, 1.02),
        (0.40, 1.14),
        (0.398, 1.26),
        (0.395, 1.38),
        (0.385, 1.5),
        (0.36, 1.68),
        (0.29, 1.88),
        (0.16, 2.01),
        (0.0, 2.05),
    ]
    way = [point(x, z) for x, z in rise] + [point(-x, z) for x, z in reversed(rise[:-1])]
    path = spline(way, 10)
    strap = sweep("strap", path, ellipse(0.062, 0.019, 24, 3.5), hide, up=(0, side, 0))
    subdivide(strap, 1)
    parts = [strap]
    for x in (-0.4, 0.4):
        parts += [
            details.rivet(point(x, z) + Vector((0, side * 0.016, 0)), (0, side, 0), 0.024, brass)
            for z in (1.06, 1.34)
        ]
    for dx in (-0.045, 0.045):
        for s in (-1, 1):
            seam = [
                point(s * 0.4 + dx, z / 100) + Vector((0, side * 0.018, 0)) for z in range(104, 138)
            ]
            parts.append(details.stitches(seam, yarn, length=0.028, thick=0.006))
    return parts


__all__ = ["Bag", "bevel", "sunglasses", "tote"]
