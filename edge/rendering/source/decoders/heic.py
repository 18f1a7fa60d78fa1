"""HEIC, by libheif and libde265 in the wheel of pillow-heif."""

import io

from edge.rendering.engine import pillow
from edge.rendering.source.decoders.ask import DecodeRequest, Loaded
from edge.rendering.source.decoders.plain import plain


def load(data: bytes, request: DecodeRequest) -> Loaded:
    """The primary picture, upright and cut to its clean aperture by the library."""
    opened = pillow.open_as(io.BytesIO(data), "HEIF")
    request.check(*opened.size)
    opened.load()
    request.check(*opened.size)  # it may think better of it
    return plain(opened, request)
