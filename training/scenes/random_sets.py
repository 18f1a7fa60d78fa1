"""Random light, cameras, backgrounds and degradation for the training pictures."""

from __future__ import annotations

import io
import math
import random
from pathlib import Path

import bpy
import numpy as np
from mathutils import Vector
from PIL import Image

from . import lighting, materials, photo, random_looks, studio
from .mesh import fillet, surface
from .modify import corners, place

Rng = random.Random
VIEWS = ("Khronos PBR Neutral", "Standard", "AgX", "Filmic")


def _extent(parts: list) -> tuple[Vector, float]:
    points = corners(parts)
    low = Vector(min(p[i] for p in points) for i in range(3))
    high = Vector(max(p[i] for p in points) for i in range(3))
    return (low + high) / 2, max((high - low).length / 2, 0.05)


def light(rng: Rng, parts: list) -> None:
    """A dim sky and one to three boxes, windows or hard lamps."""
    middle, size = _extent(parts)
    lighting.surroundings(
        random_looks.hexed(random_looks.color(rng, plain=0.8)), "#ffffff", rng.uniform(0.2, 0.8)
    )
    # Mapping the sky for importance sampling took half the time of a small picture.
    bpy.context.scene.world.cycles.sampling_method = "NONE"
    for i in range(rng.choice((1, 2, 2, 3))):
        at = lighting.around(
            middle,
            5 * size,
            rng.uniform(-180, 180) if i else rng.uniform(-75, 75),
            rng.uniform(20, 85),
        )
        side = size * rng.choice((0.15, 0.6, 1.5, 3.0))
        warm = rng.choice(("#ffffff", "#ffffff", "#ffe2bd", "#dbe8ff"))
        lighting.softbox(
            at,
            middle,
            (side, side * rng.uniform(0.6, 2)),
            rng.uniform(0.35, 1.0) / (1 + 0.5 * i),
            warm,
        )


def view(rng: Rng, parts: list) -> None:
    """A camera around the product; one in eight lets the frame cut it."""
    fill = rng.uniform(0.95, 1.25) if rng.random() < 0.12 else rng.uniform(0.58, 0.92)
    slack = (1 - min(fill, 0.95)) / 2
    centre = (0.5 + rng.uniform(-slack, slack), 0.5 + rng.uniform(-slack, slack))
    elevation = rng.choice((rng.uniform(0, 25), rng.uniform(5, 45), rng.uniform(30, 80)))
    azimuth = rng.choice((rng.uniform(-50, 50), rng.uniform(-180, 180)))
    studio.camera(
        parts,
        azimuth=azimuth,
        elevation=elevation,
        lens=rng.choice((35, 50, 70, 85, 110)),
        fill=fill,
        centre=centre,
        f_stop=rng.choice((0, 0, 0, rng.uniform(0.5, 3))),
        roll=rng.gauss(0, 3),
    )


def _backdrop(path: Path, rough: float) -> bpy.types.Material:
    with Image.open(path) as image:
        small = image.convert("RGB")
        small.thumbnail((768, 768))
    from . import labels

    s = materials.Surface("backdrop", roughness=rough)
    s.set(color=s.image(labels.to_blender(small)))
    return s.material


def _material(rng: Rng, backdrops: list[Path]):
    """What floors and walls are made of; white and light grey often."""
    pick = rng.random()
    if backdrops and pick < 0.35:
        return _backdrop(rng.choice(backdrops), rng.uniform(0.2, 0.9))
    if pick < 0.65:
        v = rng.choice((rng.uniform(0.75, 0.95), rng.uniform(0.2, 0.95), rng.uniform(0.02, 0.3)))
        tone = (v, v, v) if rng.random() < 0.6 else random_looks.color(rng, plain=0.3)
        return materials.painted((*tone, 1), rng.uniform(0.1, 0.9), 0.05).material
    if pick < 0.85:
        light_ = rng.choice(("#a9784c", "#d8b98c", "#6f4a2c", "#cfc4b2", "#4a3324"))
        return materials.wood(
            random_looks.shade(materials.rgb(light_), 0.5),
            light_,
            rng.uniform(0.15, 0.6),
            rng.uniform(0.4, 2),
        ).material
    return random_looks.look(rng)


