"""Cold marketplace pictures with the networks on Triton: how fast, and where the time goes.

Every request is a render: edge keeps neither renditions nor originals. The contestants are the
same edge with its networks on Triton as shipped (tensors in the messages, or through shared
memory), on a Triton without batching, on Tritons with other queue delays, and in its own process.
All stand ready at once and are asked in turn, round by round.

By default the Triton of the wheel is started here. `--url` measures one that runs already, such as
NVIDIA's container on a GPU, as it is configured; `--metrics` is where it counts.
"""

import argparse
import json
import re
import shutil
import statistics
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

from common import EDGE, ROOT, free_port, server

SHIPPED = ROOT / "triton_models"
DELAYS = (0, 1000, 2000, 5000)
"""Microseconds that Triton waits for a batch to fill."""
QUERY = "fmt=amazon&w=2048"


@dataclass(frozen=True)
class Contestant:
    """An edge, and the Triton behind it (None: its networks run in its own process)."""

    name: str
    edge: str
    triton_metrics: str | None = None


@dataclass
class Measured:
    """What one contestant did at one concurrency, over all rounds. Times in milliseconds."""

    milliseconds: list[float] = field(default_factory=list)
    per_second: list[float] = field(default_factory=list)
    failures: int = 0
    stages: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)


def without_batching(text: str) -> str:
    """A config.pbtxt whose network takes one tile at a time."""
    text = re.sub(r"^dynamic_batching \{.*?^\}\n", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"^model_warmup \[.*?^\]\n", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"^max_batch_size: \d+", "max_batch_size: 1", text, flags=re.MULTILINE)


def at_most(tiles: int) -> Callable[[str], str]:
    def change(text: str) -> str:
        text = re.sub(r"preferred_batch_size: \[.*?\]", f"preferred_batch_size: [ {tiles} ]", text)
        return re.sub(r"(max_batch_size|batch_size): 8", rf"\1: {tiles}", text)

    return change


def as_shipped(text: str) -> str:
    return text


def with_delay(microseconds: int) -> Callable[[str], str]:
    def change(text: str) -> str:
        wanted = f"max_queue_delay_microseconds: {microseconds}"
        return re.sub(r"max_queue_delay_microseconds: \d+", wanted, text)

    return change


def repository(folder: Path, change: Callable[[str], str]) -> Path:
    """A copy of the shipped models with their configs changed."""
    shutil.copytree(SHIPPED, folder)
    for config in folder.glob("*/config.pbtxt"):
        config.write_text(change(config.read_text()))
    return folder


@contextmanager
def triton(folder: Path, threads: int) -> Iterator[tuple[str, str]]:
    """The wheel's Triton on a folder: its gRPC URL and the URL of its metrics."""
    import asyncio

    from edge.tools.triton.environment import prepare
    from edge.tools.triton.server import Ports, start, stop, wait_until_ready

    ports = Ports(free_port(), free_port(), free_port())
    with (folder.parent / f"{folder.name}.log").open("wb") as log:
        process = start(prepare(), folder, ports, threads=threads, log=log.fileno())
        try:
            for state in asyncio.run(wait_until_ready(process, folder, ports)):
                assert state.ready, f"{folder.name}: {state.name} {state.detail}"
            yield ports.url, f"http://{ports.host}:{ports.metrics}/metrics"
        finally:
            stop(process, ports)


def edge(stack: ExitStack, photos: Path, models: Path, **more: str) -> str:
    """Start an edge that keeps nothing; its URL."""
    return started(stack, photos, models, **more)[0]


def started(stack: ExitStack, photos: Path, models: Path, **more: str) -> tuple[str, int]:
    """The same, and its group of processes."""
    port = free_port()
    env = {
        "EDGE_SERVER_PORT": str(port),
        "EDGE_SERVER_DEADLINE": "300",
        "EDGE_SERVER_LOG_LEVEL": "error",
        "EDGE_ORIGIN_URL": str(photos),
        "EDGE_CACHE_MEMORY_BYTES": "0",
        "EDGE_CACHE_ORIGINAL_BYTES": "0",
        "EDGE_CACHE_ENLARGED_BYTES": "0",
        "EDGE_MODELS_FOLDER": str(models),
        "EDGE_LIMITS_NETWORK_RUNNING": "8",
        **more,
    }
    process = stack.enter_context(
        server([EDGE, "serve"], f"http://127.0.0.1:{port}/-/healthz", env)
    )
    return f"http://127.0.0.1:{port}", process.pid


