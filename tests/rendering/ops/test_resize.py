import numpy as np
from PIL import Image

from edge.images import Box, Size
from edge.rendering.ops.resize import Resize
from edge.rendering.pixels.geometry import Area
from edge.rendering.pixels.picture import Picture
from edge.rendering.step import PlanState
from edge.variants.transform import Transform
from edge.variants.values import Fit
from tests.rendering.stage import distance, made, noise, planned, product


def test_a_resize_is_one_lanczos_pass():
    image = noise(301, 203)
    expected = image.resize((100, 67), Image.Resampling.LANCZOS)
    assert distance(made(Transform(width=100), image), expected) < 1.5


def test_cover_cuts_and_resizes_in_one_step():
    transform = Transform(width=50, height=50, fit=Fit.COVER)
    assert [step.op for step in planned(transform, 400, 300).steps] == ["frame", "resize"]
    assert planned(transform, 400, 300).steps[0].cut is None


def test_see_through_pixels_do_not_bleed_their_hidden_colour():
    """A white thing on transparent black: no grey rim, whatever is hidden under alpha 0."""
    pixels = np.zeros((200, 200, 4), np.uint8)
    pixels[50:150, 50:150] = 255
    small = np.asarray(Picture(Image.fromarray(pixels)).resized(Size(33, 33)).image)
    rim = (small[..., 3] > 30) & (small[..., 3] < 255)
    assert rim.any()
    assert (small[..., :3][rim] > 245).all()


def test_matte_and_subject_follow_the_pixels():
    box = Box(200, 60, 280, 180)
    image = product(box=box.as_tuple())
    matte = Image.new("L", image.size, 0)
    matte.paste(255, box.as_tuple())
    step = Resize(Area(100, 0, 300, 200), Size(100, 100), Area(0, 0, 320, 400))
    shown = step.apply(Picture(image, matte, box))
    assert shown.subject == Box(50, 30, 90, 90)
    assert shown.matte.size == (100, 100)
    assert shown.matte.point(lambda alpha: 255 if alpha > 127 else 0).getbbox() == (50, 30, 90, 90)
    assert step.after(PlanState.first(Size(320, 400), Area.of(box))).subject == Area(50, 30, 90, 90)
