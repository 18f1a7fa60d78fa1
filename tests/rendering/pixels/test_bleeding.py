"""Colours under see-through pixels."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge.rendering.pixels.bleeding import continued


def test_hidden_colours_are_those_of_what_is_seen_beside_them() -> None:
    """Whatever a program had left there, and however far from anything seen."""
    colours = np.zeros((120, 160, 3), np.uint8)
    alpha = np.zeros((120, 160), np.uint8)
    colours[40:60, 50:80], alpha[40:60, 50:80] = (250, 240, 230), 255
    for hidden in (0, 255):
        colours[alpha == 0] = hidden
        found = continued(colours, alpha)
        assert np.abs(found.astype(int) - (250, 240, 230)).max() <= 1


@given(st.integers(1, 9), st.integers(1, 9), st.randoms(use_true_random=False))
def test_what_is_opaque_stays_as_it_is(width: int, height: int, random) -> None:
    rng = np.random.default_rng(random.randrange(2**32))
    colours = rng.integers(0, 256, (height, width, 3), np.uint8)
    alpha = rng.choice(np.array([0, 255], np.uint8), (height, width))
    found = continued(colours, alpha)
    assert np.array_equal(found[alpha == 255], colours[alpha == 255])


def test_a_soft_edge_goes_on_in_its_own_colour() -> None:
    colours = np.full((1, 32, 3), 200, np.uint8)
    alpha = np.linspace(255, 0, 32).astype(np.uint8)[None]
    assert np.abs(continued(colours, alpha).astype(int) - 200).max() <= 1


def test_a_picture_of_nothing_is_black() -> None:
    assert not continued(np.full((7, 5, 3), 90, np.uint8), np.zeros((7, 5), np.uint8)).any()
