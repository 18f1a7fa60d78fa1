"""Colour differences are those that the formula's authors published."""

import numpy as np
import pytest

from edge.rendering.pixels.colour_difference import ciede2000, lab

PUBLISHED = [
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    ((50, 3.1571, -77.2803), (50, 0, -82.7485), 2.8615),
    ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0),
    ((50, 0, 0), (50, -1, 2), 2.3669),
    ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
    ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
    ((50, -0.001, 2.49), (50, 0.0009, -2.49), 4.8045),
    ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
    ((50, 2.5, 0), (73, 25, -18), 27.1492),
    ((50, 2.5, 0), (61, -5, 29), 22.8977),
    ((50, 2.5, 0), (56, -27, -3), 31.9030),
    ((50, 2.5, 0), (58, 24, 15), 19.4535),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((63.0109, -31.0961, -5.8663), (62.8187, -29.7946, -4.0864), 1.2630),
    ((61.2901, 3.7196, -5.3901), (61.4292, 2.2480, -4.9620), 1.8731),
    ((35.0831, -44.1164, 3.7933), (35.0232, -40.0716, 1.5901), 1.8645),
    ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
    ((36.4612, 47.8580, 18.3852), (36.2715, 50.5065, 21.2231), 1.4146),
    ((90.8027, -2.0831, 1.4410), (91.1528, -1.6435, 0.0447), 1.4441),
    ((6.7747, -0.2908, -2.4247), (5.8714, -0.0985, -2.2286), 0.6377),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]
"""Lab, Lab and their difference: rows of table 1 in Sharma, Wu and Dalal (2005)."""


@pytest.mark.parametrize(("one", "other", "wanted"), PUBLISHED)
def test_the_published_pairs_come_out_to_four_places(
    one: tuple[float, ...], other: tuple[float, ...], wanted: float
) -> None:
    for pair in ((one, other), (other, one)):
        found = ciede2000(*(np.array([colour], np.float64) for colour in pair))
        assert abs(float(found[0]) - wanted) < 1e-4


def test_srgb_comes_to_lab_as_cie_has_it() -> None:
    """White, black, mid grey and the primaries; as every table of sRGB has them."""
    pixels = np.array(
        [[255, 255, 255], [0, 0, 0], [119, 119, 119], [255, 0, 0], [0, 255, 0], [0, 0, 255]],
        np.uint8,
    )
    wanted = [
        (100, 0, 0), (0, 0, 0), (50.03, 0, 0), (53.24, 80.09, 67.20), (87.73, -86.18, 83.18),
        (32.30, 79.19, -107.86),
    ]  # fmt: skip
    assert np.abs(lab(pixels) - np.array(wanted)).max() < 0.05


def test_a_colour_is_like_itself() -> None:
    colours = lab(np.random.default_rng(1).integers(0, 256, (500, 3), np.uint8))
    assert ciede2000(colours, colours).max() == 0
