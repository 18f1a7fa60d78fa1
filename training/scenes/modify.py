"""Blender modifiers as one-line calls, and placing finished parts."""

from __future__ import annotations

import math
from collections.abc import Iterable

import bpy
from mathutils import Matrix, Vector


def _modifier(obj, kind: str, **settings):
    modifier = obj.modifiers.new(kind.lower(), kind)
    for key, value in settings.items():
        setattr(modifier, key, value)
    return obj


def bevel(obj, width: float, segments: int = 4):
    """Round all sharp edges (over 30 degrees)."""
    if width <= 0:
        return obj
    return _modifier(
        obj, "BEVEL", width=width, segments=segments, limit_method="ANGLE", harden_normals=True
    )


def subdivide(obj, levels: int = 2):
    """Catmull-Clark subdivision."""
    return _modifier(obj, "SUBSURF", levels=levels, render_levels=levels)


def solidify(obj, thickness: float, offset: float = -1.0):
    """Give a sheet a thickness; offset -1 grows inwards, 1 outwards."""
    return _modifier(obj, "SOLIDIFY", thickness=thickness, offset=offset, use_even_offset=True)


def remesh(obj, voxel: float, smooth: int = 6):
    """Fuse overlapping parts into one skin with soft joints."""
    _modifier(obj, "REMESH", mode="VOXEL", voxel_size=voxel, use_smooth_shade=True)
    return _modifier(obj, "SMOOTH", iterations=smooth, factor=0.5)


def bend(obj, degrees: float, axis: str = "Z"):
    """Bend around `axis`."""
    return _modifier(
        obj, "SIMPLE_DEFORM", deform_method="BEND", angle=math.radians(degrees), deform_axis=axis
    )


def by_angle(obj, degrees: float = 35):
    """Smooth shading that keeps edges sharper than `degrees`."""
    obj.data.set_sharp_from_angle(angle=math.radians(degrees))
    return obj


def fuse(objects: list, name: str):
    """Join meshes into one object (materials of the first)."""
    first, *rest = objects
    with bpy.context.temp_override(active_object=first, selected_editable_objects=objects):
        bpy.ops.object.join()
    first.name = name
    del rest
    return first


def place(objects: Iterable, at=(0, 0, 0), turn=(0, 0, 0), scale: float = 1.0) -> list:
    """Move parts together: scale, turn (degrees around x, then y, then z), then shift."""
    moved = list(objects)
    x, y, z = (math.radians(d) for d in turn)
    matrix = (
        Matrix.Translation(Vector(at))
        @ Matrix.Rotation(z, 4, "Z")
        @ Matrix.Rotation(y, 4, "Y")
        @ Matrix.Rotation(x, 4, "X")
        @ Matrix.Scale(scale, 4)
    )
    bpy.context.view_layer.update()
    for obj in moved:
        if obj.parent not in moved:
            obj.matrix_world = matrix @ obj.matrix_world
    bpy.context.view_layer.update()
    return moved


def copy(obj, mirror: bool = False):
    """A twin with its own mesh, mirrored in x if wanted."""
    twin = obj.copy()
    twin.data = obj.data.copy()
    bpy.context.scene.collection.objects.link(twin)
    if mirror:
        twin.data.transform(Matrix.Scale(-1, 4, (1, 0, 0)))
        twin.data.flip_normals()
        twin.location.x *= -1
    return twin


def corners(objects: Iterable) -> list[Vector]:
    """World positions of all vertices, modifiers applied."""
    bpy.context.view_layer.update()
    graph = bpy.context.evaluated_depsgraph_get()
    out: list[Vector] = []
    for obj in objects:
        if obj.type != "MESH":
            continue
        seen = obj.evaluated_get(graph)
        mesh = seen.to_mesh()
        step = max(len(mesh.vertices) // 4000, 1)
        out += [seen.matrix_world @ mesh.vertices[i].co for i in range(0, len(mesh.vertices), step)]
        seen.to_mesh_clear()
    return out
