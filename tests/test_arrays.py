"""Arrays have one name for each meaning, and public functions say what shape they take."""

import ast
import re
from pathlib import Path

import pytest

from edge import arrays

ARRAYS = Path(arrays.__file__)
ROOT = ARRAYS.parent
FILES = sorted(path for path in ROOT.rglob("*.py") if path != ARRAYS)
ALIASES = set(re.findall(r"^([A-Z]\w+) = ", ARRAYS.read_text(), re.MULTILINE))
NAMES = ALIASES | {"NDArray", "ndarray", "ArrayLike"}
DEFINED = {name: ARRAYS.read_text().split(f"\n{name} = ")[1].split('"""')[1] for name in ALIASES}
OPEN = {name for name, text in DEFINED.items() if "its function says" in text} | NAMES - ALIASES
RANGE = re.compile(
    r"\d to \d|range|dtype|levels?\b|shares?\b|linear|weights|cd/m2|deviations|L\*|where equal",
    re.IGNORECASE,
)
"""What says how large the numbers of an array are."""

PART = r"(?:\.\.\.|\*?\w[\w +*/]*)"
SHAPE = re.compile(rf"\[{PART}(?:, ?{PART})*\]")


def words(node: ast.AST) -> set[str]:
    """The names in an expression, those in strings as well."""
    return set(re.findall(r"\w+", ast.unparse(node)))


def public_functions(module: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Functions and methods without an underscore, of classes without one."""
    classes = [n for n in ast.walk(module) if isinstance(n, ast.ClassDef) and n.name[0] != "_"]
    return [
        node
        for holder in (module, *classes)
        for node in holder.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name[0] != "_"
    ]


def takes_or_gives(names: set[str], function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    given = [part for part in ast.walk(function.args) if isinstance(part, ast.arg)]
    notes = [part.annotation for part in given] + [function.returns]
    return any(words(note) & names for note in notes if note is not None)


def without(pattern: re.Pattern[str], names: set[str], text: str) -> list[str]:
    """Public functions on arrays of such names whose docstring does not match."""
    return [
        f"{function.lineno} {function.name}"
        for function in public_functions(ast.parse(text))
        if takes_or_gives(names, function) and not pattern.search(ast.get_docstring(function) or "")
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_public_functions_on_arrays_name_a_shape(path):
    assert not without(SHAPE, NAMES, path.read_text())


@pytest.mark.parametrize(
    "signature",
    [
        "def f(a: Mask): ...",
        "async def f(*parts: Tensor): ...",
        "def f(*, a: Mapping[str, 'Tensor'] | None = None): ...",
        "def f(a, /, b: npt.NDArray[Any]): ...",
        "def f() -> tuple[Levels, int]: ...",
        "class A:\n    class B:\n        def f(self) -> Arrays: ...",
    ],
)
def test_the_search_finds_every_way_to_take_or_give_an_array(signature):
    assert without(SHAPE, NAMES, signature)
    assert not without(SHAPE, NAMES, signature.replace("...", "'''A uint8 [H, W, 3].'''"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_public_functions_say_the_range_that_the_name_of_an_array_leaves_open(path):
    assert not without(RANGE, OPEN, path.read_text())


def test_a_name_that_states_its_range_needs_no_words_and_others_do():
    assert without(RANGE, OPEN, "def f() -> Floats: ...")
    assert not without(RANGE, OPEN, "def f() -> Floats: '''Levels [N].'''")
    assert not without(RANGE, OPEN, "def f() -> Shares: '''Of each cell [h, w].'''")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_other_file_names_a_kind_of_array(path):
    assert "NDArray" not in path.read_text()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign):
            assert ast.unparse(node.value) not in ALIASES, ast.unparse(node)


@pytest.mark.parametrize("name", sorted(ALIASES - OPEN))
def test_every_name_says_its_dtype_its_shape_and_its_range(name):
    told = DEFINED[name]
    assert re.match(r"(bool|int|uint|float|floating)|\[.*\] in the dtype", told, re.IGNORECASE)
    assert re.search(r"\[|any shape", told)
    assert re.search(r"which|\d to \d|from \d|whole range|dtype and range|rows", told)


@pytest.mark.parametrize("name", sorted(ALIASES & OPEN))
def test_a_name_that_leaves_the_range_open_says_its_dtype_and_shape(name):
    assert re.search(r"float|dtype", DEFINED[name])
    assert re.search(r"\[|any shape", DEFINED[name])
