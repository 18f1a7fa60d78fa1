"""What becomes of each level of a matte at its ends."""

import numpy as np

from edge.rendering.pixels.levels import LEVELS, snapped_levels
from edge.rendering.pixels.picture import unrung, without_ringing

ALL = np.arange(256, dtype=np.uint8)


def test_next_to_nothing_is_nothing_and_next_to_all_is_all() -> None:
    wanted = np.where(LEVELS.halo >= ALL, 0, np.where(LEVELS.solid <= ALL, 255, ALL))
    assert np.array_equal(snapped_levels(ALL), wanted)
    assert np.array_equal(snapped_levels(ALL.reshape(4, 64)), wanted.reshape(4, 64))


def test_ringing_is_taken_off_as_level_by_level() -> None:
    wanted = [without_ringing(level) for level in range(256)]
    assert unrung(ALL.reshape(16, 16)).ravel().tolist() == wanted
