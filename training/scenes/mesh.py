"""Building smooth meshes from a few numbers: lathes, sweeps, lofts, flat shapes, rounded boxes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import bpy
from mathutils import Matrix, Vector, noise

from .modify import bevel, by_angle

Points = Sequence[Sequence[float]]


def add(name: str, data: bpy.types.ID, material: bpy.types.Material | None = None):
    """Hang `data` into the scene as an object, smooth shaded."""
    obj = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(obj)
    if material is not None:
        data.materials.append(material)
    if isinstance(data, bpy.types.Mesh):
        data.shade_smooth()
    return obj


def fillet(points: Points, steps: int = 8) -> list[tuple[float, float]]:
    """Round the corners of a polyline of (x, y) or (x, y, radius) rows."""
    out: list[tuple[float, float]] = []
    for i, row in enumerate(points):
        here = Vector(row[:2])
        radius = row[2] if len(row) > 2 else 0.0
        if radius == 0.0 or i in (0, len(points) - 1):
            out.append((here.x, here.y))
            continue
        before, after = Vector(points[i - 1][:2]) - here, Vector(points[i + 1][:2]) - here
        half = before.angle(after, math.pi) / 2
        reach = min(radius / math.tan(half), before.length * 0.49, after.length * 0.49)
        a, b = here + before.normalized() * reach, here + after.normalized() * reach
        for k in range(steps + 1):
            t = k / steps
            p = a * (1 - t) ** 2 + here * 2 * t * (1 - t) + b * t * t
            out.append((p.x, p.y))
    return out


def spline(points: Points, steps: int = 12, closed: bool = False) -> list[Vector]:
    """A Catmull-Rom curve through `points` (2 or 3 coordinates), `steps` samples per span."""
    pts = [Vector(p) for p in points]
    n = len(pts)
    spans = n if closed else n - 1

    def at(i: int) -> Vector:
        return pts[i % n] if closed else pts[min(max(i, 0), n - 1)]

    out = []
    for i in range(spans):
        a, b, c, d = at(i - 1), at(i), at(i + 1), at(i + 2)
        for k in range(steps):
            t = k / steps
            out.append(
                (
                    b * 2
                    + (c - a) * t
                    + (a * 2 - b * 5 + c * 4 - d) * t**2
                    + (b * 3 - a - c * 3 + d) * t**3
                )
                * 0.5
            )
    return out if closed else [*out, pts[-1]]


def surface(
    name: str,
    rings: Sequence[Sequence[Vector]],
    material=None,
    *,
    closed: bool = True,
    caps: bool = False,
    loop: bool = False,
):
    """A skin over `rings` of equal length. `closed` joins each ring's ends, `loop` last to first.

    The UV map runs 0 to 1 along a ring (u) and across the rings (v).
    """
    n, m = len(rings[0]), len(rings)
    verts = [tuple(p) for ring in rings for p in ring]
    columns, rows = (n if closed else n - 1), (m if loop else m - 1)
    faces, uvs = [], []
    for j in range(rows):
        for i in range(columns):
            i2, j2 = (i + 1) % n, (j + 1) % m
            faces.append((j * n + i, j * n + i2, j2 * n + i2, j2 * n + i))
            u0, u1, v0, v1 = i / columns, (i + 1) / columns, j / rows, (j + 1) / rows
            uvs += [(u0, v0), (u1, v0), (u1, v1), (u0, v1)]
    if caps:
        for ring in (list(reversed(range(n))), [(m - 1) * n + i for i in range(n)]):
            faces.append(tuple(ring))
            uvs += [(0.0, 0.0)] * n
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(verts, [], faces)
    layer = mesh.uv_layers.new(name="UVMap")
    for loop_uv, uv in zip(layer.data, uvs, strict=True):
        loop_uv.uv = uv
    mesh.update()
    return add(name, mesh, material)


def grid(
    name: str,
    place: Callable[[float, float], Sequence[float]],
    nu: int,
    nv: int,
    material=None,
    **options,
):
    """The surface `place(u, v)` for u, v in 0 to 1."""
    closed = options.get("closed", False)
    rings = [
        [Vector(place(i / (nu if closed else nu - 1), j / (nv - 1))) for i in range(nu)]
        for j in range(nv)
    ]
    return surface(name, rings, material, **{"closed": False, **options})


def lathe(
    name: str,
    profile: Points,
    material=None,
    *,
    segments: int = 128,
    steps: int = 8,
    ripple: Callable[[float, float], float] | None = None,
):
    """Turn (radius, z[, fillet]) rows around z; `ripple(angle, z)` scales the radius."""
    rings = []
    for r, z in fillet(profile, steps):
        ring = []
        for i in range(segments):
            a = 2 * math.pi * i / segments
            k = r * (ripple(a, z) if ripple else 1.0)
            ring.append(Vector((max(k, 1e-4) * math.sin(a), -max(k, 1e-4) * math.cos(a), z)))
        rings.append(ring)
    obj = surface(name, rings, material)
    return outward(obj)


def sweep(
    name: str,
    path: Sequence[Vector],
    section: Points,
    material=None,
    *,
    closed: bool = False,
    up: Sequence[float] = (0, 0, 1),
    scale: Callable[[float], float] | None = None,
):
    """Carry a closed (x, y) `section` along `path`; its y axis stays near `up`."""
    path = [Vector(p).to_3d() for p in path]
    n = len(path)
    rings, upward = [], Vector(up)
    for i, here in enumerate(path):
        ahead = path[(i + 1) % n] if closed or i < n - 1 else here
        behind = path[i - 1] if closed or i > 0 else here
        along = (ahead - behind).normalized()
        side = along.cross(upward)
        side = side.normalized() if side.length > 1e-6 else Vector((1, 0, 0))
        high = side.cross(along).normalized()
        k = scale(i / (n - 1)) if scale else 1.0
        rings.append([here + side * (x * k) + high * (y * k) for x, y in section])
    return outward(surface(name, rings, material, caps=not closed, loop=closed))


def tube(name: str, path: Sequence[Vector], radius: float, material=None, **options):
    """A round pipe along `path`."""
    return sweep(name, path, ellipse(radius, radius), material, **options)


def ellipse(a: float, b: float, n: int = 24, power: float = 2.0) -> list[tuple[float, float]]:
    """A superellipse as (x, y) points; power 2 is an ellipse, 4 a rounded box."""
    out = []
    for i in range(n):
        t = 2 * math.pi * i / n
        c, s = math.cos(t), math.sin(t)
        out.append(
            (
                a * math.copysign(abs(c) ** (2 / power), c),
                b * math.copysign(abs(s) ** (2 / power), s),
            )
        )
    return out


def box(name: str, size: Sequence[float], material=None, *, round_: float = 0.03, at=(0, 0, 0)):
    """A box standing on `at` with rounded edges."""
    x, y, z = (s / 2 for s in size)
    corners = [(-x, -y), (x, -y), (x, y), (-x, y)]
    verts = [(px, py, h) for h in (0, 2 * z) for px, py in corners]
    faces = [(3, 2, 1, 0), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(verts, [], faces)
    layer = mesh.uv_layers.new(name="UVMap")
    for i, loop_uv in enumerate(layer.data):
        loop_uv.uv = ((0, 0), (1, 0), (1, 1), (0, 1))[i % 4]
    obj = add(name, mesh, material)
    obj.location = at
    return bevel(obj, round_)


def flat(
    name: str, outlines: Sequence[Points], depth: float, material=None, *, round_: float = 0.02
):
    """Closed (x, y) outlines (inner ones are holes) as a rounded plate in the xz plane."""
    curve = bpy.data.curves.new(name, "CURVE")
    curve.dimensions, curve.fill_mode = "2D", "BOTH"
    curve.extrude = max(depth / 2 - round_, 0.0)
    curve.bevel_depth, curve.bevel_resolution = round_, 4
    curve.offset = -round_
    for outline in outlines:
        line = curve.splines.new("POLY")
        line.points.add(len(outline) - 1)
        for point, (x, y) in zip(line.points, outline, strict=True):
            point.co = (x, y, 0, 1)
        line.use_cyclic_u = True
    source = bpy.data.objects.new(name, curve)
    bpy.context.scene.collection.objects.link(source)
    bpy.context.view_layer.update()
    mesh = bpy.data.meshes.new_from_object(
        source.evaluated_get(bpy.context.evaluated_depsgraph_get())
    )
    bpy.data.objects.remove(source)
    mesh.transform(Matrix.Rotation(math.pi / 2, 4, "X"))
    obj = add(name, mesh, material)
    return by_angle(obj)


def outward(obj):
    """Make all normals of a mesh point outwards."""
    import bmesh

    work = bmesh.new()
    work.from_mesh(obj.data)
    bmesh.ops.recalc_face_normals(work, faces=work.faces)
    work.to_mesh(obj.data)
    work.free()
    obj.data.shade_smooth()
    return obj


def wrinkle(obj, size: float, depth: float, seed: float = 0.0, stretch=(1, 1, 1)):
    """Push the vertices of a mesh in and out by smooth noise of `size`, at most about `depth`."""
    out: list[float] = []
    for (
        v
    ) in obj.data.vertices:  # moved all at once: each single move would compute all normals anew
        p = Vector(a * b for a, b in zip(v.co, stretch, strict=True)) / size + Vector((seed,) * 3)
        out.extend(v.co + v.normal * (depth * noise.noise(p)))
    obj.data.vertices.foreach_set("co", out)
    obj.data.update()
    return obj
