"""Plush, cushions and cartons. Each function returns the parts of one product."""

from __future__ import annotations

import math

import bpy
from mathutils import Matrix, Vector
from PIL import Image, ImageDraw

from . import labels, materials
from .mesh import add, box, grid, lathe, spline, surface, tube, wrinkle
from .modify import fuse, place, remesh


def ball(name: str, at, radii, material=None, turn=(0, 0, 0)):
    """An ellipsoid."""
    obj = lathe(
        name,
        [(math.sin(math.pi * i / 32), -math.cos(math.pi * i / 32)) for i in range(33)],
        material,
        segments=48,
    )
    obj.data.transform(Matrix.Diagonal((*radii, 1)))
    place([obj], at, turn)
    bpy.context.view_layer.update()
    obj.data.transform(obj.matrix_world)
    obj.matrix_world = Matrix.Identity(4)
    return obj


def furry(
    obj, length: float, count: int, *, curl: float = 0.3, seed: int = 1, thick: float = 0.005
):
    """Grow short fur on `obj` (its first material)."""
    obj.modifiers.new("fur", "PARTICLE_SYSTEM")
    system = obj.particle_systems[0]
    system.seed = seed
    fur = system.settings
    fur.type, fur.count, fur.hair_length, fur.hair_step = "HAIR", count, length, 4
    fur.render_step, fur.display_step = 3, 3
    fur.child_type, fur.child_percent, fur.rendered_child_count = "INTERPOLATED", 10, 10
    fur.child_length, fur.clump_factor, fur.clump_shape = 1.0, 0.45, 0.1
    fur.roughness_1, fur.roughness_1_size = 0.06 * curl * 3, 0.3
    fur.roughness_2, fur.roughness_endpoint = 0.05 * curl * 3, 0.04
    fur.brownian_factor = 0.02
    fur.root_radius, fur.tip_radius, fur.radius_scale = 1.0, 0.3, thick
    fur.emit_from, fur.use_modifier_stack = "FACE", True
    return obj


def _fur_material(color: str):
    """Hair that is darker between the tufts."""
    s = materials.Surface("fur", color, roughness=0.75, sheen=0.6, specular=0.2)
    base = materials.rgb(color)
    along = s.node("HairInfo", "Intercept")
    tone = s.mix(s.noise(2.5, 3), tuple(c * 0.8 for c in base), base)
    s.set(color=s.mix(along, tuple(c * 0.62 for c in base), tone))
    return s.material


def plush(color: str = "#c4996b", muzzle: str = "#e6d2b0", ribbon: str = "#a8323a") -> list:
    """A sitting teddy bear with short fur, suede pads, glass eyes and a ribbon."""
    coat, pale = _fur_material(color), _fur_material(muzzle)
    shapes = [
        ("body", (0, 0, 0.62), (0.52, 0.44, 0.60), (0, 0, 0)),
        ("head", (0, -0.06, 1.50), (0.50, 0.45, 0.45), (0, 0, 0)),
    ]
    for s in (-1, 1):
        shapes += [
            ("ear", (s * 0.40, 0.02, 1.88), (0.19, 0.10, 0.19), (0, s * 20, 0)),
            ("arm", (s * 0.58, -0.20, 0.80), (0.17, 0.18, 0.42), (28, s * -32, 0)),
            ("leg", (s * 0.42, -0.52, 0.24), (0.23, 0.50, 0.24), (0, 0, s * 20)),
        ]
    bear = fuse([ball(n, at, r, coat, turn) for n, at, r, turn in shapes], "bear")
    remesh(bear, 0.035, 8)
    bake(bear)
    bear.data.materials.clear()
    bear.data.materials.append(coat)
    furry(bear, 0.060, 9000)
    snout = furry(ball("snout", (0, -0.44, 1.40), (0.24, 0.17, 0.18), pale), 0.022, 1200, seed=3)
    black = materials.plastic("#0c0a09", 0.08, 0.0, coat=1.0, coat_roughness=0.02).material
    parts = [bear, snout, ball("nose", (0, -0.62, 1.475), (0.085, 0.05, 0.058), black)]
    suede = materials.leather(muzzle, 0.85, 40, sheen=0.4).material
    thread = materials.plastic("#2a1a12", 0.7).material
    parts.append(tube("mouth", spline([(0, -0.640, 1.43), (0, -0.650, 1.36)], 6), 0.013, thread))
    for s in (-1, 1):
        parts.append(
            tube(
                "smile",
                spline([(0, -0.65, 1.36), (s * 0.06, -0.645, 1.32), (s * 0.12, -0.615, 1.335)], 6),
                0.013,
                thread,
            )
        )
        parts.append(ball("eye", (s * 0.185, -0.515, 1.59), (0.064, 0.055, 0.066), black))
        sole = Vector((s * (0.42 + 0.176), -0.52 - 0.483, 0.25))
        pad = ball("pad", (0, 0, 0), (0.145, 0.06, 0.155), suede, (0, 0, s * 20))
        pad.location = sole
        parts.append(pad)
    satin = materials.weave(ribbon, 160, "Object", roughness=0.4, sheen=0.3).material
    parts += _bow(satin)
    return parts


