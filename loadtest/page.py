"""One page of what the load tests have measured, as plots: hits, misses and cold pictures.

Reads what `hits.py`, `misses.py` and `cold.py` left in `loadtest/results/`, and writes
`loadtest/results/page.html`; with `--pictures DIR` also `hits.png` and `misses.png`. What was not
measured is left out.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import plots
from common import ROOT
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Facts = Mapping[str, Any]
"""What one program has kept of one comparison."""

BODIES = ("small", "large")


@dataclass(frozen=True, slots=True)
class Bar:
    """One contestant: processor time a request by round, in `unit`, and what else is told of it."""

    name: str
    rounds: tuple[float, ...]
    details: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)


@dataclass(frozen=True, slots=True)
class Group:
    """One comparison: contestants that were driven in turn."""

    title: str
    unit: str
    bars: tuple[Bar, ...]


def hits(folder: Path) -> list[Group]:
    """Microseconds a hit, of each body that was measured."""
    found = []
    for body in BODIES:
        facts = _read(folder / f"hits-{body}.json")
        if facts:
            title = f"a hit of {facts['bytes'] / 1000:.0f} kB"
            found.append(Group(title, "microseconds", tuple(_bars(facts, 1000))))
    return found


def misses(folder: Path) -> list[Group]:
    """Milliseconds a picture, of each row that was measured."""
    found = []
    for path in sorted(folder.glob("misses-*.json")):
        facts = _read(path)
        title = facts.get("case", path.stem.removeprefix("misses-").replace("-", " "))
        found.append(Group(title, "milliseconds", tuple(_bars(facts, 1))))
    return found


def _bars(facts: Facts, times: float) -> Iterator[Bar]:
    alike = facts.get("likeness", {})
    for name, runs in facts["runs"].items():
        details = ""
        if name in alike:
            details = "{bytes:,.0f} bytes, {psnr:.1f} dB, SSIM {ssim:.4f}".format(**alike[name])
        yield Bar(name, tuple(run["cpu"] * times for run in runs), details)


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text())) if path.exists() else {}


def draw(axes: Axes, group: Group) -> None:
    """A bar a contestant, its median beside it, each round a dot; edge first, from the top."""
    for place, bar in enumerate(group.bars):
        ours = bar.name in ("edge", "memory", "redis")
        colour = plots.COLOURS[0] if ours else plots.COLOURS[3]
        axes.barh(place, bar.median, 0.62, color=colour, alpha=1 if ours else 0.55)
        axes.plot(bar.rounds, [place] * len(bar.rounds), ".", color="#1c2329", markersize=4)
        label = f"  {plots.number(bar.median)}" + (f"   {bar.details}" if bar.details else "")
        axes.text(max(bar.rounds), place, label, va="center", fontsize=8)
    axes.set_yticks(range(len(group.bars)), [bar.name for bar in group.bars])
    axes.invert_yaxis()
    longest = max(max(bar.rounds) for bar in group.bars)
    axes.set_xlim(0, longest * (2.0 if any(bar.details for bar in group.bars) else 1.2))
    axes.set_xlabel(f"{group.unit} of processor")


def picture(groups: Sequence[Group], target: Path) -> None:
    """The comparisons one below the other, as a PNG."""
    heights = [len(group.bars) + 2 for group in groups]
    size = (8.5, 0.3 * sum(heights))
    drawn = Figure(figsize=size, layout="constrained")
    grid = drawn.subplots(len(groups), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, group in zip(grid, groups, strict=True):
        draw(axes, group)
        axes.set_title(group.title, loc="left", fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
    target.parent.mkdir(parents=True, exist_ok=True)
    drawn.savefig(target, format="png", dpi=110, metadata={"Software": None})


def sections(folder: Path) -> Iterator[str]:
    """The page's parts as HTML."""
    for group in (*hits(folder), *misses(folder)):
        height = 0.32 * len(group.bars) + 0.9
        with plots.figure(group.title, "Each dot is a round.", height) as (axes, html):
            draw(axes, group)
        yield from html
        yield _table(group)
    for path in sorted(folder.glob("cold*.json")):
        yield _cold(path)


def _table(group: Group) -> str:
    first = group.bars[0]
    rows = [(bar.name, bar.median, bar.median / first.median, bar.details) for bar in group.bars]
    heads = ("", group.unit, f"over {first.name}", "")
    return plots.table(heads, rows, "Medians of the rounds.")


def _cold(path: Path) -> str:
    """Wall and processor time of cold marketplace pictures, of each checkout."""
    facts, rows = _read(path), []
    for name, runs in facts["runs"].items():
        middle = [
            statistics.median(run[what] for run in runs) for what in ("wall", "networks", "rest")
        ]
        rows.append((name, *middle))
    heads = ("", "wall, ms", "networks, ms of processor", "all else, ms of processor")
    return f"<h2>cold {facts['query']} ({path.stem})</h2>" + plots.table(heads, rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=ROOT / "loadtest" / "results")
    parser.add_argument("--pictures", type=Path, help="a folder for hits.png and misses.png")
    given = parser.parse_args()
    parts = list(sections(given.results))
    if not parts:
        print(f"nothing was measured yet: {given.results} holds no results", file=sys.stderr)
        return 1
    target = given.results / "page.html"
    target.write_text(plots.page("What a request costs", parts))
    print(target)
    for name, groups in (("hits", hits(given.results)), ("misses", misses(given.results))):
        if given.pictures and groups:
            picture(groups, given.pictures / f"{name}.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
