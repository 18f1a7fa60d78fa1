"""Colours of every kind of original are those of a reference without the engine's code."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageCms

from edge.limits import Limits
from edge.rendering.engine import pillow
from edge.rendering.source.decode import Decoded, decode
from edge.rendering.source.facts import Mode
from edge.rendering.source.probe import read_facts
from tests.rendering import profiles
from tests.rendering.originals import png, saved, without_adobe, ycck

pillow.check()

# Patches of 16x16 pixels: corners and insides of the colour cube, greys, and what shops sell.
PATCHES = np.array(
    [
        (0, 0, 0), (255, 255, 255), (128, 128, 128), (64, 64, 64), (200, 200, 200), (20, 20, 20),
        (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255), (255, 0, 255),
        (180, 60, 50), (70, 140, 70), (50, 70, 160), (230, 180, 40), (120, 80, 60),
        (240, 220, 200), (90, 30, 110), (30, 60, 60), (210, 120, 150), (160, 190, 220),
        (100, 110, 40), (250, 245, 240),
    ]
)  # fmt: skip
INKS = np.array(
    [
        (0, 0, 0, 0), (255, 0, 0, 0), (0, 255, 0, 0), (0, 0, 255, 0), (0, 0, 0, 255),
        (0, 0, 0, 128),
        (128, 128, 0, 0), (0, 128, 128, 0), (128, 0, 128, 0), (40, 30, 30, 10), (200, 80, 20, 30),
        (20, 200, 180, 0), (10, 60, 220, 0), (220, 20, 200, 40), (255, 255, 0, 0), (60, 60, 60, 60),
        (0, 255, 255, 0), (255, 0, 255, 0), (100, 90, 90, 100), (10, 10, 10, 0), (0, 40, 60, 0),
        (90, 0, 20, 0), (5, 5, 60, 5), (128, 100, 90, 128),
    ]
)  # fmt: skip


def sheet(colours: np.ndarray) -> np.ndarray:
    """24 colours as patches of 16x16 in six columns and four rows."""
    return colours.reshape(4, 6, -1).repeat(16, axis=0).repeat(16, axis=1).astype(np.uint8)


def patches(image: Image.Image) -> np.ndarray:
    """The mean colour of the middle of each patch."""
    pixels = np.asarray(image.convert("RGB"), dtype=float).reshape(4, 16, 6, 16, 3)
    return pixels[:, 4:12, :, 4:12].mean(axis=(1, 3)).reshape(24, 3)


def decoded(body: bytes) -> Decoded:
    return decode(body, read_facts(body, Limits()))


def assert_close(body: bytes, reference: np.ndarray, *, worst: float, mean: float) -> Decoded:
    answer = decoded(body)
    error = profiles.delta_e(patches(answer.image), reference)
    assert error.max() < worst, f"patch {error.argmax()} is off by {error.max():.2f}"
    assert error.mean() < mean
    return answer


def test_the_reference_knows_the_published_values():
    """CIEDE2000 against Sharma's table; the sRGB matrix against the standard's, under D50."""
    white, grey = profiles.lab_of_srgb(np.array([[255, 255, 255], [119, 119, 119]]))
    assert white == pytest.approx([100, 0, 0], abs=0.02)
    assert grey == pytest.approx([50.03, 0, 0], abs=0.02)
    published = [[0.4360, 0.3851, 0.1431], [0.2225, 0.7169, 0.0606], [0.0139, 0.0971, 0.7141]]
    assert profiles.matrix(profiles.SRGB_PRIMARIES) == pytest.approx(np.array(published), abs=2e-4)
    assert profiles.delta_e(np.array([255.0, 0, 0]), np.array([250.0, 5, 5])) < 2


@pytest.mark.parametrize("space", profiles.SPACES)
@pytest.mark.parametrize(
    ("format", "options", "worst", "mean"),
    [
        ("PNG", {}, 2.0, 0.5),
        ("TIFF", {"compression": "tiff_lzw"}, 2.0, 0.5),
        ("WEBP", {"lossless": True}, 2.0, 0.5),
        ("JPEG", {"quality": 100, "subsampling": 0}, 3.0, 0.8),
        ("AVIF", {"quality": 100, "subsampling": "4:4:4"}, 3.0, 1.0),
        ("HEIF", {"quality": 100, "chroma": 444}, 4.0, 1.2),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_embedded_rgb_profile_is_honoured(space, format, options, worst, mean):
    """Adobe RGB, ProPhoto and Display P3 look right once they are sRGB."""
    profile = profiles.profile(space)
    body = saved(Image.fromarray(sheet(PATCHES)), format, icc_profile=profile, **options)
    assert read_facts(body, Limits()).profile == space
    reference = profiles.expected(space, PATCHES)
    assert_close(body, reference, worst=worst, mean=mean)
    untouched = profiles.delta_e(PATCHES.astype(float), reference)
    assert untouched.mean() > mean, "a test that passes without converting proves nothing"


def test_a_profile_that_is_srgb_under_any_name_changes_no_pixel():
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    pixels = sheet(PATCHES)
    answer = decoded(saved(Image.fromarray(pixels), "PNG", icc_profile=srgb))
    assert np.array_equal(np.asarray(answer.image), pixels)
    assert answer.notes == ()


def test_cmyk_with_a_profile_in_a_tiff():
    inks = _cmyk(INKS)
    body = saved(inks, "TIFF", icc_profile=profiles.ink_profile(), compression="tiff_lzw")
    assert read_facts(body, Limits()).mode is Mode.CMYK
    answer = assert_close(body, profiles.expected_ink(INKS), worst=3.0, mean=0.8)
    assert answer.notes == ()


@pytest.mark.parametrize("kind", ["adobe", "plain", "ycck"])
def test_cmyk_with_a_profile_in_a_jpeg(kind):
    """Adobe's inverted foreground colours, the same without Adobe's marker, and Adobe's YCCK."""
    body = _cmyk_jpeg(kind, icc_profile=profiles.ink_profile())
    assert read_facts(body, Limits()).profile == "press"
    assert_close(body, profiles.expected_ink(INKS), worst=4.0, mean=1.2)


