"""WebP, AVIF and GIF, by the stock Pillow and the libraries in its wheel; HEIC by libheif and
libde265 in the wheel of pillow-heif."""

import io
from typing import Any

from edge.rendering.engine import pillow, stock
from edge.rendering.source.decoders.options import DecodeOptions, Loaded
from edge.rendering.source.decoders.plain import plain
from edge.rendering.source.facts import OriginalFormat

_PLUGINS = {
    OriginalFormat.WEBP: "WebPImagePlugin",
    OriginalFormat.AVIF: "AvifImagePlugin",
    OriginalFormat.GIF: "GifImagePlugin",
}


def load(data: bytes, request: DecodeOptions) -> Loaded:
    """The first frame; where it does not cover a GIF's screen, the rest is see-through."""
    stock.part(_PLUGINS[request.format])
    opened = stock.opened(data, request.format.name)
    request.check(*opened.size)
    covered = opened.tile[0][1] if request.format is OriginalFormat.GIF else None
    opened.load()
    request.check(*opened.size)
    if covered and covered != (0, 0, *opened.size):
        opened = _on_nothing(opened, covered)
    return plain(opened.crop(request.aperture.as_tuple()) if request.aperture else opened, request)


def load_heic(data: bytes, request: DecodeOptions) -> Loaded:
    """The primary picture, upright and cut to its clean aperture by the library."""
    opened = pillow.open_as(io.BytesIO(data), "HEIF")
    request.check(*opened.size)
    opened.load()
    request.check(*opened.size)  # it may think better of it
    return plain(opened, request)


def _on_nothing(frame: Any, covered: tuple[int, int, int, int]) -> Any:
    """Browsers fill the screen with nothing, whatever background the file names."""
    screen = stock.part("Image").new("RGBA", frame.size)
    screen.paste(frame.crop(covered).convert("RGBA"), covered)
    return screen
