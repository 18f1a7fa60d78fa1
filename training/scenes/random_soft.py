"""Random clothes, bags, fur, hair, plants and worn things: parts of one product each."""

from __future__ import annotations

import math
import random

import bpy
from mathutils import Vector, noise

from . import (
    accessories,
    details,
    furniture,
    gadgets,
    glassware,
    materials,
    random_looks,
    sneaker,
    soft,
    vessels,
)
from .mesh import ellipse, grid, lathe, spline, sweep, tube, wrinkle
from .modify import copy, place, remesh, solidify, subdivide

Rng = random.Random


def _hex(rng: Rng) -> str:
    return random_looks.hexed(random_looks.color(rng))


def shoe(rng: Rng) -> list:
    """A sneaker in random colours and proportions, or a pair."""
    parts = sneaker.sneaker(_hex(rng), _hex(rng), _hex(rng))
    stretch = (1, rng.uniform(0.75, 1.05), rng.uniform(0.75, 1.3))
    for part in parts:
        part.scale = stretch
        part.location = [a * b for a, b in zip(part.location, stretch, strict=True)]
    bpy.context.view_layer.update()
    if rng.random() < 0.4:
        twins = [copy(part) for part in parts]
        parts += place(
            twins,
            at=(rng.uniform(-0.3, 0.3), rng.uniform(1.0, 1.4), 0),
            turn=(0, 0, rng.uniform(-20, 20)),
        )
    return parts


def glasses(rng: Rng) -> list:
    """Sunglasses in random colours, or thin wire spectacles."""
    if rng.random() < 0.5:
        return accessories.sunglasses(_hex(rng), _hex(rng), _hex(rng))
    wire, parts = random_looks.metal(rng), []
    r, lens = rng.uniform(0.2, 0.27), materials.glass("#ffffff", 0.0, 1.4).material
    power, thin = rng.uniform(2, 4), rng.uniform(0.008, 0.02)
    for s in (-1, 1):
        loop = [
            Vector((s * 0.36 + x, 0, y)) for x, y in ellipse(r, r * rng.uniform(0.75, 1), 48, power)
        ]
        parts.append(tube("rim", loop, thin, wire, closed=True, up=(0, 1, 0)))
        parts.append(
            grid(
                "lens",
                lambda u, v, loop=loop, s=s: Vector((s * 0.36, 0, 0)).lerp(loop[round(u * 47)], v),
                48,
                4,
                lens,
            )
        )
        side = s * (0.36 + r)
        parts.append(
            tube(
                "temple",
                spline(
                    [
                        (side, 0, 0.05),
                        (side * 1.05, 0.1, 0.06),
                        (side * 1.05, 1.1, 0.06),
                        (side, 1.4, -0.2),
                    ],
                    8,
                ),
                thin,
                wire,
                up=(1, 0, 0),
            )
        )
    parts.append(
        tube(
            "bridge",
            spline([(-0.36 + r, 0, 0.05), (0, -0.03, 0.1), (0.36 - r, 0, 0.05)], 8),
            thin,
            wire,
        )
    )
    return parts


def bag(rng: Rng) -> list:
    """A tote, or a puffed pouch with a long thin strap."""
    if rng.random() < 0.4:
        return accessories.tote(_hex(rng), _hex(rng))
    w, d, h = rng.uniform(0.5, 1.1), rng.uniform(0.15, 0.4), rng.uniform(0.4, 1.3)
    hide, brass = random_looks.look(rng, soft=True), random_looks.metal(rng)
    power = rng.uniform(2.5, 8)

    def at(u: float, v: float) -> Vector:
        a = 2 * math.pi * u
        k = 1 - abs(2 * v - 1) ** rng_power
        c, s = math.cos(a), math.sin(a)
        q = (abs(c) ** power + abs(s) ** power) ** (-1 / power)
        return Vector((w * q * c * max(k, 0.02) ** 0.12, d * q * s * max(k, 0.02) ** 0.4, h * v))

    rng_power = rng.uniform(3, 9)
    body = wrinkle(
        grid("body", at, 120, 60, hide, closed=True, caps=True), 0.35, 0.03, rng.random() * 9
    )
    parts = [body]
    tall = rng.uniform(0.3, 1.6)
    for _ in range(rng.choice((1, 1, 2))):
        y = rng.uniform(-d, d) * 0.5
        path = spline(
            [
                (-w * 0.95, y, h * 0.92),
                (-w * rng.uniform(0.7, 1.1), y, h + tall * 0.6),
                (0, y, h + tall),
                (w * rng.uniform(0.7, 1.1), y, h + tall * 0.6),
                (w * 0.95, y, h * 0.92),
            ],
            12,
        )
        parts.append(
            sweep(
                "strap",
                path,
                ellipse(rng.uniform(0.015, 0.06), 0.012),
                random_looks.look(rng, soft=True),
                up=(0, 1, 0),
            )
        )
    for s in (-1, 1):
        parts.append(details.ring((s * w * 0.95, 0, h * 0.92), (0, 1, 0), 0.06, 0.012, brass))
    return parts


TEE = (
    (-0.28, 1.5), (-0.5, 1.45), (-1.05, 1.05), (-0.85, 0.72), (-0.56, 0.95), (-0.55, 0.4),
    (-0.58, 0.0), (0.58, 0.0), (0.55, 0.4), (0.56, 0.95), (0.85, 0.72), (1.05, 1.05), (0.5, 1.45),
    (0.28, 1.5), (0.0, 1.36),
)  # fmt: skip
TROUSERS = (
    (-0.42, 1.9), (-0.5, 1.4), (-0.48, 0.0), (-0.14, 0.0), (-0.02, 1.25), (0.02, 1.25),
    (0.14, 0.0), (0.48, 0.0), (0.5, 1.4), (0.42, 1.9),
)  # fmt: skip
DRESS = (
    (-0.25, 1.9), (-0.35, 1.9), (-0.36, 1.3), (-0.8, 0.0), (0.8, 0.0), (0.36, 1.3), (0.35, 1.9),
    (0.25, 1.9), (0.0, 1.65),
)  # fmt: skip


