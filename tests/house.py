"""Who imports whom in `edge`, read from its sources and not by importing them."""

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parent.parent / "edge"
_LOADERS = {"import_module", "__import__", "find_spec"}


def sources() -> dict[str, str]:
    """The text of every file of `edge` by its path in it."""
    return {p.relative_to(ROOT).as_posix(): p.read_text() for p in sorted(ROOT.rglob("*.py"))}


def module_of(path: str) -> str:
    """`edge.cache.redis` of `cache/redis.py`; a package's is that of its `__init__`."""
    parts = ("edge", *path.removesuffix(".py").split("/"))
    return ".".join(parts).removesuffix(".__init__")


@cache
def _named(path: str, text: str) -> frozenset[tuple[str, str]]:
    """What a file imports, wherever in it: modules, and names in them ("" for the module itself).

    Imports within functions and for the type checker count as all others, relative ones by their
    whole names, and those by a call where the name stands in it.
    """
    here = module_of(path).split(".") + (["__init__"] if path.endswith("__init__.py") else [])
    found: set[tuple[str, str]] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {(alias.name, "") for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = here[: -node.level] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            found |= {(module, alias.name) for alias in node.names}
        elif isinstance(node, ast.Call) and node.args:
            called = ast.unparse(node.func).rpartition(".")[2]
            name = node.args[0]
            if called in _LOADERS and isinstance(name, ast.Constant):
                found.add((str(name.value), ""))
    return frozenset(found)


@dataclass(frozen=True)
class House:
    """Files of `edge` by their paths in it, and the modules that each imports."""

    texts: Mapping[str, str]

    def changed(self, path: str, more: str) -> "House":
        """The same with lines added to a file, which may be new."""
        return House({**self.texts, path: f"{self.texts.get(path, '')}\n{more}\n"})

    @cached_property
    def modules(self) -> dict[str, str]:
        """The path of each module."""
        return {module_of(path): path for path in self.texts}

    def imports(self, path: str) -> Iterator[str]:
        """The modules of `edge` that a file imports: of `from a import b` it is `a.b` where that is
        one, and `a` where not."""
        for module, name in _named(path, self.texts[path]):
            full = f"{module}.{name}"
            if full in self.modules:
                yield full
            elif module == "edge" or module.startswith("edge."):
                yield module

    def libraries(self, path: str) -> set[str]:
        """The packages of others that a file imports."""
        tops = {module.split(".")[0] for module, _ in _named(path, self.texts[path])}
        return tops - {"edge"} - sys.stdlib_module_names

    def order(self, below: str = "edge") -> tuple[dict[str, set[str]], list[str]]:
        """Of the modules below a name the ones that each imports, and all in an order in which
        none comes before those that it imports.

        Raises:
            graphlib.CycleError: there is no such order.
        """
        inside = {m: p for m, p in self.modules.items() if f"{m}.".startswith(f"{below}.")}
        graph = {
            module: {name for name in self.imports(path) if name in inside and name != module}
            for module, path in inside.items()
        }
        return graph, list(TopologicalSorter(graph).static_order())

    def longest_chain(self, below: str) -> list[str]:
        """Modules of which each imports the next, as many as there are in a row."""
        graph, order = self.order(below)
        chains: dict[str, list[str]] = {}
        for module in order:
            rest = max((chains[name] for name in graph[module]), key=len, default=[])
            chains[module] = [module, *rest]
        return max(chains.values(), key=len)


def room_of(path: str) -> str:
    """The room that a file is in; `edge/__init__.py` is in none, ""."""
    return "" if path == "__init__.py" else path.split("/")[0].removesuffix(".py")
