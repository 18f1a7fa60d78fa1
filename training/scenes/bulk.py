"""Random products in bulk, for training matting networks.

    python -m training.scenes.bulk --out DIR --count 3000 --seed 1 [--models DIR] [--backdrops DIR]

Two kinds of files, side `--size` pixels, by number:
`NNNNN.webp` is a cut-out, lossless RGBA with straight alpha (for composites);
`NNNNN.jpg` with `NNNNN_alpha.png` is a whole photograph with background, shadow and reflections.
Number N depends only on the seed and N, so a stopped run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import time
import traceback
from pathlib import Path

from . import random_objects, random_sets, studio

CHUNK = 60  # pictures per process: Blender keeps some memory of each scene


def draw(number: int, args: argparse.Namespace, found: list[Path], backdrops: list[Path]) -> str:
    """Render picture `number` into `args.out`; returns its kind."""
    rng = random.Random(f"{args.seed}/{number}")
    whole = rng.random() < args.scenes
    studio.begin(
        args.size, args.size, view=rng.choice(random_sets.VIEWS), threads=args.threads, seed=number
    )
    studio.quick()
    parts = random_objects.products(rng, found)
    random_sets.light(rng, parts)
    random_sets.view(rng, parts)
    if whole:
        random_sets.background(rng, parts, backdrops)
    alpha = studio.alpha(parts, args.alpha_samples, occluded=whole)
    stem = args.out / f"{number:05d}"
    if whole:
        image = random_sets.degraded(rng, studio.picture(args.samples))
        alpha.save(stem.with_name(stem.name + "_alpha.png"))
        _finish(stem.with_suffix(".jpg"), image, quality=rng.randint(75, 95))
        return "scene"
    cut = random_sets.cutout(studio.transparent(args.samples), alpha)
    _finish(stem.with_suffix(".webp"), cut, lossless=True, exact=True, method=3)
    return "cutout"


def _finish(path: Path, image, **options) -> None:
    """Write under another name first: a file that exists is whole."""
    part = path.with_name("." + path.name)
    image.save(part, **options)
    os.replace(part, path)


def missing(args: argparse.Namespace) -> list[int]:
    """The numbers of this shard that are not there yet."""
    here = {p.stem for p in args.out.glob("*") if p.suffix in (".webp", ".jpg", ".skip")}
    shard, shards = (int(x) for x in args.shard.split("/"))
    return [n for n in range(args.count) if n % shards == shard and f"{n:05d}" not in here]


def work(args: argparse.Namespace) -> None:
    """Render up to CHUNK missing pictures in this process."""
    found = random_objects.models(args.models)
    backdrops = sorted(args.backdrops.glob("*.jpg")) if args.backdrops else []
    for number in missing(args)[:CHUNK]:
        started = time.perf_counter()
        try:
            kind = draw(number, args, found, backdrops)
        except (ValueError, RuntimeError, IndexError, ZeroDivisionError):
            traceback.print_exc()  # one odd shape must not end a night's run
            (args.out / f"{number:05d}.skip").touch()
            kind = "skipped"
        print(f"{number:05d} {kind} {time.perf_counter() - started:.1f} s", flush=True)


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Render random products with exact alpha.")
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures")
    parser.add_argument("--count", type=int, default=100, help="how many, numbered from 0")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", type=int, default=320, help="pixels per side")
    parser.add_argument("--samples", type=int, default=8, help="rays per pixel for the colours")
    parser.add_argument(
        "--alpha-samples", type=int, default=32, help="rays per pixel for the alpha"
    )
    parser.add_argument("--scenes", type=float, default=0.5, help="share of whole photographs")
    parser.add_argument("--models", type=Path, help="folder of glTF files to use as well")
    parser.add_argument("--backdrops", type=Path, help="folder of JPEGs for walls and floors")
    parser.add_argument("--threads", type=int, default=1, help="0: all cores")
    parser.add_argument("--shard", default="0/1", help="K/N: only numbers n with n %% N == K")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def main() -> None:
    """Render until nothing is missing, a fresh process per chunk."""
    args = parse()
    args.out.mkdir(parents=True, exist_ok=True)
    if args.worker:
        work(args)
        return
    while left := len(missing(args)):
        command = [sys.executable, "-m", "training.scenes.bulk", *sys.argv[1:], "--worker"]
        code = subprocess.run(command, check=False).returncode
        if len(missing(args)) == left:
            sys.exit(f"no picture came of the last chunk (exit {code})")


if __name__ == "__main__":
    main()
