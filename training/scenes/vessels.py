"""Bottle, mug, vase and glasses: turned shapes. Each function returns the parts of one product."""

from __future__ import annotations

import math

from mathutils import Vector
from PIL import Image, ImageDraw

from . import labels, materials
from .mesh import ellipse, lathe, spline, surface, sweep
from .modify import fuse, remesh, subdivide

BOTTLE = [
    (0, 0),
    (0.30, 0.0),
    (0.355, 0.0, 0.05),
    (0.36, 1.28, 0.16),
    (0.15, 1.42, 0.07),
    (0.15, 1.60),
]


def _bottle_label(title: str, paper: str, ink: str, accent: str) -> Image.Image:
    image = Image.new("RGB", (1100, 1000), paper)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 1100, 26), fill=accent)
    draw.rectangle((0, 974, 1100, 1000), fill=accent)
    labels.text(draw, (550, 235), title, 118, ink, spacing=0.18)
    draw.line((400, 330, 700, 330), fill=accent, width=5)
    labels.text(draw, (550, 410), "BODY WASH", 62, ink, spacing=0.22)
    labels.text(draw, (550, 520), "Cedar, Fig & Sea Salt", 54, accent)
    labels.text(draw, (550, 700), "For everyday use. With cold-pressed", 34, ink)
    labels.text(draw, (550, 748), "oils and glacial clay. Vegan.", 34, ink)
    labels.text(draw, (550, 880), "500 ml  16.9 fl. oz.", 44, ink, spacing=0.06)
    return image


def label_band(
    radius: float,
    z0: float,
    z1: float,
    image: Image.Image,
    roughness: float = 0.35,
    wrap: float = 0.42,
):
    """A label around the front of a cylinder, `wrap` of its circumference."""
    material = materials.printed(labels.to_blender(image), roughness, coat=0.2).material
    rings = []
    for z in (z0, z1):
        turn = [(i / 64 - 0.5) * 2 * math.pi * wrap for i in range(65)]
        rings.append([Vector((radius * math.sin(a), -radius * math.cos(a), z)) for a in turn])
    return surface("label", rings, material, closed=False)


def pump(z: float, material, metal) -> list:
    """A lotion pump whose collar stands at height `z`."""
    collar = lathe(
        "collar",
        [(0, z), (0.175, z), (0.175, z + 0.16, 0.02), (0.07, z + 0.18, 0.02), (0.065, z + 0.2)],
        material,
        ripple=lambda a, h: 1 + (0.012 * math.sin(48 * a) if z < h < z + 0.15 else 0),
        segments=288,
    )
    stem = lathe("stem", [(0.045, z + 0.15), (0.045, z + 0.42)], metal, segments=48)
    top = z + 0.42
    head = lathe(
        "head",
        [
            (0, top - 0.02),
            (0.10, top - 0.02, 0.02),
            (0.11, top + 0.12, 0.03),
            (0.06, top + 0.15, 0.04),
            (0, top + 0.15),
        ],
        material,
        segments=64,
    )
    path = spline(
        [
            (0, 0, top + 0.08),
            (0.2, -0.06, top + 0.085),
            (0.36, -0.11, top + 0.06),
            (0.42, -0.13, top - 0.02),
        ],
        10,
    )
    nozzle = sweep(
        "nozzle", path, ellipse(0.05, 0.042, 20, 3), material, scale=lambda t: 1.25 - 0.5 * t
    )
    return [collar, stem, head, nozzle]


def bottle(
    color: str = "#2f4a43",
    title: str = "NORDA",
    paper: str = "#efe9dc",
    ink: str = "#23302c",
    accent: str = "#b5713c",
) -> list:
    """A half-litre dispenser in satin plastic with a paper label and a pump."""
    body = lathe(
        "body",
        [(r * 1.15, z, *f) for r, z, *f in BOTTLE],
        materials.plastic(color, 0.3, coat=0.6, coat_roughness=0.07).material,
        segments=160,
    )
    label = label_band(0.4165, 0.2, 1.06, _bottle_label(title, paper, ink, accent))
    parts = pump(
        1.6,
        materials.plastic("#141414", 0.28, 0.02).material,
        materials.metal("#d9d9d6", 0.15).material,
    )
    return [body, label, *parts]


