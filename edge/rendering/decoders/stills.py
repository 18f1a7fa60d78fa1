"""WebP, AVIF and GIF, by the stock Pillow and the libraries in its wheel."""

from typing import Any

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
    """The first frame; where it does not cover a GIF's screen, the rest is see-through."""
    stock.part(_PLUGINS[ask.format])
    opened = stock.opened(data, ask.format.name)
    ask.check(*opened.size)
    covered = opened.tile[0][1] if ask.format is OriginalFormat.GIF else None
    opened.load()
    ask.check(*opened.size)
    if covered and covered != (0, 0, *opened.size):
        opened = _on_nothing(opened, covered)
    return plain(opened.crop(ask.aperture.as_tuple()) if ask.aperture else opened, ask)


def _on_nothing(frame: Any, covered: tuple[int, int, int, int]) -> Any:
    """Browsers fill the screen with nothing, whatever background the file names."""
    screen = stock.part("Image").new("RGBA", frame.size)
    screen.paste(frame.crop(covered).convert("RGBA"), covered)
    return screen
