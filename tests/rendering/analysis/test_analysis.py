"""Looking: background, subject and what makes a photo hard."""

import json

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from edge.rendering.analysis.analyze import analyze
from tests.rendering.stage import noise, product

BOX = (60, 40, 200, 310)


def gradient(size: tuple[int, int] = (320, 400)) -> Image.Image:
    """A studio sweep: light above, darker below, 40 steps apart."""
    column = np.linspace(250, 210, size[1])[:, None, None]
    return Image.fromarray(np.broadcast_to(column, (size[1], size[0], 3)).astype(np.uint8))


def near(area, box, size, tolerance=0.015):
    expected = [edge / size[i % 2] for i, edge in enumerate(box)]
    return area.as_tuple() == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("scale", [0.3, 1, 6])
def test_the_subject_is_found_at_any_size(scale):
    image = product(box=BOX)
    seen = analyze(image.resize((round(320 * scale), round(400 * scale))))
    assert seen.uniform
    assert near(seen.subject, BOX, (320, 400))
    assert seen.flags == ()


def test_the_colour_of_the_background_is_told():
    assert analyze(product(background=(200, 220, 240))).background.rgb == (200, 220, 240)


@pytest.mark.parametrize("level", [0, 1, 3, 12, 40])
def test_a_product_on_black_is_found(level):
    seen = analyze(product(box=BOX, background=(level,) * 3, color=(200, 180, 160)))
    assert seen.background.rgb == (level,) * 3
    assert seen.uniform
    assert near(seen.subject, BOX, (320, 400))


def test_a_graduated_studio_background_is_uniform_and_its_subject_found():
    image = gradient()
    ImageDraw.Draw(image).rectangle((60, 40, 199, 309), fill=(30, 90, 60))
    seen = analyze(image)
    assert seen.uniform
    assert near(seen.subject, BOX, image.size)


def test_noise_and_specks_do_not_widen_the_subject():
    image = product(box=BOX)
    pixels = np.asarray(image, dtype=int) + np.random.default_rng(3).normal(0, 2.5, (400, 320, 3))
    grainy = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    for spot in ((10, 10), (300, 380), (250, 20)):
        grainy.putpixel(spot, (0, 0, 0))
    assert near(analyze(grainy).subject, BOX, image.size)


def test_a_subject_that_leaves_the_picture_touches_that_side():
    seen = analyze(product(box=(200, 100, 320, 250)))
    assert seen.touches == ("right",)
    assert seen.uniform


def test_a_pale_subject_on_white_is_found():
    seen = analyze(product(background=(255, 255, 255), color=(236, 236, 236), box=BOX))
    assert near(seen.subject, BOX, (320, 400))


def test_an_empty_background_has_no_subject():
    seen = analyze(gradient())
    assert seen.subject is None
    assert seen.flags == ("no-subject",)


def test_a_scene_is_not_uniform_and_its_box_still_holds_the_subject():
    scene = noise(32, 40).resize((320, 400)).filter(ImageFilter.GaussianBlur(2))
    scene = Image.blend(scene, Image.new("RGB", scene.size, (60, 110, 60)), 0.5)
    ImageDraw.Draw(scene).ellipse((110, 140, 210, 260), fill=(250, 40, 200))
    seen = analyze(scene)
    assert not seen.uniform
    assert "scene" in seen.flags
    left, top, right, bottom = seen.subject.scaled(320, 400).as_tuple()
    assert left <= 115
    assert top <= 145
    assert right >= 205
    assert bottom >= 255


def test_the_alpha_of_a_cut_out_says_where_the_subject_is():
    image = Image.new("RGBA", (320, 400), (0, 0, 0, 0))
    image.paste((9, 200, 9, 255), BOX)
    assert near(analyze(image).subject, BOX, image.size, 0.002)


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (900, 2), (3, 3)], ids=str)
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_any_shape_can_be_looked_at(size, mode):
    seen = analyze(noise(*size, mode))
    assert seen.subject is None or 0 <= seen.subject.left < seen.subject.right <= 1


def test_a_look_is_json():
    said = json.loads(json.dumps(analyze(product(box=BOX)).as_facts()))
    assert said["background"] == "f0f0f0"
    assert len(said["subject"]) == 4
