"""From the original's bytes to pixels: upright, sRGB, RGB or RGBA."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, UnidentifiedImageError

from edge.errors import EdgeError, OriginalCorrupt, OriginalTooLarge, OriginalUnsupported
from edge.images import Size
from edge.rendering import codec_png, engine, headers
from edge.rendering.codec_colour import to_srgb
from edge.rendering.facts import Facts
from edge.rendering.headers import Header, OriginalFormat
from edge.settings import Limits

_ENGINE_NAMES = {OriginalFormat.HEIC: "HEIF"} | {
    format: format.name for format in OriginalFormat if format is not OriginalFormat.HEIC
}
_ANY = Limits(pixels=2**62, frames=2**62)  # whoever has facts has held them against the limits
_UPRIGHT_ALREADY = frozenset({OriginalFormat.TIFF, OriginalFormat.HEIC})

_DRAFT_MARGIN = 1.25
"""A JPEG's reduced scales are a box filter, sharper than a good resize. Left with 1.25 times the
target's size or more, the result is 45 dB from that of a full decode (mean of 14 shop photos, the
worst 39), well under what the encoder changes; with 1.05 times it falls to 27 dB on gravel."""

_BOX_MARGIN = 2
"""What averaging whole blocks must leave for the resize; Pillow's own `reducing_gap` of "close to
fair resampling"."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture of this EXIF orientation upright."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """The picture, and what a person who asks `explain` should know of how it was read.

    `image` is upright, sRGB, mode RGB, or RGBA where a pixel really is see-through; it carries no
    metadata. It may be smaller than `facts.size`, never smaller than the target.
    """

    image: Image.Image = field(repr=False)
    notes: tuple[str, ...] = ()


def decode(body: bytes, facts: Facts, *, target: Size | None = None) -> Decoded:
    """Decode one original.

    Args:
        target: the least size, upright, that the whole picture is needed in; where the original is
            well over twice as large, fewer pixels are decoded. None: every pixel.

    Raises:
        OriginalCorrupt: the bytes end early or cannot be decoded.
        OriginalUnsupported: a kind of picture within the format that is not read here.
        OriginalTooLarge: there is not enough memory for it.
    """
    header = headers.read(body, _ANY)
    if header.stored != facts.stored or header.format is not facts.format:
        raise OriginalCorrupt("the facts are not of these bytes")
    least = target and _as_stored(target, header)
    with _translated(header.format):
        image = _load(body, header, least)
        if header.aperture:
            image = image.crop(header.aperture.as_tuple())
        image = _plain(_reduced(image, least), header)
        image, note = to_srgb(image, None, header)
        image = _opaque_if_possible(image)
        image = _upright(image, header)
    image.info = {}
    return Decoded(image, (note,) if note else ())


def reread(body: bytes, facts: Facts) -> Decoded:
    """Decode what this server has written; a cut-out's halves at a time. Raises what `decode`
    does."""
    if facts.format is OriginalFormat.PNG and facts.alpha:
        with _translated(facts.format):
            if image := codec_png.read(body):
                return Decoded(image)
    return decode(body, facts)


@contextmanager
def _translated(format: OriginalFormat) -> Iterator[None]:
    """Whatever a decoder raises on hostile bytes is the original's fault."""
    try:
        yield
    except EdgeError:
        raise
    except MemoryError as error:
        raise OriginalTooLarge("the original needs more memory than there is") from error
    except UnidentifiedImageError as error:
        raise OriginalUnsupported(
            f"a {format.value} of this kind is not read here, or it is damaged"
        ) from error
    except Exception as error:
        raise OriginalCorrupt(f"the original cannot be decoded as {format.value}") from error


def _as_stored(target: Size, header: Header) -> Size:
    if header.orientation < 5 or header.format in _UPRIGHT_ALREADY:
        return target
    return Size(target.height, target.width)


def _load(body: bytes, header: Header, least: Size | None) -> Image.Image:
    """The first frame as the engine decodes it, at a reduced scale where the format has one."""
    stream = io.BytesIO(header.picture(body))
    opened = engine.open_as(stream, _ENGINE_NAMES[header.format])
    _check_size(opened, header)
    if least and header.format is OriginalFormat.JPEG:
        wide, high = (round(side * _DRAFT_MARGIN) for side in (least.width, least.height))
        opened.draft(None, (wide, high))  # None: in the colours it has
        opened.load()
        return opened
    opened.load()
    _check_size(opened, header)  # a HEIC may think better of it
    return opened


def _check_size(opened: Image.Image, header: Header) -> None:
    """What was held against the limits, and what plans are made from, is what the header says."""
    announced = header.size if header.format in _UPRIGHT_ALREADY else header.decoded
    if Size(*opened.size) != announced:
        raise OriginalCorrupt(f"the header says {announced}, the picture is {Size(*opened.size)}")


def _reduced(image: Image.Image, least: Size | None) -> Image.Image:
    """Average whole blocks of pixels away, so that the steps after this one have less to do."""
    if least is None or image.mode not in ("L", "RGB", "RGBA", "CMYK"):
        return image
    factor = min(
        image.width // (_BOX_MARGIN * least.width), image.height // (_BOX_MARGIN * least.height)
    )
    if factor < 2 or "transparency" in image.info:
        return image
    return image.reduce(factor)


def _plain(image: Image.Image, header: Header) -> Image.Image:
    """Any mode to L, RGB, CMYK, LAB or RGBA, each of 8 bits."""
    if image.mode.startswith("I;16"):
        return _from_sixteen_bits(image, header)
    if image.mode in ("RGB", "L", "1") and "transparency" in image.info:
        image.info["transparency"] = _eight_bits(image.info["transparency"], header)
        return image.convert("RGBA")
    if image.mode in ("L", "RGB", "LAB", "RGBA", "CMYK"):
        return image
    if image.mode == "1":
        return image.convert("L")
    if image.mode in ("P", "PA", "LA", "La", "RGBa", "RGBX", "YCbCr"):
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    raise OriginalUnsupported(f"pictures of mode {image.mode} are not read here")


def _from_sixteen_bits(image: Image.Image, header: Header) -> Image.Image:
    """Grey of 16 bits, scaled: the engine's own conversion clips everything over 255 to white."""
    levels = np.asarray(image).astype(np.uint32)
    shown = 65535 - levels if header.inverted else levels
    grey = Image.fromarray(((shown * 255 + 32895) >> 16).astype(np.uint8))
    clear = image.info.get("transparency")
    if clear is None:
        return grey
    picture = grey.convert("RGBA")
    picture.putalpha(Image.fromarray(np.where(levels == clear, 0, 255).astype(np.uint8)))
    return picture


def _eight_bits(clear: int | tuple[int, ...], header: Header) -> int | tuple[int, ...]:
    """The transparent colour of a PNG, written in the file's own bits, as the engine's 8."""
    if isinstance(clear, tuple):
        return tuple(level >> 8 for level in clear) if header.bits == 16 else clear
    return clear * 255 // (2**header.bits - 1) if header.bits in (2, 4) else clear


def _opaque_if_possible(image: Image.Image) -> Image.Image:
    """Drop an alpha channel that hides nothing: every step after is a quarter cheaper."""
    if image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255):
        return image.convert("RGB")
    return image


def _upright(image: Image.Image, header: Header) -> Image.Image:
    turn = None if header.format in _UPRIGHT_ALREADY else _TURNS.get(header.orientation)
    return image if turn is None else image.transpose(turn)
