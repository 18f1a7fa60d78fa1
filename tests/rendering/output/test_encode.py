"""Encoding gives the format asked for, at the quality a picture needs or the bytes it may have."""

import io
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageDraw

from edge.deadline import Deadline
from edge.errors import DeadlineExceeded, OutputTooLarge
from edge.images import Format, Size
from edge.limits import Limits
from edge.rendering.output.encode import Encoded, encode
from edge.rendering.output.metrics import chroma_loss, luma, psnr, ssim
from edge.rendering.output.write import Effort
from edge.rendering.source.decode import decode
from edge.rendering.source.facts import OriginalFormat
from edge.rendering.source.probe import read_facts
from tests.rendering.originals import photo
from tests.rendering.source.test_decode import longest_hold

LOSSY = [Format.JPEG, Format.WEBP, Format.AVIF]
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><made by="edge"/></x:xmpmeta>'


def read_back(encoded: Encoded) -> Image.Image:
    facts = read_facts(encoded.body, Limits())
    assert facts.profile is None
    return decode(encoded.body, facts).image


def see_through(width: int = 96, height: int = 64) -> Image.Image:
    image = photo(width, height).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize((width, height)))
    return image


@pytest.mark.parametrize("effort", Effort)
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("format", Format)
def test_round_trip(format, mode, effort):
    """Every format and mode comes back as it went, within what the format loses."""
    image = see_through() if mode == "RGBA" else photo()
    if mode == "RGBA" and not format.has_alpha:
        with pytest.raises(ValueError, match="RGBA"):
            encode(image, format, 90)
        return
    encoded = encode(image, format, 90, effort=effort)
    back = read_back(encoded)
    assert (back.mode, back.size) == (image.mode, image.size)
    if format.lossy:
        assert psnr(back.convert("RGB"), image.convert("RGB")) > 28
        assert encoded.quality == 90
    else:
        assert back.tobytes() == image.tobytes()
        assert encoded.quality is None


@pytest.mark.parametrize("format", Format)
def test_the_format_is_the_one_asked_for(format):
    names = {Format.JPEG: OriginalFormat.JPEG, Format.PNG: OriginalFormat.PNG}
    names |= {Format.WEBP: OriginalFormat.WEBP, Format.AVIF: OriginalFormat.AVIF}
    facts = read_facts(encode(photo(33, 21), format).body, Limits())
    assert facts.format is names[format]
    assert facts.size == Size(33, 21)


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 9), (7, 7), (8, 8), (17, 300)], ids=str)
@pytest.mark.parametrize("format", Format)
def test_the_smallest_pictures_work_at_every_quality(format, size):
    for quality in (1, 50, 100, "auto"):
        assert read_back(encode(photo(*size), format, quality)).size == size


def test_a_large_jpeg_is_progressive_and_a_small_or_a_fast_one_is_not():
    large, small = photo(1700, 1200), photo(1200, 900)
    assert b"\xff\xc2" in encode(large, Format.JPEG, 80).body
    assert b"\xff\xc2" not in encode(small, Format.JPEG, 80).body
    assert b"\xff\xc2" not in encode(large, Format.JPEG, 80, effort=Effort.FAST).body


def test_a_large_master_is_written_quickly_unless_it_would_not_fit():
    image = photo(1700, 1200)
    quick = encode(image, Format.JPEG, 95)
    tight = encode(image, Format.JPEG, 95, max_bytes=len(quick.body) - 1)
    assert tight.quality == 95
    assert len(tight.body) < len(quick.body)
    shown = (np.asarray(Image.open(io.BytesIO(one.body))) for one in (quick, tight))
    assert np.array_equal(*shown)


def test_pure_noise_is_written_although_the_engine_has_too_small_a_buffer_for_it():
    noise = Image.frombytes("RGB", (256, 256), np.random.default_rng(1).bytes(256 * 256 * 3))
    for quality in (80, 94, 100):
        assert read_back(encode(noise, Format.JPEG, quality)).size == (256, 256)


def subsampling(jpeg: bytes) -> tuple[int, int]:
    """The horizontal and vertical factors of the first component."""
    frame = max(jpeg.find(b"\xff\xc0"), jpeg.find(b"\xff\xc2"))
    factors = jpeg[frame + 11]
    return factors >> 4, factors & 15


def lettering() -> Image.Image:
    """Red letters and fine lines on white, as on labels."""
    image = Image.new("RGB", (160, 120), "white")
    draw = ImageDraw.Draw(image)
    for x in range(0, 160, 3):
        draw.line((x, 0, x, 60), fill=(230, 0, 0))
    draw.text((10, 80), "SALE 50 % OFF", fill=(220, 0, 30))
    return image


def test_colour_keeps_its_full_resolution_where_halving_shows():
    assert chroma_loss(lettering()) > 30 > 10 > chroma_loss(soft())
    assert subsampling(encode(lettering(), Format.JPEG, 80).body) == (1, 1)
    assert subsampling(encode(soft(), Format.JPEG, 80).body) == (2, 2)
    assert subsampling(encode(soft(), Format.JPEG, 90).body) == (1, 1)


def soft() -> Image.Image:
    """Blurred: little to lose."""
    return photo(40, 30).resize((400, 300), Image.Resampling.BICUBIC)


def fabric() -> Image.Image:
    """A quiet, fine weave on grey: what compression takes first."""
    y, x = np.mgrid[0:300, 0:400]
    grain = np.random.default_rng(4).normal(0, 5, (300, 400))
    level = 128 + 10 * np.sin(x * 1.3) * np.sin(y * 1.1) + grain
    return Image.merge("RGB", [Image.fromarray(np.clip(level, 0, 255).astype(np.uint8))] * 3)