@pytest.mark.parametrize("kind", ["adobe", "plain", "ycck"])
def test_cmyk_without_a_profile_follows_the_formula_of_browsers(kind):
    """Each channel is paper times what ink and black let through; and the answer says so."""
    inks = INKS / 255
    reference = 255 * (1 - inks[:, :3]) * (1 - inks[:, 3:])
    answer = assert_close(_cmyk_jpeg(kind), reference, worst=4.0, mean=1.2)
    assert "CMYK without a profile" in answer.notes[0]


def _cmyk(inks: np.ndarray) -> Image.Image:
    bands = [Image.fromarray(band) for band in np.moveaxis(sheet(inks), -1, 0).copy()]
    return Image.merge("CMYK", bands)


def _cmyk_jpeg(kind: str, **options) -> bytes:
    """The engine writes Adobe's kind; the other two are made from it."""
    options |= {"quality": 100, "subsampling": 0}
    if kind == "adobe":
        return saved(_cmyk(INKS), "JPEG", **options)
    if kind == "plain":
        return without_adobe(saved(_cmyk(INKS), "JPEG", **options))
    return ycck(_cmyk(INKS), **options)


def test_lab_tiff():
    lab = profiles.lab_of_srgb(PATCHES)
    stored = np.rint(np.stack([lab[:, 0] * 2.55, lab[:, 1], lab[:, 2]], axis=-1))
    bands = np.moveaxis(sheet(stored.astype(np.int16).astype(np.uint8)), -1, 0).copy()
    # The engine's LAB holds a and b as signed bytes, as TIFF does, shown here as 0 to 255.
    shifted = [bands[0], bands[1] + np.uint8(128), bands[2] + np.uint8(128)]
    image = Image.merge("LAB", [Image.fromarray(band) for band in shifted])
    body = saved(image, "TIFF")
    assert read_facts(body, Limits()).mode is Mode.LAB
    assert_close(body, PATCHES.astype(float), worst=2.5, mean=0.8)


@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.6])
@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF"])
def test_a_grey_profile_bends_the_curve_and_stays_neutral(gamma, format):
    levels = np.linspace(0, 255, 24).round().astype(np.uint8)
    image = Image.fromarray(sheet(levels[:, None])[..., 0])
    options = {"quality": 100} if format == "JPEG" else {}
    body = saved(image, format, icc_profile=profiles.grey_profile(gamma), **options)
    linear = (levels / 255.0)[:, None] ** gamma * profiles.D50
    answer = assert_close(body, profiles.to_srgb(linear), worst=2.5, mean=0.8)
    pixels = np.asarray(answer.image)
    assert np.array_equal(pixels[..., 0], pixels[..., 1])
    assert np.array_equal(pixels[..., 0], pixels[..., 2])


def test_a_palette_with_a_profile():
    pixels = Image.fromarray(sheet(PATCHES)).quantize(64, dither=Image.Dither.NONE)
    body = saved(pixels, "PNG", icc_profile=profiles.profile("display-p3"))
    assert read_facts(body, Limits()).mode is Mode.PALETTE
    assert_close(body, profiles.expected("display-p3", PATCHES), worst=2.5, mean=0.8)


