"""Decoding gives an upright sRGB picture, or an error of ours, whatever the file holds."""

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from edge.errors import OriginalCorrupt, OriginalUnsupported
from edge.images import Size
from edge.limits import Limits
from edge.rendering.output.metrics import psnr
from edge.rendering.source import headers
from edge.rendering.source.decode import decode
from edge.rendering.source.probe import read_facts
from tests.rendering.originals import chunk, exif, long, photo, png, saved, segment, short, tiff
from tests.rendering.originals import with_segments as jpeg_with

INPUTS = ["JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "HEIF"]


def decoded(body: bytes, target: Size | None = None) -> Image.Image:
    return decode(body, read_facts(body, Limits()), target=target).image


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image, dtype=int)


@pytest.mark.parametrize("format", INPUTS)
def test_every_format_comes_out_as_rgb_of_the_same_picture(format):
    image = photo()
    answer = decoded(saved(image, format))
    assert answer.mode == "RGB"
    assert answer.info == {}
    assert psnr(answer, image) > 25


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_every_orientation_comes_out_upright(format, orientation):
    """The same upright picture, stored in each of the eight ways."""
    image = photo(96, 64)
    stored = lying(image, orientation)
    block = Image.Exif()
    block[0x0112] = orientation
    body = saved(stored, format, exif=block.tobytes(), quality=95)
    answer = decoded(body)
    assert answer.size == (96, 64)
    assert psnr(answer, image) > 28
    assert psnr(decoded(body, Size(20, 10)).resize((96, 64)), image) > 20


def lying(image: Image.Image, orientation: int) -> Image.Image:
    """How a picture is stored so that this orientation makes it upright."""
    turns = {1: 0, 2: 0, 3: 2, 4: 2, 5: 3, 6: 1, 7: 1, 8: 3}[orientation]
    image = image.rotate(90 * turns, expand=True)
    return (
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if orientation in (2, 4, 5, 7) else image
    )


@pytest.mark.parametrize("format", ["PNG", "WEBP", "AVIF", "TIFF", "HEIF"])
def test_alpha_is_kept_where_a_pixel_is_see_through(format):
    image = photo(32, 32, "RGB").convert("RGBA")
    alpha = Image.linear_gradient("L").resize((32, 32))
    image.putalpha(alpha)
    answer = decoded(saved(image, format, quality=100))
    assert answer.mode == "RGBA"
    assert np.abs(pixels(answer.getchannel("A")) - pixels(alpha)).max() <= 3


@pytest.mark.parametrize("format", ["PNG", "WEBP", "AVIF", "TIFF"])
def test_alpha_that_hides_nothing_is_dropped(format):
    assert decoded(saved(photo(32, 32).convert("RGBA"), format)).mode == "RGB"


@pytest.mark.parametrize("mode", ["LA", "L", "1", "P", "RGB"])
def test_transparency_of_every_png_kind(mode):
    image, clear = one_clear_corner(mode)
    answer = decoded(saved(image, "PNG", **clear))
    assert answer.mode == "RGBA"
    alpha = pixels(answer.getchannel("A"))
    assert alpha[0, 0] == 0
    assert alpha[8:, 8:].min() == 255


def one_clear_corner(mode: str) -> tuple[Image.Image, dict]:
    image = Image.new("RGB", (16, 16), (255, 255, 255))
    image.paste((0, 0, 0), (0, 0, 8, 8))
    if mode == "LA":
        picture = image.convert("LA")
        picture.putalpha(image.convert("L"))
        return picture, {}
    if mode == "P":
        return image.quantize(2), {"transparency": dark_index(image.quantize(2))}
    return image.convert(mode), {"transparency": (0, 0, 0) if mode == "RGB" else 0}


def dark_index(image: Image.Image) -> int:
    return image.getpixel((0, 0))


@pytest.mark.parametrize("bits", [2, 4])
def test_the_transparent_level_of_a_png_of_few_bits_is_written_in_those_bits(bits):
    """Level 1 of 4 or of 16: an engine that compares it with expanded levels hides nothing."""
    row = b"\0" + bytes([0b01_01_10_10 if bits == 2 else 0b0001_0010])
    width = 8 // bits
    answer = decoded(png(width, 1, bits=bits, kind=0, rows=row, before=chunk(b"tRNS", b"\0\1")))
    alpha = list(answer.getchannel("A").tobytes())
    assert alpha == ([0, 0, 255, 255] if bits == 2 else [0, 255])


def test_the_transparent_level_of_sixteen_bit_grey():
    row = b"\0" + b"\x12\x34" + b"\x12\x35"
    answer = decoded(png(2, 1, bits=16, kind=0, rows=row, before=chunk(b"tRNS", b"\x12\x34")))
    assert list(answer.getchannel("A").tobytes()) == [0, 255]


def test_sixteen_bit_grey_tiff_of_white_is_zero():
    """The engine inverts such a TIFF of 8 bits and forgets to at 16."""
    tags = {
        256: long(2), 257: long(1), 258: short(16), 259: short(1), 262: short(0),
        273: long(8 + 2 + 9 * 12 + 4), 277: short(1), 278: long(1), 279: long(4),
    }  # fmt: skip
    answer = decoded(tiff(tags, b"\0\0\xff\xff"))
    assert list(answer.convert("L").tobytes()) == [255, 0]


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "AVIF", "TIFF"])
def test_the_first_frame_stands_for_an_animation(format):
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "lime", "blue")]
    body = saved(frames[0], format, save_all=True, append_images=frames[1:], duration=80)
    red = pixels(decoded(body))[8, 8]
    assert red[0] > 230
    assert red[1:].max() < 30


