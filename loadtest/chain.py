"""Cold marketplace pictures on Triton: the networks one by one against the product chain.

Some edges ask the networks, as many others hand whole pictures to `product_chain`; all on the same
Triton, in turn, at 1, 8 and 60 requests at once. Nothing is kept, so every request is a render. The
edges of a design are behind one address, an nginx that asks the one with the fewest requests open;
without nginx the client chooses by the same rule. The first line names the card, or the processor
where there is none.

Without `--url` the Triton of the wheel is started on this machine's processors. With it, one that
runs already is measured as it is configured, such as NVIDIA's container on a GPU:

    docker build -f Dockerfile.triton -t edge-triton . && docker run --gpus all --shm-size 2g \\
      --network host edge-triton
    .venv/bin/python loadtest/chain.py --url grpc://127.0.0.1:8001 --accelerator "CUDA" \\
      --metrics http://127.0.0.1:8002/metrics

`--instant` gives that Triton networks that answer at once: what then is left is what a GPU without
any latency would leave, on any machine.
"""

import argparse
import json
import os
import re
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from urllib.request import urlopen

sys.path.insert(0, str(Path(__file__).parent))

from balanced import Balanced, behind_nginx, nginx
from chain_server import Server, hardware, served
from common import ROOT, cpu_seconds
from triton import QUERY, SHIPPED, ask, make_photos, started, table, usable

DESIGNS = {"networks one by one": "off", "product chain": "on"}
TARGET_MS = 200
"""Of the 99th percentile, on a GPU."""
SAMPLES = 12
"""Different pictures among the photos."""


@dataclass
class Design:
    """Edges that are set alike, and the address or addresses where they are asked."""

    name: str
    edges: Sequence[str]
    groups: Sequence[int]
    balanced: Balanced

    def ask(self, target: str) -> tuple[float, bool]:
        """Milliseconds, and whether there was a picture."""
        with self.balanced.one() as base:
            taken, stages = ask(base + target)
        return taken, stages is not None

    def processor(self) -> float:
        """Seconds so far."""
        return sum(map(cpu_seconds, self.groups))


@dataclass
class Measured:
    """What one design did at one concurrency, over all rounds."""

    milliseconds: list[float] = field(default_factory=list)
    failures: int = 0
    seconds: float = 0.0
    edge: float = 0.0
    """Processor seconds, as `triton`."""
    triton: float = 0.0
    counted: Counter[str] = field(default_factory=Counter)

    def row(self) -> list[str]:
        """Its cells of the table, in the order of `HEADS`."""
        made = len(self.milliseconds)
        late = quantile(self.milliseconds, 0.99)
        return [
            str(made),
            f"{statistics.median(self.milliseconds or [float('nan')]):.0f}",
            f"{quantile(self.milliseconds, 0.95):.0f}",
            f"{late:.0f}",
            "yes" if late < TARGET_MS else "no",
            f"{made / self.seconds:.2f}",
            f"{self.edge / max(made, 1):.3f}",
            f"{self.triton / max(made, 1):.3f}",
            self.runs(),
            str(self.failures),
        ]

    def runs(self) -> str:
        """Executions by model, and how many each had in it on average."""
        told = []
        for name, number in sorted(self.counted.items()):
            kind, _, model = name.partition(" ")
            if kind == "exec_count" and number:
                told.append(f"{model} {number} x {self.counted[f'count {model}'] / number:.1f}")
        return ", ".join(told) or "-"


HEADS = (
    "design", "at once", "pictures", "p50 ms", "p95 ms", "p99 ms", f"p99 < {TARGET_MS} ms",
    "pictures/s", "edge cpu s", "triton cpu s", "executions x batch", "failed",
)  # fmt: skip


