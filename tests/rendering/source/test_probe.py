"""Facts say what a header says, for every format, without decoding a pixel."""

import json

import pytest
from PIL import Image

from edge.errors import OriginalCorrupt, OriginalError
from edge.images import Size
from edge.limits import Limits
from edge.rendering.source.facts import Facts, Mode, OriginalFormat
from edge.rendering.source.probe import read_facts
from tests.rendering.costs import costs_at_most
from tests.rendering.originals import (
    box,
    chunk,
    exif,
    gif,
    heif,
    photo,
    png,
    riff_chunk,
    saved,
    segment,
    with_segments,
)
from tests.rendering.profiles import profile

FORMATS = {
    "JPEG": OriginalFormat.JPEG,
    "PNG": OriginalFormat.PNG,
    "WEBP": OriginalFormat.WEBP,
    "AVIF": OriginalFormat.AVIF,
    "GIF": OriginalFormat.GIF,
    "TIFF": OriginalFormat.TIFF,
    "HEIF": OriginalFormat.HEIC,
}


def facts(body: bytes) -> Facts:
    return read_facts(body, Limits())


@pytest.mark.parametrize(("name", "format"), FORMATS.items(), ids=FORMATS)
@pytest.mark.parametrize("size", [(96, 64), (65, 97), (1, 1)], ids=str)
def test_format_and_size_come_from_the_bytes(name, format, size):
    read = facts(saved(photo(*size), name))
    assert read.format is format
    assert read.size == read.stored == Size(*size)
    assert (read.orientation, read.frames, read.profile) == (1, 1, None)


@pytest.mark.parametrize(
    ("format", "mode", "expected", "bits", "alpha"),
    [
        ("JPEG", "L", Mode.GREY, 8, False),
        ("JPEG", "RGB", Mode.RGB, 8, False),
        ("JPEG", "CMYK", Mode.CMYK, 8, False),
        ("PNG", "1", Mode.GREY, 1, False),
        ("PNG", "L", Mode.GREY, 8, False),
        ("PNG", "I;16", Mode.GREY, 16, False),
        ("PNG", "LA", Mode.GREY, 8, True),
        ("PNG", "P", Mode.PALETTE, 8, False),
        ("PNG", "RGBA", Mode.RGB, 8, True),
        ("TIFF", "1", Mode.GREY, 1, False),
        ("TIFF", "L", Mode.GREY, 8, False),
        ("TIFF", "I;16", Mode.GREY, 16, False),
        ("TIFF", "P", Mode.PALETTE, 8, False),
        ("TIFF", "RGBA", Mode.RGB, 8, True),
        ("TIFF", "CMYK", Mode.CMYK, 8, False),
        ("TIFF", "LAB", Mode.LAB, 8, False),
        ("GIF", "P", Mode.PALETTE, 8, False),
        ("WEBP", "RGB", Mode.RGB, 8, False),
        ("WEBP", "RGBA", Mode.RGB, 8, True),
        ("AVIF", "RGB", Mode.RGB, 8, False),
        ("AVIF", "RGBA", Mode.RGB, 8, True),
        ("HEIF", "RGB", Mode.RGB, 8, False),
        ("HEIF", "RGBA", Mode.RGB, 8, True),
    ],
)
def test_mode_bits_and_alpha(format, mode, expected, bits, alpha):
    image = see_through(mode) if alpha else opaque(mode)
    read = facts(saved(image, format))
    assert (read.mode, read.bits, read.alpha) == (expected, bits, alpha)


def opaque(mode: str) -> Image.Image:
    if mode == "P":
        return photo(24, 16).quantize(200)
    return Image.new(mode, (24, 16))


def see_through(mode: str) -> Image.Image:
    image = photo(24, 16, "RGBA").convert(mode)
    image.putalpha(Image.linear_gradient("L").resize((24, 16)))
    return image


def test_lossless_webp_says_its_alpha():
    assert facts(saved(see_through("RGBA"), "WEBP", lossless=True)).alpha
    assert not facts(saved(photo(), "WEBP", lossless=True)).alpha


def test_a_transparent_colour_is_alpha():
    palette = photo(8, 8).quantize(4)
    assert facts(saved(palette, "PNG", transparency=0)).alpha
    assert facts(saved(palette, "GIF", transparency=0)).alpha
    assert facts(saved(photo(8, 8), "PNG", transparency=(1, 2, 3))).alpha
    assert not facts(saved(palette, "PNG")).alpha


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_size_is_upright(format, orientation):
    block = Image.Exif()
    block[0x0112] = orientation
    read = facts(saved(photo(40, 24), format, exif=block))
    assert read.orientation == orientation
    assert read.stored == Size(40, 24)
    assert read.size == (Size(24, 40) if orientation >= 5 else Size(40, 24))


@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_is_read_in_both_byte_orders(order):
    body = with_segments(saved(photo(), "JPEG"), segment(0xE1, b"Exif\0\0" + exif(6, order)))
    assert facts(body).orientation == 6


@pytest.mark.parametrize(
    "block",
    [b"", b"II", b"II*\0\xff\xff\xff\xff", exif(0), exif(9), exif(6)[:15], b"nonsense" * 9],
    ids=["empty", "short", "astray", "zero", "nine", "cut", "text"],
)
def test_broken_exif_is_no_reason_to_refuse_a_photo(block):
    body = with_segments(saved(photo(), "JPEG"), segment(0xE1, b"Exif\0\0" + block))
    assert facts(body).orientation == 1


