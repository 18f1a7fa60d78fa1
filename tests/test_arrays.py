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


def takes_or_gives_arrays(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    given = [part for part in ast.walk(function.args) if isinstance(part, ast.arg)]
    notes = [part.annotation for part in given] + [function.returns]
    return any(words(note) & NAMES for note in notes if note is not None)


def without_a_shape(text: str) -> list[str]:
    return [
        f"{function.lineno} {function.name}"
        for function in public_functions(ast.parse(text))
        if takes_or_gives_arrays(function) and not SHAPE.search(ast.get_docstring(function) or "")
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_public_functions_on_arrays_name_a_shape(path):
    assert not without_a_shape(path.read_text())


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
    assert without_a_shape(signature)
    assert not without_a_shape(signature.replace("...", "'''A uint8 [H, W, 3].'''"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_other_file_names_a_kind_of_array(path):
    assert "NDArray" not in path.read_text()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign):
            assert ast.unparse(node.value) not in ALIASES, ast.unparse(node)


def test_every_name_says_its_dtype_and_shape():
    text = ARRAYS.read_text()
    for name in ALIASES:
        told = text.split(f"\n{name} = ")[1].split('"""')[1]
        assert re.search(r"\[|any shape", told), name