def mug(
    color: str = "#8fa8ad", inside: str = "#e9e4d8", clay: str = "#b88a63", voxel: float = 0.008
) -> list:
    """A hand-thrown stoneware mug: speckled glaze, a bare clay foot, a pulled handle.

    `voxel` is how finely body and handle are fused.
    """
    outer = [
        (0, 0.0),
        (0.34, 0.0, 0.03),
        (0.40, 0.10, 0.08),
        (0.425, 0.92, 0.02),
        (0.412, 0.955, 0.02),
        (0.385, 0.93, 0.03),
        (0.36, 0.12, 0.1),
        (0, 0.09),
    ]
    glaze = materials.ceramic(color, 0.2, "#4a3424")
    height = glaze.node("SeparateXYZ", out=2, Vector=glaze.where())
    ragged = glaze.math("ADD", height, glaze.span(glaze.noise(2.5, 3), -0.05, 0.05))
    bare = glaze.ramp(ragged, (0.175, "#ffffff"), (0.19, "#000000"))
    lip = glaze.ramp(ragged, (0.915, "#000000"), (0.95, "#ffffff"))
    wet = glaze.bsdf.inputs["Base Color"].links[0].from_socket
    body_tone = glaze.mix(lip, wet, materials.rgb(inside))
    glaze.set(
        color=glaze.mix(bare, body_tone, materials.rgb(clay)),
        roughness=glaze.span(bare, 0.18, 0.8),
        coat=glaze.span(bare, 0.7, 0.0),
    )
    rows = [(r, z + 0.0, *f) for r, z, *f in outer]
    body = lathe(
        "mug",
        rows,
        glaze.material,
        segments=160,
        steps=10,
        ripple=lambda a, z: 1 + 0.004 * math.sin(z * 34) + 0.004 * math.sin(2 * a + z),
    )
    path = spline(
        [
            (0.385, 0, 0.77),
            (0.50, 0, 0.80),
            (0.66, 0, 0.74),
            (0.725, 0, 0.56),
            (0.66, 0, 0.38),
            (0.52, 0, 0.27),
            (0.385, 0, 0.25),
        ],
        10,
    )
    handle = sweep(
        "handle",
        path,
        ellipse(0.078, 0.046, 28, 2.6),
        glaze.material,
        up=(0, 1, 0),
        scale=lambda t: 1.0 + 0.5 * (2 * t - 1) ** 6,
    )
    mug_ = fuse([body, handle], "mug")
    return [subdivide(remesh(mug_, voxel, 7), 1)]


def vase(color: str = "#f1efea") -> list:
    """A fluted bisque vase with a round belly and a flared neck."""
    outer = spline(
        [
            (0.28, 0.0),
            (0.31, 0.02),
            (0.40, 0.2),
            (0.53, 0.55),
            (0.57, 0.85),
            (0.47, 1.2),
            (0.29, 1.5),
            (0.205, 1.72),
            (0.20, 1.9),
            (0.26, 2.07),
        ],
        14,
    )
    inner = spline([(0.245, 2.075), (0.18, 1.9), (0.18, 1.7), (0.2, 1.4)], 10)
    lip = [(0.256, 2.085)]
    rows = [
        (0.0, 0.0),
        *((p.x, p.y) for p in outer),
        *lip,
        *((p.x, p.y) for p in inner),
        (0.0, 1.3),
    ]

    def flutes(a: float, z: float) -> float:
        fade = math.sin(math.pi * min(max((z - 0.04) / 1.75, 0), 1)) ** 0.5
        return 1 + 0.05 * fade * (abs(math.sin(14 * a + 0.8 * z)) - 0.5)

    s = materials.ceramic(color, 0.5, coat=0.05)
    s.bump(s.noise(70, 3), 0.10, 0.004)
    return [lathe("vase", rows, s.material, segments=520, ripple=flutes)]
