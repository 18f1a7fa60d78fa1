"""Originals made for tests, byte by byte where no engine would write such a file."""

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

from edge.rendering.engine import pillow

pillow.describe()


def saved(image: Image.Image, format: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def photo(width: int = 96, height: int = 64, mode: str = "RGB", seed: int = 1) -> Image.Image:
    """Soft shapes and a little grain: something that codecs treat as a photograph."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (5, 7, 4), dtype=np.uint8))
    soft = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), dtype=float)
    pixels = np.clip(soft + random.normal(0, 3, soft.shape), 0, 255).astype(np.uint8)
    return Image.fromarray(pixels).convert(mode)


def chunk(name: bytes, content: bytes) -> bytes:
    """One PNG chunk."""
    return (
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
    )


def png(
    width: int,
    height: int,
    *,
    bits: int = 8,
    kind: int = 2,
    rows: bytes = b"",
    before: bytes = b"",
    after: bytes = b"",
) -> bytes:
    """A PNG of these rows (each with its filter byte) and further chunks around them."""
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            before,
            chunk(b"IDAT", zlib.compress(rows)),
            after,
            chunk(b"IEND", b""),
        )
    )


def segment(marker: int, content: bytes) -> bytes:
    """One JPEG segment."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def with_segments(jpeg: bytes, *segments: bytes) -> bytes:
    """A JPEG with these right after its start."""
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def exif(orientation: int, order: str = "<") -> bytes:
    """A TIFF-shaped block with one tag."""
    head = b"II" if order == "<" else b"MM"
    return (
        head
        + struct.pack(order + "HIH", 42, 8, 1)
        + struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
        + struct.pack(order + "I", 0)
    )


def without_adobe(jpeg: bytes) -> bytes:
    """The same JPEG without its APP14 segment."""
    start = jpeg.index(b"\xff\xee\x00\x0eAdobe")
    return jpeg[:start] + jpeg[start + 16 :]


def ycck(inks: Image.Image, **options: Any) -> bytes:
    """A CMYK picture as Adobe's YCCK: the file says transform 2, and holds Y, Cb, Cr and black."""
    c, m, y, k = inks.split()
    # Stored are 255 - ink; decoders take these for 255 - RGB, so RGB is the ink itself.
    luminance, blue, red = Image.merge("RGB", (c, m, y)).convert("YCbCr").split()
    bands = [band.point(lambda level: 255 - level) for band in (luminance, blue, red)]
    body = saved(Image.merge("CMYK", (*bands, k)), "JPEG", **options)
    place = body.index(b"\xff\xee\x00\x0eAdobe") + 15
    return body[:place] + b"\x02" + body[place + 1 :]


def tiff(tags: dict[int, tuple[int, int, bytes]], rest: bytes = b"", *, at: int = 8) -> bytes:
    """A little-endian TIFF of one directory; a tag is kind, count and its four bytes."""
    entries = b"".join(
        struct.pack("<HHI4s", number, kind, count, value)
        for number, (kind, count, value) in sorted(tags.items())
    )
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)
    return b"II*\0" + struct.pack("<I", at) + directory + rest


def long(value: int) -> tuple[int, int, bytes]:
    return (4, 1, struct.pack("<I", value))


def short(value: int) -> tuple[int, int, bytes]:
    return (3, 1, struct.pack("<HH", value, 0))


def box(name: bytes, content: bytes) -> bytes:
    """One box of an ISO base media file."""
    return struct.pack(">I4s", len(content) + 8, name) + content


def heif(brand: bytes, width: int, height: int, *properties: bytes) -> bytes:
    """The boxes of a still picture of this size, without its data."""
    extent = box(b"ispe", struct.pack(">III", 0, width, height))
    kinds = b"".join((extent, *properties))
    count = 1 + len(properties)
    belongings = struct.pack(">IIHB", 0, 1, 1, count) + bytes(range(1, count + 1))
    meta = (
        b"\0\0\0\0"
        + box(b"pitm", struct.pack(">IH", 0, 1))
        + box(b"iprp", box(b"ipco", kinds) + box(b"ipma", belongings))
    )
    return box(b"ftyp", brand + b"\0\0\0\0" + b"mif1" + brand) + box(b"meta", meta)


def riff(*chunks: bytes) -> bytes:
    """A WebP of these chunks."""
    content = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(content)) + content


def riff_chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def canvas(width: int, height: int, flags: int = 0) -> bytes:
    """WebP's extended header."""
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return riff_chunk(b"VP8X", bytes([flags, 0, 0, 0]) + sides)


GIF_FRAME = b"\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0"


def gif(frames: int, width: int = 1, height: int = 1) -> bytes:
    """A GIF of frames of one pixel."""
    screen = b"GIF89a" + struct.pack("<HH", width, height) + b"\x80\0\0\0\0\0\xff\xff\xff"
    return screen + GIF_FRAME * frames + b"\x3b"
