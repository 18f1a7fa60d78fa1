"""Strong grain is taken down, and nothing else."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.rendering.analysis import degradation
from edge.rendering.pixels.denoise import denoised
from tests.rendering.stage import distance, noise, product, quarters

SAMPLES = Path(__file__).parents[3] / "edge" / "samples"


def grainy(image: Image.Image, levels: float) -> Image.Image:
    grain = np.random.default_rng(4).normal(0, levels, (image.height, image.width, 3))
    pixels = np.asarray(image, dtype=np.float32) + grain
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("name", ["bottle", "sneaker", "watch"])
@pytest.mark.parametrize("levels", [4, 8])
def test_grain_goes_and_the_picture_stays(name, levels):
    clean = Image.open(SAMPLES / f"{name}.jpg").convert("RGB").crop((150, 200, 450, 500))
    noisy = grainy(clean, levels)
    smooth = denoised(noisy, degradation.noise(noisy))
    assert distance(smooth, clean) < 0.85 * distance(noisy, clean)
    assert degradation.noise(smooth) < 0.6 * degradation.noise(noisy)


def test_edges_stay_sharp_and_colours_where_they_are():
    image = product(size=(200, 200), box=(60, 60, 140, 140))
    smooth = np.asarray(denoised(image, 5.0), dtype=np.int16)
    assert np.abs(smooth[100, 64:136] - (180, 30, 40)).max() <= 12
    assert np.abs(smooth[20:40, 20:40] - 240).max() <= 2
    edge = smooth[100, 57:63, 0]
    assert edge[0] - edge[-1] > 45
    assert abs(float(np.mean(smooth)) - float(np.mean(np.asarray(image)))) < 0.5


def test_a_picture_of_any_size_keeps_it():
    for size in ((1, 1), (2, 9), (31, 17)):
        assert denoised(quarters(*size) if min(size) > 2 else noise(*size), 4.0).size == size
