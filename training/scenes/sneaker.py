"""A low leather sneaker, built as surfaces over one function of the foot's shape."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

from mathutils import Vector

from . import details, materials
from .mesh import ellipse, grid, outward, spline, surface, sweep, wrinkle
from .modify import bevel, solidify, subdivide

LENGTH, FLOOR = 2.9, 0.24
# Along the foot, heel (0) to toe (1): half width, inward shift, height, half width of the opening.
WIDTH = (
    (0.0, 0.0), (0.02, 0.19), (0.06, 0.29), (0.14, 0.355), (0.25, 0.365), (0.4, 0.365),
    (0.55, 0.42), (0.7, 0.485), (0.8, 0.49), (0.88, 0.435), (0.95, 0.30), (0.985, 0.16),
    (1.0, 0.0),
)  # fmt: skip
SHIFT = (
    (0.0, 0.0), (0.4, -0.02), (0.7, 0.03), (0.85, 0.06), (1.0, 0.11),
)  # fmt: skip
HEIGHT = (
    (0.0, 1.0), (0.04, 0.97),
    (0.13, 0.80), (0.24, 0.72), (0.35, 0.84), (0.44, 1.0), (0.52, 0.92), (0.62, 0.74),
    (0.72, 0.57), (0.82, 0.46), (0.90, 0.37), (0.95, 0.29), (0.985, 0.20), (1.0, 0.11),
)  # fmt: skip
OPEN = (
    (0.0, 0.0), (0.02, 0.11), (0.06, 0.19), (0.15, 0.235), (0.27, 0.245), (0.38, 0.20),
    (0.44, 0.15), (0.55, 0.12), (0.66, 0.095), (0.72, 0.05), (0.75, 0.0), (1.0, 0.0),
)  # fmt: skip


@lru_cache(maxsize=100_000)
def _read(table: tuple, s: float) -> float:
    """A smooth curve through `table` at s: cubic pieces that do not overshoot."""
    s = min(max(s, 0.0), 1.0)
    i = next(i for i in range(len(table) - 1) if s <= table[i + 1][0])

    def rise(k: int) -> float:
        (xa, ya), (xb, yb) = table[k], table[k + 1]
        return (yb - ya) / (xb - xa)

    def slope(k: int) -> float:
        if k in (0, len(table) - 1):
            return rise(min(k, len(table) - 2))
        a, b = rise(k - 1), rise(k)
        return 2 * a * b / (a + b) if a * b > 0 else 0.0

    (x0, y0), (x1, y1) = table[i], table[i + 1]
    w, t = x1 - x0, (s - x0) / (x1 - x0)
    return (
        y0 * (1 + 2 * t) * (1 - t) ** 2
        + y1 * t * t * (3 - 2 * t)
        + w * slope(i) * t * (1 - t) ** 2
        - w * slope(i + 1) * t * t * (1 - t)
    )


def last(s: float, t: float, side: int, out: float = 0.0) -> Vector:
    """The skin of the shoe: s heel to toe, t from the sole's edge (0) to the opening's edge (1)."""
    if out:
        e = 1e-3
        du = last(min(s + e, 1), t, side) - last(max(s - e, 0), t, side)
        dv = last(s, min(t + e, 1), side) - last(s, max(t - e, 0), side)
        normal = du.cross(dv) * -side
        ends = min(
            min(s, 1 - s) / 0.02, 1.0
        )  # both sides must meet with one normal at heel and toe
        normal = Vector((normal.x, normal.y * ends, normal.z)).normalized()
        normal.y *= min((1 - t) / 0.05, 1.0) if _read(OPEN, s) < 1e-3 else 1.0
        return last(s, t, side) + normal.normalized() * out
    half, rim = _read(WIDTH, s), _read(OPEN, s)
    full = 0.55 if s > 0.45 else 0.55 + 0.25 * (0.45 - s) / 0.45
    across = rim + (half - rim) * math.cos(t * math.pi / 2) ** full
    up = _read(HEIGHT, s) * math.sin(t * math.pi / 2) ** (0.95 if s > 0.6 else 1.15)
    spring = 0.55 * max(s - 0.72, 0) ** 2
    lean = 0.10 * math.sin(math.pi * up) * max(1 - s / 0.2, 0) - 0.10 * up * max(1 - s / 0.3, 0)
    return Vector((LENGTH * s - lean, _read(SHIFT, s) + side * across, FLOOR + up + spring))


def raised(
    name: str, at: Callable[[float, float], Vector], material, thick: float = 0.02, n: int = 60
):
    """A rounded overlay of leather on the surface `at`."""
    piece = grid(name, at, n, n, material)
    solidify(piece, thick, 0.0).modifiers[-1].use_even_offset = False
    return bevel(piece, thick * 0.35, 3)


def panel(
    s0: Callable, s1: Callable, t0: float, t1: float, side: int, material, *, out: float = 0.028
):
    """An overlay on one side, between s0(v) and s1(v) for v from t0 to t1."""

    def at(u: float, v: float) -> Vector:
        a, b = s0(v), s1(v)
        return last(a + (b - a) * u, t0 + (t1 - t0) * v, side, out)

    return raised("panel", at, material)


def toe_cap(material, out: float = 0.028):
    """One piece over the toes, from the sole's edge on one side to the other."""

    def at(u: float, v: float) -> Vector:
        a = 2 * v - 1
        t = 1 - abs(a)
        start = 0.80 - 0.045 * math.sin(t * math.pi / 2)
        return last(
            start + (0.9995 - start) * math.sin(u * math.pi / 2), t, 1 if a > 0 else -1, out
        )

    return raised("toe", at, material, n=80)


