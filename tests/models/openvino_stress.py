"""Many threads run and compile several networks of several sizes through OpenVINO at a time.

    python -m tests.models.openvino_stress --seconds 600

Ends with 1, and with every thread's stack, if nothing moves for a minute or an answer is wrong.
"""

import argparse
import faulthandler
import random
import sys
import threading
import time
from pathlib import Path

import numpy as np

from edge.models import compiled
from edge.models.compiled import FULL, HALF, CompiledNetwork

MODELS = Path(__file__).parents[2] / "triton_models"
SIDES = (32, 64, 104, 144, 224)
STUCK_SECONDS = 60.0


class Stress:
    """Threads that ask networks at random; each answer is held against the first for its size.

    Args:
        networks: by name.
        sides: of the squares and rectangles that they are asked for.
    """

    def __init__(self, networks: dict[str, CompiledNetwork], sides: tuple[int, ...]) -> None:
        self._networks = networks
        self._sides = sides
        self._known: dict[tuple[str, int, int], np.ndarray] = {}
        self.asked = 0
        self.wrong: list[str] = []
        self.moved = time.monotonic()

    def run(self, seconds: float, threads: int) -> bool:
        """Whether all went on moving until the end, and every answer was as the first."""
        end = time.monotonic() + seconds
        workers = [
            threading.Thread(target=self._work, args=(end, seed), daemon=True, name=f"asks {seed}")
            for seed in range(threads)
        ]
        for worker in workers:
            worker.start()
        while any(worker.is_alive() for worker in workers):
            time.sleep(0.1)
            if time.monotonic() - self.moved > STUCK_SECONDS:
                faulthandler.dump_traceback(all_threads=True)
                return False
        return not self.wrong

    def _work(self, end: float, seed: int) -> None:
        by_chance = random.Random(seed)
        while time.monotonic() < end and not self.wrong:
            name = by_chance.choice(list(self._networks))
            height, width = by_chance.choice(self._sides), by_chance.choice(self._sides)
            picture = np.random.default_rng(height * width).integers(
                0, 256, (1, height, width, 3), np.uint8
            )
            (answer,) = self._networks[name].run(["enlarged"], {"image": picture})
            first = self._known.setdefault((name, height, width), answer)
            if not np.array_equal(first, answer):
                self.wrong.append(f"{name} {height}x{width}")
            self.asked += 1
            self.moved = time.monotonic()


def networks(at_once: int) -> dict[str, CompiledNetwork]:
    """The shipped upscalers in each precision that this processor has."""
    return {
        f"{name} {precision}": CompiledNetwork(
            MODELS / name / "1" / "model.onnx", precision, 1, at_once
        )
        for name in ("upscale_x2", "upscale_x4")
        for precision in ((FULL, HALF) if compiled.halves() else (FULL,))
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--threads", type=int, default=6)
    parser.add_argument("--at-once", type=int, default=2)
    options = parser.parse_args()
    stress = Stress(networks(options.at_once), SIDES)
    good = stress.run(options.seconds, options.threads)
    print(f"{stress.asked} runs, {'as they should be' if good else f'NOT: {stress.wrong}'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
