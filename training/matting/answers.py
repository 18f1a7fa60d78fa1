"""What the coarse network says of composites, for the refining one to learn from.

    python -m training.matting.answers --model model.onnx --data NPY --out coarse.npy

uint8 [N, side, side] in one .npy, as the server would enlarge it to the composite's side.
"""

import argparse
import time
from pathlib import Path

import cv2
import numpy as np

from training.matting.export import SIDE, session


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="of prepare")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    stored = np.load(options.data, mmap_mode="r")
    count, side = len(stored), stored.shape[1]
    answers = np.lib.format.open_memmap(options.out, "w+", np.uint8, (count, side, side))
    run, begun = session(options.model, options.threads), time.monotonic()
    for number, composite in enumerate(stored):
        picture = np.ascontiguousarray(composite[..., :3])
        if side != SIDE:
            how = cv2.INTER_AREA if side > SIDE else cv2.INTER_CUBIC
            picture = cv2.resize(picture, (SIDE, SIDE), interpolation=how)
        alpha = run.run(None, {"image": picture[None]})[0][0, :, :, 0]
        answers[number] = cv2.resize(alpha, (side, side), interpolation=cv2.INTER_LINEAR)
        if number % 100 == 99:
            print(f"{number + 1}/{count}  {time.monotonic() - begun:.0f} s", flush=True)
    answers.flush()


if __name__ == "__main__":
    main()
