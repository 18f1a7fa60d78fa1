"""Colours that a file tells by numbers (cICP, nclx, gAMA and cHRM, or its stream) become sRGB's."""

import zlib

import numpy as np
import pytest
from PIL import Image

from edge.images import Size
from edge.limits import Limits
from edge.rendering.source.decode import decode
from edge.rendering.source.probe import read_facts
from tests.rendering import profiles, spaces
from tests.rendering.originals import chunk, photo, saved
from tests.rendering.source.test_colour import PATCHES, assert_close, decoded, patches, sheet

DRAWN = sheet(PATCHES)


def as_png(pixels: np.ndarray, *chunks: bytes) -> bytes:
    return spaces.with_chunks(saved(Image.fromarray(pixels), "PNG"), *chunks)


def as_avif(pixels: np.ndarray, *, range: str = "full", subsampling: str = "4:4:4") -> bytes:
    options = {"quality": 100, "subsampling": subsampling, "range": range}
    return saved(Image.fromarray(pixels), "AVIF", **options)


def as_heic(pixels: np.ndarray, *, full: int = 1, chroma: int = 444, codes=(1, 13)) -> bytes:
    options = {"color_primaries": codes[0], "transfer_characteristics": codes[1]}
    options |= {"quality": 100, "chroma": chroma, "full_range_flag": full}
    return saved(
        Image.fromarray(pixels), "HEIF", matrix_coefficients=6, save_nclx_profile=True, **options
    )


@pytest.mark.parametrize("transfer", [4, 5, 7, 8, 9, 10, 13, 17])
@pytest.mark.parametrize("primaries", [1, 12])
def test_every_curve_of_cicp_is_honoured(primaries, transfer):
    answer = assert_close(
        as_png(DRAWN, spaces.cicp(primaries, transfer)),
        spaces.expected(primaries, transfer, PATCHES),
        worst=2.0, mean=0.5,
    )  # fmt: skip
    if (primaries, transfer) != (1, 13):
        assert answer.notes == (f"colours by CICP {primaries}/{transfer} are converted to sRGB",)


@pytest.mark.parametrize("primaries", sorted(spaces.PRIMARIES))
def test_all_primaries_of_cicp_are_honoured(primaries):
    reference = spaces.expected(primaries, 13, PATCHES)
    assert_close(as_png(DRAWN, spaces.cicp(primaries, 13)), reference, worst=2.0, mean=0.5)


@pytest.mark.parametrize("transfer", [1, 2, 6, 14, 15])
def test_curves_of_television_are_taken_as_those_of_screens(transfer):
    reference = spaces.expected(12, 13, PATCHES)
    assert_close(as_png(DRAWN, spaces.cicp(12, transfer)), reference, worst=2.0, mean=0.5)
    untouched = decoded(as_png(DRAWN, spaces.cicp(1, transfer)))
    assert np.array_equal(np.asarray(untouched.image), DRAWN)
    assert untouched.notes == ()


@pytest.mark.parametrize("codes", [(12, 13), (9, 13), (12, 8), (1, 4), (9, 17)])
@pytest.mark.parametrize(
    "options",
    [{"range": range, "subsampling": chroma} for range in ("full", "limited")
     for chroma in ("4:4:4", "4:2:0")],
    ids=["full 4:4:4", "full 4:2:0", "limited 4:4:4", "limited 4:2:0"],
)  # fmt: skip
@pytest.mark.parametrize("told", ["box", "stream"])
def test_an_avif_is_converted_by_its_box_or_its_stream(codes, options, told):
    body = as_avif(DRAWN, **options)
    if told == "box":
        body = spaces.with_nclx(body, *codes)
    else:
        body = spaces.without_nclx(spaces.with_stream_codes(body, *codes))
    plain = patches(decoded(as_avif(DRAWN, **options)).image)
    reference = spaces.expected(*codes, plain)
    answer = assert_close(body, reference, worst=3.0, mean=0.8)
    assert f"CICP {codes[0]}/{codes[1]}" in answer.notes[0]


@pytest.mark.parametrize("codes", [(12, 13), (9, 13), (1, 4)])
@pytest.mark.parametrize(("full", "chroma"), [(1, 444), (0, 444), (1, 420), (0, 420)])
@pytest.mark.parametrize("told", ["box", "stream"])
def test_a_heic_is_converted_by_its_box_or_its_stream(codes, full, chroma, told):
    body = as_heic(DRAWN, full=full, chroma=chroma, codes=codes)
    if told == "stream":
        body = spaces.without_nclx(body)
    else:
        body = spaces.with_nclx(as_heic(DRAWN, full=full, chroma=chroma), *codes)
    plain = patches(decoded(as_heic(DRAWN, full=full, chroma=chroma)).image)
    answer = assert_close(body, spaces.expected(*codes, plain), worst=3.5, mean=1.0)
    assert f"CICP {codes[0]}/{codes[1]}" in answer.notes[0]


