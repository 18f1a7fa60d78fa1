"""The calibration moves one number everywhere, puts it back, and counts what it changes."""

import ast
import csv
import dataclasses
import importlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from edge.rendering.framing import window
from edge.rendering.numbers import numbers, numbers_of, tables, tuned
from edge.rendering.ops import shadow
from edge.rendering.pixels import levels, scales
from edge.rendering.pixels.geometry import Area
from tests.rendering.stage import NoModels
from tests.rendering.test_numbers import FILES
from training import asking, calibrate
from training.calibrate import KINDS

BY_TITLE = {one.title: one for one in numbers()}
TABLES: dict[str, set[str]] = {}
for module, table in tables():
    for word, held in vars(importlib.import_module(module)).items():
        if held is table:
            TABLES.setdefault(word, set()).update(one.name for one in dataclasses.fields(table))
"""The fields of each table by the name that it has in its module."""


def test_a_number_is_moved_wherever_it_is_used_and_put_back():
    from edge.rendering.ops import background as other_room

    halo = BY_TITLE["pixels.levels.halo"]
    with calibrate.replaced((halo, 99)):
        assert levels.LEVELS.halo == other_room.LEVELS.halo == 99
    assert levels.LEVELS.halo == other_room.LEVELS.halo == 8


def test_several_numbers_of_one_table_are_moved_at_once_and_put_back():
    pairs = [(BY_TITLE[f"pixels.levels.{name}"], 99) for name in ("halo", "near")]
    with calibrate.replaced(*pairs):
        assert (levels.LEVELS.halo, levels.LEVELS.near) == (99, 99)
    assert (levels.LEVELS.halo, levels.LEVELS.near) == (8, 16)


def test_a_number_is_put_back_after_an_error():
    with (
        pytest.raises(ZeroDivisionError),
        calibrate.replaced((BY_TITLE["framing.window.doubt"], 9.0)),
    ):
        raise ZeroDivisionError
    assert window.WINDOW.doubt == 0.14


def test_a_moved_number_decides_otherwise():
    subject, view = Area(40, 20, 60, 80), Area(0, 0, 100, 100)
    assert window.whole(subject, view, 1.5, sure=False) is not None
    with calibrate.replaced((BY_TITLE["framing.window.doubt"], 0.0)):
        assert window.whole(subject, view, 1.5, sure=False) is None


def test_one_of_several_numbers_in_a_field_moves_alone():
    @dataclasses.dataclass(frozen=True)
    class Some:
        layers: tuple[float, ...] = tuned((0.5, 0.25), "share", "nothing")

    shadow.SOME = Some()
    try:
        _, second = numbers_of("edge.rendering.ops.shadow", shadow.SOME)
        with calibrate.replaced((second, 0.3)):
            assert shadow.SOME.layers == (0.5, 0.3)
        assert shadow.SOME.layers == (0.5, 0.25)
    finally:
        del shadow.SOME


@pytest.mark.parametrize(
    ("title", "factor", "value"),
    [
        ("framing.product.spare", 0.7, 1.05),
        ("pixels.levels.halo", 1.3, 10),
        ("output.quality.lowest", 0.7, 7),
        ("matting.foreground.sweeps_soft", 1.1, 4),
    ],
)
def test_values_move_by_the_factor_and_whole_ones_by_one_at_least(title, factor, value):
    assert calibrate.moved(BY_TITLE[title], factor) == pytest.approx(value)


def test_the_numbers_that_a_stage_reads_are_noted():
    subject, view = Area(40, 0, 60, 100), Area(0, 0, 100, 100)
    with calibrate.noted() as read:
        window.whole(subject, view, 1.0, sure=True)
    assert (scales.ScaleNumbers, "air") in read
    assert (window.WindowNumbers, "doubt") not in read
    assert type(scales.SCALES) is scales.ScaleNumbers


def test_no_number_is_read_before_it_is_needed():
    early = [
        f"{path.stem}:{node.lineno}"
        for path in FILES
        for node in ast.walk(ast.Module(outside(ast.parse(path.read_text())), []))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in TABLES
        and node.attr in TABLES[node.value.id]
    ]
    assert early == []