@pytest.mark.parametrize("format", INPUTS)
@pytest.mark.parametrize("target", [(40, 30), (100, 70), (500, 300), (1, 1)], ids=str)
def test_a_target_gives_no_fewer_pixels_than_asked_and_the_same_picture(format, target):
    image = photo(800, 600)
    answer = decoded(saved(image, format), Size(*target))
    assert answer.width >= target[0]
    assert answer.height >= target[1]
    if target == (1, 1):
        return  # nothing to recognise
    small = (40, 30)
    assert psnr(answer.resize(small, 5), image.resize(small, 5)) > 24


@pytest.mark.parametrize(("format", "expected"), [("JPEG", 100), ("PNG", 160), ("WEBP", 160)])
def test_a_target_far_below_the_original_saves_pixels(format, expected):
    answer = decoded(saved(photo(800, 600), format), Size(80, 60))
    assert answer.width == expected


def test_a_jpeg_is_not_drafted_to_the_very_size_that_is_wanted():
    """What is left over is what the resize needs to be sharp and free of moire."""
    body = saved(photo(800, 600), "JPEG")
    assert decoded(body, Size(400, 300)).width == 800
    assert decoded(body, Size(260, 195)).width == 400


@pytest.mark.parametrize("format", INPUTS)
@pytest.mark.parametrize("kept", [0.99, 0.9, 0.5, 0.2])
def test_a_truncated_file_is_corrupt_and_never_half_a_picture(format, kept):
    body = saved(photo(200, 150), format)
    cut = body[: int(len(body) * kept)]
    with pytest.raises(OriginalCorrupt):
        decoded(cut)


@pytest.mark.parametrize(
    "compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits"]
)
def test_tiff_compressions(compression):
    image = photo()
    assert psnr(decoded(saved(image, "TIFF", compression=compression)), image) > 25


def test_a_kind_of_tiff_that_is_not_read_says_so():
    floats = saved(Image.new("F", (8, 8)), "TIFF")
    with pytest.raises(OriginalUnsupported, match="floating point"):
        decoded(floats)


def test_progressive_jpeg_and_trailing_pictures():
    """Phones append a second picture or a film; the first one is the original."""
    body = saved(photo(), "JPEG", progressive=True, quality=95)
    other = saved(photo(seed=9), "JPEG")
    film = b"\0\0\0\x20ftypmp42" + b"\xff\xda\1\2" * 300
    assert decoded(body + other + film).tobytes() == decoded(body).tobytes()


def test_scans_behind_a_false_end_are_not_decoded():
    """What is counted against the limit is all that the decoder sees."""
    body = saved(photo(16, 16), "JPEG", progressive=True)
    scans = [at for at in range(len(body)) if body[at : at + 2] == b"\xff\xda"]
    middle, last = scans[3], scans[-1]
    false_end = segment(0xFE, b"\xff\xd9")
    bomb = body[:middle] + false_end + body[middle:last] + body[last:-2] * 5000 + b"\xff\xd9"
    header = headers.read(bomb, Limits())
    assert header.picture(bomb).count(b"\xff\xda") == 3


def test_metadata_reaches_no_decoder_and_no_picture():
    """Broken blocks of every kind around a good picture change nothing."""
    body = saved(photo(), "JPEG")
    blocks = [
        segment(0xE1, b"Exif\0\0" + exif(1)[:9]),
        segment(0xE1, b"http://ns.adobe.com/x\0<"),
        segment(0xE2, b"MPF\0II*\0" + b"\xff" * 40),
        segment(0xED, b"Photoshop 3.0\0" + b"8BIM" * 9),
        segment(0xFE, b"made by"),
    ]
    answer = decoded(jpeg_with(body, *blocks))
    assert answer.tobytes() == decoded(body).tobytes()
    assert answer.info == {}


def test_facts_of_another_file_are_refused():
    one, other = saved(photo(32, 32), "PNG"), saved(photo(48, 32), "PNG")
    with pytest.raises(OriginalCorrupt):
        decode(one, read_facts(other, Limits()))


def test_other_threads_run_while_a_large_picture_is_decoded():
    """A thread that ticks every millisecond is never held for long."""
    body = saved(photo(600, 400).resize((3000, 2000)), "JPEG", quality=90)
    facts = read_facts(body, Limits())
    assert any(longest_hold(lambda: decode(body, facts)) < 0.6 for _ in range(100))


def longest_hold(work: Callable[[], object]) -> float:
    """The longest time that no other Python code ran, as a share of the work's time. Once is
    enough: work that lets nobody run never does, while on a busy machine other processes hold a
    thread up too."""
    ticks: list[float] = []
    done = threading.Event()

    def tick() -> None:
        while not done.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.0005)

    ticker = threading.Thread(target=tick)
    ticker.start()
    start = time.perf_counter()
    work()
    end = time.perf_counter()
    done.set()
    ticker.join()
    inside = [start, *(at for at in ticks if start < at < end), end]
    return max(np.diff(inside)) / (end - start)
