"""Strips of a TIFF that hold more rows than the picture has, or fewer."""

import zlib

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from edge.errors import OriginalCorrupt
from edge.limits import Limits
from edge.rendering.source.decode import decode
from edge.rendering.source.probe import read_facts
from tests.fuzz.make_corpus import tiff_file
from tests.rendering.originals import photo, saved

WIDTH, HEIGHT, ROWS = 32, 24, 16
PACKED = {
    1: bytes,
    5: imagecodecs.lzw_encode,
    8: zlib.compress,
    32_773: imagecodecs.packbits_encode,
    50_000: imagecodecs.zstd_encode,
}


def strips(compression: int, *contents: bytes) -> bytes:
    """Grey, of strips of 16 rows."""
    lengths = tuple(map(len, contents))
    places = tuple(8 + sum(lengths[:index]) for index in range(len(lengths)))
    tags = {256: (WIDTH,), 257: (HEIGHT,), 258: (8,), 259: (compression,), 262: (1,), 277: (1,),
            278: (ROWS,), 273: places, 279: lengths}  # fmt: skip
    return tiff_file(tags, b"".join(contents))


@pytest.mark.parametrize("compression", PACKED)
def test_a_last_strip_filled_up_to_the_rows_of_the_others_is_read(compression):
    """Many writers do so; what is beyond the picture's last row is nobody's."""
    pixels = np.random.default_rng(1).integers(0, 256, (2 * ROWS, WIDTH), dtype=np.uint8)
    pack = PACKED[compression]
    body = strips(compression, pack(pixels[:ROWS].tobytes()), pack(pixels[ROWS:].tobytes()))
    shown = np.asarray(decode(body, read_facts(body, Limits())).image)[..., 0]
    assert np.array_equal(shown, pixels[:HEIGHT])


def test_so_is_one_that_is_a_jpeg():
    drawn = photo(WIDTH, 2 * ROWS, "L")
    parts = [saved(drawn.crop((0, top, WIDTH, top + ROWS)), "JPEG", quality=95)
             for top in (0, ROWS)]  # fmt: skip
    body = strips(7, *parts)
    shown = decode(body, read_facts(body, Limits())).image.convert("L")
    whole = np.asarray(drawn.crop((0, 0, WIDTH, HEIGHT)), dtype=int)
    assert np.abs(np.asarray(shown, dtype=int) - whole).mean() < 3
    assert isinstance(shown, Image.Image)


@pytest.mark.parametrize("compression", PACKED)
@pytest.mark.parametrize("short", [0, 1])
@pytest.mark.parametrize("missing", [1, WIDTH, 7 * WIDTH])
def test_a_strip_with_fewer_rows_than_the_picture_is_refused(compression, short, missing):
    whole = [ROWS * WIDTH, (HEIGHT - ROWS) * WIDTH]
    whole[short] -= missing
    body = strips(compression, *(PACKED[compression](bytes(length)) for length in whole))
    with pytest.raises(OriginalCorrupt):
        decode(body, read_facts(body, Limits()))