def _bow(material) -> list:
    """A ribbon around the neck with two loops and two ends."""
    neck = [
        Vector((0.40 * math.sin(a), -0.02 - 0.37 * math.cos(a), 1.13))
        for a in (2 * math.pi * i / 64 for i in range(64))
    ]
    flat = [(-0.012, -0.07), (0.012, -0.07), (0.012, 0.07), (-0.012, 0.07)]
    from .mesh import sweep

    parts = [sweep("band", neck, flat, material, closed=True)]
    parts.append(ball("knot", (0, -0.50, 1.12), (0.06, 0.05, 0.065), material))
    for s in (-1, 1):

        def loop(u: float, v: float, s=s) -> Vector:
            a = 2 * math.pi * u
            reach = (1 - math.cos(a)) / 2
            wide = 0.035 + 0.075 * reach
            return Vector(
                (
                    s * 0.30 * reach,
                    -0.50 - 0.10 * reach + 0.05 * math.sin(a),
                    1.12 + 0.055 * math.sin(a) * reach + (2 * v - 1) * wide,
                )
            )

        def end(u: float, v: float, s=s) -> Vector:
            return Vector(
                (
                    s * (0.02 + 0.16 * u + 0.05 * (2 * v - 1)),
                    -0.50 - 0.10 * math.sin(2.4 * u),
                    1.10 - 0.34 * u + 0.03 * s * (2 * v - 1),
                )
            )

        parts += [grid("loop", loop, 40, 9, material), grid("end", end, 24, 7, material)]
    return parts


def bake(obj):
    """Apply all modifiers of `obj` for good."""
    bpy.context.view_layer.update()
    graph = bpy.context.evaluated_depsgraph_get()
    mesh = bpy.data.meshes.new_from_object(obj.evaluated_get(graph))
    obj.modifiers.clear()
    obj.data = mesh
    mesh.shade_smooth()
    return obj


def cushion(
    color: str = "#8d9a7b", second: str | None = "#e6e0cf", size: float = 2.2, threads: float = 90
) -> list:
    """A filled cushion with piping, standing on its edge."""
    cloth = materials.weave(color, threads, second=second).material

    def half(sign: int):
        def at(u: float, v: float) -> Vector:
            x, y = 2 * u - 1, 2 * v - 1
            puff = ((1 - x * x) * (1 - y * y)) ** 0.5
            pinch = (
                1 - 0.10 * (1 - abs(x) ** 3) * abs(y) ** 4 - 0.10 * (1 - abs(y) ** 3) * abs(x) ** 4
            )
            return Vector((x * size / 2 * pinch, sign * 0.42 * puff, (y * pinch + 1) * size / 2))

        return wrinkle(grid("half", at, 90, 90, cloth), 0.5, 0.05, 3.0 + sign)

    edge = []
    for a, b in (((-1, -1), (1, -1)), ((1, -1), (1, 1)), ((1, 1), (-1, 1)), ((-1, 1), (-1, -1))):
        for k in range(30):
            x, y = (a[i] + (b[i] - a[i]) * k / 30 for i in (0, 1))
            pinch = (
                1 - 0.10 * (1 - abs(x) ** 3) * abs(y) ** 4 - 0.10 * (1 - abs(y) ** 3) * abs(x) ** 4
            )
            edge.append(Vector((x * size / 2 * pinch, 0, (y * pinch + 1) * size / 2)))
    return [half(-1), half(1), tube("piping", edge, 0.022, cloth, closed=True, up=(0, 1, 0))]


def _front(title: str, paper: str, ink: str, accent: str) -> Image.Image:
    image = Image.new("RGB", (760, 1120), paper)
    draw = ImageDraw.Draw(image)
    for k in range(9):
        draw.ellipse(
            (80 + 34 * k, 640 - 52 * k, 1020 + 10 * k, 1580 - 70 * k), outline=accent, width=5
        )
    labels.text(draw, (380, 190), title, 110, ink, spacing=0.15)
    labels.text(draw, (380, 300), "EARL GREY", 52, ink, spacing=0.25)
    labels.text(draw, (380, 400), "Black tea with bergamot and cornflower", 30, ink)
    labels.text(draw, (380, 1040), "20 pyramid bags  50 g  1.76 oz", 32, ink)
    return image


def carton(
    title: str = "MERE", paper: str = "#23384a", ink: str = "#f1e7d2", accent: str = "#c98f4e"
) -> list:
    """A folding carton printed on its front and side."""
    front = materials.printed(labels.to_blender(_front(title, paper, ink, accent)), 0.45).material
    plain = materials.plastic(paper, 0.45, 0.05).material
    body = box("carton", (0.76, 0.42, 1.12), plain, round_=0.012)
    body.data.materials.append(front)
    body.data.polygons[2].material_index = 1
    return [body]


__all__ = ["add", "carton", "cushion", "plush", "surface"]
