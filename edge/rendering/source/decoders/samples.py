"""A tiny picture in every format and coding: decoding them imports all that is imported late."""

import io
from collections.abc import Iterator
from types import ModuleType

from edge.rendering.engine import stock

_STILLS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF")
_CODINGS = ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "zstd", "lzma")


def bodies(image: ModuleType) -> Iterator[bytes]:
    """Files of 16 x 16 pixels; `image` is the module that makes them."""
    for plugin in ("Jpeg", "Png", "WebP", "Gif", "Avif", "Tiff"):
        stock.part(f"{plugin}ImagePlugin")
    picture = image.new("RGB", (16, 16), (200, 100, 50))
    for format in (*_STILLS, "HEIF"):
        yield _saved(picture, format)
    for coding in _CODINGS:
        yield _saved(picture, "TIFF", compression=coding)
    yield _saved(picture.convert("YCbCr"), "TIFF", compression="raw")
    yield _saved(picture.quantize(4), "TIFF", compression="raw")
    yield _saved(picture.convert("1"), "TIFF", compression="group4")


def _saved(picture: object, format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, format, **options)  # type: ignore[attr-defined]
    return stream.getvalue()