def test_alpha_survives_the_conversion():
    pixels = np.dstack([sheet(PATCHES), np.tile(np.arange(96, dtype=np.uint8) * 2, (64, 1))])
    body = saved(Image.fromarray(pixels), "PNG", icc_profile=profiles.profile("adobe-rgb"))
    answer = assert_close_opaque(body, profiles.expected("adobe-rgb", PATCHES))
    assert np.array_equal(np.asarray(answer)[..., 3], pixels[..., 3])


def assert_close_opaque(body: bytes, reference: np.ndarray) -> Image.Image:
    image = decoded(body).image
    assert image.mode == "RGBA"
    assert profiles.delta_e(patches(image), reference).max() < 2
    return image


@pytest.mark.parametrize(
    "profile",
    [b"nonsense", profiles.profile("adobe-rgb")[:200], profiles.ink_profile(3), b"\0" * 128],
    ids=["text", "cut", "for-cmyk", "zeros"],
)
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_a_profile_that_cannot_be_used_leaves_the_colours_and_says_so(profile, mode):
    image = Image.fromarray(sheet(PATCHES)).convert(mode)
    if mode == "RGBA":
        image.putpixel((0, 0), (0, 0, 0, 0))
    answer = decoded(saved(image, "PNG", icc_profile=profile))
    shown = answer.image.convert("RGB").crop((1, 0, 96, 64))
    assert shown.tobytes() == image.convert("RGB").crop((1, 0, 96, 64)).tobytes()
    assert "cannot be used" in answer.notes[0]


def test_a_broken_cmyk_profile_falls_back_to_the_formula():
    answer = decoded(saved(_cmyk(INKS), "TIFF", icc_profile=b"nonsense" * 20))
    assert "CMYK by formula" in answer.notes[0]
    assert patches(answer.image)[0] == pytest.approx([255, 255, 255])


@pytest.mark.parametrize("byte_order", ["little", "big"])
def test_sixteen_bit_grey_is_scaled_and_not_clipped(byte_order):
    """A ramp over all 65536 levels comes out as a ramp over all 256, not as white from 256 on."""
    levels = np.linspace(0, 65535, 4096).round().astype(np.uint16).reshape(16, 256)
    if byte_order == "little":
        body = saved(Image.fromarray(levels), "PNG")
    else:
        image = Image.new("I;16B", (256, 16))
        image.frombytes(levels.astype(">u2").tobytes())
        body = saved(image, "TIFF")
    assert read_facts(body, Limits()).bits == 16
    pixels = np.asarray(decoded(body).image)[..., 0]
    assert np.abs(pixels - levels / 257).max() <= 0.51


def test_sixteen_bit_colour_is_within_one_level():
    row = b"\0" + (PATCHES * 257).astype(">u2").tobytes()
    body = png(24, 1, bits=16, kind=2, rows=row)
    facts = read_facts(body, Limits())
    assert (facts.bits, facts.mode) == (16, Mode.RGB)
    pixels = np.asarray(decode(body, facts).image, dtype=int).reshape(24, 3)
    assert np.abs(pixels - PATCHES).max() <= 1


def test_two_threads_may_share_a_profile():
    """Many photos of one profile at once come out as one alone does."""
    body = saved(Image.fromarray(sheet(PATCHES)), "PNG", icc_profile=profiles.profile("prophoto"))
    alone = decoded(body).image.tobytes()
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda _: decoded(body).image.tobytes(), range(24)))
    assert set(together) == {alone}


def test_a_profile_s_other_tags_are_not_looked_at():
    """A pipeline of any length, named first by ICC.1:2022, gives way to matrix and curves."""
    plain = profiles.profile("adobe-rgb")
    odd = profiles.with_tags(plain, {b"D2B1": b"mpet" + bytes(40), b"A2Bx": b"junk" * 9})
    bodies = [saved(Image.fromarray(sheet(PATCHES)), "PNG", icc_profile=p) for p in (plain, odd)]
    first, second = (np.asarray(decoded(body).image) for body in bodies)
    assert np.array_equal(first, second)


def test_a_profile_that_ends_within_its_table_is_passed_over():
    cut = profiles.profile("adobe-rgb")[:140]
    body = saved(Image.fromarray(sheet(PATCHES)), "PNG", icc_profile=cut)
    answer = decoded(body)
    assert np.array_equal(np.asarray(answer.image), sheet(PATCHES))
    assert "cannot be used" in answer.notes[0]


def test_a_large_picture_is_converted_in_bands_without_a_seam():
    """All rows alike stay alike, across the rows where one band ends and another starts."""
    row = np.random.default_rng(5).integers(0, 256, (1, 64, 3), np.uint8)
    body = saved(
        Image.fromarray(row.repeat(700, axis=0)), "PNG", icc_profile=profiles.profile("adobe-rgb")
    )
    pixels = np.asarray(decoded(body).image)
    assert pixels.shape == (700, 64, 3)
    assert (pixels == pixels[0]).all()
