"""The objectives that a run is held against, read from TOML."""

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STATED = Path(__file__).with_name("objectives.toml")


@dataclass(frozen=True, slots=True)
class Objective:
    """A bound for one number of a run's summary."""

    number: str
    why: str
    at_most: float = math.inf
    at_least: float = -math.inf

    def met(self, value: float | None) -> bool:
        return value is not None and self.at_least <= value <= self.at_most

    @property
    def bound(self) -> str:
        if math.isfinite(self.at_most):
            return f"at most {self.at_most:g}"
        return f"at least {self.at_least:g}"


@dataclass(frozen=True, slots=True)
class Verdict:
    objective: Objective
    value: float | None
    met: bool


def load(path: Path = STATED) -> list[Objective]:
    """The objectives of a file.

    Raises:
        ValueError: a row has no bound, or words that no objective has.
    """
    found = []
    for number, row in tomllib.loads(path.read_text()).items():
        if not {"at_most", "at_least"} & set(row) or set(row) - {"at_most", "at_least", "why"}:
            raise ValueError(f"{path}: {number} needs at_most or at_least, and why; nothing else")
        found.append(Objective(number, **({"why": ""} | row)))
    return found


def judge(numbers: Mapping[str, Any], stated: Sequence[Objective]) -> list[Verdict]:
    """Every objective with what the run has come to; a number that is missing or NaN is not met."""
    return [
        Verdict(each, value, each.met(value))
        for each in stated
        for value in [numbers.get(each.number)]
    ]
