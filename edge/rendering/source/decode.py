"""From the original's bytes to pixels: upright, sRGB, RGB or RGBA."""

import io
from dataclasses import dataclass, field

from PIL import Image

from edge.arrays import Levels
from edge.deadline import Deadline
from edge.errors import OriginalCorrupt
from edge.images import Size
from edge.limits import Limits
from edge.rendering.engine import pillow
from edge.rendering.source import decoders, headers, libraries
from edge.rendering.source.colour import to_srgb, tone_mapping_note
from edge.rendering.source.decoders import jpeg
from edge.rendering.source.decoders.options import (
    UPRIGHT_ALREADY,
    DecodeOptions,
    Loaded,
    translated,
)
from edge.rendering.source.decoders.plain import plain
from edge.rendering.source.facts import Facts, OriginalFormat
from edge.rendering.source.headers.base import Header

_ANY = Limits(pixels=2**62, frames=2**62)  # whoever has facts has held them against the limits

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
    metadata. It may be smaller than `facts.size`, never smaller than the target. `levels`: uint8
    [H, W, 4], where it lies in these; the last channel is 255.
    """

    image: Image.Image = field(repr=False)
    notes: tuple[str, ...] = ()
    levels: Levels | None = field(default=None, repr=False)


def decode(
    body: bytes, facts: Facts, *, target: Size | None = None, deadline: Deadline | None = None
) -> Decoded:
    """Decode one original.

    Args:
        target: the least size, upright, that the whole picture is needed in; where the original is
            well over twice as large, fewer pixels are decoded. None: every pixel.
        deadline: when a decoder that runs in a process of its own is stopped.

    Raises:
        OriginalCorrupt: the bytes end early or cannot be decoded.
        OriginalUnsupported: a kind of picture within the format that is not read here.
        OriginalTooLarge: there is not enough memory for it.
        DeadlineExceeded: while it was decoded in a process of its own.
    """
    header = headers.read(body, _ANY)
    if header.stored != facts.stored or header.format is not facts.format:
        raise OriginalCorrupt("the facts are not of these bytes")
    request = DecodeOptions.of(header, target and _as_stored(target, header))
    with translated(header.format):
        data = header.picture(body)
        loaded = libraries.in_worker(data, request, deadline) or decoders.load(data, request)
        return _finished(loaded, header, tone_mapped=request.hdr is not None)


def decoded_size(facts: Facts, target: Size | None) -> Size:
    """The size that `decode` is given by a decoder: only JPEGs are decoded smaller."""
    if facts.format is OriginalFormat.JPEG and target is not None:
        return jpeg.reduction(facts.size, target)
    return facts.stored


def reread(body: bytes, facts: Facts) -> Decoded:
    """Decode what this server has written: JPEGs into `levels`, all else by the engine.

    Raises what `decode` does.
    """
    with translated(facts.format):
        header = headers.read(body, _ANY)
        if facts.format is OriginalFormat.JPEG:
            data = header.picture(body)
            wide, high, _ = jpeg.shape(data)
            levels = jpeg.decoded(data, "RGBA", Size(wide, high))
            return Decoded(pillow.image_on(levels, "RGB"), levels=levels)
        opened = pillow.open_as(io.BytesIO(header.picture(body)), facts.format.name)
        opened.load()
        return _finished(plain(opened, DecodeOptions.of(header, None)), header)


def _finished(loaded: Loaded, header: Header, *, tone_mapped: bool = False) -> Decoded:
    """Upright, sRGB, see-through only where a pixel is."""
    if tone_mapped:
        image, note = loaded.image, tone_mapping_note(header)
    else:
        image, note = to_srgb(loaded.image, loaded.alpha, header)
    image = _upright(_opaque_if_possible(image), header)
    image.info = {}
    return Decoded(image, (note,) if note else ())


def _as_stored(target: Size, header: Header) -> Size:
    if header.orientation < 5 or header.format in UPRIGHT_ALREADY:
        return target
    return Size(target.height, target.width)


def _opaque_if_possible(image: Image.Image) -> Image.Image:
    """Drop an alpha channel that hides nothing: every step after is a quarter cheaper."""
    if image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255):
        return image.convert("RGB")
    return image


def _upright(image: Image.Image, header: Header) -> Image.Image:
    turn = None if header.format in UPRIGHT_ALREADY else _TURNS.get(header.orientation)
    return image if turn is None else image.transpose(turn)
