"""Pictures of high dynamic range look as they were made on a screen without it."""

import zlib

import numpy as np
import pytest
from PIL import Image

from edge.images import Size
from edge.limits import Limits
from edge.rendering.source import tone_mapping
from edge.rendering.source.decode import decode
from edge.rendering.source.headers import cicp
from edge.rendering.source.probe import read_facts
from tests.rendering import profiles, spaces
from tests.rendering.originals import chunk, photo, saved
from tests.rendering.source.test_colour import PATCHES, decoded, patches, sheet

CODED = {16: spaces.pq, 18: spaces.hlg}
NAMES = {16: "PQ", 18: "HLG"}


def values(transfer: int, light: np.ndarray) -> np.ndarray:
    return CODED[transfer](light)


def mapped(transfer: int, light: np.ndarray, bits: int = 16) -> np.ndarray:
    most = 2**bits - 1
    levels = np.rint(np.clip(values(transfer, light), 0, 1) * most)
    levels = levels.astype(np.uint8 if bits == 8 else np.uint16)
    return tone_mapping.to_srgb(levels, cicp.of_codes(9, transfer), bits)


@pytest.mark.parametrize("transfer", CODED)
def test_what_is_no_brighter_than_paper_comes_out_as_it_was_drawn(transfer):
    drawn = np.random.default_rng(3).integers(0, 256, (64, 64, 3))
    shown = mapped(transfer, spaces.linear_bt2020(drawn))
    assert np.abs(shown.astype(int) - drawn).max() <= 1


@pytest.mark.parametrize("transfer", CODED)
def test_highlights_are_kept_apart_and_in_order(transfer):
    """Grey of up to 1,000 cd/m2: darker stays darker, nothing below is lost, paper is light."""
    nits = np.linspace(0, 1000, 2048)
    shown = mapped(transfer, np.tile((nits / 203)[None, :, None], (4, 1, 3)))[0]
    assert np.array_equal(shown[:, 0], shown[:, 2])
    level = shown[:, 1].astype(int)
    assert (np.diff(level) >= 0).all()
    at = {wanted: level[np.abs(nits - wanted).argmin()] for wanted in (50, 203, 400, 1000)}
    exact = 255 * (1.055 * (50 / 203) ** (1 / 2.4) - 0.055)
    assert at[50] == pytest.approx(exact, abs=1), "what is dark is not changed"
    assert 220 <= at[203] < at[400] < at[1000]
    assert at[1000] >= 254


@pytest.mark.parametrize("transfer", CODED)
def test_a_bright_colour_keeps_its_hue(transfer):
    colour = np.array([2.0, 1.9, 1.8])
    light = np.tile(colour, (8, 8, 1))
    light[4:] = 4.9
    shown = spaces.linear_bt2020(mapped(transfer, light)[0, 0])
    assert shown / shown.max() == pytest.approx(colour / 2, abs=0.01)
    assert 0.8 < shown.max() < 1


def test_a_stray_bright_pixel_does_not_darken_the_picture():
    drawn = np.full((200, 200, 3), 250)
    light = spaces.linear_bt2020(drawn)
    light[5, 5] = 40.0
    shown = mapped(16, light)
    assert np.abs(shown[50:].astype(int) - 250).max() <= 1


@pytest.mark.parametrize("transfer", CODED)
def test_a_png_of_high_dynamic_range_is_never_passed_as_it_is(transfer):
    body = spaces.png16(
        values(transfer, spaces.linear_bt2020(sheet(PATCHES))), spaces.cicp(9, transfer)
    )
    answer = decoded(body)
    error = profiles.delta_e(patches(answer.image), PATCHES.astype(float))
    assert error.mean() < 1.2
    assert NAMES[transfer] in answer.notes[0]
    assert "203 cd/m2" in answer.notes[0]


@pytest.mark.parametrize("transfer", CODED)
@pytest.mark.parametrize("format", ["AVIF", "HEIF"])
def test_an_avif_or_heic_of_high_dynamic_range_is_tone_mapped(format, transfer):
    coded = values(transfer, spaces.linear_bt2020(sheet(PATCHES)))
    image = Image.fromarray(np.rint(np.clip(coded, 0, 1) * 255).astype(np.uint8))
    options = {"subsampling": "4:4:4"} if format == "AVIF" else {"chroma": 444}
    body = spaces.with_nclx(_with_box(image, format, options), 9, transfer)
    answer = decoded(body)
    error = profiles.delta_e(patches(answer.image), PATCHES.astype(float))
    assert np.median(error) < 3
    assert NAMES[transfer] in answer.notes[0]
    flat = profiles.delta_e(patches(image), PATCHES.astype(float))
    assert np.median(flat) > 6, "a test that passes without converting is none"


