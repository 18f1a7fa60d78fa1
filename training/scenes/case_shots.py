"""Pictures for tests (awkward products) and product-free backgrounds for `bg=scene:`."""

from __future__ import annotations

import bpy

from . import backgrounds, furniture, lighting, soft, studio, vessels
from .mesh import box
from .modify import place


def two() -> list:
    """Two products side by side, not touching."""
    parts = place(vessels.bottle("#7c2f34", paper="#f3ead9", accent="#a8323a"), at=(-0.55, 0.1, 0))
    parts += place(soft.carton(), at=(0.52, -0.1, 0), turn=(0, 0, -16))
    backgrounds.sweep("#c9d2cc", depth=7, radius=3)
    lighting.surroundings("#c0c8c4", "#ffffff", 0.35)
    lighting.studio((0, 0, 1), 2.0, key=0.75, fill=0.2, rim=0.35, top=0.2)
    studio.camera(parts, elevation=9, fill=0.8, centre=(0.5, 0.48))
    return parts


def cut() -> list:
    """A chair that the picture's left and lower edges cut off."""
    parts = place(furniture.chair("#39594f"), turn=(0, 0, 30))
    backgrounds.sweep("#efece6", depth=20, radius=9, width=140)
    lighting.surroundings("#d8d6d0", "#ffffff", 0.35)
    lighting.studio((0, 0, 4), 8, key=0.8, fill=0.15, rim=0.3, top=0.2)
    studio.camera(parts, elevation=9, lens=70, fill=1.15, centre=(0.28, 0.36))
    return parts


def tiny() -> list:
    """A mug as an old 240 x 320 shop picture."""
    parts = place(vessels.mug("#c9a13b", "#f0e8d4"), turn=(0, 0, -28))
    backgrounds.sweep("#f4f4f2", depth=5, radius=2.5)
    lighting.surroundings("#d8d8d8", "#ffffff", 0.35)
    lighting.studio((0, 0, 0.5), 1.3, key=0.75, fill=0.18, rim=0.3, top=0.2)
    studio.camera(parts, elevation=16, fill=0.72, centre=(0.5, 0.47))
    return parts


def _empty(width: float, elevation: float, centre: tuple[float, float], **options) -> list:
    """A camera where a product of `width` would stand, and nothing there."""
    stand = box("stand", (width, width, width * 1.3))
    studio.camera([stand], elevation=elevation, centre=centre, **options)
    bpy.data.objects.remove(stand)
    return []


def oak() -> list:
    """An oak table top before a blurred wall, window light from the left."""
    backgrounds.table("#6a4628", "#b98a5a", "#d9d6ce", distance=11)
    lighting.surroundings("#6b5a4a", "#cfe0f2", 0.35)
    lighting.window((0, 0, 0.5), 2.4, 2.4, azimuth=-68, elevation=34)
    return _empty(1.6, 13, (0.5, 0.46), fill=0.52, f_stop=0.45, focus=(0, 0, 0.2))


def marble() -> list:
    """A pale marble top before a warm wall."""
    backgrounds.marble("#e6e3de", "#8d8984", "#cbbfb2")
    lighting.surroundings("#a39a90", "#f2f4f8", 0.4)
    lighting.window((0, 0, 0.5), 2.4, 2.0, azimuth=60, elevation=40)
    return _empty(1.6, 14, (0.5, 0.46), fill=0.52, f_stop=0.45, focus=(0, 0, 0.2))


def pastel() -> list:
    """A plain pastel paper sweep with a soft fall of light."""
    backgrounds.sweep("#e7c9bd", depth=5, radius=4, gradient="#d9b3a5")
    lighting.surroundings("#d9c3ba", "#ffffff", 0.3)
    lighting.studio((0, 0, 1), 2.2, key=0.8, fill=0.1, rim=0.2, top=0.2)
    return _empty(1.6, 12, (0.5, 0.46), fill=0.52)