@pytest.mark.parametrize("format", ["AVIF", "HEIF"])
def test_a_profile_comes_before_codes(format):
    """A file may have both; browsers convert by the profile, and so does this."""
    body = saved(
        Image.fromarray(DRAWN), format, quality=100, icc_profile=profiles.profile("adobe-rgb"),
        **({"subsampling": "4:4:4"} if format == "AVIF" else {"chroma": 444}),
    )  # fmt: skip
    if b"colrnclx" in body:
        body = spaces.with_nclx(body, 9, 16)
    answer = assert_close(body, profiles.expected("adobe-rgb", PATCHES), worst=4.0, mean=1.2)
    assert answer.notes == ()


@pytest.mark.parametrize("space", profiles.SPACES)
def test_gamma_and_primaries_of_a_png_are_honoured(space):
    primaries, exponent = profiles.SPACES[space]
    chunks = (spaces.gamma(1 / exponent), spaces.chromaticities(primaries))
    reference = profiles.expected(space, PATCHES)
    answer = assert_close(as_png(DRAWN, *chunks), reference, worst=2.0, mean=0.5)
    assert "gAMA and cHRM" in answer.notes[0]


@pytest.mark.parametrize("exponent", [1.0, 1.8, 2.8])
def test_gamma_alone_is_honoured(exponent):
    linear = (PATCHES / 255) ** exponent
    reference = profiles.to_srgb(linear @ profiles.matrix(profiles.SRGB_PRIMARIES).T)
    assert_close(as_png(DRAWN, spaces.gamma(1 / exponent)), reference, worst=2.0, mean=0.5)


def test_the_gamma_that_writers_of_srgb_state_changes_no_pixel():
    chunks = (spaces.gamma(1 / 2.2), spaces.chromaticities(profiles.SRGB_PRIMARIES))
    answer = decoded(as_png(DRAWN, *chunks))
    assert np.array_equal(np.asarray(answer.image), DRAWN)
    assert answer.notes == ()


@pytest.mark.parametrize("mode", ["RGBA", "L", "LA", "P", "palette with alpha"])
def test_every_mode_of_a_png_is_converted(mode):
    image = Image.fromarray(DRAWN)
    if mode in ("L", "LA"):
        image = image.convert("L")
    drawn = patches(image)
    options = {}
    if mode in ("RGBA", "LA"):
        image.putalpha(200)
    elif mode.startswith("P") or mode.startswith("p"):
        image = image.quantize(64, dither=Image.Dither.NONE)
        drawn = patches(image)
        options = {"transparency": 3} if mode != "P" else {}
    body = spaces.with_chunks(saved(image, "PNG", **options), spaces.cicp(12, 4))
    answer = decoded(body)
    reference = spaces.expected(12, 4, drawn)
    assert profiles.delta_e(patches(answer.image), reference).max() < 2.5
    assert (answer.image.mode == "RGBA") == (mode in ("RGBA", "LA", "palette with alpha"))
    if mode in ("L", "LA"):
        pixels = np.asarray(answer.image)
        assert np.array_equal(pixels[..., 0], pixels[..., 2]), "grey stays neutral"


def test_a_narrow_range_is_stretched():
    narrow = np.rint(16 + DRAWN / 255 * 219).astype(np.uint8)
    reference = spaces.expected(12, 13, PATCHES)
    body = as_png(narrow, spaces.cicp(12, 13, full=False))
    assert_close(body, reference, worst=2.5, mean=0.6)
    alone = decoded(as_png(narrow, spaces.cicp(1, 13, full=False)))
    assert np.abs(np.asarray(alone.image, dtype=int) - DRAWN).max() <= 1


def test_a_reduced_decode_has_the_same_colours():
    drawn = sheet(PATCHES).repeat(8, axis=0).repeat(8, axis=1)
    body = as_png(drawn, spaces.cicp(12, 13))
    facts = read_facts(body, Limits())
    small = decode(body, facts, target=Size(90, 60)).image
    assert small.width < facts.size.width
    whole = small.resize((96, 64), Image.Resampling.BOX)
    error = profiles.delta_e(patches(whole), spaces.expected(12, 13, PATCHES))
    assert error.max() < 2


