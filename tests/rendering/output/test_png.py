"""Our own writer of cut-outs: any decoder reads back what was given."""

import io
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from edge.images import Format
from edge.rendering.output import png
from edge.rendering.output.encode import encode
from tests.rendering.photos import blob, photo


def read_back(body: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(body))
    image.load()
    return image


@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    corners=st.tuples(*[st.integers(0, 40)] * 4),
    background=st.tuples(*[st.integers(0, 255)] * 4),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_pixel_comes_back(size, corners, background, seed) -> None:
    """Noise of any place and size on any colour, all of it or nothing included."""
    pixels = np.empty((*size, 4), np.uint8)
    pixels[:] = background
    top, left, bottom, right = corners
    part = pixels[top : top + bottom, left : left + right]
    part[:] = np.random.default_rng(seed).integers(0, 256, part.shape, np.uint8)
    shown = read_back(png.write(Image.fromarray(pixels), 4))
    assert shown.mode == "RGBA"
    assert np.array_equal(np.asarray(shown), pixels)
    by_halves = png.read(png.write(Image.fromarray(pixels), 4))
    assert by_halves is not None
    assert np.array_equal(np.asarray(by_halves), pixels)


def test_only_its_own_files_are_read_by_halves() -> None:
    stream = io.BytesIO()
    cutout().save(stream, "PNG")
    assert png.read(stream.getvalue()) is None


@pytest.mark.parametrize("place", [0.2, 0.5, 0.95])
def test_a_damaged_file_is_not_read(place: float) -> None:
    body = bytearray(png.write(cutout(), 4))
    body[int(place * len(body))] ^= 0x40
    with pytest.raises(OSError, match="damaged"):
        png.read(bytes(body))


@given(first=st.binary(max_size=300), second=st.binary(max_size=300))
def test_the_checks_of_two_halves_make_that_of_the_whole(first: bytes, second: bytes) -> None:
    parts = zlib.adler32(first), zlib.adler32(second)
    assert png.joined_check(*parts, len(second)) == zlib.adler32(first + second)


def cutout() -> Image.Image:
    exact = photo(blob, noise=6.0, quality=None)
    image = Image.new("RGB", exact.image.size, (255, 255, 255))
    image.paste(exact.image, mask=Image.fromarray(exact.alpha).point([0, *[255] * 255]))
    image.putalpha(Image.fromarray(exact.alpha))
    return image


def test_a_cut_out_takes_hardly_more_bytes_than_by_trying_every_filter() -> None:
    stream, image = io.BytesIO(), cutout()
    image.save(stream, "PNG", compress_level=4, compress_type=zlib.Z_RLE)
    assert len(png.write(image, 4)) <= 1.04 * len(stream.getvalue())


def test_it_says_that_it_is_srgb_and_carries_its_packet() -> None:
    shown = read_back(png.write(cutout(), 4, "<x:xmpmeta>é</x:xmpmeta>".encode()))
    assert shown.info["srgb"] == 0
    assert shown.info["XML:com.adobe.xmp"] == "<x:xmpmeta>é</x:xmpmeta>"


@pytest.mark.parametrize("xmp", [None, b"<x:xmpmeta/>"])
def test_the_encoder_writes_cut_outs_by_it(xmp: bytes | None) -> None:
    body = encode(cutout(), Format.PNG, xmp=xmp).body
    assert body == png.write(cutout(), 4, xmp)
