"""Makes tests/fuzz/corpus/: small originals of every kind that is read here, to mutate.

    python -m tests.fuzz.make_corpus

The files are kept in the repository, so that the mutations are the same for every engine.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.rendering import spaces
from tests.rendering.originals import (
    box,
    chunk,
    exif,
    photo,
    saved,
    segment,
    with_segments,
    without_adobe,
)
from tests.rendering.profiles import grey_profile, ink_profile, profile
from tests.rendering.source.headers.test_heif import extent, full, grid, overlay

FOLDER = Path(__file__).parent / "corpus"


def pictures() -> Iterator[tuple[str, bytes]]:
    """File names and their bytes."""
    yield from _jpegs()
    yield from _pngs()
    yield from _webps()
    yield from _tiffs()
    yield from _rest()


def _jpegs() -> Iterator[tuple[str, bytes]]:
    plain = saved(photo(), "JPEG", quality=70)
    yield "baseline.jpg", plain
    yield "progressive.jpg", saved(photo(), "JPEG", quality=70, progressive=True)
    yield "grey.jpg", saved(photo(mode="L"), "JPEG", icc_profile=grey_profile(1.8))
    yield "cmyk.jpg", saved(photo(48, 32, "CMYK"), "JPEG", icc_profile=ink_profile(3))
    yield "cmyk-plain.jpg", without_adobe(saved(photo(48, 32, "CMYK"), "JPEG"))
    yield "turned.jpg", with_segments(plain, segment(0xE1, b"Exif\0\0" + exif(6)))
    yield "restarts.jpg", saved(photo(), "JPEG", quality=70, restart_marker_blocks=2)
    yield "full-chroma.jpg", saved(photo(40, 30), "JPEG", quality=70, subsampling=0)
    yield "wide.jpg", saved(photo(), "JPEG", icc_profile=profile("display-p3"))


def _pngs() -> Iterator[tuple[str, bytes]]:
    yield "colour.png", saved(photo(40, 30), "PNG", icc_profile=profile("prophoto"))
    yield "clear.png", saved(_see_through(), "PNG")
    yield "palette.png", saved(photo(40, 30).quantize(16), "PNG", transparency=3)
    yield "grey-clear.png", saved(photo(40, 30, "L"), "PNG", transparency=128)
    yield "sixteen.png", saved(Image.linear_gradient("L").resize((40, 30)).convert("I;16"), "PNG")
    yield "two.png", saved(photo(40, 30).convert("1"), "PNG")
    yield "animated.png", _animated("PNG")
    yield "gamma.png", spaces.with_chunks(saved(photo(16, 16), "PNG"), spaces.gamma(0.6))
    light = spaces.linear_bt2020(np.asarray(photo(20, 15)))
    yield "pq.png", spaces.png16(spaces.pq(light), spaces.cicp(9, 16))
    yield "hlg.png", spaces.png16(spaces.hlg(light), spaces.cicp(9, 18, full=False))
    yield "grey-alpha.png", saved(photo(20, 15, "LA"), "PNG", icc_profile=grey_profile(1.8))
    body = saved(photo(16, 16), "PNG")
    notes = chunk(b"eXIf", exif(5)) + chunk(b"tEXt", b"Title\0shoe")
    yield "noted.png", body[:33] + notes + body[33:]


def _webps() -> Iterator[tuple[str, bytes]]:
    yield "lossy.webp", saved(photo(), "WEBP", quality=70)
    yield "lossless.webp", saved(_see_through(), "WEBP", lossless=True)
    yield "clear.webp", saved(_see_through(), "WEBP", quality=70)
    yield "animated.webp", _animated("WEBP")
    yield "noted.webp", saved(photo(), "WEBP", icc_profile=profile("adobe-rgb"), exif=exif(8))


def _tiffs() -> Iterator[tuple[str, bytes]]:
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits"):
        yield f"{compression}.tiff", saved(photo(32, 24), "TIFF", compression=compression)
    yield "cmyk.tiff", saved(photo(24, 16, "CMYK"), "TIFF", compression="tiff_lzw")
    yield "lab.tiff", saved(Image.new("LAB", (24, 16), (128, 20, 200)), "TIFF")
    yield "sixteen.tiff", saved(Image.new("I;16", (24, 16), 40_000), "TIFF")
    yield "fax.tiff", saved(photo(64, 32).convert("1"), "TIFF", compression="group4")
    yield "deep.tiff", _deep_tiff()
    yield "tiles.tiff", _tiled_tiff()
    yield "pages.tiff", _animated("TIFF")
    yield "clear.tiff", saved(_see_through(), "TIFF", compression="tiff_lzw")


def _rest() -> Iterator[tuple[str, bytes]]:
    yield "still.gif", saved(photo(40, 30).quantize(16), "GIF")
    yield "animated.gif", _animated("GIF")
    yield "still.avif", saved(photo(), "AVIF", quality=60)
    yield "clear.avif", saved(_see_through(), "AVIF", quality=60, exif=exif(6))
    yield "animated.avif", _animated("AVIF")
    yield "pq.avif", spaces.with_nclx(saved(photo(), "AVIF", quality=60), 9, 16)
    ten = spaces.pq(spaces.linear_bt2020(np.asarray(photo(40, 30))))
    yield "ten.avif", spaces.ten_bits(ten, "AVIF", 16)
    yield "ten.heic", spaces.ten_bits(ten, "HEIF", 16)
    heic = saved(photo(), "HEIF", quality=50)
    yield "grid.heic", _derived(b"grid", grid(2, 1, 96, 128), heic)
    yield "overlay.heic", _derived(b"iovl", overlay(96, 128, 2), heic)
    yield "hlg.heic", saved(
        photo(40, 30), "HEIF", quality=50, color_primaries=9, transfer_characteristics=18,
        matrix_coefficients=9, full_range_flag=0, save_nclx_profile=True,
    )  # fmt: skip
    yield "grey.heic", saved(photo(40, 30, "L"), "HEIF", quality=50, icc_profile=grey_profile(1.8))
    yield "still.heic", saved(photo(), "HEIF", quality=50)
    yield "clear.heic", saved(_see_through(), "HEIF", quality=50, icc_profile=profile("display-p3"))


def _derived(kind: bytes, data: bytes, coded: bytes) -> bytes:
    """A picture of 96 by 128 that is put together from an encoder's picture, twice."""
    at = coded.index(b"hvcC") - 4
    configuration = coded[at : at + struct.unpack_from(">I", coded, at)[0]]
    stream = coded[coded.index(b"mdat") + 4 :]
    infe = b"".join(
        full(b"infe", struct.pack(">HH4sB", number, 0, name, 0), 2)
        for number, name in ((1, b"hvc1"), (2, kind))
    )
    belongings = struct.pack(">IHBBBHBB", 2, 1, 2, 0x81, 2, 2, 1, 3)
    properties = box(b"ipco", configuration + extent(96, 64) + extent(96, 128))
    head = box(b"ftyp", b"heic\0\0\0\0mif1heic")

    def meta(place: int) -> bytes:
        places = struct.pack(">HH", 0x4400, 2)
        places += struct.pack(">HHHHII", 1, 0, 0, 1, place, len(stream))
        places += struct.pack(">HHHHII", 2, 1, 0, 1, 0, len(data))
        return full(
            b"meta",
            full(b"hdlr", bytes(4) + b"pict" + bytes(13))
            + full(b"pitm", struct.pack(">H", 2))
            + full(b"iinf", struct.pack(">H", 2) + infe)
            + full(b"iref", box(b"dimg", struct.pack(">HHHH", 2, 2, 1, 1)))
            + box(b"iprp", properties + full(b"ipma", belongings))
            + full(b"iloc", places, 1)
            + box(b"idat", data),
        )

    return head + meta(len(head) + len(meta(0)) + 8) + box(b"mdat", stream)


