"""Cutting and joining: nothing lost, nothing doubled, no seam."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.images import Box, Size
from edge.models.tiles import Tiling
from tests.models.conftest import noise


@st.composite
def tilings(draw: st.DrawFn) -> Tiling:
    overlap = draw(st.integers(0, 5))
    side = draw(st.integers(2 * overlap + 1, 24))
    return Tiling(Size(draw(st.integers(1, 70)), draw(st.integers(1, 70))), side, overlap)


@given(tilings(), st.integers(1, 4), st.integers(1, 7))
def test_cut_and_joined_again_the_picture_is_itself(tiling: Tiling, scale: int, most: int) -> None:
    """For any size, tile, overlap and batch: the identity network gives the enlarged picture."""
    image = noise(tiling.size.height, tiling.size.width)
    canvas = np.zeros((tiling.size.height * scale, tiling.size.width * scale, 3), np.uint8)
    seen: list[int] = []
    everything = Box(0, 0, tiling.size.width, tiling.size.height)
    wanted = list(tiling.meeting(everything))
    for start in range(0, len(wanted), most):
        indices = wanted[start : start + most]
        tiles = tiling.batch(image, indices)
        assert tiles.shape == (len(indices), tiling.side, tiling.side, 3)
        for index, tile in zip(indices, tiles, strict=True):
            core = tile.repeat(scale, 0).repeat(scale, 1)[tiling.kept(index, scale)]
            tiling.show(canvas, index, core, everything, scale)
            seen.append(index)
    assert seen == list(range(tiling.count))
    assert np.array_equal(canvas, image.repeat(scale, 0).repeat(scale, 1))


@given(tilings(), st.integers(1, 4), st.data())
def test_a_region_takes_the_tiles_that_it_meets_and_no_other(
    tiling: Tiling, scale: int, data: st.DataObject
) -> None:
    left = data.draw(st.integers(0, tiling.size.width - 1))
    top = data.draw(st.integers(0, tiling.size.height - 1))
    right = data.draw(st.integers(left + 1, tiling.size.width))
    bottom = data.draw(st.integers(top + 1, tiling.size.height))
    image, region = noise(tiling.size.height, tiling.size.width), Box(left, top, right, bottom)
    canvas = np.zeros(((bottom - top) * scale, (right - left) * scale, 3), np.uint8)
    indices = list(tiling.meeting(region))
    for index in indices:
        core = tiling.cut(image, index)[tiling.kept(index)].repeat(scale, 0).repeat(scale, 1)
        tiling.show(canvas, index, core, region, scale)
    shown = image[top:bottom, left:right]
    assert np.array_equal(canvas, shown.repeat(scale, 0).repeat(scale, 1))
    for index in range(tiling.count):
        box = tiling.box(index)
        meets = box.left < right and left < box.right and box.top < bottom and top < box.bottom
        assert meets == (index in indices)


@given(tilings())
def test_context_is_the_picture_and_beyond_it_the_repeated_edge(tiling: Tiling) -> None:
    """Every tile equals a window of the picture whose edge pixels go on for ever."""
    image = noise(tiling.size.height, tiling.size.width)
    far = tiling.side + tiling.overlap
    endless = np.pad(image, ((far, far), (far, far), (0, 0)), mode="edge")
    for index in range(tiling.count):
        top = index // tiling.columns * tiling.core - tiling.overlap + far
        left = index % tiling.columns * tiling.core - tiling.overlap + far
        window = endless[top : top + tiling.side, left : left + tiling.side]
        assert np.array_equal(tiling.cut(image, index), window)


@pytest.mark.parametrize(
    ("size", "side", "overlap"),
    [(Size(10, 10), 8, 4), (Size(10, 10), 8, -1), (Size(0, 5), 8, 1)],
    ids=["all overlap", "negative overlap", "no pixel"],
)
def test_impossible_tilings_are_refused(size: Size, side: int, overlap: int) -> None:
    with pytest.raises(ValueError, match="cannot be cut"):
        Tiling(size, side, overlap)
