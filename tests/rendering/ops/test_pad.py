import numpy as np
import pytest
from PIL import Image

from edge.images import Color, Format
from edge.rendering.analysis.analyze import analyze
from edge.variants.transform import Transform
from edge.variants.values import BLURRED, COMPASS, TRANSPARENT, Background, Fit
from tests.rendering.stage import RED, corners, made, noise, planned, product, quarters

GREY = Background.of(Color(50, 60, 70))


def padded(**transform: object) -> Transform:
    return Transform(width=100, height=100, fit=Fit.PAD, **transform)


def test_what_is_added_is_exactly_the_colour_and_the_rest_exactly_the_picture():
    image = noise(60, 40)
    shown = made(padded(background=GREY), image)
    inner = shown.crop((20, 30, 80, 70))
    assert inner.tobytes() == image.tobytes()
    shown.paste((50, 60, 70), (20, 30, 80, 70))
    assert shown.getcolors() == [(100 * 100, (50, 60, 70))]


@pytest.mark.parametrize(
    ("name", "at"), [("northwest", (0, 0)), ("south", (20, 60)), ("east", (40, 30))]
)
def test_gravity_says_where_the_picture_lies(name, at):
    image = noise(60, 40)
    shown = made(padded(background=GREY, gravity=COMPASS[name]), image)
    assert shown.crop((*at, at[0] + 60, at[1] + 40)).tobytes() == image.tobytes()


def test_a_transparent_background_is_clear_in_formats_with_alpha_and_white_in_jpeg():
    clear = made(padded(background=TRANSPARENT, format=Format.WEBP), noise(60, 40))
    assert clear.mode == "RGBA"
    assert [color[3] for color in corners(clear)] == [0] * 4
    white = made(padded(background=TRANSPARENT, format=Format.JPEG), noise(60, 40))
    assert white.mode == "RGB"
    assert corners(white) == [(255, 255, 255)] * 4


def test_as_shot_a_studio_background_goes_on_without_a_seam():
    image = product(size=(60, 40), box=(20, 10, 40, 30), background=(231, 233, 228))
    assert corners(made(padded(), image, analysis=analyze(image))) == [(231, 233, 228)] * 4


def test_as_shot_a_scene_is_padded_with_white():
    image = noise(60, 40)
    assert corners(made(padded(), image, analysis=analyze(image))) == [(255, 255, 255)] * 4


def test_a_blurred_background_has_the_colours_beside_it_and_no_detail():
    shown = made(padded(background=BLURRED), quarters(60, 40))
    left, _, right, _ = (np.array(color, dtype=int) for color in corners(shown))
    assert np.abs(left - RED).max() < 90
    assert right[2] > right[0]
    strip = np.asarray(shown.crop((0, 0, 100, 28)), dtype=int)
    assert np.abs(np.diff(strip, axis=1)).max() < 25


def test_the_background_shows_through_a_see_through_original():
    image = Image.new("RGBA", (60, 40), (0, 0, 0, 0))
    assert made(padded(background=GREY), image).getcolors() == [(100 * 100, (50, 60, 70))]


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize(
    ("format", "wanted"), [(Format.PNG, (255, 0, 0, 128)), (Format.JPEG, (255, 127, 127))]
)
def test_a_colour_that_lets_light_through_lies_behind_once(mode, format, wanted):
    half = Background.of(Color(255, 0, 0, 128))
    image = Image.new("RGBA", (60, 40), (0, 0, 0, 0)) if mode == "RGBA" else noise(60, 40)
    shown = made(padded(background=half, format=format), image)
    assert corners(shown) == [wanted] * 4
    if mode == "RGBA":
        assert shown.getpixel((50, 50)) == wanted


def test_explain_says_which_share_of_the_canvas_was_added():
    assert "76% of the canvas is added background" in planned(padded(), 60, 40).notes
