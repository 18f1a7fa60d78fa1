import numpy as np
from PIL import Image

from edge.images import Format
from edge.variants.transform import Transform
from tests.rendering.stage import made, noise


def test_the_radius_is_the_sigma_in_pixels_of_the_output():
    """A blurred edge rises from 16 % to 84 % within two sigmas."""
    image = Image.new("L", (400, 40), 0)
    image.paste(255, (200, 0, 400, 40))
    row = np.asarray(made(Transform(blur=10.0), image.convert("RGB")))[20, :, 0] / 255
    assert 18 <= np.searchsorted(row, 0.841) - np.searchsorted(row, 0.159) <= 22


def test_the_hidden_colour_of_see_through_pixels_does_not_bleed():
    pixels = np.zeros((80, 80, 4), np.uint8)
    pixels[20:60, 20:60] = 255
    shown = np.asarray(made(Transform(blur=3.0, format=Format.PNG), Image.fromarray(pixels)))
    assert (shown[..., :3][shown[..., 3] > 40] > 240).all()
    assert 0 < shown[40, 18, 3] < 255


def test_noise_becomes_calm_and_keeps_its_brightness():
    image = noise(100, 100)
    shown = np.asarray(made(Transform(blur=5.0), image), dtype=float)
    assert shown.std() < np.asarray(image, dtype=float).std() / 5
    assert abs(shown.mean() - np.asarray(image, dtype=float).mean()) < 1
