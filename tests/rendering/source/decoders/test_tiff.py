"""TIFF of every kind is read as libvips reads it; strips and tiles in full, or not at all."""

import io
import struct
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from edge.errors import OriginalCorrupt, OriginalUnsupported
from edge.limits import Limits
from edge.rendering.source.decode import decode
from edge.rendering.source.probe import read_facts
from tests.rendering.originals import photo, saved

WIDE, HIGH = 67, 45
RGB = np.asarray(photo(WIDE, HIGH))
ALPHA = np.tile(np.linspace(0, 255, WIDE).astype(np.uint8), (HIGH, 1))
SELECTION = np.tile(np.linspace(255, 0, WIDE).astype(np.uint8), (HIGH, 1))
GREY = np.asarray(photo(WIDE, HIGH).convert("L"))
INK = np.asarray(photo(WIDE, HIGH).convert("CMYK"))


def written(levels: np.ndarray, **how: Any) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, levels, **({"metadata": None} | how))
    return stream.getvalue()


def decoded(body: bytes) -> np.ndarray:
    return np.asarray(decode(body, read_facts(body, Limits())).image)


def near(answer: np.ndarray, wanted: np.ndarray, by: float = 0) -> None:
    assert answer.shape == wanted.shape
    assert np.abs(answer.astype(int) - wanted).max() <= by


