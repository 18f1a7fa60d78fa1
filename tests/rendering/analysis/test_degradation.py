"""What counts as worn: by what the file says, and by grain in its pixels."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from edge.limits import Limits
from edge.rendering.analysis import degradation
from edge.rendering.source.probe import read_facts
from tests.rendering.stage import noise, product


def photo(size: int = 320) -> Image.Image:
    return noise(size // 8, size // 8).resize((size, size), Image.Resampling.BICUBIC)


def grainy(image: Image.Image, levels: float) -> Image.Image:
    random = np.random.default_rng(5)
    pixels = np.asarray(image, dtype=np.float32)
    pixels = pixels + random.normal(0, levels, pixels.shape)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def facts(image: Image.Image, format: str, **options: object):
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return read_facts(stream.getvalue(), Limits())


@pytest.mark.parametrize("levels", [0, 1, 3, 6])
def test_grain_is_measured_in_levels(levels):
    """Luma mixes three channels of equal noise to two thirds of it."""
    flat = Image.new("RGB", (320, 320), (120, 130, 140))
    mixed = levels * float(np.hypot(np.hypot(0.299, 0.587), 0.114))
    assert degradation.noise(grainy(flat, levels)) == pytest.approx(mixed, rel=0.1, abs=0.35)


def test_detail_is_not_taken_for_grain():
    image = product(size=(400, 400), box=(100, 100, 300, 300), background=(200, 200, 200))
    assert degradation.noise(image) < 0.1
    assert degradation.noise(photo()) < degradation.DEGRADATION.noisy_from


def test_noise_that_is_cut_off_at_white_hides_nothing():
    """A phone picture on a blown-out background is as noisy as its subject."""
    image = product(size=(400, 400), box=(40, 40, 360, 360), background=(255, 255, 255))
    noisy = grainy(image, 4)
    noisy.paste((255, 255, 255), (0, 0, 400, 38))
    assert degradation.noise(noisy) > degradation.DEGRADATION.noisy_from
    assert degradation.noise(Image.new("RGB", (200, 200), "white")) is None
    assert degradation.noise(Image.new("RGB", (3, 3))) is None


@pytest.mark.parametrize(
    ("format", "options", "expected"),
    [
        ("JPEG", {"quality": 60}, "compressed at quality 60"),
        ("JPEG", {"quality": 94}, "compressed at quality 94"),
        ("JPEG", {"quality": 96}, None),
        ("WEBP", {"quality": 75}, "compressed at quality 7"),
        ("WEBP", {"quality": 75, "exif": b"Exif\0\0"}, "compressed at quality 7"),
        ("WEBP", {"lossless": True}, None),
        ("PNG", {}, None),
    ],
)
def test_the_files_own_tables_say_how_degraded_it_is(format, options, expected):
    found = degradation.reason(facts(photo(), format, **options))
    assert found is None if expected is None else found.startswith(expected)


@pytest.mark.parametrize("quality", [20, 50, 75, 90, 98])
def test_the_quality_of_a_lossy_webp_is_read_from_its_frame(quality):
    """The encoder gives busy parts less than what was asked, so it is near, not equal."""
    found = facts(photo(), "WEBP", quality=quality).quality
    assert found == pytest.approx(quality, abs=12)


def test_cloth_is_not_taken_for_grain():
    """Heather is as rough when four of its pixels become one; grain loses half."""
    random = np.random.default_rng(2)
    threads = random.normal(0, 20, (100, 400, 1)).repeat(4, axis=0) * np.ones((1, 1, 3))
    cloth = Image.fromarray(np.clip(150 + threads, 0, 255).astype(np.uint8))
    assert degradation.noise(cloth) == 0
    assert degradation.noise(grainy(Image.new("RGB", (400, 400), (150, 150, 150)), 8)) > 4


@pytest.mark.parametrize(("levels", "strong"), [(1, False), (2, False), (5, True)])
def test_only_strong_grain_is_taken_down(levels, strong):
    noisy = grainy(Image.new("RGB", (320, 320), (120, 130, 140)), levels)
    seen = replace(facts(noisy, "PNG"), noise=degradation.noise(noisy))
    assert bool(degradation.strong_grain(seen)) is strong
