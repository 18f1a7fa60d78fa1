"""The camera, framing, rendering of a picture and of its exact alpha."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import bpy
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector
from PIL import Image

from .lighting import around
from .modify import corners


def begin(
    width: int = 600,
    height: int = 800,
    *,
    view: str = "Khronos PBR Neutral",
    look: str = "None",
    exposure: float = 0.0,
    seed: int = 1,
    threads: int = 0,
) -> None:
    """An empty scene with Cycles set up for `width` x `height` pictures."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.resolution_x, scene.render.resolution_y = width, height
    scene.render.threads_mode = "FIXED" if threads else "AUTO"
    if threads:
        scene.render.threads = threads
    scene.view_settings.view_transform, scene.view_settings.look = view, look
    scene.view_settings.exposure = exposure
    cycles = scene.cycles
    cycles.seed, cycles.use_denoising, cycles.denoiser = seed, True, "OPENIMAGEDENOISE"
    cycles.max_bounces, cycles.transparent_max_bounces = 12, 16
    cycles.glossy_bounces, cycles.transmission_bounces, cycles.diffuse_bounces = 4, 10, 3
    cycles.sample_clamp_indirect, cycles.blur_glossy = 8.0, 0.6
    cycles.caustics_reflective = False


def camera(
    objects,
    *,
    azimuth: float = 0.0,
    elevation: float = 12.0,
    lens: float = 85.0,
    fill: float = 0.8,
    centre: tuple[float, float] = (0.5, 0.5),
    f_stop: float = 0.0,
    focus=None,
    roll: float = 0.0,
):
    """A camera that sees `objects` filling `fill` of the frame, at `centre` (from bottom left).

    `f_stop` 0 is sharp everywhere; else focus lies on `focus` or the nearest part of the product.
    """
    scene = bpy.context.scene
    data = bpy.data.cameras.new("camera")
    data.lens, data.sensor_fit, data.sensor_height, data.clip_end = lens, "VERTICAL", 36.0, 1000.0
    cam = bpy.data.objects.new("camera", data)
    scene.collection.objects.link(cam)
    scene.camera = cam
    points = corners(objects)
    target = (
        Vector(map(min, zip(*points, strict=True))) + Vector(map(max, zip(*points, strict=True)))
    ) / 2
    distance = max((p - target).length for p in points) * 2.2 * lens / 36
    for _ in range(12):
        cam.location = around(target, distance, azimuth, elevation)
        cam.rotation_euler = (target - cam.location).to_track_quat("-Z", "Y").to_euler()
        cam.rotation_euler.rotate_axis("Z", math.radians(roll))
        bpy.context.view_layer.update()
        seen = [world_to_camera_view(scene, cam, p) for p in points]
        x0, x1 = min(p.x for p in seen), max(p.x for p in seen)
        y0, y1 = min(p.y for p in seen), max(p.y for p in seen)
        distance *= max(x1 - x0, y1 - y0) / fill
    ratio = scene.render.resolution_x / scene.render.resolution_y
    data.shift_x = ((x0 + x1) / 2 - centre[0]) * ratio
    data.shift_y = (y0 + y1) / 2 - centre[1]
    if f_stop:
        data.dof.use_dof, data.dof.aperture_fstop = True, f_stop
        near = min(p.z for p in seen)
        data.dof.focus_distance = (
            (Vector(focus) - cam.location).length
            if focus is not None
            else near + 0.25 * (max(p.z for p in seen) - near)
        )
    return cam


def _render(samples: int, *, denoise: bool) -> Image.Image:
    scene = bpy.context.scene
    scene.cycles.samples, scene.cycles.use_denoising = samples, denoise
    scene.cycles.use_adaptive_sampling = True
    scene.cycles.adaptive_threshold = 0.02 if denoise else 0.002
    scene.cycles.adaptive_min_samples = 0 if denoise else 16
    settings = scene.render.image_settings
    settings.file_format, settings.color_mode = "PNG", "RGBA"
    settings.color_depth, settings.compression = "8", 0
    scene.render.dither_intensity = 0.0 if not denoise else 1.0
    with tempfile.TemporaryDirectory() as folder:
        scene.render.filepath = str(Path(folder) / "frame.png")
        bpy.ops.render.render(write_still=True)
        with Image.open(scene.render.filepath) as image:
            return image.convert("RGBA")


def picture(samples: int = 48) -> Image.Image:
    """The photograph, RGB."""
    bpy.context.scene.render.film_transparent = False
    return _render(samples, denoise=True).convert("RGB")


def quick() -> None:
    """Trade a little truth of light for speed, for pictures by the thousand."""
    scene = bpy.context.scene
    cycles = scene.cycles
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 6, 1, 2
    cycles.transmission_bounces, cycles.transparent_max_bounces = 6, 8
    cycles.caustics_refractive = False
    cycles.denoising_prefilter, cycles.denoising_quality = "FAST", "BALANCED"
    scene.render.use_persistent_data = False


def transparent(samples: int) -> Image.Image:
    """The product alone on a transparent film, RGBA with straight alpha."""
    scene = bpy.context.scene
    scene.render.film_transparent, scene.cycles.film_transparent_glass = True, False
    try:
        return _render(samples, denoise=True)
    finally:
        scene.render.film_transparent = False


def _cover() -> bpy.types.Material:
    """White light: quick, and noisy only at outlines, where adaptive sampling then works on."""
    material = bpy.data.materials.new("cover")
    material.use_nodes = True
    bsdf = material.node_tree.nodes["Principled BSDF"]
    bsdf.inputs["Base Color"].default_value = (0, 0, 0, 1)
    bsdf.inputs["Specular IOR Level"].default_value = 0
    bsdf.inputs["Emission Color"].default_value = (1, 1, 1, 1)
    bsdf.inputs["Emission Strength"].default_value = 1
    return material


def alpha(
    products, samples: int = 128, *, through_glass: bool = False, occluded: bool = False
) -> Image.Image:
    """How much of each pixel the products cover, as the film sees it; 8 bit grey.

    Everything else is hidden and no light is traced, so only geometry, lens blur and the pixel
    filter count. Glass covers fully, unless `through_glass` counts what shines through as open.
    With `occluded`, other things stay and cut out of the product what they hide.
    """
    scene, kept = bpy.context.scene, {obj.name for obj in products}
    hidden = [
        o
        for o in scene.objects
        if o.type not in {"CAMERA"} and o.name not in kept and not o.hide_render
    ]
    cycles = scene.cycles
    bounces = cycles.max_bounces
    for obj in hidden:
        stays = occluded and obj.type == "MESH"
        obj.is_holdout, obj.hide_render = stays, not stays
    scene.render.film_transparent = True
    cycles.film_transparent_glass, cycles.film_transparent_roughness = through_glass, 0.3
    cycles.max_bounces = bounces if through_glass else 0
    layer = bpy.context.view_layer
    if not through_glass:
        layer.material_override = _cover()
    try:
        return _render(samples, denoise=False).getchannel("A")
    finally:
        layer.material_override = None
        cycles.max_bounces, scene.render.film_transparent = bounces, False
        for obj in hidden:
            obj.hide_render = obj.is_holdout = False
