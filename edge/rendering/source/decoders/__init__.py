"""Decoders for bytes that were not made here: one file per library, none of them pillow-simd.

Each file has `load(data, request) -> Loaded`. `data` is the header's `picture`: no metadata,
nothing that the header's reader has not held against the limits. The same code runs in an engine
thread and in a worker process (`pool`); `libraries` decides which format goes where.
"""

from collections.abc import Callable

from edge.rendering.source.decoders import deep, jpeg, png, stills, tiff
from edge.rendering.source.decoders.options import DecodeOptions, Loaded
from edge.rendering.source.facts import OriginalFormat

_LOADERS: dict[OriginalFormat, Callable[[bytes, DecodeOptions], Loaded]] = {
    OriginalFormat.JPEG: jpeg.load,
    OriginalFormat.PNG: png.load,
    OriginalFormat.WEBP: stills.load,
    OriginalFormat.AVIF: stills.load,
    OriginalFormat.GIF: stills.load,
    OriginalFormat.TIFF: tiff.load,
    OriginalFormat.HEIC: stills.load_heic,
}


def load(data: bytes, request: DecodeOptions) -> Loaded:
    """The first picture in the bytes, as it is stored.

    Raises:
        OriginalCorrupt: the bytes end early or cannot be decoded.
        OriginalUnsupported: a kind of picture within the format that is not read here.
        Exception: whatever else the library raises on hostile bytes.
    """
    return (
        deep.load(data, request, request.hdr)
        if request.hdr
        else _LOADERS[request.format](data, request)
    )
