"""WebP, AVIF and GIF, by the stock Pillow and the libraries in its wheel."""

from edge.rendering import stock
from edge.rendering.decoders.ask import Ask, Loaded
from edge.rendering.decoders.plain import plain
from edge.rendering.headers import OriginalFormat

_PLUGINS = {
    OriginalFormat.WEBP: "WebPImagePlugin",
    OriginalFormat.AVIF: "AvifImagePlugin",
    OriginalFormat.GIF: "GifImagePlugin",
}


def load(data: bytes, ask: Ask) -> Loaded:
    """The first frame."""
    stock.part(_PLUGINS[ask.format])
    opened = stock.opened(data, ask.format.name)
    ask.check(*opened.size)
    opened.load()
    ask.check(*opened.size)
    return plain(opened.crop(ask.aperture.as_tuple()) if ask.aperture else opened, ask)
