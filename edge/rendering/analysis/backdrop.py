"""A background as it would be without the product: its gaps filled smoothly from around them."""

import cv2
import numpy as np
from PIL import Image

from edge.arrays import Mask, Pixels
from edge.rendering.pixels.buffers import array_of, layers_over


def backdrop(grid: Pixels, visible: Mask) -> Pixels:
    """The colours [h, w, 3] of the `visible` cells, filled smoothly into all others, the nearest
    counting most."""
    cover = np.ascontiguousarray(visible).view(np.uint8) * np.uint8(255)
    known = cv2.cvtColor(grid, cv2.COLOR_RGB2RGBA)
    cv2.insertChannel(cover, known, 3)
    filled = array_of(_from_coarser(layers_over(known))).copy()  # type: ignore[arg-type]
    return cv2.copyTo(grid, cover, filled)  # type: ignore[return-value]


def _from_coarser(image: Image.Image) -> Image.Image:
    """What the next coarser level of a picture shows, where it is see-through filled (RGB)."""
    if min(image.size) <= 2:
        flat = image.resize((1, 1), Image.Resampling.BOX).convert("RGB")
        return flat.resize(image.size)
    half = ((image.width + 1) // 2, (image.height + 1) // 2)
    smaller = image.resize(half, Image.Resampling.BOX)
    cover = np.asarray(smaller.getchannel("A"))
    if cover.all() and min(half) > 2:
        return smaller.convert("RGB").resize(image.size, Image.Resampling.BILINEAR)
    # A cell that saw any background knows its colour. Tables cost the engine 0.2 ms, whatever size.
    smaller.putalpha(Image.fromarray(cv2.threshold(cover, 0, 255, cv2.THRESH_BINARY)[1]))
    return _pulled(smaller).resize(image.size, Image.Resampling.BILINEAR)


def _pulled(image: Image.Image) -> Image.Image:
    """Fill what is see-through from the next coarser level of itself (push-pull)."""
    coarse = _from_coarser(image)
    if min(image.size) > 2:
        coarse.paste(image.convert("RGB"), mask=image.getchannel("A"))
    return coarse
