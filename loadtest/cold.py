"""Cold pictures of marketplace presets: how long, how much processor, and in which stages?

Asks for each photo of a folder under a name and with bytes that no server has seen, so nothing is
found in any tier. With `--against DIR` a second checkout of the project serves the same photos in
turn, picture by picture, so that the machine's moods hit both alike. Processor time comes from the
kernel, thread by thread: that of the networks apart from all else. Writes
`loadtest/results/cold.json`, and with `--plots DIR` its pictures.

`Server-Timing` gives the stages in wall time; stages that overlap count in full.
"""

import argparse
import json
import os
import re
import statistics
import struct
import sys
import tempfile
import time
import zlib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

from common import ROOT, free_port, photos, server

KINDS = (".jpg", ".jpeg", ".png")
QUERY = "fmt=amazon&w=2048"
SETTLE_SECONDS = 0.15
"""After an answer, until what was left for behind it is written."""

NETWORKS = "network"
"""What the names of threads that run networks begin with."""


@dataclass(frozen=True, slots=True)
class Cold:
    """One answer. Wall and processor time in milliseconds: of networks, and of all else."""

    server: str
    photo: str
    wall: float
    networks: float
    rest: float
    stages: dict[str, float] = field(default_factory=dict)
    bytes: int = 0

    @property
    def processor(self) -> float:
        return self.networks + self.rest


@dataclass(frozen=True, slots=True)
class Contestant:
    """A checkout's server."""

    name: str
    base: str
    process: int


def contestants(
    stack: ExitStack, folder: Path, dirs: dict[str, Path], own: dict[str, str]
) -> Iterator[Contestant]:
    """A server of each checkout; `own` settings are this one's alone."""
    starter = Path(__file__).with_name("named_threads.py")
    for name, checkout in dirs.items():
        port = free_port()
        base = f"http://127.0.0.1:{port}"
        settings = {
            "EDGE_SERVER_PORT": str(port),
            "EDGE_ORIGIN_URL": str(folder),
            "EDGE_SERVER_LOG_LEVEL": "error",
            "EDGE_SERVER_DEADLINE": "120",
        } | (own if checkout == ROOT else {})
        command = [checkout / ".venv" / "bin" / "python", starter, "serve"]
        started = server(command, f"{base}/-/readyz", settings, checkout)
        yield Contestant(name, base, stack.enter_context(started).pid)


def unseen(body: bytes, number: int) -> bytes:
    """The same picture in other bytes: a JPEG's comment, or a PNG's text, with that number."""
    note = f"cold {os.getpid()} {number}".encode()
    if body[:2] == b"\xff\xd8":
        return body[:2] + b"\xff\xfe" + struct.pack(">H", len(note) + 2) + note + body[2:]
    after = 8 + 25  # the signature and IHDR
    text = b"tEXtComment\0" + note
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    return body[:after] + chunk + body[after:]


def spent(process: int) -> dict[str, int]:
    """Nanoseconds on a processor so far, of the networks' threads and of all others, with those of
    processes that it started."""
    total = {NETWORKS: 0, "rest": 0}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, IndexError):
            if int(stat.read_text().rpartition(")")[2].split()[2]) != process:
                continue
            for task in stat.parent.glob("task/*"):
                with suppress(OSError):
                    name = (task / "comm").read_text()
                    part = NETWORKS if name.startswith(NETWORKS) else "rest"
                    total[part] += int((task / "schedstat").read_text().split()[0])
    return total


def ask(one: Contestant, folder: Path, photo: str, number: int, query: str) -> Cold | None:
    """One cold picture; None where the preset's rules refuse it."""
    name = f"{number}-{Path(photo).name}"
    (folder / name).write_bytes(unseen((folder.parent / "photos" / photo).read_bytes(), number))
    before, start = spent(one.process), time.perf_counter()
    try:
        with urlopen(f"{one.base}/{name}?{query}&wait=120000", timeout=180) as answer:
            body = answer.read()
            wall = time.perf_counter() - start
            told = answer.headers.get("server-timing", "")
    except HTTPError as error:
        if error.code != 422:
            raise
        return None
    finally:
        (folder / name).unlink()
    time.sleep(SETTLE_SECONDS)
    after = spent(one.process)
    stages: dict[str, float] = defaultdict(float)
    for stage, spell in re.findall(r"([\w -]+);dur=([\d.]+)", told):
        stages[stage.strip()] += float(spell)
    networks, rest = ((after[part] - before[part]) / 1e6 for part in (NETWORKS, "rest"))
    return Cold(one.name, photo, wall * 1000, networks, rest, dict(stages), len(body))


def median(runs: list[Cold], what: str) -> float:
    """Over the photos the median of each photo's median."""
    by_photo: dict[str, list[float]] = defaultdict(list)
    for run in runs:
        by_photo[run.photo].append(getattr(run, what))
    return statistics.median(statistics.median(found) for found in by_photo.values())


def ratio(ours: list[Cold], theirs: list[Cold], what: str) -> tuple[float, float]:
    """Ours over theirs: median over all pairs, and the photo with the worst median."""
    by_photo: dict[str, list[float]] = defaultdict(list)
    for mine, other in zip(ours, theirs, strict=True):
        by_photo[mine.photo].append(getattr(mine, what) / max(getattr(other, what), 1e-9))
    medians = [statistics.median(found) for found in by_photo.values()]
    return statistics.median(medians), max(medians)


