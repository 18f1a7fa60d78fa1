"""Printed matter: labels, dials and boxes drawn with Pillow, as Blender images."""

from __future__ import annotations

import bpy
import numpy as np
from PIL import Image, ImageDraw, ImageFont


def to_blender(image: Image.Image, name: str = "print"):
    """A Pillow image as a packed Blender image (sRGB)."""
    rgba = np.asarray(image.convert("RGBA"), dtype=np.float32)[::-1] / 255
    out = bpy.data.images.new(name, image.width, image.height, alpha=True)
    out.pixels.foreach_set(np.ascontiguousarray(rgba).ravel())
    out.update()
    out.pack()
    return out


def text(
    draw: ImageDraw.ImageDraw,
    at: tuple[float, float],
    words: str,
    size: float,
    fill: str,
    *,
    anchor: str = "mm",
    spacing: float = 0.0,
) -> None:
    """Write one line; `spacing` is the extra tracking in units of `size`."""
    font = ImageFont.load_default(size)
    if not spacing:
        draw.text(at, words, fill=fill, font=font, anchor=anchor)
        return
    widths = [draw.textlength(c, font=font) + spacing * size for c in words]
    x = at[0] - (sum(widths) - spacing * size) / 2
    for c, w in zip(words, widths, strict=True):
        draw.text((x, at[1]), c, fill=fill, font=font, anchor="lm")
        x += w