def contestants(
    stack: ExitStack, work: Path, photos: Path, options: argparse.Namespace
) -> Iterator[Contestant]:
    """Everyone who takes part, started; each Triton belongs to one, so that its counts are his."""
    yield Contestant("embedded", edge(stack, photos, SHIPPED))
    if options.url:
        base = edge(stack, photos, SHIPPED, EDGE_TRITON_URL=options.url)
        yield Contestant("triton, as it runs", base, options.metrics)
        return
    for number, (name, change) in enumerate(variants().items()):
        folder = repository(work / str(number), change)
        url, metrics = stack.enter_context(triton(folder, options.threads))
        shared = "1" if "shared" in name else "0"
        more = {"EDGE_TRITON_URL": url, "EDGE_TRITON_SHARED_MEMORY": shared}
        yield Contestant(name, edge(stack, photos, folder, **more), metrics)


def variants() -> dict[str, Callable[[str], str]]:
    """What is changed in the shipped configs, by the contestant's name."""
    text = (SHIPPED / "upscale_x4" / "config.pbtxt").read_text()
    delays = {us: f"delay {us / 1000:g} ms" for us in DELAYS if with_delay(us)(text) != text}
    return {
        "triton, as shipped": as_shipped,
        "triton, shared memory": as_shipped,
        "no batching": without_batching,
        "batches of 2": at_most(2),
        "batches of 4": at_most(4),
        **{name: with_delay(us) for us, name in delays.items()},
    }


def make_photos(folder: Path, number: int) -> list[str]:
    """Different originals of 600 x 800 pixels, from the bundled samples."""
    from PIL import Image, ImageEnhance

    samples = sorted((ROOT / "edge" / "samples").glob("*.jpg"))
    folder.mkdir()
    for index in range(number):
        picture = Image.open(samples[index % len(samples)]).convert("RGB")
        picture = ImageEnhance.Contrast(picture).enhance(1 - index / 200)
        picture.save(folder / f"{index}.jpg", quality=92)
    return [f"{index}.jpg" for index in range(number)]


def usable(base: str, names: Sequence[str]) -> list[str]:
    """Those that this installation can render: some need networks that may not be there."""
    good = []
    for name in names:
        try:
            with urlopen(f"{base}/{name}?{QUERY}", timeout=300):
                good.append(name)
        except HTTPError as error:
            print(f"{name} is left out: {json.load(error)['detail']}")
    return good


def ask(url: str) -> tuple[float, dict[str, float] | None]:
    """Milliseconds until the last byte, and what Server-Timing says; None: a failure."""
    start = time.perf_counter()
    try:
        with urlopen(url, timeout=300) as answer:
            answer.read()
            told = answer.headers.get("server-timing", "")
    except HTTPError:
        return (time.perf_counter() - start) * 1000, None
    stages = {name: float(ms) for name, ms in re.findall(r"([\w-]+);dur=([\d.]+)", told)}
    return (time.perf_counter() - start) * 1000, stages


def counters(who: Contestant) -> Counter[str]:
    """What edge and Triton have counted so far, summed over models."""
    found: Counter[str] = Counter()
    pattern = r"^(edge_model_(?:seconds|queue_seconds|batch)_(?:sum|count)|nv_inference_\w+)\{"
    for url in (f"{who.edge}/-/metrics", who.triton_metrics):
        if url:
            with urlopen(url, timeout=30) as answer:
                for line in answer.read().decode().splitlines():
                    if match := re.match(pattern, line):
                        found[match[1]] += float(line.rpartition(" ")[2])
    return found