@pytest.mark.parametrize("format", LOSSY)
def test_auto_spends_bytes_where_a_picture_needs_them(format):
    """Fine cloth gets a higher quality than soft shapes, and both look alike after."""
    poor, rich = encode(soft(), format), encode(fabric(), format)
    assert rich.quality > poor.quality
    assert similarity(rich, fabric()) > 0.9
    assert similarity(poor, soft()) > 0.97


def similarity(encoded: Encoded, image: Image.Image) -> float:
    return ssim(luma(image), luma(read_back(encoded)))


@pytest.mark.parametrize("format", LOSSY)
def test_auto_copes_with_pictures_of_nothing(format):
    for colour in ("white", "black", (200, 30, 30)):
        encoded = encode(Image.new("RGB", (500, 400), colour), format)
        assert 50 <= encoded.quality <= 92


@pytest.mark.parametrize("format", LOSSY)
@pytest.mark.parametrize("share", [0.9, 0.5, 0.3])
def test_maxbytes_is_kept_and_made_use_of(format, share):
    image = photo(400, 300)
    full = encode(image, format, 90)
    wanted = int(len(full.body) * share)
    fitted = encode(image, format, 90, max_bytes=wanted)
    assert len(fitted.body) <= wanted
    assert fitted.quality < 90
    if len(fitted.body) < 0.95 * wanted:
        better = encode(image, format, fitted.quality + 1)
        assert len(better.body) > wanted, "one step more would have fitted too"


@pytest.mark.parametrize("format", LOSSY)
def test_maxbytes_that_suffices_changes_nothing(format):
    full = encode(photo(), format, 70)
    assert encode(photo(), format, 70, max_bytes=len(full.body)) == full


@pytest.mark.parametrize("format", Format)
def test_maxbytes_that_cannot_be_kept_names_the_parameter(format):
    with pytest.raises(OutputTooLarge) as raised:
        encode(photo(300, 200), format, 80, max_bytes=100)
    assert raised.value.param == "maxbytes"
    assert raised.value.diagnostics["bytes"] > 100
    assert "at least" in raised.value.allowed


def test_maxbytes_asks_the_deadline_between_attempts():
    with pytest.raises(DeadlineExceeded):
        encode(photo(300, 200), Format.JPEG, 90, max_bytes=2000, deadline=Deadline.after(-1))


def test_webp_says_which_side_is_too_long_for_it():
    with pytest.raises(OutputTooLarge) as raised:
        encode(Image.new("RGB", (16_384, 1)), Format.WEBP, 80)
    assert raised.value.param == "fm"
    assert "16383" in raised.value.allowed


@pytest.mark.parametrize("format", Format)
def test_xmp_is_embedded_only_when_given(format):
    image = photo()
    assert XMP in encode(image, format, 80, xmp=XMP).body
    assert b"xmpmeta" not in encode(image, format, 80).body


@pytest.mark.parametrize("format", Format)
def test_nothing_of_the_original_s_metadata_reaches_the_rendition(format):
    image = photo()
    image.info = {"icc_profile": b"secret" * 30, "exif": b"Exif\0\0secret", "comment": b"secret",
                  "xmp": b"secret", "dpi": (300, 300), "transparency": (1, 2, 3)}  # fmt: skip
    encoded = encode(image, format, 80)
    assert b"secret" not in encoded.body
    assert image.info["comment"] == b"secret", "the caller's picture is not written into"
    assert read_back(encoded).mode == "RGB"


def test_a_png_says_that_it_is_srgb():
    assert b"sRGB" in encode(photo(), Format.PNG).body


@pytest.mark.parametrize("format", Format)
def test_the_same_picture_gives_the_same_bytes(format):
    """ETags are hashes of the body."""
    assert encode(photo(), format) == encode(photo(), format)


def test_two_threads_that_encode_one_picture_keep_their_own_settings():
    """One object, many qualities at once: each comes out as it does alone."""
    image = photo(300, 200)
    requests_made = [(format, quality) for format in LOSSY for quality in (20, 60, 95)] * 3
    alone = {transform: encode(image, *transform).body for transform in set(requests_made)}
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda transform: encode(image, *transform).body, requests_made))
    assert together == [alone[transform] for transform in requests_made]


@pytest.mark.parametrize("format", Format)
def test_other_threads_run_while_a_large_picture_is_encoded(format):
    """In particular JPEG, whose encoder holds the interpreter when it writes into memory."""
    image, effort = photo(1600, 1200), Effort.USUAL if format is Format.JPEG else Effort.FAST
    assert any(
        longest_hold(lambda: encode(image, format, 80, effort=effort)) < 0.6 for _ in range(100)
    )


def test_the_hold_is_real_where_it_is_not_avoided():
    """The measure can tell: the engine's own way of saving a JPEG holds every other thread."""
    image = photo(1600, 1200)

    def save() -> None:
        image.save(io.BytesIO(), "JPEG", quality=80, progressive=True)

    assert min(longest_hold(save) for _ in range(4)) > 0.8


@pytest.mark.parametrize("picture", [fabric, lettering], ids=["photo", "lettering"])
def test_a_png_is_no_larger_than_the_better_of_two_ways_to_write_it(picture):
    image = picture().convert("RGB").resize((400, 400))
    sizes = []
    for way in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_RLE):
        stream = io.BytesIO()
        image.save(stream, "PNG", compress_level=4, compress_type=way)
        sizes.append(len(stream.getvalue()))
    assert len(encode(image, Format.PNG, 80).body) <= 1.05 * min(sizes)
