"""Cold marketplace pictures on Triton: the networks one by one against the product chain.

One edge asks the networks, another hands whole pictures to `product_chain`; both on the same
Triton, in turn, at 1, 8 and 60 requests at once. Nothing is kept, so every request is a render. The
first line names the card, or the processor where there is none.

Without `--url` the Triton of the wheel is started on this machine's processors. With it, one that
runs already is measured as it is configured, such as NVIDIA's container on a GPU:

    docker build -f Dockerfile.triton -t edge-triton . && docker run --gpus all --shm-size 2g \\
      --network host edge-triton
    .venv/bin/python loadtest/chain.py --url grpc://127.0.0.1:8001 --accelerator "CUDA"
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from urllib.request import urlopen

sys.path.insert(0, str(Path(__file__).parent))

from common import ROOT
from triton import (
    QUERY,
    SHIPPED,
    Contestant,
    Measured,
    ask,
    edge,
    make_photos,
    table,
    triton,
    usable,
)

DESIGNS = {"networks one by one": "off", "product chain": "on"}
TARGET_MS = 200
"""Of the 99th percentile, on a GPU."""


def hardware(accelerator: str) -> str:
    """The card and what runs on it, or the processor and its cores."""
    if shutil.which("nvidia-smi"):
        asked = "--query-gpu=name,driver_version,memory.total"
        done = subprocess.run(
            ["nvidia-smi", asked, "--format=csv,noheader"], capture_output=True, text=True
        )
        if done.returncode == 0 and done.stdout.strip():
            return f"{' + '.join(done.stdout.strip().splitlines())}, {accelerator}"
    models = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return f"no GPU: {models[0] if models else 'a processor'}, {len(os.sched_getaffinity(0))} cores"


def contestants(
    stack: ExitStack, work: Path, photos: Path, options: argparse.Namespace
) -> list[Contestant]:
    url = options.url
    if not url:
        folder = work / "models"
        shutil.copytree(options.models, folder)
        url, _ = stack.enter_context(triton(folder, options.threads))
    shared = "1" if options.shared_memory else "0"
    more = {"EDGE_TRITON_URL": url, "EDGE_TRITON_SHARED_MEMORY": shared}
    more |= {"EDGE_LIMITS_NETWORK_RUNNING": "64", "EDGE_TRITON_IN_FLIGHT": "256"}
    more |= {"EDGE_MODELS_FETCHED": ""}  # both sides must have the same networks
    return [
        Contestant(name, edge(stack, photos, options.models, EDGE_TRITON_CHAIN=word, **more))
        for name, word in DESIGNS.items()
    ]


def made_by_chain(who: Contestant) -> float:
    """Pictures that the chain has made for this edge so far."""
    with urlopen(f"{who.edge}/-/metrics", timeout=30) as answer:
        found = re.search(
            r'edge_chain_pictures_total\{outcome="made"\} (\S+)', answer.read().decode()
        )
    return float(found[1]) if found else 0.0


def drive(who: Contestant, urls: list[str], at_once: int, into: Measured) -> None:
    with ThreadPoolExecutor(at_once) as pool:
        answers = list(pool.map(ask, [who.edge + url for url in urls]))
    into.failures += sum(stages is None for _, stages in answers)
    into.milliseconds += [taken for taken, stages in answers if stages is not None]


def quantile(times: list[float], share: float) -> float:
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


def measure(options: argparse.Namespace) -> dict[tuple[str, int], Measured]:
    results: dict[tuple[str, int], Measured] = {}
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edge-loadtest-")))
        names = make_photos(work / "photos", options.photos)
        who = contestants(stack, work, work / "photos", options)
        names = usable(who[0].edge, names)
        if not names:
            sys.exit("no photo can be rendered on this Triton: does it serve --models?")
        for each in who:
            ask(f"{each.edge}/{names[0]}?{QUERY}")
        if not made_by_chain(who[1]):
            sys.exit(
                "this Triton does not serve the product chain of this version: see docs/triton.md"
            )
        for each in who:  # each process of the chain, and each size of batch, has a first time
            drive(each, [f"/{name}?{QUERY}&q=74" for name in names], 8, Measured())
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
                    urls = [f"/{names[n % len(names)]}?{QUERY}&q={75 + n % 23}" for n in walk]
                    drive(each, urls, at_once, results.setdefault((each.name, at_once), Measured()))
            print(f"round {turn + 1}/{options.rounds} done", file=sys.stderr, flush=True)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3600, help="start no round after that")
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 8, 60])
    parser.add_argument("--least", type=int, default=8, help="requests a round, at least")
    parser.add_argument("--photos", type=int, default=24, help="different originals")
    parser.add_argument("--threads", type=int, default=0, help="of a network on Triton; 0: cores")
    parser.add_argument("--url", help="a Triton that runs already: grpc://host:8001")
    parser.add_argument("--models", type=Path, default=SHIPPED, help="the repository it serves")
    parser.add_argument("--accelerator", default="", help="what it runs with: CUDA, TensorRT FP16")
    parser.add_argument("--shared-memory", action="store_true", help="where both share a host")
    options = parser.parse_args()
    machine = hardware(options.accelerator)
    print(machine, flush=True)
    results = measure(options)
    lines = [
        ("design", "at once", "pictures", "p50 ms", "p99 ms", f"p99 < {TARGET_MS} ms", "failed")
    ]
    for (name, at_once), found in sorted(results.items(), key=lambda item: item[0][1]):
        middle, late = statistics.median(found.milliseconds), quantile(found.milliseconds, 0.99)
        lines.append((
            name, str(at_once), str(len(found.milliseconds)), f"{middle:.0f}", f"{late:.0f}",
            "yes" if late < TARGET_MS else "no", str(found.failures),
        ))  # fmt: skip
    print(table(lines))
    folder = ROOT / "loadtest" / "results"
    folder.mkdir(exist_ok=True)
    kept = [
        {"design": name, "at_once": at_once, "milliseconds": found.milliseconds}
        for (name, at_once), found in results.items()
    ]
    told = {"machine": machine, "query": QUERY, "runs": kept}
    (folder / "chain.json").write_text(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