def designs(
    stack: ExitStack, work: Path, server: Server, options: argparse.Namespace
) -> list[Design]:
    """Both, with as many edges each, and a share of the cores for each edge."""
    cores = len(os.sched_getaffinity(0))
    more = {
        "EDGE_TRITON_URL": server.url,
        "EDGE_TRITON_SHARED_MEMORY": "1" if options.shared_memory else "0",
        "EDGE_SERVER_THREADS": str(cores // options.edges + 1),
        "EDGE_LIMITS_NETWORK_RUNNING": "64",
        "EDGE_TRITON_IN_FLIGHT": "256",
        "EDGE_MODELS_FETCHED": "",  # both sides must have the same networks
        **dict(word.split("=", 1) for word in options.set),
    }
    found = []
    for name, word in DESIGNS.items():
        edges = [
            started(stack, work / "photos", options.models, EDGE_TRITON_CHAIN=word, **more)
            for _ in range(options.edges)
        ]
        bases = [base for base, _ in edges]
        front = bases
        if len(bases) > 1 and nginx():
            front = [behind_nginx(stack, work / f"nginx-{word}", bases)]
        found.append(Design(name, bases, [group for _, group in edges], Balanced(front)))
    return found


def made_by_chain(base: str) -> float:
    """Pictures that the chain has made for this edge so far."""
    with urlopen(f"{base}/-/metrics", timeout=30) as answer:
        found = re.search(
            r'edge_chain_pictures_total\{outcome="made"\} (\S+)', answer.read().decode()
        )
    return float(found[1]) if found else 0.0


def drive(
    who: Design, targets: Sequence[str], at_once: int, into: Measured, server: Server
) -> None:
    """Ask for all, so many at once."""
    edge, behind, counted = who.processor(), server.processor(), server.counted()
    start = time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        answers = list(pool.map(who.ask, targets))
    into.seconds += time.perf_counter() - start
    into.edge += who.processor() - edge
    into.triton += server.processor() - behind
    into.counted += server.counted() - counted
    into.failures += sum(not good for _, good in answers)
    into.milliseconds += [taken for taken, good in answers if good]


def quantile(times: list[float], share: float) -> float:
    """The slowest where there are few."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


def measure(options: argparse.Namespace) -> dict[tuple[str, int], Measured]:
    """All rounds, by design and concurrency."""
    results: dict[tuple[str, int], Measured] = {}
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edge-loadtest-")))
        names = make_photos(work / "photos", options.photos)
        server = served(stack, work, options)
        who = designs(stack, work, server, options)
        good = usable(who[0].edges[0], names[:SAMPLES])
        names = [name for number, name in enumerate(names) if names[number % SAMPLES] in good]
        if not names:
            sys.exit("no photo can be rendered on this Triton: does it serve --models?")
        for base in (base for each in who for base in each.edges):
            ask(f"{base}/{names[0]}?{QUERY}")
        if not all(map(made_by_chain, who[1].edges)):
            sys.exit(
                "this Triton does not serve the product chain of this version: see docs/triton.md"
            )
        for each in who:  # each process of the chain, and each size of batch, has a first time
            targets = [f"/{name}?{QUERY}&q=74" for name in names]
            drive(each, targets, 8, Measured(), server)
        print("all stand ready", file=sys.stderr, flush=True)
        rounds(who, names, server, results, options)
    return results


def rounds(
    who: Sequence[Design],
    names: Sequence[str],
    server: Server,
    results: dict[tuple[str, int], Measured],
    options: argparse.Namespace,
) -> None:
    """Each design in turn, the first one last in every other round."""
    numbers = count()
    end = time.monotonic() + options.seconds
    for turn in range(options.rounds):
        if time.monotonic() > end:
            break
        for at_once in options.at_once:
            requests = max(at_once, options.least)
            for each in who if turn % 2 == 0 else who[::-1]:
                # Another quality each: no two at once are one picture and share a render.
                walk = [next(numbers) for _ in range(requests)]
                targets = [f"/{names[n % len(names)]}?{QUERY}&q={75 + n % 23}" for n in walk]
                into = results.setdefault((each.name, at_once), Measured())
                drive(each, targets, at_once, into, server)
        print(f"round {turn + 1}/{options.rounds} done", file=sys.stderr, flush=True)


def main() -> None:
    cores = len(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--edges", type=int, default=max(1, cores // 2), help="of each design")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3600, help="start no round after that")
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 8, 60])
    parser.add_argument("--least", type=int, default=8, help="requests a round, at least")
    parser.add_argument("--photos", type=int, default=60, help="different originals")
    parser.add_argument("--threads", type=int, default=0, help="of a network on Triton; 0: cores")
    parser.add_argument(
        "--chains", type=int, default=max(2, cores * 3 // 4), help="processes of the chain"
    )
    parser.add_argument("--instant", action="store_true", help="networks that answer at once")
    parser.add_argument("--url", help="a Triton that runs already: grpc://host:8001")
    parser.add_argument("--metrics", help="its metrics: http://host:8002/metrics")
    parser.add_argument("--models", type=Path, default=SHIPPED, help="the repository it serves")
    parser.add_argument("--accelerator", default="", help="what it runs with: CUDA, TensorRT FP16")
    parser.add_argument("--shared-memory", action="store_true", help="where both share a host")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="of edges")
    parser.add_argument("--out", type=Path, default=ROOT / "loadtest" / "results" / "chain.json")
    options = parser.parse_args()
    machine = hardware(options.accelerator)
    behind = "nginx" if nginx() else "a client that balances, as there is no nginx here"
    told = f"{options.edges} edges a design behind {behind if options.edges > 1 else 'no balancer'}"
    print(f"{machine}; {told}{'; instant networks' if options.instant else ''}", flush=True)
    results = measure(options)
    ordered = sorted(results.items(), key=lambda item: item[0][1])
    lines = [HEADS, *((name, str(at_once), *m.row()) for (name, at_once), m in ordered)]
    print(table(lines))
    kept = [{"design": n, "at_once": c, **vars(m)} for (n, c), m in results.items()]
    told = {"machine": machine, "edges": options.edges, "instant": options.instant, "runs": kept}
    options.out.parent.mkdir(exist_ok=True)
    options.out.write_text(json.dumps({"query": QUERY, **told}, indent=1))


if __name__ == "__main__":
    main()