def report(results: dict[str, list[Cold]]) -> None:
    for name, runs in results.items():
        told = (f"{what} {median(runs, what):7.1f} ms" for what in MEASURES)
        print(f"{name:<10}", "  ".join(told))
    if len(results) == 2:
        ours, theirs = results.values()
        for what in MEASURES:
            middle, worst = ratio(ours, theirs, what)
            print(f"{what:<10} ratio {middle:.3f}, at worst {worst:.3f}")
    stages = sorted({stage for runs in results.values() for run in runs for stage in run.stages})
    print(f"{'stage (wall, ms)':<18}", "  ".join(f"{name:>9}" for name in results))
    for stage in stages:
        means = (
            statistics.mean(run.stages.get(stage, 0) for run in runs) for runs in results.values()
        )
        print(f"{stage:<18}", "  ".join(f"{found:9.1f}" for found in means))


MEASURES = ("wall", "processor", "networks", "rest")


def plots(results: dict[str, list[Cold]], folder: Path) -> None:
    """`cold.png`: per photo wall and processor; `cold-stages.png`: the mean stages."""
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    names = sorted({run.photo for runs in results.values() for run in runs})
    figure, axes = pyplot.subplots(1, 2, figsize=(11, 0.35 * len(names) + 1.5), sharey=True)
    for place, (server_name, runs) in enumerate(results.items()):
        rows = [position + 0.4 * place for position in range(len(names))]

        def of(what: str, runs: list[Cold] = runs) -> list[float]:
            return [
                statistics.median(getattr(run, what) for run in runs if run.photo == name)
                for name in names
            ]

        axes[0].barh(rows, of("wall"), 0.38, label=server_name)
        bars = axes[1].barh(rows, of("networks"), 0.38, label=f"{server_name}: networks")
        colour = bars[0].get_facecolor()
        axes[1].barh(rows, of("rest"), 0.38, of("networks"), color=colour, alpha=0.45,
                     label=f"{server_name}: all else")  # fmt: skip
    axes[0].set_yticks([position + 0.2 for position in range(len(names))], names)
    for axis, title in zip(axes, ("wall time, ms", "processor time, ms"), strict=True):
        axis.set_xlabel(title)
        axis.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(folder / "cold.png", dpi=120)
    stages = sorted({stage for runs in results.values() for run in runs for stage in run.stages})
    figure, axis = pyplot.subplots(figsize=(8, 0.32 * len(stages) + 1.2))
    for place, (server_name, runs) in enumerate(results.items()):
        means = [statistics.mean(run.stages.get(stage, 0) for run in runs) for stage in stages]
        rows = [position + 0.4 * place for position in range(len(stages))]
        axis.barh(rows, means, 0.38, label=server_name)
    axis.set_yticks([position + 0.2 for position in range(len(stages))], stages)
    axis.set_xlabel("wall time of a stage, mean over the photos, ms")
    axis.legend()
    figure.tight_layout()
    figure.savefig(folder / "cold-stages.png", dpi=120)


def scaled(source: Path, target: Path, long: int | None) -> None:
    """The photo, or the photo brought to that many pixels on its long side."""
    if long is None:
        target.write_bytes(source.read_bytes())
        return
    from PIL import Image

    picture = Image.open(source).convert("RGB")
    factor = long / max(picture.size)
    size = [round(side * factor) for side in picture.size]
    picture.resize(size, Image.Resampling.LANCZOS).save(target, quality=92)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--against", type=Path, help="a second checkout with its own .venv")
    parser.add_argument("--photos", type=Path, default=ROOT / "edge" / "samples")
    parser.add_argument("--every", type=int, default=1, help="only every so many-th photo")
    parser.add_argument("--long", type=int, help="first bring each photo to this long side")
    parser.add_argument("--query", default=QUERY)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--plots", type=Path, help="folder for the plots; needs matplotlib")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE",
        help="a setting of this checkout's server; EDGE_MODELS_PRECISION=f32 is without bfloat16",
    )  # fmt: skip
    parser.add_argument("--results", default="cold", help="name of the file in loadtest/results")
    options = parser.parse_args()
    dirs = {"this": ROOT} | ({"against": options.against.resolve()} if options.against else {})
    results: dict[str, list[Cold]] = {name: [] for name in dirs}
    with tempfile.TemporaryDirectory() as made, ExitStack() as stack:
        kept, folder = Path(made, "photos"), Path(made, "asked")
        kept.mkdir()
        folder.mkdir()
        paths = []
        for path in photos(options.photos, KINDS, options.every):
            paths.append(path.replace("/", "-"))
            scaled(options.photos / path, kept / paths[-1], options.long)
        running = list(
            contestants(stack, folder, dirs, dict(one.split("=", 1) for one in options.set))
        )
        numbers = count()
        for one in running:
            ask(one, folder, paths[0], next(numbers), options.query)  # what only the first one pays
        for turn in range(options.rounds):
            for place, path in enumerate(list(paths)):
                order = running if (turn + place) % 2 == 0 else running[::-1]
                made = [ask(one, folder, path, next(numbers), options.query) for one in order]
                if None in made:
                    print(f"{path} is refused by the preset's rules and left out")
                    paths.remove(path)
                    for runs in results.values():
                        runs[:] = [run for run in runs if run.photo != path]
                    continue
                for run in made:
                    assert run is not None
                    results[run.server].append(run)
                shown = f"\rround {turn + 1} of {options.rounds}: {path:<30}"
                print(shown, end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    report(results)
    target = ROOT / "loadtest" / "results"
    target.mkdir(exist_ok=True)
    told = {name: [asdict(run) for run in runs] for name, runs in results.items()}
    text = json.dumps({"query": options.query, "long": options.long, "runs": told}, indent=1)
    (target / f"{options.results}.json").write_text(text)
    if options.plots:
        plots(results, options.plots)
    return 0


if __name__ == "__main__":
    sys.exit(main())
