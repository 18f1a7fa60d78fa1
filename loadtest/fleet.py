"""Where a fleet's limit is: a hundred replicas simulated with measured costs.

python -m loadtest.fleet                     the report: how far each part is from its limit
python -m loadtest.fleet --measure FILE      measure the costs here, to simulate with --costs
"""

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from loadtest import fleet_costs, plots
from loadtest.common import ROOT
from loadtest.fleet_capacity import need
from loadtest.fleet_model import Costs, Fleet, Purge, Result, Warm, simulate, trace
from loadtest.plots import figure, table

KEYS = 2_400_000
"""200,000 photos in a dozen pictures each."""

SEEN = Fleet(cdn=600_000)
LOADS = (250, 500, 1000, 2000)
"""Pages a second."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A fleet, and whether the balancer sends all pictures of a photo to one replica."""

    name: str
    fleet: Fleet
    by_photo: bool = False


SCENES = (
    Scene("a CDN", SEEN),
    Scene("a CDN, balanced by photo", SEEN, by_photo=True),
    Scene("no CDN", replace(SEEN, cdn=0)),
    Scene("no CDN, balanced by photo", replace(SEEN, cdn=0), by_photo=True),
    Scene("a CDN, no Redis", replace(SEEN, redis=0)),
    Scene("a CDN, an origin of 40 at once", replace(SEEN, origin=40)),
    Scene("a CDN, one accelerator", replace(SEEN, triton=1)),
)


def sweep(costs: Costs, scene: Scene, seconds: float) -> list[Result]:
    """The fleet under one load after the other, each from full tiers."""
    return [
        simulate(
            scene.fleet,
            costs,
            trace(pages, seconds, scene.fleet, keys=KEYS, by_photo=scene.by_photo),
            warm=Warm.BY_PHOTO if scene.by_photo else Warm.ALIKE,
            sampled=0.1,
        )
        for pages in LOADS
    ]


def where_it_ends(costs: Costs, seconds: float) -> list[str]:
    parts, rows = [], []
    for scene in SCENES:
        results = sweep(costs, scene, seconds)
        parts.append(_utilisation(scene.name, results))
        rows.append((scene.name, *_limit(results)))
        print(*rows[-1], sep=" | ", flush=True)
    heads = (
        "fleet of 100 x 2 cores", "first limit", "reached at pages a second",
        "pictures that edge sees", "of these in memory", "in Redis", "rendered",
    )  # fmt: skip
    return ["<h2>What becomes the limit</h2>", table(heads, rows), *parts]


def _limit(results: list[Result]) -> tuple[str, float, float, float, float, float]:
    """The first part to be busy all the time, and the load at which it will be, in proportion."""
    last = results[-1]
    reach = {name: LOADS[-1] / share for name, share in last.utilisation.items() if share > 0}
    limit = min(reach, key=reach.__getitem__)
    seen = last.asked - last.count("cdn")
    shares = (last.count(name) / max(1, seen) for name in ("memory", "redis", "render"))
    return limit, reach[limit], seen / max(1, last.asked), *shares


def _utilisation(name: str, results: list[Result]) -> str:
    caption = "Share of its time that each part is busy; at 1 its queue grows without end."
    with figure(f"Busy parts, {name}", caption) as (axes, out):
        for part in results[0].utilisation:
            axes.plot(LOADS, [result.utilisation[part] for result in results], "o-", label=part)
        axes.axhline(1.0, color="#b3261e", linewidth=0.8)
        axes.set(xlabel="pages a second", ylabel="busy", xscale="log", yscale="log")
        axes.set_ylim(bottom=1e-4)
        axes.legend(fontsize="small")
    return out[0]


STORM = Purge(at=5.0, share=0.2)


def storm(costs: Costs, pages: int, seconds: float) -> list[str]:
    """A fifth of the catalogue is purged at once while shoppers look."""
    asked = trace(pages, seconds, SEEN, keys=KEYS)
    result = simulate(SEEN, costs, asked, purge=STORM, sampled=0.1)
    at, came = np.array(result.at), np.array(result.came)
    caption = (
        f"{pages} pages a second; after {STORM.at:g} s a fifth of all photos is purged. "
        f"{result.count('joined'):,} waited for another's render, {result.count('refused'):,} "
        "were refused."
    )
    with figure("A purge storm", caption) as (axes, out):
        edges = np.arange(0, seconds + 0.5, 0.5)
        for name in ("memory", "redis", "render", "joined", "refused"):
            counts, _ = np.histogram(at[came == name], edges)
            axes.plot(edges[:-1], counts * 2, label=name)
        axes.set(xlabel="seconds", ylabel="pictures a second", yscale="symlog")
        axes.legend(fontsize="small", ncols=3)
    return [out[0], _waits(result, seconds)]


def _waits(result: Result, seconds: float) -> str:
    with figure("The same: how long renders take", "p50 and p99 in each second.") as (axes, out):
        at = np.array(result.at)
        times = np.array(result.seconds)
        made = np.isin(result.came, ("render", "joined"))
        for share in (50, 99):
            points = [
                (second, np.percentile(times[mine], share) * 1000)
                for second in range(int(seconds))
                if (mine := made & (at.astype(int) == second)).any()
            ]
            axes.plot(*zip(*points, strict=True), label=f"p{share}")
        axes.set(xlabel="seconds", ylabel="milliseconds", yscale="log")
        axes.legend(fontsize="small")
    return out[0]


def by_rule(costs: Costs) -> str:
    rows = [
        (pages, f"{cdn:.0%}", want.cores, want.redis, want.network)
        for pages in (10, 100, 1000)
        for cdn in (0.0, 0.9, 0.98)
        for want in [need(costs, pages, cdn=cdn)]
    ]
    heads = ("pages a second", "held by the CDN", "cores", "share of a Redis", "networks at once")
    return "<h2>By the rule of thumb</h2>" + table(heads, rows)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.fleet", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--costs", type=Path, default=fleet_costs.STATED, help="a TOML file")
    parser.add_argument(
        "--measure", type=Path, metavar="FILE", help="write the costs measured here"
    )
    parser.add_argument("--seconds", type=float, default=1.0, help="simulated, of each load")
    parser.add_argument("--pages", type=int, default=1000, help="a second, in the purge storm")
    parser.add_argument("--out", type=Path, default=ROOT / "loadtest" / "results" / "fleet.html")
    options = parser.parse_args()
    if options.measure:
        options.measure.write_text(fleet_costs.written(fleet_costs.measure()))
        print(options.measure.read_text())
        return 0
    costs = fleet_costs.load(options.costs)
    parts = [by_rule(costs), *where_it_ends(costs, options.seconds)]
    parts += storm(costs, options.pages, 15.0)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(plots.page("A fleet of a hundred", parts))
    print(options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
