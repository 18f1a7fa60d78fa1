from dataclasses import replace

import pytest
from PIL import Image

from edge.rendering.analysis.analyze import analyze, trim
from edge.rendering.pixels.geometry import Area
from edge.variants.transform import Transform
from tests.rendering.stage import made, noise, product

BOX = (60, 40, 200, 310)


def trimmed(image: Image.Image, tolerance: int = 10) -> Image.Image:
    seen = replace(analyze(image), trimmed=trim(image, tolerance))
    return made(Transform(trim=tolerance), image, analysis=seen)


def test_a_border_of_one_colour_is_cut_to_the_pixel():
    image = product(box=BOX)
    assert trimmed(image).tobytes() == image.crop(BOX).tobytes()


@pytest.mark.parametrize(("tolerance", "size"), [(4, (320, 400)), (30, (140, 270))])
def test_the_tolerance_decides_what_is_border(tolerance, size):
    """A smudge of 12 steps on the border is part of it only from that tolerance on."""
    image = product(box=BOX)
    image.putpixel((0, 0), (228, 228, 228))
    image.putpixel((319, 399), (228, 228, 228))
    assert trimmed(image, tolerance).size == size


def test_nothing_of_the_border_is_left_after_a_resize():
    image = product(box=BOX, background=(0, 0, 0), color=(200, 200, 200))
    seen = replace(analyze(image), trimmed=trim(image, 10))
    small = made(Transform(trim=10, width=35), image, analysis=seen)
    assert small.getcolors() == [(35 * 68, (200, 200, 200))]


def test_without_two_corners_alike_there_is_no_border():
    assert trimmed(noise(40, 30)).size == (40, 30)


def test_a_see_through_border_goes():
    image = Image.new("RGBA", (100, 80), (7, 7, 7, 0))
    image.paste(noise(30, 20), (10, 50))
    assert trimmed(image).size == (30, 20)


def test_a_picture_of_one_colour_stays_whole():
    assert trimmed(Image.new("RGB", (90, 70), "white")).size == (90, 70)


def test_inside_a_crop_the_border_of_the_crop_counts():
    image = product(box=BOX)
    within = Area(100 / 320, 100 / 400, 1.0, 1.0)
    left = trim(image, 10, within)
    assert left.scaled(320, 400) == Area(100, 100, 200, 310)
