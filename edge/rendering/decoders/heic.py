"""HEIC, by libheif and libde265 in the wheel of pillow-heif."""

import io

from edge.rendering import engine
from edge.rendering.decoders.ask import Ask, Loaded
from edge.rendering.decoders.plain import plain


def load(data: bytes, ask: Ask) -> Loaded:
    """The primary picture, upright and cut to its clean aperture by the library."""
    opened = engine.open_as(io.BytesIO(data), "HEIF")
    ask.check(*opened.size)
    opened.load()
    ask.check(*opened.size)  # it may think better of it
    return plain(opened, ask)
