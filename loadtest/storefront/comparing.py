"""Two runs side by side: which numbers became worse, by ratio."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

BETTER_LARGE = ("hit_share", "renders_per_second")
WORSE_LARGE = (
    "_ms",
    "refused_share",
    "late_share",
    "failed",
    "wrong_answers",
    "resident_mib",
    "retried",
)


@dataclass(frozen=True, slots=True)
class Change:
    """One number of two runs. `ratio` is above 1 where the second run is worse."""

    number: str
    before: float
    after: float
    ratio: float


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Every number that both runs have and that says something about well or ill, worst first."""
    found = []
    for number in before.keys() & after.keys():
        name = number.rpartition(".")[2]
        worse = name.endswith(WORSE_LARGE)
        if not worse and name not in BETTER_LARGE:
            continue
        first, second = float(before[number] or 0), float(after[number] or 0)
        ratio = _ratio(first, second) if worse else _ratio(second, first)
        if not math.isnan(ratio):
            found.append(Change(number, first, second, ratio))
    return sorted(found, key=lambda change: (-change.ratio, change.number))


def worse(found: list[Change], factor: float) -> list[Change]:
    """Those that became worse by more than the factor."""
    return [change for change in found if change.ratio > factor]


def _ratio(base: float, other: float) -> float:
    if base == other:
        return 1.0
    return other / base if base else math.inf


def text(found: list[Change]) -> str:
    lines = [f"{'number':<34}{'A':>12}{'B':>12}{'worse by':>10}"]
    lines += [
        f"{each.number:<34}{each.before:>12.4g}{each.after:>12.4g}{each.ratio:>10.2f}"
        for each in found
    ]
    return "\n".join(lines)
