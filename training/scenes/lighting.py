"""Softboxes, windows and surroundings. Strengths do not depend on the size of the scene."""

from __future__ import annotations

import math

import bpy
from mathutils import Vector

from .materials import rgb


def softbox(
    at, towards, size, strength: float, color="#ffffff", spread: float = 180.0, shape="RECTANGLE"
):
    """An area light. `strength` 1 lights a facing white card at `towards` to about white."""
    at, towards = Vector(at), Vector(towards)
    data = bpy.data.lights.new("softbox", "AREA")
    data.shape = shape
    data.size, data.size_y = size if isinstance(size, tuple) else (size, size)
    data.spread = math.radians(spread)
    data.energy = strength * (at - towards).length_squared * math.pi * math.pi
    data.color = rgb(color)[:3]
    light = bpy.data.objects.new("softbox", data)
    bpy.context.scene.collection.objects.link(light)
    light.location = at
    light.rotation_euler = (towards - at).to_track_quat("-Z", "Y").to_euler()
    return light


def around(target, distance: float, azimuth: float, elevation: float) -> Vector:
    """A place `distance` from `target`; azimuth 0 is the camera's side, 90 its right (degrees)."""
    a, e = math.radians(azimuth), math.radians(elevation)
    return Vector(target) + distance * Vector(
        (math.sin(a) * math.cos(e), -math.cos(a) * math.cos(e), math.sin(e))
    )


def surroundings(low="#808080", high="#ffffff", strength: float = 0.3) -> None:
    """A world that goes from `low` below the horizon to `high` overhead."""
    world = bpy.data.worlds.new("world")
    bpy.context.scene.world = world
    world.use_nodes = True
    tree = world.node_tree
    back = tree.nodes["Background"]
    coords, split = tree.nodes.new("ShaderNodeTexCoord"), tree.nodes.new("ShaderNodeSeparateXYZ")
    ramp = tree.nodes.new("ShaderNodeValToRGB")
    ramp.color_ramp.elements[0].position, ramp.color_ramp.elements[0].color = 0.0, rgb(low)
    ramp.color_ramp.elements[1].position, ramp.color_ramp.elements[1].color = 0.9, rgb(high)
    tree.links.new(coords.outputs["Generated"], split.inputs[0])
    tree.links.new(split.outputs[2], ramp.inputs[0])
    tree.links.new(ramp.outputs[0], back.inputs[0])
    back.inputs[1].default_value = strength


def studio(
    target,
    size: float,
    *,
    key: float = 0.8,
    fill: float = 0.25,
    rim: float = 0.5,
    top: float = 0.3,
    side: int = -1,
    warmth: str = "#fff6ee",
) -> None:
    """Key softbox at one side (-1 left), strip fill, overhead box and a rim strip behind."""
    t = Vector(target)
    softbox(around(t, 5 * size, 50 * side, 42), t, (3 * size, 3.6 * size), key, warmth)
    softbox(around(t, 5 * size, -62 * side, 18), t, (1.2 * size, 4 * size), fill, "#f2f6ff")
    softbox(around(t, 4.5 * size, 180 + 30 * side, 48), t, (1.6 * size, 3 * size), rim)
    softbox(around(t, 4.5 * size, 10, 86), t, (3.4 * size, 3.4 * size), top)


def window(
    target,
    size: float,
    strength: float = 1.2,
    azimuth: float = -75,
    elevation: float = 35,
    color="#fff1de",
) -> None:
    """Daylight through a window: four panes with bars between."""
    t = Vector(target)
    centre = around(t, 6 * size, azimuth, elevation)
    aside = (t - centre).cross(Vector((0, 0, 1))).normalized()
    upward = aside.cross(t - centre).normalized()
    for i in (-0.55, 0.55):
        for j in (-0.75, 0.75):
            softbox(
                centre + aside * i * size * 1.5 + upward * j * size * 1.5,
                t,
                (1.3 * size, 1.9 * size),
                strength / 4,
                color,
            )