def heel_piece(reach: Callable[[float], float], t0: float, t1: float, material, out: float):
    """One piece around the heel, as far forward as `reach(v)` on both sides."""

    def at(u: float, v: float) -> Vector:
        a = 2 * u - 1
        return last(max(reach(v) * a * a, 5e-4), t0 + (t1 - t0) * v, 1 if a > 0 else -1, out)

    return raised("heel", at, material, n=80)


def outline(grow: float, n: int = 90) -> list[Vector]:
    """The sole's outline, counter-clockwise, `grow` units larger than the foot."""
    points = []
    for side in (1, -1):
        for i in range(n):
            s = (1 - math.cos(math.pi * i / (n - 1))) / 2
            s = s if side == 1 else 1 - s
            half = _read(WIDTH, s)
            points.append(Vector((LENGTH * s, _read(SHIFT, s) + side * half, 0)))
    smooth = [p for p, _ in details.along([*points, points[0]], 0.03)]
    for _ in range(12):
        smooth = [
            (smooth[i - 1] + smooth[i] * 2 + smooth[(i + 1) % len(smooth)]) / 4
            for i in range(len(smooth))
        ]
    out = []
    for i, p in enumerate(smooth):
        way = (smooth[(i + 1) % len(smooth)] - smooth[i - 1]).normalized()
        out.append(p + Vector((-way.y, way.x, 0)) * grow)
    return out


def _sole(rubber, stripe) -> list:
    """Midsole and outsole with a raised toe, and a thin coloured line around."""
    profile = [
        (-0.12, 0.02),
        (0.0, 0.0),
        (0.03, 0.015),
        (0.054, 0.05),
        (0.064, 0.11),
        (0.068, 0.19),
        (0.068, 0.25),
        (0.062, 0.28),
        (0.046, 0.298),
        (-0.06, 0.300),
    ]

    def lifted(p: Vector, z: float) -> Vector:
        s = p.x / LENGTH
        return Vector((p.x, p.y, z * (1 - 0.12 * max(s - 0.5, 0)) + 0.55 * max(s - 0.72, 0) ** 2))

    rings = [[lifted(p, z) for p in outline(grow)] for grow, z in profile]
    sole = outward(surface("sole", rings, rubber, caps=True))
    line = sweep(
        "line",
        [lifted(p, 0.222) for p in outline(0.068)],
        ellipse(0.004, 0.010, 10),
        stripe,
        closed=True,
    )
    tread = sweep(
        "tread",
        [lifted(p, 0.06) for p in outline(0.060)],
        ellipse(0.010, 0.045, 12, 4),
        stripe,
        closed=True,
    )
    return [sole, line, tread]


def _laces(material, metal) -> list:
    """Flat laces across the throat with crossings below, and eyelets."""
    parts, rows = [], [0.475, 0.52, 0.565, 0.61, 0.655, 0.695]

    def hole(s: float, side: int, out: float = 0.05) -> Vector:
        return last(s, 0.90, side, out)

    for i, s in enumerate(rows):
        left, right = hole(s, -1), hole(s, 1)
        middle = (left + right) / 2 + Vector((0, 0, 0.055))
        path = spline(
            [
                left + Vector((0, 0, -0.03)),
                left + Vector((0, 0.01, 0.012)),
                middle,
                right + Vector((0, -0.01, 0.012)),
                right + Vector((0, 0, -0.03)),
            ],
            10,
        )
        parts.append(sweep("lace", path, ellipse(0.052, 0.017, 20, 3), material, up=(0.4, 0, 1)))
        for side in (-1, 1):
            normal = last(s, 0.9, side, 0.1) - last(s, 0.9, side)
            parts.append(details.ring(hole(s, side, 0.046), normal, 0.030, 0.010, metal))
            if i + 1 < len(rows):
                a, b = hole(s, side, 0.0), hole(rows[i + 1], -side, 0.0)
                way = spline([a, (a + b) / 2 + Vector((0, 0, 0.03)), b], 8)
                parts.append(
                    sweep("cross", way, ellipse(0.048, 0.014, 16, 3), material, up=(0, 0, 1))
                )
    return parts


