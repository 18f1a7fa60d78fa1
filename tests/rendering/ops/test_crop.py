from PIL import Image

from edge.variants.transform import Transform
from edge.variants.values import CropRegion
from tests.rendering.stage import distance, made, noise, planned


def test_a_crop_alone_is_the_very_pixels():
    image = noise(120, 90)
    shown = made(Transform(crop=CropRegion(11, 7, 50, 40)), image)
    assert shown.tobytes() == image.crop((11, 7, 61, 47)).tobytes()


def test_a_crop_in_shares_is_that_part_of_the_sides():
    image = noise(120, 90)
    shown = made(Transform(crop=CropRegion(0.25, 0.5, 0.5, 0.5, shares=True)), image)
    assert shown.tobytes() == image.crop((30, 45, 90, 90)).tobytes()


def test_a_crop_that_is_made_smaller_shows_the_same_region():
    image = noise(60, 45).resize((480, 360), Image.Resampling.BICUBIC)
    region = CropRegion(101, 51, 200, 200)
    expected = made(Transform(crop=region), image).resize((50, 50), Image.Resampling.LANCZOS)
    assert distance(made(Transform(crop=region, width=50), image), expected) < 3


def test_a_crop_of_everything_is_not_a_step():
    everything = Transform(crop=CropRegion(0, 0, 400, 300))
    assert [step.op for step in planned(everything, 400, 300).steps] == ["frame"]
