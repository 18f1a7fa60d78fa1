"""Headphones and a wristwatch. Each function returns the parts of one product."""

from __future__ import annotations

import math

from mathutils import Matrix, Vector
from PIL import Image, ImageDraw

from . import details, labels, materials
from .mesh import box, ellipse, fillet, lathe, spline, surface, sweep, tube, wrinkle
from .modify import copy, place


def _cup(shell, pad, mesh, metal) -> list:
    """One ear cup, its axis along +x (outwards), centred on the origin."""
    body = lathe(
        "cup",
        [
            (0, 0.24),
            (0.22, 0.24, 0.02),
            (0.25, 0.225, 0.03),
            (0.36, 0.20, 0.1),
            (0.42, 0.06, 0.1),
            (0.42, -0.02, 0.03),
            (0.34, -0.04),
            (0, -0.04),
        ],
        shell,
    )
    plate = lathe("plate", [(0, 0.247), (0.205, 0.247, 0.01), (0.212, 0.232)], metal)
    groove = lathe(
        "groove", [(r, z) for r, z in ((0.424, 0.005), (0.426, 0.0), (0.424, -0.008))], metal
    )
    ring = [(0.30 + x, -0.13 + y) for x, y in ellipse(0.125, 0.105, 40, 2.5)]
    cushion = wrinkle(lathe("cushion", [*ring, ring[0]], pad, segments=180), 0.16, 0.010, 4.0)
    inner = lathe("inner", [(0.25, -0.09), (0, -0.07)], mesh)
    parts = [body, plate, groove, cushion, inner]
    turn = (
        Matrix.Scale(1.12, 4, (0, 0, 1))
        @ Matrix.Scale(0.92, 4, (0, 1, 0))
        @ Matrix.Rotation(math.radians(90), 4, "Y")
    )
    for part in parts:
        part.data.transform(turn)
    return parts


def headphones(color: str = "#2a2c2f", accent: str = "#b8754d") -> list:
    """Over-ear headphones standing on their cups: satin shells, leather pads, copper forks."""
    shell = materials.plastic(color, 0.42, 0.10).material
    pad = materials.leather("#3a2a22", 0.5, 26).material
    cloth = materials.weave("#1a1a1c", 120).material
    copper = materials.metal(accent, 0.25, 0.3).material
    parts = []
    for side in (1, -1):
        cup = _cup(shell, pad, cloth, copper)
        if side == -1:
            mirror = Matrix.Scale(-1, 4, (1, 0, 0))
            for part in cup:
                part.data.transform(mirror)
                part.data.flip_normals()
        parts += place(cup, at=(side * 0.70, 0, 0.47), turn=(0, side * -7, side * -4))
        fork = spline(
            [
                (side * 0.74, -0.40, 0.47),
                (side * 0.80, -0.41, 0.70),
                (side * 0.845, -0.32, 0.96),
                (side * 0.85, -0.12, 1.09),
                (side * 0.85, 0.0, 1.11),
                (side * 0.85, 0.12, 1.09),
                (side * 0.845, 0.32, 0.96),
                (side * 0.80, 0.41, 0.70),
                (side * 0.74, 0.40, 0.47),
            ],
            10,
        )
        parts.append(sweep("fork", fork, ellipse(0.034, 0.018, 20, 3), copper, up=(1, 0, 0.2)))
        for y in (-0.40, 0.40):
            parts.append(
                details.rivet((side * 0.745, y, 0.47), (0, math.copysign(1, y), 0), 0.05, copper)
            )
        slider = spline(
            [(side * 0.85, 0, 1.09), (side * 0.845, 0, 1.22), (side * 0.825, 0, 1.36)], 8
        )
        parts.append(sweep("slider", slider, ellipse(0.055, 0.014, 20, 4), copper, up=(1, 0, 0)))
    arc = [
        Vector(
            (0.83 * math.sin(a), 0, 1.18 + 0.80 * math.cos(a) ** 0.9 if math.cos(a) > 0 else 1.18)
        )
        for a in (math.radians(d) for d in range(-84, 85, 3))
    ]
    band = sweep("band", arc, ellipse(0.115, 0.030, 32, 3.4), shell, up=(0, 0, 1))
    soft = [Vector((p.x * 0.955, 0, 1.18 + (p.z - 1.18) * 0.945)) for p in arc[12:-12]]
    cushion = sweep(
        "padding",
        soft,
        ellipse(0.135, 0.055, 36, 2.6),
        pad,
        scale=lambda t: max(1 - abs(2 * t - 1) ** 8, 0.05) ** 0.4,
    )
    return [*parts, band, wrinkle(cushion, 0.12, 0.008, 1.5)]


def _dial(name: str) -> Image.Image:
    """A watch face: minute track, baton shadows, name and a small seconds dial."""
    size = 900
    image = Image.new("RGB", (size, size), "#f3efe6")
    draw, c = ImageDraw.Draw(image), size / 2
    for i in range(60):
        a = math.radians(6 * i)
        r0, width = (0.43, 6) if i % 5 else (0.415, 9)
        draw.line(
            (
                c + size * r0 * math.sin(a),
                c - size * r0 * math.cos(a),
                c + size * 0.45 * math.sin(a),
                c - size * 0.45 * math.cos(a),
            ),
            fill="#2b2b2b",
            width=width // 2,
        )
    labels.text(draw, (c, c * 0.58), name, 46, "#22262a", spacing=0.25)
    labels.text(draw, (c, c * 0.67), "AUTOMATIC", 20, "#55585a", spacing=0.15)
    draw.ellipse(
        (c - 95, c * 1.45 - 95, c + 95, c * 1.45 + 95), fill="#e9e3d6", outline="#b9b09c", width=3
    )
    for i in range(12):
        a = math.radians(30 * i)
        draw.line(
            (
                c + 78 * math.sin(a),
                c * 1.45 - 78 * math.cos(a),
                c + 90 * math.sin(a),
                c * 1.45 - 90 * math.cos(a),
            ),
            fill="#444444",
            width=3,
        )
    return image


