"""How far rendering is off from what is known, with a tuned number at half to twice its value.

    python -m training.sweep DATA --out DIR [--fetched DIR] [--only output.sample] [--truths sample]

For each of `training.truths` and each number that it is about, and that its cases read: the mean
error with the number times 0.5, 0.7, 1, 1.4 and 2, a line each in DIR/sweep.tsv.
"""

import argparse
import asyncio
import math
import time
from pathlib import Path
from typing import Any

import numpy as np

from edge.models.embedded import EmbeddedModels
from edge.rendering.numbers import numbers
from training.calibrate import ROOT, Bench, Recorded, moved, noted, replaced
from training.known import Given
from training.truths import TRUTHS, Truth

FACTORS = (0.5, 0.7, 1.0, 1.4, 2.0)


def mean_error(truth: Truth, given: Given, cases: list[Any]) -> float:
    """Over the cases that have one."""
    found = []
    for case in cases:
        try:
            found.append(truth.measure(given, case))
        except (ValueError, ArithmeticError, IndexError):
            found.append(math.inf)
    return float(np.nanmean(found))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.sweep")
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="answers and errors are kept here")
    parser.add_argument("--only", nargs="*", default=[""], help="beginnings of the numbers' names")
    parser.add_argument("--truths", nargs="*", default=list(TRUTHS), choices=list(TRUTHS))
    parser.add_argument("--models", type=Path, default=ROOT / "triton_models")
    parser.add_argument("--fetched", type=Path)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    models = EmbeddedModels([folder for folder in (options.models, options.fetched) if folder], 1)
    recorded = Recorded(models, options.out / "answers")
    given = Given(options.data, recorded, Bench(recorded), asyncio.new_event_loop())
    for name in options.truths:
        _sweep(name, given, tuple(options.only), options.out / "sweep.tsv")


def _sweep(name: str, given: Given, only: tuple[str, ...], path: Path) -> None:
    truth = TRUTHS[name]
    cases, start = truth.cases(given), time.monotonic()
    with noted() as read:
        base = mean_error(truth, given, cases)
    print(f"{name}: {len(cases)} cases, {base:.4g} {truth.unit}, {time.monotonic() - start:.0f} s")
    for one in numbers():
        if not (one.title.startswith(truth.of) and one.title.startswith(only)):
            continue
        if (type(one.table), one.name) not in read:
            continue
        errors = []
        for factor in FACTORS:
            with replaced((one, one.value if factor == 1 else moved(one, factor))):
                errors.append(base if factor == 1 else mean_error(truth, given, cases))
        line = "\t".join((name, one.title, str(one.value), *(f"{e:.5g}" for e in errors)))
        print(line, flush=True)
        with path.open("a") as file:
            file.write(line + "\n")


if __name__ == "__main__":
    main()
