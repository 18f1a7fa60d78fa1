"""A JPEG that says more rows than its bytes can hold."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from edge.errors import OriginalCorrupt
from edge.limits import Limits
from edge.rendering.source import headers
from tests.rendering.originals import photo, saved


def taller(body: bytes, width: int, height: int) -> bytes:
    at = max(body.find(b"\xff\xc0"), body.find(b"\xff\xc2"))
    return body[: at + 5] + struct.pack(">HH", height, width) + body[at + 9 :]


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_more_rows_than_the_bytes_can_hold_are_refused(mode, progressive):
    body = saved(photo(64, 64, mode), "JPEG", progressive=progressive)
    with pytest.raises(OriginalCorrupt, match="cannot hold so many rows"):
        headers.read(taller(body, 9_000, 9_000), Limits())


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_picture_of_one_colour_is_not_taken_for_too_short(mode, subsampling, progressive):
    """The fewest bytes that an encoder needs, with the shortest codes it finds."""
    options = {"optimize": True, "quality": 1, "progressive": progressive}
    options |= {"subsampling": subsampling} if mode == "RGB" else {}
    body = saved(Image.new(mode, (3_001, 2_003)), "JPEG", **options)
    assert headers.read(body, Limits()).stored.width == 3_001


@pytest.mark.parametrize("factor", [0x00, 0x10, 0x51])
def test_sampling_factors_that_cannot_be_are_refused(factor):
    body = saved(photo(), "JPEG")
    at = body.index(b"\xff\xc0") + 11
    with pytest.raises(OriginalCorrupt, match="sampling"):
        headers.read(body[:at] + bytes([factor]) + body[at + 1 :], Limits())


def test_the_data_of_a_decoder_is_the_picture_alone():
    body = saved(photo(), "JPEG", exif=b"Exif\0\0" + bytes(3_000), comment=b"x" * 3_000)
    kept = headers.read(body, Limits()).picture(body)
    assert len(kept) < len(body) - 6_000
    assert np.asarray(Image.open(io.BytesIO(kept))).shape == (64, 96, 3)