def _hand(degrees: float, length: float, width: float, depth: float, material, tail: float = 0.03):
    """A watch hand in the xz plane, `degrees` clockwise from twelve."""
    hand = box("hand", (width, 0.004, length + tail), material, round_=0.0015)
    hand.data.transform(Matrix.Translation((0, depth, -tail)))
    hand.data.transform(Matrix.Rotation(math.radians(degrees), 4, "Y"))
    return hand


def watch(strap: str = "#5f3a22", case: str = "#d4d3cf", name: str = "VALE") -> list:
    """A dress watch standing on its closed leather strap, dial to the front, leaning back."""
    steel = materials.metal(case, 0.12).material
    blue = materials.metal("#27406e", 0.25).material
    hide = materials.leather(strap, 0.5, 60).material
    yarn = materials.plastic("#d9c6a5", 0.7).material
    rows = [
        (0.0, 0.05),
        (0.185, 0.05, 0.01),
        (0.205, 0.02, 0.02),
        (0.205, -0.025, 0.015),
        (0.192, -0.045, 0.012),
        (0.178, -0.048, 0.006),
        (0.172, -0.03),
        (0.17, -0.018),
    ]
    facing = Matrix.Rotation(math.radians(90), 4, "X")
    body = lathe("case", [(r, -y, *f) for r, y, *f in rows], steel, segments=160)
    dome = lathe(
        "crystal",
        fillet([(0.174, 0.036), (0.172, 0.046, 0.01), (0.0, 0.054)]),
        materials.glass("#ffffff", ior=1.45).material,
    )
    crown = lathe(
        "crown",
        [(0, 0.205), (0.022, 0.205), (0.028, 0.212, 0.004), (0.028, 0.245, 0.006), (0, 0.25)],
        steel,
        segments=240,
        ripple=lambda a, z: 1 + 0.04 * math.sin(30 * a),
    )
    crown.data.transform(Matrix.Rotation(math.radians(90), 4, "Y"))
    for part in (body, dome):
        part.data.transform(facing)
    rings = [
        [
            Vector((r * math.sin(a), -0.019, r * math.cos(a)))
            for a in (2 * math.pi * i / 96 for i in range(96))
        ]
        for r in (1e-4, 0.06, 0.12, 0.171)
    ]
    face = surface("dial", rings, None)
    face.data.materials.append(
        materials.printed(labels.to_blender(_dial(name)), 0.35, coat=0.2).material
    )
    for loop in face.data.loops:
        at = face.data.vertices[loop.vertex_index].co
        face.data.uv_layers[0].data[loop.index].uv = (0.5 + at.x / 0.36, 0.5 + at.z / 0.36)
    parts = [
        body,
        dome,
        crown,
        face,
        _hand(304, 0.085, 0.012, -0.024, blue),
        _hand(52, 0.135, 0.009, -0.028, blue),
    ]
    small = _hand(200, 0.03, 0.004, -0.022, blue, 0.008)
    small.location = (0, 0, -0.081)
    parts += [small, details.rivet((0, -0.028, 0), (0, -1, 0), 0.009, blue)]
    for i in range(12):
        if i != 6:
            bar = box("baton", (0.008 if i % 3 else 0.012, 0.004, 0.026), blue, round_=0.0015)
            bar.data.transform(Matrix.Translation((0, -0.0225, 0.118)))
            bar.data.transform(Matrix.Rotation(math.radians(30 * i), 4, "Y"))
            parts.append(bar)
    for sx in (-1, 1):
        for sz in (-1, 1):
            lug = spline(
                [
                    (sx * 0.118, 0.0, sz * 0.150),
                    (sx * 0.122, -0.002, sz * 0.20),
                    (sx * 0.122, 0.03, sz * 0.236),
                ],
                8,
            )
            parts.append(sweep("lug", lug, ellipse(0.018, 0.024, 20, 3), steel, up=(0, -1, 0)))
    loop = spline(
        [
            (0, 0.022, 0.205),
            (0, 0.06, 0.285),
            (0, 0.19, 0.355),
            (0, 0.36, 0.325),
            (0, 0.49, 0.19),
            (0, 0.525, 0.0),
            (0, 0.49, -0.19),
            (0, 0.36, -0.325),
            (0, 0.19, -0.355),
            (0, 0.06, -0.285),
            (0, 0.022, -0.205),
        ],
        12,
    )
    parts.append(
        sweep(
            "strap",
            loop,
            ellipse(0.102, 0.017, 32, 3.6),
            hide,
            up=(0, -1, 0.0001),
            scale=lambda t: 1.0 - 0.14 * math.sin(math.pi * t),
        )
    )
    for x in (-0.088, 0.088):
        path = []
        for i in range(len(loop) // 3):
            here, out = loop[i], (loop[i] - Vector((0, 0.27, 0))).normalized()
            path.append(
                here
                + out * 0.016
                + Vector((x * (1 - 0.14 * math.sin(math.pi * i / len(loop))), 0, 0))
            )
        for sign in (1, -1):
            parts.append(
                details.stitches(
                    [Vector((p.x, p.y, sign * p.z)) for p in path],
                    yarn,
                    length=0.018,
                    gap=0.010,
                    thick=0.004,
                )
            )
    return parts


__all__ = ["copy", "headphones", "tube", "watch"]
