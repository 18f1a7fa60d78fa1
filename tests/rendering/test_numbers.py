"""Every tuned number of rendering is in its detector's table, and says what it is."""

import ast
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

import edge.rendering
from edge.rendering.numbers import numbers, numbers_of, tables, tuned

ROOT = Path(edge.rendering.__file__).parent

MOST = 110
"""Numbers in all tables together."""

FIXED = {
    "analysis/surface.py": {"PLANE", "QUADRATIC", "_BIWEIGHT", "_RIDGE"},
    "analysis/parts.py": {"SIDE"},
    "analysis/detection.py": {"_TEXT", "_LINE", "_LEAST", "_UNCLIPPED", "_STRIP"},
    "compliance/attempts.py": {"_PUREST"},
    "compliance/checks.py": {"_VISIBLE"},
    "compliance/drift.py": {"_PERCENTILES", "_NEAREST"},
    "compliance/measurements.py": {"BLOCK"},
    "engine/processes.py": {"_BEHIND", "_FAILED_STARTS", "_START_SECONDS", "_GRACE_SECONDS"},
    "engine/stock.py": {"LEAST"},
    "extend/grain.py": {"_NONE", "_SEED"},
    "extend/scene.py": {"_SEED"},
    "framing/product.py": {"_NOMINAL", "_ROUNDING"},
    "matting/regions.py": {"HOLE"},
    "matting/mattes.py": {"FINEST"},
    "memory.py": {"_DECODED", "_DECODER", "_OUTPUT", "_ANY_OUTPUT", "_CUT"},
    "matting/doubt.py": {"AROUND", "BIAS", "RARER", "WEIGHTS"},
    "matting/entry.py": {"_LEVEL"},
    "ops/background.py": {"_NOTHING", "_VISIBLE"},
    "ops/pad.py": {"_CLEAR"},
    "ops/rotate.py": {"_TURNS"},
    "ops/shadow.py": {"_BAR", "_LAYERS"},
    "output/blurhash.py": {"_COMPONENTS", "_SIDE"},
    "output/encode.py": {"_LONGEST_SIDE"},
    "output/metrics.py": {"_CELL", "WINDOW", "_WORST", "_C1", "_C2"},
    "output/sample.py": {"_BLOCK"},
    "output/write.py": {"_WEBP_METHOD", "_AVIF_SPEED", "_PNG_LEVEL", "_BAND"},
    "pixels/buffers.py": {"_CHANNELS"},
    "pixels/colour_difference.py": {"_TO_XYZ", "_WHITE", "_LINEAR"},
    "pixels/denoise.py": {"_SCALES", "_KERNEL"},
    "pixels/geometry.py": {"ROUNDED", "_HAIR"},
    "pixels/morphology.py": {"EDGE"},
    "pixels/picture.py": {"REDUCING_GAP"},
    "pixels/sampling.py": {"_ROW"},
    "pixels/scales.py": {"MAD"},
    "provenance.py": {"_SHORT", "_ORIGINAL", "_ROOM"},
    "source/colour.py": {"_BAND", "_NARROW", "_ROUNDING", "_conversions"},
    "source/colour_spaces.py": {"_BRADFORD", "_D50", "_CURVE"},
    "source/decode.py": {"_ANY", "_TURNS"},
    "source/decoders/jpeg.py": {"_FRAMES", "_LOOKAHEAD", "_PROGRESSIVE", "_SCALES", "_SCAN"},
    "source/decoders/plain.py": {
        "_BOX_MARGIN", "_ENOUGH", "_IS_SOFT", "_ROUNDING", "_SOFT", "_SPARSE"
    },
    "source/tone_mapping.py": {
        "WHITE", "_BAND", "_BINS", "_C1", "_C2", "_C3", "_HLG_GAMMA", "_HLG_PEAK", "_LUMINANCE",
        "_M1", "_M2", "_PEAK", "_STEPS", "_OUTLIERS",
    },
    "tile_cache.py": {"_CUTOUT", "_LARGEST_SHARE", "_OVERHEAD", "_TAGS_LATE"},
}  # fmt: skip
"""Named constants, which nobody tunes: what is fixed by a standard, a format or a paper's
derivation, a table of all 256 levels, the seed of a generator, an allowance for rounding, what a
rule is defined by, or what a program has fitted. Nor the size of a buffer, the bytes that a render
was measured to take, and the time that a library or a process may: they cost memory and time, and
move no picture by more than its encoder does."""

PARSED = (
    "chain/", "source/headers/",
    *(f"source/decoders/{n}.py" for n in ("deep", "messages", "png", "pool", "sandbox", "tiff")),
    "source/decoders/worker.py",
)  # fmt: skip
"""What takes apart bytes of files and messages, by offsets, tags and masks of their formats, and
how long other processes are waited for."""

STRUCTURE = {int: {0, 1, 2, 255, 256}, float: {0.0, 1.0}}
"""Numbers that say nothing of what was measured: ends, neighbours, halves, levels of 8 bits."""

PIXELS_MIDDLE = 0.5
"""Half a pixel or a rounding, wherever nothing is compared with it."""

SHAPED = {
    "reshape", "zeros", "empty", "ones", "full", "eye", "range", "new", "insertChannel",
    "extractChannel",
}  # fmt: skip
"""Functions that are given shapes, channels and colours."""

KEYWORDS = {"axis", "connectivity", "minlength", "reducing_gap"}

STANDARDS = {
    "output/blurhash.py", "pixels/colour_difference.py", "source/colour_spaces.py",
    "source/tone_mapping.py",
}  # fmt: skip
"""Files that are a published formula from end to end, and cite it."""

