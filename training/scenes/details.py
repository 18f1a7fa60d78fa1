"""Small parts that many products share: stitches, rivets, eyelets."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from mathutils import Vector

from .mesh import Points, ellipse, lathe, surface


def along(path: Sequence[Vector], step: float) -> list[tuple[Vector, Vector]]:
    """Places `step` apart along `path`, each with its direction."""
    out, left = [], 0.0
    for a, b in pairwise(path):
        length = (b - a).length
        if length == 0:
            continue
        at = left
        while at < length:
            out.append((a.lerp(b, at / length), (b - a).normalized()))
            at += step
        left = at - length
    return out


def stitches(
    path: Sequence[Vector],
    material,
    *,
    length: float = 0.035,
    gap: float = 0.018,
    thick: float = 0.007,
):
    """A seam of thread along `path`: one mesh of many short rounded stitches."""
    section = ellipse(1, 1, 8)
    parts = []
    for here, ahead in along([Vector(p) for p in path], length + gap):
        side = ahead.orthogonal().normalized()
        high = ahead.cross(side)
        for t, k in ((-0.5, 0.3), (-0.32, 0.95), (0.0, 1.1), (0.32, 0.95), (0.5, 0.3)):
            centre = here + ahead * (t * length)
            parts.append([centre + (side * x + high * y) * thick * k for x, y in section])
    return _chain(parts, 5, material)


def _chain(rings: list, run: int, material):
    """Skin each `run` rings separately into one object."""
    import bpy

    n = len(rings[0])
    verts = [tuple(p) for ring in rings for p in ring]
    faces = []
    for start in range(0, len(rings), run):
        for j in range(start, start + run - 1):
            faces += [
                (j * n + i, j * n + (i + 1) % n, (j + 1) * n + (i + 1) % n, (j + 1) * n + i)
                for i in range(n)
            ]
        faces.append(tuple(start * n + i for i in reversed(range(n))))
        faces.append(tuple((start + run - 1) * n + i for i in range(n)))
    from .mesh import add, outward

    mesh = bpy.data.meshes.new("stitches")
    mesh.from_pydata(verts, [], faces)
    return outward(add("stitches", mesh, material))


def rivet(
    at: Sequence[float], normal: Sequence[float], radius: float, material, height: float = 0.3
):
    """A domed rivet; `height` in radii."""
    h = radius * height
    obj = lathe(
        "rivet",
        [(radius, -h), (radius, 0, h * 0.3), (radius * 0.8, h * 0.9, h), (0, h * 1.1)],
        material,
        segments=32,
    )
    obj.rotation_euler = Vector(normal).to_track_quat("Z", "Y").to_euler()
    obj.location = at
    return obj


def ring(at: Sequence[float], normal: Sequence[float], radius: float, thick: float, material):
    """A torus, for eyelets and ring buckles."""
    profile: Points = [(radius + x, y) for x, y in ellipse(thick, thick, 16)]
    obj = lathe("ring", [*profile, profile[0]], material, segments=48)
    obj.rotation_euler = Vector(normal).to_track_quat("Z", "Y").to_euler()
    obj.location = at
    return obj


def patch(image, width: float, height: float, at, place, roughness: float = 0.5):
    """A printed rectangle on a curved surface: `place(x, z)` gives the point; `at` its centre."""
    from . import labels, materials

    rings = [
        [
            Vector(place(at[0] + (i / 12 - 0.5) * width, at[1] + (j / 8 - 0.5) * height))
            for i in range(13)
        ]
        for j in range(9)
    ]
    return surface(
        "patch",
        rings,
        materials.printed(labels.to_blender(image), roughness).material,
        closed=False,
    )
