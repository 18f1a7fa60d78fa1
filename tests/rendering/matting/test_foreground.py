"""Foreground colours: nothing of the old background is seen on a new one."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from edge.rendering.matting.alpha import resharpened
from edge.rendering.matting.foreground import foreground
from tests.rendering.photos import blob, mask

SUBJECT, OLD = np.float32((30, 90, 160)), np.float32((240, 240, 240))


def soft_photo(radius: float) -> tuple[Image.Image, Image.Image]:
    """One colour on another, mixed along a soft outline; and the alpha of the mixture."""
    alpha = mask(blob).filter(ImageFilter.GaussianBlur(radius))
    cover = np.asarray(alpha, np.float32)[..., None] / 255
    mixed = np.rint(cover * SUBJECT + (1 - cover) * OLD).astype(np.uint8)
    return Image.fromarray(mixed), alpha


@pytest.mark.parametrize("radius", [0.8, 3.0, 8.0], ids=lambda r: f"soft over {r:g} px")
@pytest.mark.parametrize(
    "background", [(255, 255, 255), (0, 0, 0), (255, 0, 0)], ids=["white", "black", "red"]
)
def test_a_new_background_shows_as_if_the_old_one_had_never_been(
    radius: float, background: tuple[int, int, int]
) -> None:
    image, alpha = soft_photo(radius)
    composed = Image.new("RGB", image.size, background)
    composed.paste(foreground(image, alpha), mask=alpha)
    cover = np.asarray(alpha, np.float32)[..., None] / 255
    ideal = cover * SUBJECT + (1 - cover) * np.float32(background)
    off = np.abs(np.asarray(composed, np.float32) - ideal)[np.asarray(alpha) > 0]
    assert np.percentile(off, 99) < 8
    naive = Image.new("RGB", image.size, background)
    naive.paste(image, mask=alpha)
    worse = np.abs(np.asarray(naive, np.float32) - ideal)[np.asarray(alpha) > 0]
    if background != (255, 255, 255):
        assert off.max() < worse.max() / 3


def test_pixels_that_are_all_subject_or_all_background_stay_as_they_are() -> None:
    image, alpha = soft_photo(2.0)
    levels = np.asarray(alpha)
    pure = (levels == 0) | (levels == 255)
    clean = foreground(image, alpha)
    assert np.array_equal(np.asarray(clean)[pure], np.asarray(image)[pure])


def test_a_hard_matte_leaves_the_picture_alone() -> None:
    image, alpha = soft_photo(2.0)
    hard = alpha.point([0] * 128 + [255] * 128)
    assert foreground(image, hard) is image


def test_a_strap_of_two_pixels_gets_its_own_colour_and_not_the_backgrounds() -> None:
    cover = np.zeros((60, 60, 1), np.float32)
    cover[:, 29] = cover[:, 32] = 0.5
    cover[:, 30:32] = 1.0
    mixed = np.rint(cover * SUBJECT + (1 - cover) * OLD).astype(np.uint8)
    alpha = Image.fromarray(np.rint(cover[..., 0] * 255).astype(np.uint8))
    clean = np.asarray(foreground(Image.fromarray(mixed), alpha), np.float32)
    assert np.abs(clean[10:50, 29] - SUBJECT).max() < 25


@pytest.mark.parametrize("side", [1, 2, 50, 400])
@pytest.mark.parametrize("cleaned", [True, False])
def test_an_enlarged_photo_that_is_all_subject_has_no_outline_and_stays(
    side: int, cleaned: bool
) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (side, side, 4), dtype=np.uint8)
    before, whole = pixels.copy(), np.full((side, side), 255, np.uint8)
    assert np.array_equal(resharpened(pixels, whole, cleaned=cleaned), whole)
    assert np.array_equal(pixels, before)
