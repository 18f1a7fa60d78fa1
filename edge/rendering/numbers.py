"""The tuned numbers of `edge/rendering`, each declared beside the code that uses it.

A detector or estimator keeps its numbers in one frozen dataclass whose fields are made by `tuned`,
and one value of it in its module. `tables` finds them all, for `docs/numbers.md`, for the
calibration, and for the test that no number stands elsewhere.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from types import MappingProxyType
from typing import Any, TypeVar

T = TypeVar("T")
Value = int | float

ROOMS = (
    "analysis", "compliance", "extend", "framing", "matting", "ops", "output", "pixels", "source"
)  # fmt: skip
"""The rooms of `edge.rendering` whose numbers are tuned; the others draw nothing."""


def tuned(value: T, unit: str, decides: str, source: str = "not recorded") -> T:
    """A field of a table of numbers.

    Args:
        unit: of the value; `levels` are those of 8 bits, 0 to 255.
        decides: what becomes another where the value does.
        source: paper, page or measurement that it comes from.
    """
    metadata = MappingProxyType({"unit": unit, "decides": decides, "source": source})
    declared: T = field(default=value, metadata=metadata)
    return declared


@dataclass(frozen=True, slots=True)
class Number:
    """One number: `table` is the dataclass's value, `name` its field, and `index` its place where
    the field holds several, of which each is a number."""

    module: str
    table: Any
    name: str
    index: tuple[int, ...]
    value: Value
    unit: str
    decides: str
    source: str

    @property
    def title(self) -> str:
        """`matting.regions.claimed`, `ops.shadow.dark`."""
        room = self.module.removeprefix("edge.rendering.")
        return f"{room}.{self.name}" + "".join(f"[{i}]" for i in self.index)


def tables() -> Iterator[tuple[str, Any]]:
    """Each module of `ROOMS` that has a table, by its full name, and that table."""
    for room in ROOMS:
        package = importlib.import_module(f"edge.rendering.{room}")
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            module = importlib.import_module(found.name)
            for value in vars(module).values():
                if _is_table(value) and type(value).__module__ == found.name:
                    yield found.name, value


def numbers() -> tuple[Number, ...]:
    """All of them, by module, in the order of their fields."""
    return tuple(one for module, table in tables() for one in numbers_of(module, table))


def numbers_of(module: str, table: Any) -> Iterator[Number]:
    """Those of one table, which stands in that module."""
    for entry in fields(table):
        for index, value in _flat(getattr(table, entry.name)):
            yield Number(module, table, entry.name, index, value, **entry.metadata)


def _is_table(value: Any) -> bool:
    return (
        is_dataclass(value)
        and not isinstance(value, type)
        and all("decides" in entry.metadata for entry in fields(value))
        and bool(fields(value))
    )


def _flat(value: Any) -> Iterator[tuple[tuple[int, ...], Value]]:
    if not isinstance(value, tuple):
        yield (), value
        return
    for place, part in enumerate(value):
        for index, number in _flat(part):
            yield (place, *index), number