def tiff_file(tags: dict[int, tuple[int, ...]], content: bytes) -> bytes:
    """Little-endian; the content comes first, and a tag's numbers are shorts, or longs of one."""
    entries, more = b"", b""
    end = 8 + len(content) + 2 + 12 * len(tags) + 4
    for number, values in sorted(tags.items()):
        kind, letter = (4, "I") if number in (273, 279, 324, 325) else (3, "H")
        packed = struct.pack(f"<{len(values)}{letter}", *values)
        place = packed.ljust(4, b"\0")
        if len(packed) > 4:
            place = struct.pack("<I", end + len(more))
            more += packed
        entries += struct.pack("<HHI", number, kind, len(values)) + place
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    return b"II*\0" + struct.pack("<I", 8 + len(content)) + content + directory + more


def _deep_tiff() -> bytes:
    """Colours of 16 bits with alpha, a plane each, two strips to the plane."""
    planes = np.asarray(_see_through().resize((16, 12)), np.uint16).transpose(2, 0, 1) * 257
    half = 16 * 6 * 2
    places = tuple(8 + half * i for i in range(8))
    tags = {256: (16,), 257: (12,), 258: (16,) * 4, 259: (1,), 262: (2,), 277: (4,), 278: (6,),
            284: (2,), 338: (2,), 273: places, 279: (half,) * 8}  # fmt: skip
    return tiff_file(tags, planes.astype("<u2").tobytes())


def _tiled_tiff() -> bytes:
    """Four tiles of 16 by 16 around a grey picture of 24 by 20, white where it is nought."""
    tags = {256: (24,), 257: (20,), 258: (8,), 259: (1,), 262: (0,), 277: (1,), 322: (16,),
            323: (16,), 324: tuple(8 + 256 * i for i in range(4)), 325: (256,) * 4}  # fmt: skip
    return tiff_file(tags, bytes(range(256)) * 4)


def _see_through() -> Image.Image:
    image = photo(40, 30).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize((40, 30)))
    return image


def _animated(format: str, **options: Any) -> bytes:
    frames = [photo(24, 16, seed=seed) for seed in range(3)]
    return saved(frames[0], format, save_all=True, append_images=frames[1:], duration=80, **options)


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, body in pictures():
        (FOLDER / name).write_bytes(body)
        print(f"{len(body):6} {name}")


if __name__ == "__main__":
    main()
