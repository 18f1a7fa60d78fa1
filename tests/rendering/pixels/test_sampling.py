"""Colours taken out of a picture: the same as numpy's slower ways give."""

import numpy as np
import pytest

from edge.rendering.pixels.sampling import colours_in, doubled, middle_of

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("count", [1, 2, 3, 100, 1001])
def test_a_median_is_numpys(count: int) -> None:
    colours = RNG.integers(0, 256, (count, 3)).astype(np.uint8)
    assert np.array_equal(middle_of(colours), np.median(colours, axis=0))


def test_colours_of_cells_are_those_that_a_mask_gives() -> None:
    pixels = RNG.integers(0, 256, (20, 30, 3)).astype(np.uint8)
    cells = RNG.random((20, 30)) < 0.5
    assert np.array_equal(colours_in(pixels, cells), pixels[cells])


def test_every_level_is_doubled_in_its_place() -> None:
    levels = RNG.integers(0, 256, (7, 5)).astype(np.uint8)
    assert np.array_equal(doubled(levels), levels.repeat(2, 0).repeat(2, 1))
