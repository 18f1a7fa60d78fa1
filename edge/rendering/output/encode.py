"""From pixels to the bytes of a rendition."""

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

from PIL import Image

from edge.deadline import Deadline
from edge.errors import OutputTooLarge
from edge.images import Format
from edge.rendering.engine import pillow
from edge.rendering.numbers import tuned
from edge.rendering.output import quality as quality_module
from edge.rendering.output.metrics import chroma_loss
from edge.rendering.output.sample import sample
from edge.rendering.output.write import WRITE, Effort, Writer

Quality = int | Literal["auto"]

_LONGEST_SIDE = {Format.JPEG: 65_500, Format.WEBP: 16_383, Format.AVIF: 65_535}


@dataclass(frozen=True)
class EncodeNumbers:
    """How colour is stored."""

    rich: float = tuned(
        16.0,
        "levels of `chroma_loss`",
        "from which halved colour shows",
        "one product photo in thirty is over it; a red pattern or lettering on white reaches 30 "
        "to 90; full colour costs 15 % more bytes",
    )


ENCODE = EncodeNumbers()


@dataclass(frozen=True, slots=True)
class Encoded:
    """The bytes of a rendition and the quality they were made with (None: lossless)."""

    body: bytes = field(repr=False)
    quality: int | None


def encode(
    image: Image.Image,
    format: Format,
    quality: Quality = "auto",
    *,
    max_bytes: int | None = None,
    effort: Effort = Effort.USUAL,
    xmp: bytes | None = None,
    deadline: Deadline | None = None,
) -> Encoded:
    """Encode an sRGB picture, mode RGB or RGBA; JPEG takes RGB only. No profile is embedded.

    Args:
        quality: 1 to 100, or `auto`: as much as this picture needs to look like its original.
        max_bytes: most bytes; quality is lowered until they suffice.
        xmp: an XMP packet that is embedded, at most 65,000 bytes of UTF-8.
        deadline: looked at between attempts.

    Raises:
        OutputTooLarge: the lowest quality still needs more than `max_bytes`, or a side is longer
            than the format can hold.
        DeadlineExceeded: between two attempts.
    """
    _check(image, format)
    own = pillow.same_pixels(image)  # the engine keeps a save's settings on the object
    fewer = quality != "auto"  # then colour alone is asked about
    detail = sample(own, fewer=fewer) if _needs_sample(format, quality, effort) else None
    rich = detail is not None and format in _SUBSAMPLED and chroma_loss(detail) > ENCODE.rich
    writer = Writer(format, effort, rich=rich, xmp=xmp)
    if not format.lossy:
        return Encoded(_lossless(writer, own, max_bytes), None)
    number = _number(quality, detail, format)
    body = writer.write(own, number)
    if max_bytes is None or len(body) <= max_bytes:
        return Encoded(body, number)
    write = partial(replace(writer, tight=True).write, own)
    first = write(number) if writer.quick(own, number) else body
    return Encoded(*quality_module.fit(write, number, max_bytes, deadline, first))


_SUBSAMPLED = frozenset({Format.JPEG, Format.AVIF})  # WebP has no other colour than the halved


def _needs_sample(format: Format, quality: Quality, effort: Effort) -> bool:
    """Whether the quality or the chroma subsampling depends on the picture's content."""
    if quality == "auto":
        return effort is Effort.USUAL
    open_colour = format in _SUBSAMPLED and not (
        format is Format.JPEG and quality >= WRITE.full_colour_from
    )
    return effort is Effort.USUAL and open_colour


def _number(quality: Quality, detail: Image.Image | None, format: Format) -> int:
    if quality != "auto":
        return quality
    return quality_module.auto(detail, format) if detail else quality_module.usual(format)


def _check(image: Image.Image, format: Format) -> None:
    if image.mode not in ("RGB", "RGBA") or (image.mode == "RGBA" and not format.has_alpha):
        raise ValueError(f"a picture of mode {image.mode} cannot become {format.value}")
    longest = _LONGEST_SIDE.get(format)
    if longest and max(image.size) > longest:
        raise OutputTooLarge(
            f"{format.value} cannot hold a side of {max(image.size)} pixels",
            param="fm",
            allowed=f"sides up to {longest}, or another format",
        )


def _lossless(writer: Writer, image: Image.Image, max_bytes: int | None) -> bytes:
    body = writer.write(image, 100)
    if max_bytes is not None and len(body) > max_bytes:
        raise quality_module.too_large(len(body), max_bytes)
    return body