def _with_box(image: Image.Image, format: str, options: dict[str, object]) -> bytes:
    if format == "HEIF":
        options = options | {
            "color_primaries": 1, "transfer_characteristics": 13, "matrix_coefficients": 6,
            "full_range_flag": 1, "save_nclx_profile": True,
        }  # fmt: skip
    return saved(image, format, quality=100, **options)


def test_grey_and_see_through_pictures_are_tone_mapped_too():
    light = spaces.linear_bt2020(np.full((8, 8, 3), 128))
    grey = spaces.pq(light[..., 1:2])
    alpha = np.full((8, 8, 1), 0.5)
    for stack in ([grey], [grey, alpha], [grey, grey, grey, alpha]):
        body = spaces.png16(np.concatenate(stack, axis=-1), spaces.cicp(9, 16))
        image = decoded(body).image
        assert image.mode == ("RGB" if len(stack) == 1 else "RGBA")
        assert image.getpixel((4, 4))[:3] == pytest.approx((128, 128, 128), abs=2)


def test_a_photo_in_sixteen_bits_is_within_a_level_of_its_srgb():
    drawn = np.asarray(photo(160, 100))
    body = spaces.png16(spaces.pq(spaces.linear_bt2020(drawn)), spaces.cicp(9, 16))
    shown = np.asarray(decoded(body).image, dtype=int)
    assert np.abs(shown - drawn).mean() < 0.5


@pytest.mark.parametrize("transfer", CODED)
@pytest.mark.parametrize("format", ["AVIF", "HEIF"])
def test_ten_bits_are_tone_mapped_from_all_of_them(format, transfer):
    """In 8 bits a photo is 1.2 levels off on average before any coding."""
    drawn = np.asarray(photo(160, 100))
    coded = np.clip(values(transfer, spaces.linear_bt2020(drawn)), 0, 1)
    answer = decoded(spaces.ten_bits(coded, format, transfer))
    shown = np.asarray(answer.image, dtype=int)
    assert np.abs(shown - drawn).mean() < 1.0
    assert NAMES[transfer] in answer.notes[0]


def test_a_narrow_range_is_stretched_in_all_its_bits():
    drawn = np.asarray(photo(80, 60))
    coded = spaces.pq(spaces.linear_bt2020(drawn))
    narrow = (4096 + coded * 219 * 256) / 65535
    body = spaces.png16(narrow, spaces.cicp(9, 16, full=False))
    assert np.abs(np.asarray(decoded(body).image, dtype=int) - drawn).mean() < 0.5


def test_a_clear_colour_stays_clear():
    """Of 16 bits, told by tRNS."""
    coded = spaces.pq(spaces.linear_bt2020(np.full((8, 8, 3), 128)))
    coded[:4] = 0
    body = spaces.png16(coded, spaces.cicp(9, 16), chunk(b"tRNS", bytes(6)))
    image = decoded(body).image
    assert image.getpixel((0, 0))[3] == 0
    assert image.getpixel((0, 7)) == pytest.approx((128, 128, 128, 255), abs=6)


def test_a_smaller_one_is_tone_mapped_as_the_whole():
    drawn = np.asarray(photo(400, 300))
    body = spaces.png16(spaces.pq(spaces.linear_bt2020(drawn)), spaces.cicp(9, 16))
    small = decode(body, read_facts(body, Limits()), target=Size(100, 75)).image
    assert small.width == 200
    whole = Image.fromarray(drawn).reduce(2)
    assert np.abs(np.asarray(small, dtype=int) - np.asarray(whole)).mean() < 1


@pytest.mark.parametrize("transfer", CODED)
def test_a_profile_of_high_dynamic_range_is_known_by_its_codes(transfer):
    """As editors write them: the curve in the profile ends at 10,000 cd/m2, which no screen has."""
    profile = profiles.with_codes(profiles.profile("display-p3"), 9, transfer)
    coded = values(transfer, spaces.linear_bt2020(sheet(PATCHES)))
    body = spaces.png16(coded, chunk(b"iCCP", b"p\0\0" + zlib.compress(profile)))
    answer = decoded(body)
    assert profiles.delta_e(patches(answer.image), PATCHES.astype(float)).mean() < 0.5
    assert NAMES[transfer] in answer.notes[0]


def test_codes_of_a_profile_of_usual_range_leave_it_to_its_curves():
    profile = profiles.with_codes(profiles.profile("adobe-rgb"), 9, 13)
    body = saved(Image.fromarray(sheet(PATCHES)), "PNG", icc_profile=profile)
    error = profiles.delta_e(patches(decoded(body).image), profiles.expected("adobe-rgb", PATCHES))
    assert error.max() < 2


def test_saved_pictures_of_the_engine_are_not_mistaken():
    assert decoded(saved(photo(), "AVIF")).notes == ()