def background(rng: Rng, parts: list, backdrops: list[Path]) -> None:
    """A sweep, or a floor and a wall, in the size of the product and facing the camera."""
    _, size = _extent(parts)
    before = set(bpy.context.scene.objects)
    _sweep(rng, size * 1.2) if rng.random() < 0.5 else _corner(rng, size * 1.2, backdrops)
    eye = bpy.context.scene.camera.location
    towards = math.degrees(math.atan2(eye.x, -eye.y)) + rng.uniform(-25, 25)
    place([o for o in bpy.context.scene.objects if o not in before], turn=(0, 0, towards))


def _sweep(rng: Rng, k: float) -> None:
    profile = [(-30 * k, 0), (rng.uniform(2, 6) * k, 0, 4 * k), (6.5 * k, 40 * k)]
    rings = [[Vector((x * k, y, z)) for x in (-40, 40)] for y, z in fillet(profile, 24)]
    surface("sweep", rings, _material(rng, []), closed=False)


def _corner(rng: Rng, k: float, backdrops: list[Path]) -> None:
    far = rng.uniform(1.6, 8) * k
    floor = [[Vector((x * k, y, 0)) for x in (-12, 12)] for y in (-16 * k, far)]
    wall = [[Vector((x * k, far, z * k)) for x in (-12, 12)] for z in (0, 18)]
    surface("floor", floor, _material(rng, backdrops), closed=False)
    surface("wall", wall, _material(rng, backdrops), closed=False)
    for i in range(rng.choice((0, 0, 1, 3))):
        clutter(rng, k, far, i)


def clutter(rng: Rng, k: float, far: float, index: int) -> None:
    """A plain thing in the background that is not the product."""
    from .mesh import box, lathe

    x, y = (
        rng.choice((-1, 1)) * rng.uniform(1.6, 5) * k,
        rng.uniform(0.8, max(far / k - 0.5, 1.0)) * k,
    )
    if index % 2:
        box(
            "clutter",
            [rng.uniform(0.3, 1.5) * k for _ in range(3)],
            random_looks.look(rng),
            at=(x, y, 0),
        )
    else:
        r, h = rng.uniform(0.2, 0.7) * k, rng.uniform(0.5, 2) * k
        obj = lathe(
            "clutter", [(0, 0), (r, 0), (r, h, r), (0, h)], random_looks.look(rng), segments=48
        )
        obj.location = (x, y, 0)


def degraded(rng: Rng, image: Image.Image) -> Image.Image:
    """What a camera and a supplier do to a picture: exposure, cast, noise, softness, JPEG."""
    pixels = np.asarray(image, dtype=np.float32)
    white = np.percentile(pixels, 99.5)
    gain = rng.uniform(200, 262) / max(white, 40) if rng.random() < 0.6 else rng.uniform(0.8, 1.15)
    cast = np.array([rng.uniform(0.96, 1.04) for _ in range(3)], dtype=np.float32)
    image = Image.fromarray(np.clip(pixels * min(gain, 2.2) * cast, 0, 255).astype(np.uint8))
    image = photo.developed(
        image,
        noise=rng.choice((0.0, 1.0, 2.5, 5.0)),
        soften=rng.choice((0, 0, 0.4, 0.8)),
        seed=rng.randint(0, 9999),
    )
    if rng.random() < 0.3:
        store = io.BytesIO()
        image.save(store, "JPEG", quality=rng.randint(45, 85))
        image = Image.open(store).convert("RGB")
    return image


def cutout(render: Image.Image, alpha: Image.Image) -> Image.Image:
    """The render's colours under the exact alpha; colours reach a little past the outline."""
    rgba = np.asarray(render, dtype=np.float32)
    weight = np.where(rgba[..., 3] > 100, rgba[..., 3], 0) / 255
    colour, known = rgba[..., :3] * weight[..., None], weight
    for level in (2, 4, 8, 16):
        spread = np.stack([_coarse(colour[..., c], level) for c in range(3)], -1)
        mass = _coarse(known, level)
        fill = (known < 0.3) & (mass > 1e-3)
        colour[fill] = spread[fill] / mass[fill][:, None]
        known = np.where(fill, 1.0, known)
    out = np.clip(colour / np.maximum(known, 1e-6)[..., None], 0, 255).astype(np.uint8)
    return Image.merge("RGBA", (*Image.fromarray(out).split(), alpha))


def _coarse(plane: np.ndarray, level: int) -> np.ndarray:
    """The plane averaged over `level` x `level` pixels and spread out again."""
    image = Image.fromarray(plane.astype(np.float32))
    return np.asarray(image.reduce(level).resize(image.size, Image.Resampling.BILINEAR))
