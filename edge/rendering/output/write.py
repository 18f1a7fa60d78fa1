"""One picture, one quality, one call of the encoder."""

import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import IO, Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from edge.errors import EdgeError
from edge.images import Format
from edge.rendering.engine import pillow, stock
from edge.rendering.numbers import tuned


@dataclass(frozen=True)
class WriteNumbers:
    """How files are written."""

    full_colour_from: int = tuned(
        90,
        "quality of JPEG",
        "from which halved colour is a large part of the error left",
        "halved colour makes 26 % of the squared error of 15 photographs; 9 with half of it, 38 at "
        "96",
    )
    progressive_from: int = tuned(
        2_000_000,
        "pixels",
        "of a JPEG that is written progressively, so that it shows as it comes",
        "16 product photos at quality 80: progressive 2 % smaller at 640 to 1200 px and 0.6 % at "
        "1600, in 2.1 times the time (1200 px: 17.2 against 8.3 ms)",
    )


WRITE = WriteNumbers()


class Effort(StrEnum):
    """How long the encoder may look for a smaller file."""

    FAST = "fast"
    USUAL = "usual"


_WEBP_METHOD = {Effort.FAST: 2, Effort.USUAL: 4}
"""Method 4 saves 8 % of the bytes at equal SSIM over 2, for twice the time."""

_AVIF_SPEED = {Effort.FAST: 9, Effort.USUAL: 8}
"""Tuned to SSIM, 8 takes 5 % more bytes than 7 at equal SSIM, in half the time (libavif 1.4 with
aom, photographs of products, one thread)."""

_AVIF_TUNED = {"codec": "aom", "advanced": {"tune": "ssim"}}
"""libavif 1.4 tunes aom to a measure of its own (`iq`). Tuned to SSIM instead, photographs of
products take 0.89 of the bytes at equal SSIM and 0.985 at equal SSIMULACRA2, at speed 7; at speed
8, 0.94 and 1.02, for half the time (against speed 7 as it was; one thread)."""

_PNG_LEVEL = {Effort.FAST: 1, Effort.USUAL: 4}
"""Level 6 saves another 4 % over 4 and takes twice the time."""

_BAND = 24
"""Rows in the middle that are written both ways, to see which way of zlib suits the picture."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Encodes to one format; `rich`: the picture's colour must keep its full resolution; `tight`:
    every byte counts."""

    format: Format
    effort: Effort = Effort.USUAL
    rich: bool = False
    tight: bool = False
    xmp: bytes | None = field(default=None, repr=False)

    def write(self, image: Image.Image, quality: int) -> bytes:
        """The file's bytes. Nobody else may write the same image object at the same time: the
        engine keeps the settings of a save on it.

        Args:
            quality: 1 to 100; PNG passes it over.
        """
        options = _OPTIONS[self.format](self, quality)
        if self.format is Format.PNG:
            options["compress_type"] = _png_strategy(image, options["compress_level"])
        if self.format is Format.JPEG:
            large = image.width * image.height >= WRITE.progressive_from
            options["progressive"] &= large and quality < WRITE.full_colour_from
            options["optimize"] &= not self.quick(image, quality)
        try:
            return _saved(image, self.format, options)
        except (OSError, ValueError) as error:
            if options.pop("optimize", False):
                # The engine gives these two a buffer of one byte a pixel; pure noise needs more.
                options.pop("progressive")
                return _saved(image, self.format, options)
            raise EdgeError(f"the picture cannot be written as {self.format.value}") from error

    def quick(self, image: Image.Image, quality: int) -> bool:
        """Whether a JPEG is written with the Huffman tables of the standard (ITU-T T.81, Annex K.3)
        instead of its own: the same pixels in 12 to 15 ms instead of 22 to 35 (2048 x 2048 px), 5
        to 11 % more bytes of a busy picture and a third of a flat one. A large one of full colour
        is a master that no page loads."""
        large = image.width * image.height >= WRITE.progressive_from
        master = large and quality >= WRITE.full_colour_from
        return self.format is Format.JPEG and master and not self.tight


def _jpeg(writer: Writer, quality: int) -> dict[str, Any]:
    usual = writer.effort is Effort.USUAL
    full = writer.rich or quality >= WRITE.full_colour_from
    return {
        "quality": quality,
        "progressive": usual,
        "optimize": usual,
        "subsampling": "4:4:4" if full else "4:2:0",
        "xmp": writer.xmp,
    }


def _png(writer: Writer, quality: int) -> dict[str, Any]:
    notes = PngInfo()
    notes.add(b"sRGB", b"\0")
    if writer.xmp:
        notes.add_itxt("XML:com.adobe.xmp", writer.xmp.decode())
    return {"compress_level": _PNG_LEVEL[writer.effort], "pnginfo": notes}


def _png_strategy(image: Image.Image, level: int) -> int:
    """Runs alone, or all that zlib can find. In photographs nothing but runs repeats: without the
    search they are 5 to 9 % smaller in three quarters of the time. Lettering would be thrice as
    large."""
    top = max(0, (image.height - _BAND) // 2)
    band = image.crop((0, top, image.width, min(image.height, top + _BAND)))
    ways = (zlib.Z_RLE, zlib.Z_DEFAULT_STRATEGY)
    sizes = [
        len(_saved(band, Format.PNG, {"compress_level": level, "compress_type": way}))
        for way in ways
    ]
    return ways[0] if sizes[0] <= sizes[1] else ways[1]


def _webp(writer: Writer, quality: int) -> dict[str, Any]:
    options = {"quality": quality, "method": _WEBP_METHOD[writer.effort]}
    return options | ({"xmp": writer.xmp} if writer.xmp else {})


def _avif(writer: Writer, quality: int) -> dict[str, Any]:
    options = {
        "quality": quality,
        "speed": _AVIF_SPEED[writer.effort],
        "subsampling": "4:4:4" if writer.rich else "4:2:0",
        "max_threads": 1,  # the engine threads fill the cores already
        **(_AVIF_TUNED if pillow.has_aom() else {}),
    }
    return options | ({"xmp": writer.xmp} if writer.xmp else {})


_OPTIONS = {Format.JPEG: _jpeg, Format.PNG: _png, Format.WEBP: _webp, Format.AVIF: _avif}
_ENGINE_NAMES = {format: format.name for format in Format}


def _saved(image: Image.Image, format: Format, options: dict[str, Any]) -> bytes:
    if format is Format.WEBP:  # the wheel's libwebp takes nine tenths of the time of Debian's
        image = stock.handed(image, "WebPImagePlugin")
    with _stream(format) as stream:
        pillow.save_as(image, stream, _ENGINE_NAMES[format], **options)
        stream.seek(0)
        return stream.read()


@contextmanager
def _stream(format: Format) -> Iterator[IO[bytes]]:
    """Where to write. Into a real file the JPEG encoder lets other threads run; into a `BytesIO`
    it holds the interpreter for the whole picture."""
    if format is Format.JPEG and hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("edge"), "w+b") as file:
            yield file
    else:
        yield io.BytesIO()
