"""Random products: built from code, or imported from a folder of glTF models."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import bpy

from . import random_hard, random_looks, random_plants, random_soft, random_thin
from .modify import corners, place

# How often each kind comes; thin, furry and see-through things more than shops sell them.
KINDS: dict[Callable[[random.Random], list], float] = {
    random_hard.bottle: 9, random_hard.vessel: 8, random_hard.carton: 6, random_hard.furniture: 8,
    random_thin.wheel: 4, random_thin.basket: 4, random_thin.cable: 4, random_thin.jewel: 5,
    random_thin.tool: 6, random_hard.gadget: 6, random_hard.blocks: 5, random_soft.shoe: 5,
    random_soft.glasses: 5, random_soft.bag: 8, random_soft.garment: 9, random_soft.drape: 5,
    random_soft.fur: 7, random_soft.plush: 2, random_soft.cushion: 4, random_plants.plant: 6,
    random_soft.catalogue: 10,
}  # fmt: skip


def models(folder: Path | None) -> list[Path]:
    """The glTF files below `folder`."""
    if folder is None:
        return []
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".glb", ".gltf"))


def imported(path: Path, rng: random.Random) -> list:
    """The meshes of a glTF file, one unit to three units tall, sometimes in new materials."""
    before = set(bpy.data.objects)
    bpy.ops.import_scene.gltf(filepath=str(path))
    parts = [o for o in bpy.data.objects if o not in before]
    meshes = [o for o in parts if o.type == "MESH"]
    for other in parts:
        if other.type not in ("MESH", "EMPTY", "ARMATURE"):
            bpy.data.objects.remove(other)
    if not meshes:
        raise ValueError(f"{path} holds no mesh")
    if rng.random() < 0.35:
        for mesh in meshes:
            mesh.data.materials.clear()
            mesh.data.materials.append(random_looks.look(rng))
    points = corners(meshes)
    size = max(max(p[i] for p in points) - min(p[i] for p in points) for i in range(3))
    roots = [o for o in meshes if o.parent is None]
    roots += [
        o for o in parts if o.name in bpy.data.objects and o.type != "MESH" and o.parent is None
    ]
    place(roots, scale=rng.uniform(1.2, 3.0) / max(size, 1e-6))
    return meshes


def product(rng: random.Random, found: list[Path], share: float = 0.18) -> list:
    """One random product, standing on z = 0 near the origin; `share` of them from models."""
    if found and rng.random() < share:
        parts = imported(rng.choice(found), rng)
    else:
        parts = rng.choices(list(KINDS), list(KINDS.values()))[0](rng)
    points = corners(parts)
    low = min(p.z for p in points)
    middle = [(min(p[i] for p in points) + max(p[i] for p in points)) / 2 for i in (0, 1)]
    place(dict.fromkeys(_root(o) for o in parts), at=(-middle[0], -middle[1], -low))
    return parts


def _root(obj):
    while obj.parent is not None:
        obj = obj.parent
    return obj


def products(rng: random.Random, found: list[Path]) -> list:
    """Usually one product; now and then two or three beside each other."""
    parts = product(rng, found)
    for _ in range(rng.choices((0, 1, 2), (0.88, 0.09, 0.03))[0]):
        edge = max(p.x for p in corners(parts))
        more = product(rng, found)
        points = corners(more)
        width = max(p.x for p in points) - min(p.x for p in points)
        tall = max(p.z for p in points) / max(max(p.z for p in corners(parts)), 1e-3)
        tops = list(dict.fromkeys(_root(o) for o in more))
        scale = min(max(1 / max(tall, 0.2), 0.4), 2.0) * rng.uniform(0.6, 1.1)
        place(
            tops,
            at=(edge + width * scale * 0.5 + rng.uniform(-0.1, 0.3), rng.uniform(-0.3, 0.3), 0),
            scale=scale,
        )
        parts += more
    return parts  # fmt: skip