def garment(rng: Rng) -> list:
    """A shirt, trousers or dress, hanging or laid flat, wrinkled."""
    from .mesh import flat

    shape = [
        (x * rng.uniform(0.9, 1.1), y * rng.uniform(0.97, 1.03))
        for x, y in rng.choice((TEE, TEE, TROUSERS, DRESS))
    ]
    outline = [(p.x, p.y) for p in spline(shape, 8, closed=True)] if rng.random() < 0.5 else shape
    cloth = flat("garment", [outline], 0.07, random_looks.look(rng, soft=True), round_=0.03)
    soft.bake(remesh(cloth, 0.028, 3))
    size, depth, seed = rng.uniform(0.2, 0.6), rng.uniform(0.02, 0.06), rng.random() * 50
    tall = size * rng.choice((1, 1, 2))
    for v in cloth.data.vertices:
        p = Vector((v.co.x / size, v.co.z / tall, seed))
        v.co.y += depth * (2.2 * abs(noise.noise(p)) + 0.5 * noise.noise(p * 2.7))
    wrinkle(cloth, 0.12, 0.006, seed)
    return place([cloth], turn=(-90 * rng.choice((0, 0, 1)), 0, rng.uniform(-25, 25)))


def drape(rng: Rng) -> list:
    """A towel, scarf or blanket: a hanging or crumpled sheet, sometimes with a fringe."""
    w, h, seed = rng.uniform(0.5, 1.6), rng.uniform(0.8, 2.0), rng.random() * 50
    folds, deep = rng.uniform(1, 5), rng.uniform(0.05, 0.25)

    def at(u: float, v: float) -> Vector:
        x, z = (u - 0.5) * w, v * h
        fold = (
            deep
            * math.sin(folds * 2 * math.pi * u + 2 * noise.noise((u * 2, v * 2, seed)))
            * (1 - 0.6 * v)
        )
        return Vector((x * (1 - 0.15 * v), fold + 0.1 * noise.noise((u * 3, v * 3, seed)), z))

    cloth = random_looks.look(rng, soft=True)
    parts = [subdivide(solidify(grid("sheet", at, 60, 60, cloth), rng.uniform(0.01, 0.05)), 1)]
    if rng.random() < 0.35:
        for i in range(n := rng.randint(20, 60)):
            top = at(i / n, 0.0)
            end = top + Vector(
                (rng.uniform(-0.04, 0.04), rng.uniform(-0.04, 0.04), -rng.uniform(0.1, 0.2))
            )
            parts.append(tube("fringe", [top, (top + end) / 2, end], 0.008, cloth, up=(0, 1, 0)))
    return place(parts, turn=(rng.choice((0, 0, -60)), rng.uniform(-15, 15), rng.uniform(-40, 40)))


def fur(rng: Rng) -> list:
    """A furry or hairy thing: a ball, hat, slipper, brush or long-haired wig."""
    skin = soft._fur_material(_hex(rng))
    shapes = [
        soft.ball(
            "lump",
            (rng.uniform(-0.4, 0.4), rng.uniform(-0.2, 0.2), rng.uniform(0.3, 1.0)),
            [rng.uniform(0.2, 0.6) for _ in range(3)],
            skin,
        )
        for _ in range(rng.randint(1, 4))
    ]
    from .modify import fuse

    body = fuse(shapes, "fur") if len(shapes) > 1 else shapes[0]
    soft.bake(remesh(body, 0.05, 6))
    body.data.materials.clear()
    body.data.materials.append(skin)
    long = rng.choice((0.06, 0.12, 0.25, 0.5))
    soft.furry(
        body,
        long * rng.uniform(0.7, 1.3),
        rng.randint(1200, 4000),
        curl=rng.uniform(0.1, 1.2),
        seed=rng.randint(1, 999),
        thick=rng.uniform(0.004, 0.010),
    )
    parts = [body]
    if rng.random() < 0.4:
        parts.append(
            lathe(
                "collar",
                [(0.3, 0.1), (0.5, 0.1, 0.03), (0.5, 0.3, 0.03), (0.3, 0.3)],
                random_looks.look(rng),
            )
        )
    return parts


def plush(rng: Rng) -> list:
    """A teddy bear in random colours."""
    return soft.plush(_hex(rng), _hex(rng), _hex(rng))


def cushion(rng: Rng) -> list:
    """A cushion in a random weave."""
    parts = soft.cushion(
        _hex(rng), rng.choice((None, _hex(rng))), rng.uniform(1.5, 2.6), rng.uniform(20, 120)
    )
    return place(parts, turn=(rng.uniform(-90, -5), 0, rng.uniform(-40, 40)))


def catalogue(rng: Rng) -> list:
    """One of the modelled products in random colours."""
    makers = (
        lambda: gadgets.headphones(_hex(rng), _hex(rng)),
        lambda: gadgets.watch(_hex(rng), _hex(rng)),
        lambda: furniture.chair(_hex(rng)),
        lambda: furniture.lamp(_hex(rng), _hex(rng)),
        lambda: vessels.mug(_hex(rng), _hex(rng), _hex(rng), 0.02),
        lambda: vessels.vase(_hex(rng)),
        lambda: glassware.wine_glass(),
        lambda: glassware.carafe(),
        lambda: glassware.wine_glass(),
        lambda: furniture.chair(_hex(rng)),
    )
    return rng.choice(makers)()