def drive(
    who: Contestant, urls: Iterator[str], requests: int, at_once: int, into: Measured
) -> None:
    """So many requests, so many at once."""
    asked = [who.edge + next(urls) for _ in range(requests)]
    start = time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        answers = list(pool.map(ask, asked))
    seconds = time.perf_counter() - start
    into.per_second.append(requests / seconds)
    for taken, stages in answers:
        into.failures += stages is None
        into.milliseconds.append(taken)
        into.stages.update(stages or {})


def row(name: str, at_once: int, measured: Measured) -> list[str]:
    """One line of the table: shares are of the mean time of a request."""
    times, counts = sorted(measured.milliseconds), measured.counts
    total = sum(times) / len(times)
    networks = sum(v for k, v in measured.stages.items() if k in ("upscale", "matting"))
    waited = measured.stages["queue"] / len(times)
    tiles, runs = counts["nv_inference_count"], counts["nv_inference_exec_count"]
    asked = counts["edge_model_seconds_count"] or 1
    return [
        name,
        str(at_once),
        f"{statistics.median(times):.0f}",
        f"{times[min(len(times) - 1, int(len(times) * 0.99))]:.0f}",
        f"{statistics.median(measured.per_second):.2f}",
        f"{networks / len(times) / total:.0%}",
        f"{waited / total:.0%}",
        f"{counts['edge_model_seconds_sum'] / asked * 1000:.0f}",
        f"{counts['nv_inference_queue_duration_us'] / (tiles or 1) / 1000:.1f}" if tiles else "-",
        f"{tiles / runs:.2f}" if runs else "-",
        str(measured.failures),
    ]


HEADS = (
    "networks at", "at once", "p50 ms", "p99 ms", "pictures/s", "in networks", "in admission",
    "ms a request", "queued ms a tile", "tiles a run", "failed",
)  # fmt: skip


def table(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        for line in lines
    )


def measure(options: argparse.Namespace) -> dict[tuple[str, int], Measured]:
    results: dict[tuple[str, int], Measured] = defaultdict(Measured)
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edge-loadtest-")))
        names = make_photos(work / "photos", options.photos)
        who = list(contestants(stack, work, work / "photos", options))
        names = usable(who[0].edge, names)
        for each in who:
            ask(f"{each.edge}/{names[0]}?{QUERY}")
        print(f"{len(who)} contestants stand ready", flush=True)
        # The quality changes with each, so that no two at once are the same and share a render.
        walk = (f"/{names[n % len(names)]}?{QUERY}&q={75 + n % 23}" for n in count())
        for turn in range(options.rounds):
            order = who[turn % len(who) :] + who[: turn % len(who)]
            for at_once, requests in ((1, options.single), (8, options.crowd)):
                before = [counters(each) for each in order]
                for each in order:
                    drive(each, walk, requests, at_once, results[each.name, at_once])
                time.sleep(2.5)  # Triton refreshes its metrics every two seconds
                for each, old in zip(order, before, strict=True):
                    results[each.name, at_once].counts += counters(each) - old
            print(f"round {turn + 1}/{options.rounds} done", flush=True)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--single", type=int, default=4, help="requests a round, one at a time")
    parser.add_argument("--crowd", type=int, default=16, help="requests a round, 8 at a time")
    parser.add_argument("--photos", type=int, default=24, help="different originals")
    parser.add_argument("--threads", type=int, default=0, help="of a network on Triton; 0: cores")
    parser.add_argument("--url", help="a Triton that runs already: grpc://host:8001")
    parser.add_argument("--metrics", help="its metrics: http://host:8002/metrics")
    options = parser.parse_args()
    results = measure(options)
    print(table([HEADS, *(row(name, at_once, m) for (name, at_once), m in results.items())]))
    folder = ROOT / "loadtest" / "results"
    folder.mkdir(exist_ok=True)
    kept = [{"name": n, "at_once": c, **vars(m)} for (n, c), m in results.items()]
    (folder / "triton.json").write_text(json.dumps({"query": QUERY, "runs": kept}, indent=2))


if __name__ == "__main__":
    main()
