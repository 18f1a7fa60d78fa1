"""A picture's pixels as an array, and an array as a picture."""

import numpy as np
from PIL import Image

from edge.arrays import Levels
from edge.images import Size

_CHANNELS = {"L": 1, "RGB": 3, "RGBA": 4}


def array_of(image: Image.Image) -> Levels:
    """uint8 [H, W] of a picture of mode L, else [H, W, C]; read-only, and a copy.

    What `np.asarray` gives, at half the time for large pictures: the engine hands its pixels over
    in pieces of 64 kB that are joined afterwards, here in one.
    """
    channels = _CHANNELS.get(image.mode)
    length = image.width * image.height * (channels or 0)
    if not length:
        return np.asarray(image)
    image.load()
    encoder = Image._getencoder(image.mode, "raw", (image.mode,))
    encoder.setimage(image.im, (0, 0, *image.size))
    _, _, data = encoder.encode(length)
    if len(data) != length:
        return np.asarray(image)
    pixels = np.frombuffer(data, np.uint8).reshape(image.height, image.width, -1)
    return pixels[..., 0] if channels == 1 else pixels


def picture_over(pixels: Levels) -> Image.Image:
    """The picture, mode RGB, that lies in uint8 [H, W, 4], whose last channel is passed over.

    No copy: what writes into the array changes the picture. `Image.frombuffer` does this for the
    modes whose four channels all count; the engine keeps RGB in the same form.
    """
    height, width = pixels.shape[:2]
    shared = Image.core.map_buffer(  # type: ignore[attr-defined]
        pixels, (width, height), "raw", 0, ("RGB", 0, 1)
    )
    image = Image.new("RGB", (0, 0))._new(shared)
    image.readonly = 1
    return image


def filled(size: Size, rgb: tuple[int, int, int]) -> Image.Image:
    """A picture of one colour (levels), mode RGB, to draw on: a third of the time that `Image.new`
    takes."""
    pixel = np.frombuffer(bytes((*rgb, 255)), np.uint32)
    levels = np.full((size.height, size.width), pixel, np.uint32).view(np.uint8)
    image = picture_over(levels.reshape(size.height, size.width, 4))
    image.readonly = 0  # nobody else has the array
    return image


def layers_over(pixels: Levels) -> Image.Image:
    """The picture, mode RGBA, that lies in uint8 [H, W, 4]: no copy."""
    height, width = pixels.shape[:2]
    return Image.frombuffer("RGBA", (width, height), pixels, "raw", "RGBA", 0, 1)


def without_alpha(image: Image.Image) -> Image.Image:
    """The colours (RGB) of a picture of mode RGBA that nobody else has, which is none afterwards:
    no copy, for the engine keeps both in four bytes a pixel."""
    if not hasattr(image.im, "setmode"):  # since Pillow 13
        return image.convert("RGB")
    image.im.setmode("RGB")
    return image._new(image.im)