LAYOUTS = {
    "strips": {},
    "strips of 7 rows": {"rowsperstrip": 7},
    "tiles": {"tile": (16, 32)},
    "planes": {"planarconfig": "separate"},
    "planes in tiles": {"planarconfig": "separate", "tile": (16, 16)},
    "planes in strips": {"planarconfig": "separate", "rowsperstrip": 8},
}
FORMS = {"little": "<", "big": ">"}
PACKINGS = {
    "plain": {},
    "lzw": {"compression": "lzw"},
    "lzw, predictor": {"compression": "lzw", "predictor": True},
    "deflate": {"compression": "zlib"},
    "deflate, predictor": {"compression": "zlib", "predictor": True},
    "packbits": {"compression": "packbits"},
    "lzma": {"compression": "lzma"},
    "zstd": {"compression": "zstd"},
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("bigtiff", [False, True], ids=["", "BigTIFF"])
@pytest.mark.parametrize("bits", [8, 16])
def test_every_layout(layout, form, bigtiff, bits):
    levels = RGB if bits == 8 else RGB.astype(np.uint16) * 257
    planes = "planarconfig" in layout
    body = written(
        np.moveaxis(levels, 2, 0) if planes else levels,
        photometric="rgb", byteorder=form, bigtiff=bigtiff, **layout,
    )  # fmt: skip
    near(decoded(body), RGB)


@pytest.mark.parametrize("packing", PACKINGS.values(), ids=PACKINGS)
@pytest.mark.parametrize("layout", ["strips of 7 rows", "tiles"])
@pytest.mark.parametrize("bits", [8, 16])
def test_every_packing(packing, layout, bits):
    levels = RGB if bits == 8 else RGB.astype(np.uint16) * 257
    near(decoded(written(levels, photometric="rgb", **LAYOUTS[layout], **packing)), RGB)


def with_channels(levels: np.ndarray, *more: np.ndarray) -> np.ndarray:
    return np.dstack([levels, *more])


@pytest.mark.parametrize("planes", [False, True])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_first_of_samples_that_say_nothing_is_alpha(planes, count):
    """As libvips and ImageMagick read saved selections; the others are left out."""
    levels = with_channels(RGB, ALPHA, *[SELECTION] * (count - 1))
    how = {"photometric": "rgb", "extrasamples": ["unspecified"] * count}
    if planes:
        levels, how = np.moveaxis(levels, 2, 0), how | {"planarconfig": "separate"}
    near(decoded(written(levels, **how)), with_channels(RGB, ALPHA))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("photometric", ["minisblack", "separated"])
def test_the_first_of_samples_that_say_nothing_is_alpha_of_grey_and_ink(photometric, count, bits):
    levels = {"minisblack": GREY, "separated": INK}[photometric]
    many = with_channels(levels, ALPHA, *[SELECTION] * (count - 1)).astype(f"uint{bits}")
    body = written(
        many * (1 if bits == 8 else 257), photometric=photometric, planarconfig="contig",
        extrasamples=["unspecified"] * count,
    )  # fmt: skip
    plain = decoded(written(levels, photometric=photometric))
    near(decoded(body), with_channels(plain, ALPHA), by=1)


@pytest.mark.parametrize("bits", [8, 16])
def test_alpha_goes_with_rgb_grey_and_ink(bits):
    factor = 1 if bits == 8 else 257
    kinds = {"rgb": RGB, "minisblack": GREY, "separated": INK}
    for photometric, levels in kinds.items():
        many = with_channels(levels, ALPHA).astype(f"uint{bits}") * factor
        body = written(
            many.astype(f"uint{bits}"), photometric=photometric, planarconfig="contig",
            extrasamples=["unassalpha"],
        )  # fmt: skip
        plain = decoded(written(levels, photometric=photometric))
        opaque = plain if plain.ndim == 3 else np.dstack([plain] * 3)
        near(decoded(body), with_channels(opaque, ALPHA), by=1)


def test_alpha_is_found_behind_and_before_a_saved_selection():
    for kinds, more in (
        (["unassalpha", "unspecified"], (ALPHA, SELECTION)),
        (["unspecified", "unassalpha"], (SELECTION, ALPHA)),
    ):
        body = written(with_channels(RGB, *more), photometric="rgb", extrasamples=kinds)
        near(decoded(body), with_channels(RGB, ALPHA))


def test_colours_weighted_by_alpha_come_out_as_they_are():
    alpha = np.maximum(ALPHA, 64)
    weighted = (RGB.astype(int) * alpha[..., None] // 255).astype(np.uint8)
    body = written(with_channels(weighted, alpha), photometric="rgb", extrasamples=["assocalpha"])
    near(decoded(body), with_channels(RGB, alpha), by=4)


@pytest.mark.parametrize("layout", ["strips of 7 rows", "tiles", "planes", "planes in tiles"])
def test_colours_of_sixteen_bits_lose_their_weight_before_half_of_their_bits(layout):
    alpha = np.maximum(ALPHA, 32)
    weighted = (RGB.astype(int) * 257 * alpha[..., None] // 255).astype(np.uint16)
    levels = with_channels(weighted, alpha.astype(np.uint16) * 257)
    if "planes" in layout:
        levels = np.moveaxis(levels, 2, 0)
    body = written(levels, photometric="rgb", extrasamples=["assocalpha"], **LAYOUTS[layout])
    near(decoded(body), with_channels(RGB, alpha), by=1)


def test_indices_of_a_palette_are_weighted_by_nothing():
    indices = np.tile(np.arange(WIDE, dtype=np.uint8), (HIGH, 1))
    levels = with_channels(indices, np.full_like(ALPHA, 128))
    table = (320, "H", 768, [*range(0, 65536, 257)] * 3, True)
    how = {"photometric": "minisblack", "planarconfig": "contig", "extrasamples": ["assocalpha"]}
    grey, palette = (struct.pack("<HHIHH", 262, 3, 1, kind, 0) for kind in (1, 3))
    body = written(levels, **how, extratags=[table]).replace(grey, palette)
    near(decoded(body)[..., 0], indices)


def lab(bits: int) -> np.ndarray:
    """L* 80, a* 10, b* -20."""
    values = {8: (204, 10, -20 & 255), 16: (52_428, 10 * 256, -20 * 256 & 65_535)}[bits]
    return np.full((HIGH, WIDE, 3), values, f"uint{bits}")


@pytest.mark.parametrize("bits", [8, 16])
def test_lab_of_eight_and_sixteen_bits(bits):
    """The colour is (200, 193, 235) by CIE 15 and IEC 61966-2-1, from D50."""
    answer = decoded(written(lab(bits), photometric="cielab"))
    near(answer, np.broadcast_to(np.array([199, 195, 234]), answer.shape), by=4)


def test_both_bit_depths_of_lab_are_one_colour():
    eight, sixteen = (decoded(written(lab(bits), photometric="cielab")) for bits in (8, 16))
    near(sixteen, eight, by=1)


def test_white_is_zero():
    near(decoded(written(255 - GREY, photometric="miniswhite")), np.dstack([GREY] * 3))


def test_palette_of_sixteen_bit_colours():
    table = np.stack([np.arange(256), np.arange(256)[::-1], np.full(256, 77)]).astype(np.uint16)
    body = written(GREY, photometric="palette", colormap=table * 257)
    near(decoded(body), np.dstack([GREY, 255 - GREY, np.full_like(GREY, 77)]))


@pytest.mark.parametrize("coding", ["raw", "packbits", "group3", "group4", "tiff_ccitt"])
def test_black_and_white(coding):
    image = photo(WIDE, HIGH).convert("1")
    body = saved(image, "TIFF", compression=coding)
    near(decoded(body), np.dstack([np.asarray(image.convert("L"))] * 3))


@pytest.mark.parametrize("how", [{}, {"tile": (16, 16)}, {"rowsperstrip": 16}], ids=str)
@pytest.mark.parametrize("subsampling", [(1, 1), (2, 2)])
def test_jpegs_within(how, subsampling):
    body = written(
        RGB, photometric="rgb", compression="jpeg", compressionargs={"level": 95},
        subsampling=subsampling, **how,
    )  # fmt: skip
    assert np.abs(decoded(body).astype(int) - RGB).mean() < 6


def test_chroma_of_its_own_resolution():
    image = photo(64, 48)
    body = saved(image.convert("YCbCr"), "TIFF", compression="raw")
    assert np.abs(decoded(body).astype(int) - np.asarray(image)).mean() < 4


def cut_strip(body: bytes, length: int) -> bytes:
    """The first strip says that it has so many bytes."""
    with tifffile.TiffFile(io.BytesIO(body)) as file:
        tag = file.pages.first.tags["StripByteCounts"]
        place, form = tag.valueoffset, {3: "<H", 4: "<I"}[int(tag.dtype)]
    return body[:place] + struct.pack(form, length) + body[place + struct.calcsize(form) :]


@pytest.mark.parametrize("packing", PACKINGS.values(), ids=PACKINGS)
def test_a_strip_shorter_than_its_rows_is_refused(packing):
    body = written(RGB, photometric="rgb", **packing)
    with tifffile.TiffFile(io.BytesIO(body)) as file:
        length = file.pages.first.databytecounts[0]
    for share in (0.2, 0.6, 0.95):
        with pytest.raises(OriginalCorrupt):
            decoded(cut_strip(body, int(length * share)))


def test_a_strip_of_fewer_rows_that_ends_as_it_should_is_refused():
    """The rows that are missing are nobody else's memory."""
    short = written(RGB[:20], photometric="rgb", compression="zlib")
    place = (
        short.index(struct.pack("<HHI", 257, 4, 1))
        if struct.pack("<HHI", 257, 4, 1) in short
        else short.index(struct.pack("<HHI", 257, 3, 1))
    )
    form = "<HHII"
    with pytest.raises(OriginalCorrupt):
        decoded(short[:place] + struct.pack(form, 257, 4, 1, HIGH) + short[place + 12 :])


def test_a_refusal_names_the_property():
    floats = written(RGB.astype(np.float32), photometric="rgb")
    with pytest.raises(OriginalUnsupported, match="floating point"):
        decoded(floats)
    other = written(RGB, photometric="rgb", compression="jpeg2000")
    with pytest.raises(OriginalUnsupported, match="compression 34712"):
        decoded(other)


def test_metadata_of_any_kind_changes_nothing():
    tags = [
        (270, 2, 0, "described", True),
        (700, 1, 4, b"<x:x", True),
        (37_724, 7, 4, b"8BIM", True),
    ]
    body = written(RGB, photometric="rgb", extratags=tags)
    near(decoded(body), RGB)


def test_the_first_page_is_read_and_no_other():
    first, second = Image.fromarray(RGB), photo(30, 20, seed=5)
    near(decoded(saved(first, "TIFF", save_all=True, append_images=[second])), RGB)