def test_png_exif_after_the_pixels_counts_too():
    body = saved(photo(40, 24), "PNG")
    end = body.index(b"IEND") - 4
    read = facts(body[:end] + chunk(b"eXIf", exif(8)) + body[end:])
    assert read.size == Size(24, 40)


@pytest.mark.parametrize("angle", range(4))
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_heif_turns_and_mirrors_are_orientations(angle, axis):
    """Turned left by quarters, then mirrored, as if a viewer did it; one corner tells which."""
    corner = Image.new("L", (3, 2))
    corner.putpixel((0, 0), 255)
    shown = corner.rotate(90 * angle, expand=True)
    if axis is not None:
        flip = Image.Transpose.FLIP_LEFT_RIGHT if axis else Image.Transpose.FLIP_TOP_BOTTOM
        shown = shown.transpose(flip)
    properties = [box(b"irot", bytes([angle]))] * bool(angle)
    properties += [box(b"imir", bytes([axis]))] if axis is not None else []
    read = facts(heif(b"avif", 3, 2, *properties))
    assert upright(corner, read.orientation).tobytes() == shown.tobytes()
    assert read.size == Size(*shown.size)


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """By the standard's table: what the 0th row and the 0th column of the stored picture are."""
    mirrored = orientation in (2, 4, 5, 7)
    turns = {1: 0, 2: 0, 3: 2, 4: 2, 5: 1, 6: 3, 7: 3, 8: 1}[orientation]
    if mirrored:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return image.rotate(90 * turns, expand=True)


@pytest.mark.parametrize("quality", [25, 35, 50, 75, 85, 92, 98])
def test_jpeg_quality_is_estimated_from_its_tables(quality):
    read = facts(saved(photo(), "JPEG", quality=quality))
    assert read.quality == pytest.approx(quality, abs=1)


@pytest.mark.parametrize("format", ["PNG", "GIF", "TIFF"])
def test_lossless_formats_have_no_quality(format):
    assert facts(saved(photo(), format)).quality is None


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "HEIF"])
def test_the_profile_is_named(format):
    read = facts(saved(photo(), format, icc_profile=profile("adobe-rgb")))
    assert read.profile == "adobe-rgb"


def test_a_long_profile_in_several_jpeg_segments_is_put_together():
    long_profile = profile("prophoto") + bytes(150_000)
    assert facts(saved(photo(), "JPEG", icc_profile=long_profile)).profile == "prophoto"


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "AVIF", "TIFF"])
def test_frames_are_counted(format):
    pictures = [photo(16, 16, seed=seed) for seed in range(7)]
    body = saved(pictures[0], format, save_all=True, append_images=pictures[1:], duration=80)
    read = facts(body)
    assert read.frames == 7


def test_facts_are_json():
    told = json.loads(json.dumps(facts(saved(photo(), "JPEG", quality=80)).as_dict()))
    assert told["format"] == "jpeg"
    assert told["size"] == [96, 64]
    assert told["quality"] == 80


@pytest.mark.parametrize("name", FORMATS)
def test_a_cut_file_is_read_or_refused_with_an_error_of_ours(name):
    """Every prefix of a file: never an exception of another kind, and its size never changes."""
    body = saved(photo(24, 16), name)
    whole = facts(body)
    for length in range(0, len(body), 1 + len(body) // 400):
        try:
            assert facts(body[:length]).stored == whole.stored
        except OriginalError:
            continue


@pytest.mark.parametrize("name", ["PNG", "GIF", "WEBP", "AVIF", "HEIF"])
def test_a_container_that_ends_early_is_told_from_its_header(name):
    body = saved(photo(), name)
    with pytest.raises(OriginalCorrupt):
        facts(body[: len(body) * 3 // 4])


def test_webp_chunks_of_the_future_are_passed_over():
    body = saved(photo(24, 16), "WEBP")
    later = riff_chunk(b"NEW ", b"something")
    grown = body[:4] + (len(body) + len(later) - 8).to_bytes(4, "little") + body[8:] + later
    assert facts(grown).size == Size(24, 16)


def test_a_gif_frame_beyond_the_screen_makes_the_picture_larger():
    """As the engine has it; a plan made for the screen would frame another picture."""
    frame = b"\x2c\0\0\0\0\x05\0\x03\0\0\x02\x02\x44\x01\0"
    assert facts(gif(0)[:-1] + frame + b"\x3b").size == Size(5, 3)


def test_reading_a_large_file_takes_no_time():
    """A 4000x3000 photo of several megabytes: the header is read, the rest is not."""
    body = saved(photo(800, 600).resize((4000, 3000)), "JPEG", quality=95)
    assert len(body) > 1_000_000
    assert costs_at_most(20_000, lambda: facts(body))


def test_colour_types_that_do_not_exist_are_corrupt():
    with pytest.raises(OriginalCorrupt, match="colour type 5"):
        facts(png(8, 8, kind=5))
    with pytest.raises(OriginalCorrupt, match="16 bits and colour type 3"):
        facts(png(8, 8, bits=16, kind=3))
