"""The calibration moves one number everywhere, puts it back, and counts what it changes."""

import numpy as np
import pytest

from edge.rendering.framing import product, window
from edge.rendering.numbers import numbers
from edge.rendering.ops import shadow
from edge.rendering.pixels import levels
from edge.rendering.pixels.geometry import Area
from training import calibrate

BY_TITLE = {one.title: one for one in numbers()}


def test_a_number_is_moved_wherever_it_is_used_and_put_back():
    from edge.rendering.ops import background as other_room

    solid = BY_TITLE["pixels.levels.solid"]
    with calibrate.replaced(solid, 99):
        assert levels.LEVELS.solid == other_room.LEVELS.solid == 99
    assert levels.LEVELS.solid == other_room.LEVELS.solid == 248


def test_a_number_is_put_back_after_an_error():
    with pytest.raises(ZeroDivisionError), calibrate.replaced(BY_TITLE["framing.window.air"], 9.0):
        raise ZeroDivisionError
    assert window.WINDOW.air == 0.05


def test_a_moved_number_decides_otherwise():
    subject, view = Area(40, 0, 60, 100), Area(0, 0, 100, 100)
    before = window.whole(subject, view, 2.0, sure=True)
    assert window.whole(subject, view, 1.0, sure=True) is None
    with calibrate.replaced(BY_TITLE["framing.window.slack"], 2.0):
        assert window.whole(subject, view, 2.0, sure=True) is None
    assert before is not None


def test_one_of_several_numbers_in_a_field_moves_alone():
    with calibrate.replaced(BY_TITLE["ops.shadow.layers[1][2]"], 0.5):
        assert shadow.SHADOW.layers[1] == (0.02, 0.22, 0.5)
        assert shadow.SHADOW.layers[0] == (0.006, 0.50, 0.004)


@pytest.mark.parametrize(
    ("title", "factor", "value"),
    [
        ("framing.product.spare", 0.7, 1.05),
        ("pixels.levels.halo", 1.3, 10),
        ("ops.sharpen.threshold", 0.7, 1),
        ("analysis.own_alpha.wide", 1.3, 3),
    ],
)
def test_values_move_by_the_factor_and_whole_ones_by_one_at_least(title, factor, value):
    assert calibrate.moved(BY_TITLE[title], factor) == pytest.approx(value)


def test_every_number_belongs_to_a_stage():
    found = {calibrate.stage_of(one) for one in BY_TITLE.values()}
    assert found == {"photo", "cut", "render"}
    assert calibrate.stage_of(BY_TITLE["framing.product.spare"]) == "render"
    assert product.PRODUCT.spare == 1.5


def test_a_cut_changes_with_more_than_half_a_percent_of_its_pixels():
    one = np.zeros((20, 100), np.uint8)
    few, many = one.copy(), one.copy()
    few[0, :10] = many[0, :11] = 1
    assert calibrate.changes({"cut": one}, {"cut": few}) == set()
    assert calibrate.changes({"cut": one}, {"cut": many}) == {"cut"}
    assert calibrate.changes({"cut": one}, {"cut": None}) == {"cut"}


def test_small_differences_of_a_rendition_do_not_count():
    one = np.zeros((20, 20, 4), np.uint8)
    assert calibrate.changes({"picture": [one]}, {"picture": [one + 4]}) == set()
    assert calibrate.changes({"picture": [one]}, {"picture": [one + 5]}) == {"picture"}


def test_rules_and_review_change_with_their_words():
    assert calibrate.changes({"rules": ["a"], "review": []}, {"rules": [], "review": []}) == {
        "rules"
    }


def test_sums_count_photos_and_kinds():
    lines = [
        {"photo": "a", "moved": ["x", "y"], "changed": {"x": ["cut", "review"]}},
        {"photo": "b", "moved": ["x"], "changed": {"x": ["cut"]}},
    ]
    rows = {title: (photos, dict(counts)) for title, photos, counts in calibrate.table(lines)}
    assert rows == {"x": (2, {"cut": 2, "review": 1}), "y": (1, {})}