def outside(module):
    """What a module does when it is imported: all but the bodies of its functions."""
    found = []
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found += node.args.defaults + node.args.kw_defaults + node.decorator_list
            node.body = []
    return [node for node in [*found, *module.body] if node is not None]


@pytest.mark.parametrize("stage", calibrate.STAGES)
async def test_every_stage_has_an_outcome(stage):
    bench = calibrate.Bench(NoModels())
    photo = Image.new("RGB", (120, 90), "white")
    photo.paste((90, 30, 40), (30, 20, 90, 70))
    outcome = await bench.outcome(stage, photo)
    bench.close()
    assert outcome.get("review") not in ("InvalidParameter", "UnknownPreset"), stage
    assert set(outcome) <= set(calibrate.KINDS)


def test_all_numbers_are_moved_on_the_first_photos_and_idle_ones_on_the_rest():
    lines = [{"photo": "a", "moved": ["x", "y"], "changed": {"x": ["cut"]}}]
    both = [SimpleNamespace(title=title) for title in "xy"]

    def titles(photo, *, first):
        return [one.title for one in calibrate.to_move(both, lines, photo, all_of_them=first)]

    assert titles("a", first=True) == titles("a", first=False) == []
    assert titles("b", first=True) == ["x", "y"]
    assert titles("b", first=False) == ["y"]


def test_a_cut_changes_with_more_than_half_a_percent_of_its_pixels():
    one = np.zeros((20, 100), np.uint8)
    few, many = one.copy(), one.copy()
    few[0, :10] = many[0, :11] = 1
    assert calibrate.changes({"cut": one}, {"cut": few}) == set()
    assert calibrate.changes({"cut": one}, {"cut": many}) == {"cut"}
    assert calibrate.changes({"cut": one}, {"cut": None}) == {"cut"}


def test_small_differences_of_a_rendition_do_not_count():
    one = np.zeros((20, 20, 4), np.uint8)
    assert calibrate.changes({"picture": one}, {"picture": one + 4}) == set()
    assert calibrate.changes({"picture": one}, {"picture": one + 5}) == {"picture"}
    one = {"bytes": (1000, False)}
    assert calibrate.changes(one, {"bytes": (1020, False)}) == set()
    assert calibrate.changes(one, {"bytes": (1021, False)}) == {"bytes"}
    assert calibrate.changes(one, {"bytes": (1000, True)}) == {"bytes"}


def test_rules_and_review_change_with_their_words():
    assert calibrate.changes({"rules": ["a"], "review": []}, {"rules": [], "review": []}) == {
        "rules"
    }


def test_no_number_is_idle():
    """Whoever adds one shows what it decides: on photos, or on pictures of `training.asking`."""
    with (Path(calibrate.__file__).parent / "calibrated.tsv").open(newline="") as file:
        rows = {row["number"]: row for row in csv.DictReader(file, delimiter="\t")}
    assert rows.keys() == BY_TITLE.keys()
    idle = [title for title, row in rows.items() if all(row[kind] == "0" for kind in KINDS)]
    assert idle == []


def test_drawn_pictures_are_asked_after_the_photos_and_are_the_same_each_time(tmp_path):
    Image.new("RGB", (8, 6)).save(tmp_path / "photo.png")
    names = [name for name, _ in calibrate.asked(tmp_path, 0, 400)]
    assert names == ["photo.png", *(f"drawn: {name}" for name in asking.pictures())]
    one, other = asking.pictures(), asking.pictures()
    assert all(one[name].tobytes() == other[name].tobytes() for name in one)


def test_sums_count_photos_and_kinds():
    lines = [
        {"photo": "a", "moved": ["x", "y"], "changed": {"x": ["cut", "review"]}},
        {"photo": "b", "moved": ["x"], "changed": {"x": ["cut"]}},
    ]
    rows = {title: (photos, dict(counts)) for title, photos, counts in calibrate.table(lines)}
    assert rows == {"x": (2, {"cut": 2, "review": 1}), "y": (1, {})}
