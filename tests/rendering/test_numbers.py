"""Every tuned number of rendering is in its detector's table, and says what it is."""

import ast
import dataclasses
from pathlib import Path

import pytest

import edge.rendering
from edge.rendering.numbers import ROOMS, numbers, numbers_of, tables, tuned

ROOT = Path(edge.rendering.__file__).parent

FIXED = {
    "analysis/degradation.py": {"_TILE", "_ACROSS"},
    "analysis/detection.py": {"_TEXT", "_LINE", "_LEAST", "_UNCLIPPED", "_STRIP"},
    "analysis/parts.py": {"SIDE", "_LEAST"},
    "compliance/attempts.py": {"_PUREST"},
    "compliance/measurements.py": {"BLOCK"},
    "compliance/verify.py": {"_SEEN"},
    "extend/grain.py": {"_NONE", "_SEED", "_TILE", "_BLOCK", "_TRIES"},
    "extend/plain.py": {"_TO_GREEN"},
    "extend/scene.py": {"_SEED", "_NEAR", "_STEP"},
    "framing/product.py": {"_NOMINAL", "_ROUNDING"},
    "matting/foreground.py": {"SWEEPS_WHOLE", "_MOST"},
    "matting/fusion.py": {"HALF", "HOLE"},
    "matting/segment.py": {"FINEST"},
    "matting/doubt.py": {"BIAS", "WEIGHTS"},
    "matting/entry.py": {"_LEVEL"},
    "ops/background.py": {"_NOTHING", "_SEEN"},
    "ops/pad.py": {"_CLEAR"},
    "ops/rotate.py": {"_TURNS"},
    "ops/shadow.py": {"_BAR", "_LAYERS"},
    "output/blurhash.py": {"_COMPONENTS", "_SIDE"},
    "output/encode.py": {"_LONGEST_SIDE"},
    "output/metrics.py": {"_CELL", "_C1", "_C2"},
    "output/sample.py": {"_TILE", "_ACROSS", "_CANDIDATES"},
    "output/write.py": {"_WEBP_METHOD", "_AVIF_SPEED", "_PNG_LEVEL", "_BAND"},
    "pixels/arrays.py": {"_CHANNELS"},
    "pixels/colour_difference.py": {"_TO_XYZ", "_WHITE", "_LEVELS", "_LINEAR"},
    "pixels/denoise.py": {"_SCALES", "_KERNEL"},
    "pixels/geometry.py": {"ROUNDED", "_HAIR"},
    "pixels/morphology.py": {"EDGE"},
    "pixels/picture.py": {"REDUCING_GAP"},
    "pixels/sampling.py": {"_ROW"},
}  # fmt: skip
"""What is fixed by a standard, a format or a paper's derivation, a table of all 256 levels, the
seed of a generator, an allowance for rounding, or fitted by a program: nobody tunes it. Nor the
size of a buffer or a sample, and the time that a library may take: they cost memory and time."""

FILES = sorted(path for room in ROOMS for path in (ROOT / room).glob("*.py"))


def constants(path: Path) -> set[str]:
    """The names that a module binds to something with a number in it."""
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(type(part.value) in (int, float) for part in _literals(node.value)):
                found |= {part.id for t in targets for part in ast.walk(t) if _is_name(part)}
    return found


def _literals(value: ast.expr) -> list[ast.Constant]:
    return [part for part in ast.walk(value) if isinstance(part, ast.Constant)]


def _is_name(node: ast.AST) -> bool:
    return isinstance(node, ast.Name)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_tuned_number_stands_outside_of_a_table(path):
    name = path.relative_to(ROOT).as_posix()
    assert constants(path) == FIXED.get(name, set())


def test_every_number_says_its_unit_what_it_decides_and_its_source():
    for one in numbers():
        assert all((one.unit, one.decides, one.source)), one.title
        assert type(one.value) in (int, float), one.title


def test_titles_are_unique():
    titles = [one.title for one in numbers()]
    assert len(titles) == len(set(titles))


def test_a_table_is_frozen_and_another_value_makes_another_table():
    for _, table in tables():
        first = dataclasses.fields(table)[0].name
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(table, first, 1)
        assert dataclasses.replace(table, **{first: -1}) != table


def test_a_field_of_several_numbers_lists_each():
    @dataclasses.dataclass(frozen=True)
    class Some:
        layers: tuple[tuple[int, int], ...] = tuned(((3, 4), (5, 6)), "cells", "nothing")

    found = list(numbers_of("edge.rendering.some", Some()))
    assert [one.index for one in found] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert [one.title for one in found][-1] == "some.layers[1][1]"


def test_a_number_without_a_source_says_so():
    @dataclasses.dataclass(frozen=True)
    class Some:
        width: int = tuned(3, "cells", "nothing")

    assert Some().width == 3
    assert dataclasses.fields(Some)[0].metadata["source"] == "not recorded"
