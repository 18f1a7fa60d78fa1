"""Load a storefront, write a report, and say whether the objectives were met.

Starts all that it needs: photos, replicas of edge, a Redis where one is installed. The report is
one HTML file; beside it lies the run as JSON, of which --compare reads two. Exit status: 0 met,
1 not met (or became worse), 2 wrong usage.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from loadtest.common import ROOT
from loadtest.storefront import comparing, objectives, shop
from loadtest.storefront.recording import Recorder, summary
from loadtest.storefront.running import Load

RESULTS = ROOT / "loadtest" / "results"


def main() -> int:
    options = _parser().parse_args()
    if options.compare:
        return _compare(*options.compare, options.worse)
    presets = tuple(word for word in options.presets.split(",") if word)
    load = Load(
        options.seconds, options.shoppers, options.feeds if presets else 0, options.bots,
        options.replicas, options.products, options.photos, presets, options.zipf,
        tuple(options.set),
    )  # fmt: skip
    from loadtest.storefront.running import run

    stated = objectives.load(options.objectives)
    return _report(load, run(load), stated, options.out)


def _report(load: Load, recorder: Recorder, stated: list[objectives.Objective], out: Path) -> int:
    from loadtest.storefront import report

    numbers = summary(recorder)
    verdicts = objectives.judge(numbers, stated)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(report.write("Storefront under load", recorder, numbers, verdicts))
    kept = {
        "load": asdict(load),
        "numbers": numbers,
        "objectives": [
            {"number": v.objective.number, "bound": v.objective.bound, "is": v.value, "met": v.met}
            for v in verdicts
        ],
    }
    out.with_suffix(".json").write_text(json.dumps(kept, indent=2, default=str))
    for what, count in recorder.wrong.most_common(10):
        print(f"wrong: {count} x {what}")
    for verdict in verdicts:
        word = "met   " if verdict.met else "MISSED"
        print(f"{word} {verdict.objective.number} = {verdict.value} ({verdict.objective.bound})")
    print(f"{out}\n{out.with_suffix('.json')}")
    return 0 if all(verdict.met for verdict in verdicts) else 1


def _compare(first: Path, second: Path, factor: float) -> int:
    try:
        before, after = (json.loads(path.read_text())["numbers"] for path in (first, second))
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"no run of a storefront: {error}", file=sys.stderr)
        return 2
    found = comparing.changes(before, after)
    print(comparing.text(found))
    return 1 if comparing.worse(found, factor) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.storefront", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--seconds", type=float, default=300, help="of the whole run")
    parser.add_argument("--shoppers", type=int, default=8)
    parser.add_argument("--feeds", type=int, default=1, help="that ask for all presets of a photo")
    parser.add_argument("--bots", type=int, default=2)
    parser.add_argument("--replicas", type=int, default=2)
    parser.add_argument("--products", type=int, default=400, help="photos to make from the samples")
    parser.add_argument("--photos", type=Path, help="a folder of JPEGs of your own instead")
    parser.add_argument("--presets", default=",".join(shop.PRESETS), help="of the feed, by commas")
    parser.add_argument("--zipf", type=float, default=0.8, help="exponent of the popularity")
    parser.add_argument("--objectives", type=Path, default=objectives.STATED, help="a TOML file")
    parser.add_argument("--out", type=Path, default=RESULTS / "storefront.html")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--compare", type=Path, nargs=2, metavar=("A.json", "B.json"))
    parser.add_argument("--worse", type=float, default=1.25, help="ratio that --compare allows")
    return parser


if __name__ == "__main__":
    sys.exit(main())
