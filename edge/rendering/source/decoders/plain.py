"""Convert the modes that Pillow decodes to into the few that the rest of rendering knows.

PNG and WebP hold colours as they are (PNG, third edition, section 4.3, "Alpha channel"); some tools
write them weighted by alpha all the same. Taken as they are, soft edges get a dark fringe.
"""

from typing import Any

import numpy as np
from PIL import Image, ImageChops

from edge.arrays import Floats, Levels
from edge.errors import OriginalUnsupported
from edge.images import Size
from edge.rendering.engine.stock import adopted
from edge.rendering.source.decoders.options import DecodeOptions, Loaded

_ROUNDING = 1
"""Levels by which a weighted colour may exceed its alpha."""

_SPARSE = 4
"""Pixel step of the first sample: most see-through pictures show there already what they are."""

_IS_SOFT = [0] + [255] * 254 + [0]
"""A mask of what is neither clear nor solid, by alpha."""

_SOFT = 64
"""Alpha from which a weighted colour, which is good to half a level, is good to two without its
weight: 0.5 * 255 / 64."""

_ENOUGH = 1_000_000
"""Pixels in which pairs are looked for, about: of larger pictures every few rows."""


def straightened(image: Image.Image) -> Image.Image:
    """The picture (RGBA) with its colours as they are without alpha.

    Where no colour exceeds its alpha, and colours that are close together under different alpha
    become more alike once the weight is taken away, they were weighted by it. All else comes back
    as it is: black shadows look the same both ways, and dark edges become less alike.
    """
    if not _may_be_weighted(image):
        return image
    pixels = np.asarray(image)
    if not _weighted(pixels):
        return image
    alpha = pixels[..., 3:]
    colours = pixels[..., :3].astype(np.uint16) * np.uint16(255) // np.maximum(alpha, 1)
    whole = np.dstack([np.minimum(colours, 255).astype(np.uint8), alpha])
    return Image.fromarray(whole, "RGBA")


def _may_be_weighted(image: Image.Image) -> bool:
    """Whether there are soft pixels, and no colour of theirs exceeds its alpha: by the engine, for
    numpy took longer to tell than the decoder takes."""
    size = max(1, image.width // _SPARSE), max(1, image.height // _SPARSE)
    if _exceeds(image.resize(size, Image.Resampling.NEAREST)) or _exceeds(image):
        return False
    return any(image.getchannel("A").histogram()[1:255])


def _exceeds(image: Image.Image) -> bool:
    """Whether a colour of a soft pixel exceeds its alpha."""
    red, green, blue, alpha = image.split()
    brightest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    over = ImageChops.subtract(brightest, alpha).histogram(alpha.point(_IS_SOFT))
    return any(over[_ROUNDING + 1 :])


def _weighted(pixels: Levels) -> bool:
    """Whether neighbours of unequal alpha become more alike without their weight."""
    every = max(1, pixels[..., 3].size // _ENOUGH)
    pairs = _pairs(pixels[::every])
    if not len(pairs):
        return False
    colours, alpha = pairs[..., :3], pairs[..., 3:]
    without = colours * 255 / alpha
    apart, apart_without = (np.abs(one[:, 0] - one[:, 1]).mean() for one in (colours, without))
    return bool(apart_without < apart / 2)


def _pairs(pixels: Levels) -> Floats:
    """Neighbours in a row, of unequal alpha: float32 [N, 2, 4]."""
    one, other = pixels[:, :-1], pixels[:, 1:]
    near, far = one[..., 3], other[..., 3]
    found = (np.minimum(near, far) >= _SOFT) & (near != far)
    return np.stack([one[found], other[found]], axis=1).astype(np.float32)


_BOX_MARGIN = 2
"""What averaging whole blocks must leave for the resize; Pillow's own `reducing_gap` of "close to
fair resampling"."""

_REDUCIBLE = ("L", "RGB", "RGBA", "CMYK")


def plain(image: Any, request: DecodeOptions) -> Loaded:
    """Any mode to those of `Loaded`, with whole blocks of pixels averaged away where that is
    enough; `image` may be of any Pillow's."""
    if image.mode.startswith("I;16"):
        return _from_sixteen_bits(image, request)
    if image.mode in ("RGB", "L", "1") and "transparency" in image.info:
        image.info["transparency"] = _eight_bits(image.info["transparency"], request)
        return Loaded(adopted(image.convert("RGBA")))
    if image.mode == "RGBA":
        return Loaded(reduced(straightened(adopted(image)), request.least))
    if image.mode in _REDUCIBLE:
        return Loaded(reduced(adopted(image), request.least))
    if image.mode == "LAB":
        return Loaded(adopted(image))
    if image.mode == "1":
        return Loaded(adopted(image.convert("L")))
    if image.mode == "LA":
        grey = image.convert("RGBA")
        return Loaded(adopted(grey.getchannel("R")), adopted(grey.getchannel("A")))
    if image.mode in ("P", "PA", "La", "RGBa", "RGBX", "YCbCr"):
        return Loaded(adopted(image.convert("RGBA" if image.has_transparency_data else "RGB")))
    raise OriginalUnsupported(f"pictures of mode {image.mode} are not read here")


def reduced(image: Image.Image, least: Size | None) -> Image.Image:
    """Average whole blocks of pixels away, so that the steps after this one have less to do."""
    if least is None or image.mode not in _REDUCIBLE:
        return image
    factor = min(
        image.width // (_BOX_MARGIN * least.width), image.height // (_BOX_MARGIN * least.height)
    )
    return image if factor < 2 else image.reduce(factor)


def _from_sixteen_bits(image: Any, request: DecodeOptions) -> Loaded:
    """Grey of 16 bits, scaled: Pillow's own conversion clips everything over 255 to white."""
    levels = np.asarray(image).astype(np.uint32)
    shown = 65535 - levels if request.inverted else levels
    grey = Image.fromarray(((shown * 255 + 32895) >> 16).astype(np.uint8))
    clear = image.info.get("transparency")
    if clear is None:
        return Loaded(grey)
    return Loaded(grey, Image.fromarray(np.where(levels == clear, 0, 255).astype(np.uint8)))


def _eight_bits(clear: int | tuple[int, ...], request: DecodeOptions) -> int | tuple[int, ...]:
    """The transparent colour of a PNG, written in the file's own bits, as Pillow's 8."""
    if isinstance(clear, tuple):
        return tuple(level >> 8 for level in clear) if request.bits == 16 else clear
    return clear * 255 // (2**request.bits - 1) if request.bits in (2, 4) else clear
