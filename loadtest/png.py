"""Is a PNG writer of our own worth its lines? Cut-outs by it and by the imaging engine, in turn.

    .venv/bin/python loadtest/png.py [--rounds 7] [FILE ...]

Each FILE is a cut-out with see-through pixels, such as the `shopify-cutout` of a photo; without
one, each bundled sample is cut out and written at 2048 pixels. The engine is given every zlib level
and strategy, and the quickest that is no larger than our file counts. Both keep one picture on one
engine thread, as a request does; the order changes from round to round. Our writer stays where the
median of the ratios, ours to the engine's wall time, is at most a half.
"""

import argparse
import asyncio
import io
import statistics
import time
import zlib
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from edge.cli import commands
from edge.rendering.output import png
from edge.settings import load

SAMPLES = sorted((Path(__file__).parent.parent / "edge" / "samples").glob("*.jpg"))
LEVEL = 4
"""What `edge.rendering.output.write` gives our writer at its usual effort."""

STRATEGIES = {"runs": zlib.Z_RLE, "default": zlib.Z_DEFAULT_STRATEGY, "filtered": zlib.Z_FILTERED}
LEVELS = (1, 2, 3, 4, 6)
WORTH = 0.5

Write = Callable[[Image.Image], bytes]


def engine(level: int, strategy: int) -> Write:
    def write(image: Image.Image) -> bytes:
        stream = io.BytesIO()
        image.save(stream, "PNG", compress_level=level, compress_type=strategy)
        return stream.getvalue()

    return write


def ours(image: Image.Image) -> bytes:
    return png.write(image, LEVEL)


def seconds(write: Write, image: Image.Image) -> float:
    start = time.perf_counter()
    write(image)
    return time.perf_counter() - start


def contestant(image: Image.Image) -> tuple[str, Write]:
    """The engine's quickest way to a file no larger than ours; the smallest where none is."""
    most = len(ours(image))
    ways = []
    for name, strategy in STRATEGIES.items():
        for level in LEVELS:
            write = engine(level, strategy)
            size = len(write(image))
            took = min(seconds(write, image) for _ in range(2))
            ways.append((size > most, took if size <= most else size, f"{name} {level}", write))
    _, _, name, write = min(ways, key=lambda way: way[:2])
    return name, write


def compare(image: Image.Image, rounds: int) -> tuple[str, float, float, int, int]:
    """The engine's way, medians of our and its milliseconds, and the bytes of both."""
    name, theirs = contestant(image)
    times: dict[Write, list[float]] = {ours: [], theirs: []}
    for turn in range(rounds):
        for write in (ours, theirs) if turn % 2 else (theirs, ours):
            times[write].append(seconds(write, image) * 1000)
    medians = [statistics.median(times[write]) for write in (ours, theirs)]
    return name, medians[0], medians[1], len(ours(image)), len(theirs(image))


def cut_outs(files: list[Path]) -> dict[str, Image.Image]:
    if not files:
        given = load({"EDGE_SERVER_DEADLINE": "600"})
        made = {
            path.name: asyncio.run(
                commands.render_file(given, path, "fmt=shopify-cutout&w=2048", ".png")
            ).body
            for path in SAMPLES
        }
    else:
        made = {path.name: path.read_bytes() for path in files}
    return {name: Image.open(io.BytesIO(body)).convert("RGBA") for name, body in made.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    given = parser.parse_args()
    ratios = []
    print(
        "| cut-out | engine's way | ours, ms | engine, ms | ratio | ours, bytes | engine, bytes |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, image in cut_outs(given.files).items():
        way, mine, theirs, small, large = compare(image, given.rounds)
        ratios.append(mine / theirs)
        print(
            f"| {name} | {way} | {mine:.0f} | {theirs:.0f} | {ratios[-1]:.2f} "
            f"| {small:,} | {large:,} |",
            flush=True,
        )
    ratio = statistics.median(ratios)
    print(f"\nmedian ratio {ratio:.2f}: {'stays' if ratio <= WORTH else 'goes'}")


if __name__ == "__main__":
    main()
