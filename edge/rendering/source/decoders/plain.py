"""From the modes that Pillow decodes to, to the few that the rest of the house knows."""

from typing import Any

import numpy as np
from PIL import Image

from edge.errors import OriginalUnsupported
from edge.images import Size
from edge.rendering.engine.stock import adopted
from edge.rendering.source.decoders.ask import DecodeRequest, Loaded
from edge.rendering.source.premultiplied import straightened

_BOX_MARGIN = 2
"""What averaging whole blocks must leave for the resize; Pillow's own `reducing_gap` of "close to
fair resampling"."""

_REDUCIBLE = ("L", "RGB", "RGBA", "CMYK")


def plain(image: Any, request: DecodeRequest) -> Loaded:
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


def _from_sixteen_bits(image: Any, request: DecodeRequest) -> Loaded:
    """Grey of 16 bits, scaled: Pillow's own conversion clips everything over 255 to white."""
    levels = np.asarray(image).astype(np.uint32)
    shown = 65535 - levels if request.inverted else levels
    grey = Image.fromarray(((shown * 255 + 32895) >> 16).astype(np.uint8))
    clear = image.info.get("transparency")
    if clear is None:
        return Loaded(grey)
    return Loaded(grey, Image.fromarray(np.where(levels == clear, 0, 255).astype(np.uint8)))


def _eight_bits(clear: int | tuple[int, ...], request: DecodeRequest) -> int | tuple[int, ...]:
    """The transparent colour of a PNG, written in the file's own bits, as Pillow's 8."""
    if isinstance(clear, tuple):
        return tuple(level >> 8 for level in clear) if request.bits == 16 else clear
    return clear * 255 // (2**request.bits - 1) if request.bits in (2, 4) else clear
