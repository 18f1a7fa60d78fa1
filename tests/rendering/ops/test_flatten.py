import pytest
from PIL import Image

from edge.images import Color, Format
from edge.variants.transform import Transform
from edge.variants.values import Background
from tests.rendering.stage import made, noise

HALF_BLACK = Image.new("RGBA", (20, 20), (0, 0, 0, 128))


@pytest.mark.parametrize(
    ("background", "expected"),
    [
        (None, (127, 127, 127)),
        (Background.of(Color(255, 0, 0)), (127, 0, 0)),
        (Background.of(Color(255, 0, 0, 128)), (127, 63, 63)),
    ],
    ids=["white where nothing is said", "the colour asked for", "a thin colour over white"],
)
def test_a_jpeg_has_its_background_behind_see_through_pixels(background, expected):
    shown = made(Transform(background=background, format=Format.JPEG), HALF_BLACK)
    assert shown.mode == "RGB"
    assert shown.getpixel((5, 5)) == pytest.approx(expected, abs=1)


def test_alpha_stays_in_formats_that_have_it():
    shown = made(Transform(format=Format.AVIF), HALF_BLACK)
    assert shown.getpixel((5, 5)) == (0, 0, 0, 128)


def test_a_colour_asked_for_is_behind_it_in_every_format():
    white = Transform(background=Background.of(Color(255, 255, 255)), format=Format.PNG)
    assert made(white, HALF_BLACK).mode == "RGB"


def test_an_opaque_picture_is_left_alone():
    image = noise(20, 20)
    assert made(Transform(format=Format.JPEG), image).tobytes() == image.tobytes()
