"""What it costs a memory hit to be logged and traced, and what it costs to be able to.

The contestants run in turn on one machine: edge as it is, with a line for each request, with
traces of which none is sampled, with all. `--before` names a checkout of another version of edge,
which runs as it is. Spans go to a port where nobody listens; lines to nowhere. Beside requests a
second, processor time for each request is told, which other work on the machine disturbs less.
"""

import argparse
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from urllib.request import urlopen

from common import ROOT, Run, free_port, in_turn, keep, ratios, server, wrk

QUERY = "w=480&fm=jpg"


PYTHON = ROOT / ".venv" / "bin" / "python"


def contestants(before: Path | None) -> dict[str, tuple[Path, dict[str, str]]]:
    """Where the code lies, and settings, by name."""
    nobody = {"EDGE_TRACING_URL": f"http://127.0.0.1:{free_port()}"}
    found = {
        "edge": (ROOT, {}),
        "all lines": (ROOT, {"EDGE_SERVER_ACCESS_LOG": "all"}),
        "none sampled": (ROOT, {**nobody, "EDGE_TRACING_SHARE": "0"}),
        "all traced": (ROOT, {**nobody, "EDGE_TRACING_SHARE": "1"}),
    }
    return found | ({"before": (before, {})} if before else {})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument(
        "--before", type=Path, help="a checkout of it; it runs in this one's environment"
    )
    options = parser.parse_args()
    runs = {}
    with ExitStack() as stack:
        for name, (place, given) in contestants(options.before).items():
            port = free_port()
            base = f"http://127.0.0.1:{port}"
            environ = {"EDGE_SERVER_PORT": str(port), **given}
            process = stack.enter_context(
                server([PYTHON, "-m", "edge", "serve"], f"{base}/-/healthz", environ, place)
            )
            url = f"{base}/bottle.jpg?{QUERY}"
            with urlopen(url) as answer:
                answer.read()
            runs[name] = partial(
                wrk, name, url, seconds=options.seconds, connections=options.connections,
                group=process.pid,
            )  # fmt: skip
        results: list[Run] = in_turn(options.rounds, runs)
    found = ratios(results, "edge")
    keep("observed", results, ratios=found)
    for name, ratio in found.items():
        print(f"edge / {name}: {ratio:.3f} requests a second")


if __name__ == "__main__":
    main()
