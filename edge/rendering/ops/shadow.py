"""Shadow: where the subject stands on the ground, a soft contact shadow.

Light from above leaves a dark line right under a product and a wide faint one around it. Both are
drawn from the matte's own lower end, so that four chair legs get four shadows.
"""

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageFilter

from edge.images import Box
from edge.rendering.matte import HALF, bounds
from edge.rendering.picture import Picture
from edge.rendering.step import PixelStep, Sight
from edge.rendering.studio import Floats
from edge.variants.transform import Transform

FOOT = 0.05
"""The lowest part of the subject, as a share of its height, that counts as standing."""

LINE, POOL = (0.008, 0.55), (0.035, 0.30)
"""Softness as a share of the subject's width, and darkness (0 to 1), of the two shadows."""


@dataclass(frozen=True, slots=True)
class Shadow(PixelStep):
    """Darkens the ground under the subject; on no ground at all it is black and see-through."""

    op = "shadow"

    def apply(self, picture: Picture) -> Picture:
        if picture.matte is None:
            return picture
        alpha = np.asarray(picture.matte)
        box = bounds(alpha >= HALF)
        if box is None:
            return picture
        shade = _shade(alpha, box) * (1 - alpha.astype(np.float32) / np.float32(255))
        return replace(picture, image=_shaded(picture.image, shade))


def plan(transform: Transform, sight: Sight) -> Shadow | None:
    """Wanted on demand, under a subject that has been cut out."""
    return Shadow() if transform.shadow and sight.state.matted else None


def _shade(alpha: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], box: Box) -> Floats:
    """How much light the ground loses [H, W], 0 to 1."""
    foot = max(2, round(FOOT * box.size.height))
    stands = alpha[box.bottom - foot : box.bottom].max(axis=0)
    shade = np.zeros(alpha.shape, np.float32)
    for softness, darkness in (LINE, POOL):
        sigma = max(1.0, softness * box.size.width)
        drawn = Image.new("L", (alpha.shape[1], alpha.shape[0]), 0)
        high = max(2, round(sigma))
        bar = Image.fromarray(np.repeat(stands[None], high, axis=0))
        drawn.paste(bar, (0, min(box.bottom - high // 2, alpha.shape[0] - 1)))
        soft = drawn.filter(ImageFilter.GaussianBlur(sigma))
        layer = np.asarray(soft, np.float32)
        peak = float(layer.max())
        if peak > 0:
            shade = 1 - (1 - shade) * (1 - layer * np.float32(darkness / peak))
    return shade


def _shaded(image: Image.Image, shade: Floats) -> Image.Image:
    pixels = np.asarray(image)
    if image.mode == "RGB":
        return Image.fromarray(np.rint(pixels * (1 - shade[..., None])).astype(np.uint8))
    alpha = pixels[..., 3].astype(np.float32) / np.float32(255)
    together = shade + alpha * (1 - shade)
    share = np.divide(alpha * (1 - shade), together, out=np.zeros_like(alpha), where=together > 0)
    colours = np.rint(pixels[..., :3] * share[..., None])
    return Image.fromarray(
        np.dstack([colours, np.rint(together * 255)]).astype(np.uint8), image.mode
    )
