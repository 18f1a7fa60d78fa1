"""Cutting and joining: nothing lost, nothing doubled, no seam, no tile for what nobody wants."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.images import Box, Size
from edge.models.tiles import CELL, Tile, Tiling, show, unevenness
from tests.models.conftest import noise


@st.composite
def tilings(draw: st.DrawFn) -> Tiling:
    overlap = draw(st.integers(0, 5))
    side = draw(st.integers(2 * overlap + 1, 24))
    small = draw(st.sampled_from([0, *range(2 * overlap + 1, side)]))
    size = Size(draw(st.integers(1, 70)), draw(st.integers(1, 70)))
    return Tiling.of(size, side, overlap, small)


def whole(tiling: Tiling) -> Box:
    return Box(0, 0, tiling.size.width, tiling.size.height)


@given(tilings(), st.integers(1, 4))
def test_cut_and_joined_again_the_picture_is_itself(tiling: Tiling, scale: int) -> None:
    """For any size, tile and overlap: the identity network gives the enlarged picture."""
    image = noise(tiling.size.height, tiling.size.width)
    canvas = np.zeros((tiling.size.height * scale, tiling.size.width * scale, 4), np.uint8)
    sides = {side for _, side in tiling.sides}
    for tile in tiling.covering(tiling.meeting(whole(tiling))):
        cut = tiling.cut(image, tile)
        assert set(cut.shape[:2]) <= sides
        core = cut.repeat(scale, 0).repeat(scale, 1)[tiling.kept(tile, scale)]
        show(canvas, tiling.box(tile), core, whole(tiling), scale)
    assert np.array_equal(canvas[..., :3], image.repeat(scale, 0).repeat(scale, 1))
    assert canvas[..., 3].min() == 255


@given(tilings(), st.integers(1, 4), st.data())
def test_a_region_is_drawn_whole_and_as_in_the_whole_picture(
    tiling: Tiling, scale: int, data: st.DataObject
) -> None:
    left = data.draw(st.integers(0, tiling.size.width - 1))
    top = data.draw(st.integers(0, tiling.size.height - 1))
    right = data.draw(st.integers(left + 1, tiling.size.width))
    bottom = data.draw(st.integers(top + 1, tiling.size.height))
    image, region = noise(tiling.size.height, tiling.size.width), Box(left, top, right, bottom)
    canvas = np.zeros(((bottom - top) * scale, (right - left) * scale, 4), np.uint8)
    for tile in tiling.covering(tiling.meeting(region)):
        core = tiling.cut(image, tile)[tiling.kept(tile)].repeat(scale, 0).repeat(scale, 1)
        show(canvas, tiling.box(tile), core, region, scale)
    shown = image[top:bottom, left:right]
    assert np.array_equal(canvas[..., :3], shown.repeat(scale, 0).repeat(scale, 1))


@given(tilings(), st.data())
def test_tiles_hold_every_wanted_cell_and_no_tile_is_for_nothing(
    tiling: Tiling, data: st.DataObject
) -> None:
    chance = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    share = data.draw(st.sampled_from([0.0, 0.05, 0.3, 1.0]))
    cells = chance.random((tiling.rows, tiling.columns)) < share
    held = np.zeros_like(cells)
    for tile in tiling.covering(cells):
        part = np.s_[tile.row : tile.row + tile.down, tile.column : tile.column + tile.across]
        assert cells[part].any()
        assert not held[part].any(), "no cell is drawn twice"
        held[part] = True
    assert not (cells & ~held).any()


@given(tilings(), st.integers(1, 3), st.integers(0, 2**32))
def test_of_what_is_kept_of_a_tile_each_cell_is_found_that_is_asked_for_and_no_other(
    tiling: Tiling, scale: int, seed: int
) -> None:
    cells = np.random.default_rng(seed).random((tiling.rows, tiling.columns)) < 0.5
    image = noise(tiling.size.height, tiling.size.width)
    found = np.zeros_like(cells)
    drawn = np.zeros(image.shape[:2], np.bool_)
    for tile in tiling.covering(cells):
        kept = tiling.cut(image, tile).repeat(scale, 0).repeat(scale, 1)[tiling.kept(tile, scale)]
        for number, place in tiling.numbered(tile, cells, scale):
            box = tiling.box(tiling.cell_at(number))
            cell = image[box.top : box.bottom, box.left : box.right]
            assert np.array_equal(kept[place], cell.repeat(scale, 0).repeat(scale, 1))
            found.flat[number] = True
        for box in tiling.strips(cells, tile):
            assert not drawn[box.top : box.bottom, box.left : box.right].any()
            drawn[box.top : box.bottom, box.left : box.right] = True
    assert np.array_equal(found, cells)
    wide = cells.repeat(tiling.cell, 0).repeat(tiling.cell, 1)
    assert np.array_equal(drawn, wide[: tiling.size.height, : tiling.size.width])


@given(tilings(), st.integers(0, 2**32))
def test_a_cell_shows_something_where_a_pixel_of_it_or_of_its_context_is_uneven(
    tiling: Tiling, seed: int
) -> None:
    chance = np.random.default_rng(seed)
    image = np.full((tiling.size.height, tiling.size.width, 3), 90, np.uint8)
    image[chance.random(image.shape[:2]) < 0.003] = 200
    cells = chance.random((tiling.rows, tiling.columns)) < 0.7
    off, found = unevenness(image) > 10, tiling.showing(image, cells, 10)
    for row, column in np.ndindex(*cells.shape):
        box = tiling.box(Tile(row, column, 1, 1)).grown(tiling.overlap).clamped(tiling.size)
        near = off[box.top : box.bottom, box.left : box.right].any()
        assert found[row, column] == (cells[row, column] and near)


@given(tilings(), st.data())
def test_a_cell_is_wanted_where_any_of_its_pixels_in_the_region_is(
    tiling: Tiling, data: st.DataObject
) -> None:
    size = tiling.size
    wanted = np.zeros((size.height, size.width), np.bool_)
    row = data.draw(st.integers(0, size.height - 1))
    column = data.draw(st.integers(0, size.width - 1))
    wanted[row, column] = True
    left = data.draw(st.integers(0, size.width - 1))
    region = Box(left, 0, size.width, size.height)
    found = np.argwhere(tiling.meeting(region, wanted)).tolist()
    there = [row // tiling.cell, column // tiling.cell]
    assert found == ([there] if column >= left else [])


@given(tilings())
def test_context_is_the_picture_and_beyond_it_the_repeated_edge(tiling: Tiling) -> None:
    """Every tile equals a window of the picture whose edge pixels go on for ever."""
    image = noise(tiling.size.height, tiling.size.width)
    far = 2 * tiling.sides[-1][1]
    endless = np.pad(image, ((far, far), (far, far), (0, 0)), mode="edge")
    sides = dict(tiling.sides)
    for tile in tiling.covering(tiling.meeting(whole(tiling))):
        top = tile.row * tiling.cell - tiling.overlap + far
        left = tile.column * tiling.cell - tiling.overlap + far
        window = endless[top : top + sides[tile.down], left : left + sides[tile.across]]
        assert np.array_equal(tiling.cut(image, tile), window)


def test_small_tiles_are_taken_where_a_whole_one_would_be_mostly_empty() -> None:
    tiling = Tiling.of(Size(600, 800), 224, 12, 104)
    assert (tiling.cell, tiling.sides) == (40, ((2, 104), (5, 224)))
    cells = np.zeros((tiling.rows, tiling.columns), np.bool_)
    cells[3:5, 4] = True
    assert tiling.covering(cells) == [Tile(3, 4, 2, 2)]
    cells[3:8, 4:9] = True
    assert tiling.covering(cells) == [Tile(3, 4, 5, 5)]


def test_without_small_tiles_a_cell_is_a_part_of_a_whole_one() -> None:
    tiling = Tiling.of(Size(600, 800), 224, 12)
    assert tiling.sides == ((200 // tiling.cell, 224),)
    assert tiling.cell <= CELL


@pytest.mark.parametrize(
    ("size", "side", "overlap"),
    [(Size(10, 10), 8, 4), (Size(10, 10), 8, -1), (Size(0, 5), 8, 1)],
    ids=["all overlap", "negative overlap", "no pixel"],
)
def test_impossible_tilings_are_refused(size: Size, side: int, overlap: int) -> None:
    with pytest.raises(ValueError, match="cannot be cut"):
        Tiling.of(size, side, overlap)