@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.2])
@pytest.mark.parametrize("kind", ["LA", "LA 16 bits", "L and a clear grey", "WEBP", "AVIF", "JPEG",
                                  "TIFF", "HEIF"])  # fmt: skip
def test_grey_keeps_its_grey_profile(kind, gamma):
    """With alpha too, and in formats that have no grey of their own and hold it as colours."""
    levels = np.linspace(0, 255, 24).round()
    grey = Image.fromarray(sheet(levels[:, None])[..., 0])
    profile = profiles.grey_profile(gamma)
    answer = decoded(_grey(kind, grey, profile))
    linear = (levels / 255.0)[:, None] ** gamma * profiles.D50
    error = profiles.delta_e(patches(answer.image), profiles.to_srgb(linear))
    lossy = kind in ("WEBP", "AVIF", "JPEG", "HEIF")
    assert error[2:].max() < (4 if lossy else 2.5)
    assert answer.notes == ()
    pixels = np.asarray(answer.image)
    assert np.array_equal(pixels[..., 0], pixels[..., 1])
    assert np.array_equal(pixels[..., 0], pixels[..., 2])


def _grey(kind: str, grey: Image.Image, profile: bytes) -> bytes:
    if kind == "LA":
        grey.putalpha(180)
        return saved(grey, "PNG", icc_profile=profile)
    if kind == "LA 16 bits":
        values = np.asarray(grey)[..., None] / 255
        values = np.concatenate([values, np.full_like(values, 0.7)], axis=-1)
        return spaces.png16(values, chunk(b"iCCP", b"p\0\0" + zlib.compress(profile)))
    if kind == "L and a clear grey":
        return saved(grey, "PNG", icc_profile=profile, transparency=1)
    options = {
        "WEBP": {"lossless": True},
        "AVIF": {"quality": 100},
        "JPEG": {"quality": 100},
        "TIFF": {},
        "HEIF": {"quality": 100},
    }[kind]
    image = grey if kind in ("JPEG", "TIFF", "HEIF") else grey.convert("RGB")
    return saved(image, kind, icc_profile=profile, **options)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (as_png(DRAWN, spaces.cicp(12, 13)), "CICP 12/13"),
        (as_png(DRAWN, spaces.cicp(1, 13)), None),
        (as_png(DRAWN, spaces.gamma(0.6)), "gAMA"),
        (spaces.with_nclx(as_avif(DRAWN), 9, 16), "CICP 9/16"),
    ],
)
def test_the_facts_name_colours_that_are_not_srgb(body, told):
    """So that a file which is held against a rule of sRGB does not pass for it."""
    assert read_facts(body, Limits()).profile == told


def test_a_grey_profile_says_nothing_of_colours():
    body = saved(Image.fromarray(DRAWN), "PNG", icc_profile=profiles.grey_profile(1.0))
    answer = decoded(body)
    assert np.array_equal(np.asarray(answer.image), DRAWN)
    assert "cannot be used" in answer.notes[0]


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF"])
def test_grey_with_a_profile_of_colours_follows_its_curve(format):
    """A photo that was made grey keeps Adobe RGB's or ProPhoto's profile in many editors."""
    levels = np.linspace(0, 255, 24).round()
    grey = Image.fromarray(sheet(levels[:, None])[..., 0])
    options = {"quality": 100} if format == "JPEG" else {}
    body = saved(grey, format, icc_profile=profiles.profile("prophoto"), **options)
    answer = decoded(body)
    reference = profiles.expected("prophoto", levels[:, None].repeat(3, axis=1))
    assert profiles.delta_e(patches(answer.image), reference).max() < 2.5
    assert answer.notes == ()


def test_a_photo_is_within_a_level_of_its_srgb():
    """Encoded in Display P3 and told by cICP, nclx or gAMA and cHRM, the picture is the same."""
    drawn = np.asarray(photo(320, 200), dtype=float)
    xyz = spaces.srgb_light(drawn / 255) @ profiles.matrix(profiles.SRGB_PRIMARIES).T
    linear = np.clip(xyz @ np.linalg.inv(profiles.matrix(spaces.PRIMARIES[12])).T, 0, 1)
    curved = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    stored = np.rint(curved * 255).astype(np.uint8)
    for body, most in (
        (as_png(stored, spaces.cicp(12, 13)), 0.5),
        (spaces.with_nclx(as_avif(stored), 12, 13), 1.5),  # of which the coding is 0.8
        (spaces.with_nclx(as_heic(stored), 12, 13), 1.2),
    ):
        shown = np.asarray(decoded(body).image, dtype=float)
        assert np.abs(shown - drawn).mean() < most
    assert np.abs(stored - drawn).mean() > 5, "a test that passes without converting is none"