def sneaker(leather: str = "#2f4668", accent: str = "#c9a05e", rubber: str = "#e9dfca") -> list:
    """A blue suede low-top with tan heel and stripe on a cream rubber sole."""
    skin = materials.leather(leather, 0.8, 45, sheen=0.5, coat=0.0).material
    trim = materials.leather(accent, 0.75, 40, sheen=0.3).material
    lining = materials.weave("#dcd8cd", 70).material
    yarn = materials.plastic("#b9b6a8", 0.7).material
    sole = _sole(
        materials.plastic(rubber, 0.5, 0.25).material, materials.plastic("#a4693a", 0.5).material
    )
    parts = [
        *sole,
        toe_cap(skin),
        heel_piece(lambda v: 0.20 - 0.09 * v, 0.0, 0.62, trim, 0.028),
        heel_piece(lambda v: 0.06 + 0.01 * v, 0.58, 0.97, trim, 0.036),
    ]
    for side in (-1, 1):

        def at(u: float, v: float, side=side) -> Vector:
            return last((1 - math.cos(math.pi * u)) / 2, v, side)

        upper = grid("upper", at, 120, 40, skin)
        wrinkle(upper, 0.3, 0.004, 2.0)
        solidify(upper, 0.03, 0.0).modifiers[-1].use_even_offset = False
        upper.data.materials.append(lining)
        parts.append(upper)
        parts += [
            panel(
                lambda v: 0.42 + 0.02 * v,
                lambda v: 0.70 + 0.03 * v,
                0.74,
                0.985,
                side,
                skin,
                out=0.034,
            ),
            panel(
                lambda v: 0.52 - 0.10 * v,
                lambda v: 0.575 - 0.10 * v,
                0.02,
                0.76,
                side,
                trim,
                out=0.022,
            ),
        ]
        for s0, s1, t0, t1 in ((0.80, 0.757, 0.03, 0.80), (0.20, 0.115, 0.03, 0.58)):
            seam = [
                last(
                    s0 + (s1 - s0) * k / 40 + (0.014 if s0 > 0.5 else -0.014),
                    t0 + (t1 - t0) * k / 40,
                    side,
                    0.042,
                )
                for k in range(41)
            ]
            parts.append(details.stitches(seam, yarn, length=0.026, gap=0.014, thick=0.006))
        seam = [last(0.44 + 0.27 * k / 60, 0.765, side, 0.048) for k in range(61)]
        parts.append(details.stitches(seam, yarn, length=0.026, gap=0.014, thick=0.006))
    rim = [last(0.44 * (1 - k / 40) ** 1.5, 1.0, -1) for k in range(40)] + [
        last(0.44 * (k / 40) ** 1.5, 1.0, 1) for k in range(41)
    ]
    parts.append(subdivide(sweep("collar", rim, ellipse(0.055, 0.06, 20), lining), 1))

    def tongue(u: float, v: float) -> Vector:
        s = 0.40 + 0.36 * v
        half = (0.27 - 0.14 * v) * (2 * u - 1)
        x = LENGTH * s - 0.22 * max(0.3 - v, 0)
        z = FLOOR + _read(HEIGHT, max(s, 0.44)) - 0.045 + 0.75 * max(0.3 - v, 0)
        return Vector((x, _read(SHIFT, s) + half, z - 1.3 * half * half))

    flap = subdivide(solidify(grid("tongue", tongue, 17, 33, skin), 0.07, -1.0), 1)
    cord = materials.weave("#f4f2ec", (6, 60), depth=0.8).material
    parts += [flap, *_laces(cord, materials.metal("#b9b6ae", 0.3).material)]
    inside = [Vector((p.x, p.y, FLOOR + 0.08)) for p in outline(-0.05)]
    parts.append(surface("insole", [inside, [p * 0.999 for p in inside]], lining, caps=True))
    return parts
