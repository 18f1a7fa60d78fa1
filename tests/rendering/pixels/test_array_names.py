"""Arrays have one name for each meaning, and public functions say what shape they take."""

import ast
import re
from pathlib import Path

import pytest

import edge.rendering
from edge.rendering.pixels import arrays

ROOT = Path(edge.rendering.__file__).parent
FILES = sorted(path for path in ROOT.rglob("*.py") if path.name != "arrays.py")
ALIASES = set(re.findall(r"^([A-Z]\w+) = ", Path(arrays.__file__).read_text(), re.MULTILINE))
PART = r"(?:\.\.\.|\w[\w +*/]*)"
SHAPE = re.compile(rf"\[{PART}(?:, ?{PART})*\]")


def public_functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Functions and methods without an underscore, of classes without one."""
    module = ast.parse(path.read_text())
    classes = [n for n in module.body if isinstance(n, ast.ClassDef) and n.name[0] != "_"]
    return [
        node
        for holder in (module, *classes)
        for node in holder.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name[0] != "_"
    ]


def takes_or_gives_arrays(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    given = [argument.annotation for argument in (*function.args.args, *function.args.kwonlyargs)]
    named = [note for note in (*given, function.returns) if note is not None]
    return any(
        isinstance(part, ast.Name) and part.id in ALIASES for one in named for part in ast.walk(one)
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_public_functions_on_arrays_name_a_shape(path):
    for function in public_functions(path):
        if takes_or_gives_arrays(function):
            told = ast.get_docstring(function) or ""
            assert SHAPE.search(told), f"{path.name}:{function.lineno} {function.name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_other_file_names_a_kind_of_array(path):
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign):
            assert not ast.unparse(node.value).startswith("npt.NDArray"), ast.unparse(node)


def test_every_name_says_its_dtype_and_shape():
    text = Path(arrays.__file__).read_text()
    for name in ALIASES:
        told = text.split(f"\n{name} = ")[1].split('"""')[1]
        assert re.search(r"\[|any shape", told), name