SAID = {
    "analysis/degradation.py": {6: "the norm of Immerkaer's mask"},
    "analysis/detection.py": {400: "of a drawing", 8: "of it", 14: "of it", 0.8: "of it"},
    "compliance/checks.py": {10_000: "digits that are shown"},
    "compliance/measurements.py": {100: "percent"},
    "engine/process.py": {5: "pickle's protocol"},
    "engine/processes.py": {5: "pickle's protocol", 19: "the lowest priority"},
    "extend/extend.py": {4: "the middle half of a box"},
    "extend/grain.py": {3: "three sigma"},
    "extend/plain.py": {1.25: "to the middle of a strip", 3: "three sigma"},
    "framing/framing.py": {4: "what the networks enlarge by"},
    "matting/foreground.py": {3: "dimensions"},
    "ops/rotate.py": {90: "degrees", 180: "degrees", 270: "degrees", 360: "degrees"},
    "ops/shadow.py": {4: "sigma beyond which a Gaussian leaves nothing of 255 levels"},
    "ops/upscale.py": {3: "bytes of a pixel"},
    "output/encode.py": {100: "the highest quality"},
    "output/metrics.py": {10: "decibels"},
    "output/quality.py": {100: "the highest quality", 1e-4: "instead of no loss at all"},
    "memory.py": {20: "bits of a MiB"},
    "pixels/bleeding.py": {1e-6: "instead of no weight at all"},
    "pixels/sampling.py": {4: "channels", 257: "the same byte twice"},
    "source/colour.py": {8: "bits", 9: "steps of a test"},
    "source/decode.py": {5: "of Exif's orientations, the first that swaps sides"},
    "source/decoders/jpeg.py": dict.fromkeys((3, 4, 5, 15, 63, 64), "of ITU-T T.81"),
    "source/decoders/options.py": {8: "bits"},
    "source/decoders/plain.py": dict.fromkeys((4, 8, 16, 32895, 65535), "of bits"),
    "source/facts.py": {8: "bits"},
    "source/libraries.py": {8: "bits"},
}
"""What else is written in the code, and is no number that was chosen by what came out."""

FILES = sorted(
    path for path in ROOT.rglob("*.py") if not path.relative_to(ROOT).as_posix().startswith(PARSED)
)


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


def written(node: ast.AST, *, compared: bool = False) -> Iterator[ast.Constant]:
    """Numbers in a function or class that are part of its arithmetic: no index, no shape, no digits
    of a rounding, no field of a table."""
    if isinstance(node, ast.Constant):
        if type(node.value) in (int, float) and _speaks_of_pictures(node.value, compared):
            yield node
        return
    parts = list(ast.iter_child_nodes(node))
    if isinstance(node, ast.Subscript):
        parts = [node.value]
    elif isinstance(node, ast.Call):
        parts = _measured(node)
    for part in parts:
        yield from written(part, compared=compared or isinstance(node, ast.Compare))


def _speaks_of_pictures(value: float, compared: bool) -> bool:
    if value == PIXELS_MIDDLE:
        return compared
    return value not in STRUCTURE[type(value)]


def _measured(call: ast.Call) -> list[ast.AST]:
    """The parts of a call whose numbers count."""
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    if name == "tuned" or name in SHAPED:
        return []
    if name == "round":  # digits follow what is rounded
        return [call.func] if isinstance(call.func, ast.Attribute) else [*call.args[:1]]
    named = [keyword.value for keyword in call.keywords if keyword.arg not in KEYWORDS]
    return [call.func, *call.args, *named]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_tuned_number_is_a_constant_outside_of_a_table(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    assert constants(path) == FIXED.get(name, set())


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_tuned_number_is_written_in_the_code(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    if name in STANDARDS:
        return
    inner = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    found = {
        number.value: number.lineno
        for node in ast.parse(path.read_text()).body
        if isinstance(node, inner)
        for number in written(node)
    }
    assert found.keys() == SAID.get(name, {}).keys(), found


def test_a_number_that_is_compared_or_multiplied_is_found() -> None:
    """What the test above is made of."""
    code = "x[:3] * 1.5 + f(a.reshape(7, 2), 0.5) if round(y, 4) >= 0.5 else tuned(9) - 255"
    assert [one.value for one in written(ast.parse(code))] == [0.5, 1.5]


def test_there_are_not_too_many() -> None:
    assert len(numbers()) <= MOST


def test_every_number_says_its_unit_what_it_decides_and_its_source() -> None:
    for one in numbers():
        assert all((one.unit, one.decides, one.source)), one.title
        assert type(one.value) in (int, float), one.title


def test_titles_are_unique() -> None:
    titles = [one.title for one in numbers()]
    assert len(titles) == len(set(titles))


def test_a_table_is_frozen_and_another_value_makes_another_table() -> None:
    for _, table in tables():
        first = dataclasses.fields(table)[0].name
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(table, first, 1)
        assert dataclasses.replace(table, **{first: -1}) != table


def test_a_field_of_several_numbers_lists_each() -> None:
    @dataclasses.dataclass(frozen=True)
    class Some:
        layers: tuple[tuple[int, int], ...] = tuned(((3, 4), (5, 6)), "cells", "nothing")

    found = list(numbers_of("edge.rendering.some", Some()))
    assert [one.index for one in found] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert [one.title for one in found][-1] == "some.layers[1][1]"


def test_a_number_without_a_source_says_so() -> None:
    @dataclasses.dataclass(frozen=True)
    class Some:
        width: int = tuned(3, "cells", "nothing")

    assert Some().width == 3
    assert dataclasses.fields(Some)[0].metadata["source"] == "not recorded"
