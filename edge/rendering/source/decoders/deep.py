"""Pictures of high dynamic range, from all their bits: PNG and AVIF by the libraries in the wheel
of imagecodecs, HEIC by that of pillow-heif.

Pillow answers 8 bits, in which PQ has no more than 140 steps below the white of paper.
"""

import io

import numpy as np
import pillow_heif
from imagecodecs import avif_decode, png_decode  # by name: a worker imports nothing later
from PIL import Image

from edge.arrays import DeepLevels
from edge.errors import OriginalCorrupt
from edge.rendering.source import tone_mapping
from edge.rendering.source.decoders import png
from edge.rendering.source.decoders.options import DecodeOptions, Loaded
from edge.rendering.source.decoders.plain import reduced
from edge.rendering.source.facts import OriginalFormat
from edge.rendering.source.headers.cicp import ColourSpace


def load(data: bytes, request: DecodeOptions, space: ColourSpace) -> Loaded:
    """The picture in sRGB, mode RGB or RGBA."""
    levels, bits = _levels(data, request)
    request.check(levels.shape[1], levels.shape[0])
    if request.aperture:
        left, top, right, bottom = request.aperture.as_tuple()
        levels = levels[top:bottom, left:right]
    channels = levels.shape[2]
    colours = levels[..., :3] if channels > 2 else levels[..., :1].repeat(3, axis=-1)
    mapped = tone_mapping.to_srgb(colours, space, bits, narrow=request.narrow)
    image = Image.fromarray(mapped)
    if channels in (2, 4):
        alpha = (levels[..., -1].astype(np.uint32) * 255 + 2 ** (bits - 1) - 1) // (2**bits - 1)
        image.putalpha(Image.fromarray(alpha.astype(np.uint8)))
    return Loaded(reduced(image, request.least))


def _levels(data: bytes, request: DecodeOptions) -> tuple[DeepLevels, int]:
    """[H, W, C] of 1 to 4 channels, and the bits of each."""
    if request.format is OriginalFormat.PNG:
        return _png(data, request)
    if request.format is OriginalFormat.AVIF:
        levels = avif_decode(data, index=0, numthreads=1)
    else:
        opened = pillow_heif.open_heif(
            io.BytesIO(data), convert_hdr_to_8bit=False, hdr_to_16bit=False
        )
        request.check(*opened.size)
        levels = np.asarray(opened)
    return _whole(levels, 8 if levels.dtype == np.uint8 else request.bits)


def _png(data: bytes, request: DecodeOptions) -> tuple[DeepLevels, int]:
    """One with a colour that is clear goes by Pillow's 8 bits, which know it.

    libpng is given the header and the rows alone: a palette that only suggests colours, and clear
    ones, are what it used after it had freed them (CVE-2026-33416).
    """
    if not any(name == b"tRNS" for name, _ in png.chunks(data)):
        return _whole(png_decode(png.bare(data)), request.bits)
    loaded = png.load(data, request)
    image = loaded.image.convert("RGBA")
    if loaded.alpha is not None:
        image.putalpha(loaded.alpha)
    return np.asarray(image), 8


def _whole(levels: DeepLevels, bits: int) -> tuple[DeepLevels, int]:
    """With its channels, and no level beyond its bits."""
    if levels.ndim == 2:
        levels = levels[..., None]
    if levels.ndim != 3 or levels.dtype not in (np.uint8, np.uint16):
        raise OriginalCorrupt(f"the picture decodes to {levels.shape} of {levels.dtype}")
    if bits < 16 and int(levels.max(initial=0)) >= 2**bits:
        raise OriginalCorrupt(f"the picture has levels of more than the {bits} bits that it says")
    return levels, bits
