"""Draw composites in bulk, so that the training only reads: uint8 [N, side, side, 5] in one .npy.

    python -m training.matting.prepare --packs DIR --side 256 --count 9000 --out train.npy

Channels: red, green, blue, alpha, trust. One picture in `--real` is a photograph. Every tenth
cut-out and photograph, by a hash of its name, is held back; `--held` draws from those alone.
"""

import argparse
import hashlib
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from training.matting import compose
from training.matting.pack import Item, read

CHUNK = 250


def held(item: Item) -> bool:
    return int(hashlib.sha256(item.name.encode()).hexdigest(), 16) % 10 == 0


def load(path: Path, only_held: bool) -> list[Item]:
    return [item for item in read(path) if held(item) == only_held]


class Maker:
    """The material, and how to draw picture number so-and-so from it."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        packs = options.packs
        self.pairs = load(packs / "pairs.npz", options.held)
        cutouts = load(packs / "foregrounds.npz", options.held)
        self.stock = compose.Stock.of(cutouts, load(packs / "backgrounds.npz", options.held))

    def draw(self, number: int) -> np.ndarray:
        rng = np.random.default_rng([self.options.seed, number])
        if rng.random() < self.options.real:
            item = self.pairs[rng.integers(len(self.pairs))]
            return compose.real(rng, item, self.options.side)
        return compose.composite(rng, self.stock, self.options.side)


def start(options: argparse.Namespace) -> None:
    global maker
    cv2.setNumThreads(1)
    maker = Maker(options)


def fill(first: int) -> int:
    """One chunk, written straight into the file that the parent made."""
    options = maker.options
    stored = np.lib.format.open_memmap(options.out, "r+")
    last = min(first + CHUNK, options.count)
    for number in range(first, last):
        stored[number] = maker.draw(number)
    stored.flush()
    return last - first


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packs", type=Path, required=True, help="made by training.matting.gather")
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--count", type=int, default=9000)
    parser.add_argument("--real", type=float, default=0.25, help="share of real photographs")
    parser.add_argument("--held", action="store_true", help="draw from what is held back")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    shape = (options.count, options.side, options.side, 5)
    np.lib.format.open_memmap(options.out, "w+", np.uint8, shape).flush()
    begun, done = time.monotonic(), 0
    with ProcessPoolExecutor(options.processes, initializer=start, initargs=(options,)) as pool:
        for count in pool.map(fill, range(0, options.count, CHUNK)):
            done += count
            print(f"{done}/{options.count}  {time.monotonic() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main()
