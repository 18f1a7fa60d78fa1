"""Measure a matting network beside what there is without one.

    python -m training.matting.evaluate [--dev DIR] [--held NPY] [--model model.onnx]
    [--samples edge/samples --alphas tests/alphas] [--sheet out.png]

Prints one Markdown row per method: for each set MAE / max F / MAE near the outline, and for soft
alpha the sum of absolute errors in thousands as well. Mattes are compared at the picture's size.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from PIL import Image

from training.matting import dev, measure
from training.matting.baselines import BASELINES

Method = Callable[[np.ndarray], np.ndarray]
"""uint8 [H, W, 3] -> uint8 [H, W]"""


def network(path: Path) -> Method:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
    name, side = session.get_inputs()[0].name, session.get_inputs()[0].shape[1]

    def square(picture: np.ndarray) -> np.ndarray:
        return session.run(None, {name: picture[None]})[0][0, :, :, 0]

    return lambda picture: dev.stretched(square, picture, side)


def row(name: str, figures: dict[str, dict[str, float]]) -> str:
    cells = []
    for kind, of in figures.items():
        text = f"{of['mae']:.4f} / {of['max_f']:.3f} / {of['outline']:.3f}"
        cells.append(f"{text} / {of['sad']:.1f}" if kind == "soft" else text)
    return f"| {name} | {' | '.join(cells)} |"


def sheet(path: Path, samples: list[dev.Sample], made: list[np.ndarray], side: int = 160) -> None:
    """Picture, truth and answer, one below the other, twelve to a row."""
    columns = [
        np.vstack([cell(part, side) for part in (one.picture, one.alpha, answer)])
        for one, answer in zip(samples, made, strict=True)
    ]
    columns += [np.zeros_like(columns[0])] * (-len(columns) % 12)
    rows = [np.hstack(columns[i : i + 12]) for i in range(0, len(columns), 12)]
    Image.fromarray(np.vstack(rows)).save(path)


def cell(picture: np.ndarray, side: int) -> np.ndarray:
    colour = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, -1)
    factor = side / max(colour.shape[:2])
    size = [max(1, round(length * factor)) for length in colour.shape[1::-1]]
    square = np.full((side, side, 3), 90, np.uint8)
    square[: size[1], : size[0]] = cv2.resize(colour, size, interpolation=cv2.INTER_AREA)
    return square


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dev", type=Path, help="development pictures, never trained on")
    parser.add_argument("--held", type=Path, help="held-back composites, of prepare --held")
    parser.add_argument("--most", type=int, default=100, help="of the held-back composites")
    parser.add_argument("--samples", type=Path, help="the server's sample pictures")
    parser.add_argument("--alphas", type=Path, help="their exact alphas")
    parser.add_argument("--model", type=Path, nargs="*", default=[])
    parser.add_argument("--no-baselines", action="store_true")
    parser.add_argument("--sheet", type=Path, help="picture, truth, answer of the last model")
    options = parser.parse_args()
    sets = dev.sets(options.dev) if options.dev else {}
    if options.samples:
        sets["catalogue"] = dev.catalogue(options.samples, options.alphas)
    if options.held:
        sets["held back"] = dev.composites(options.held, options.most)
    methods: dict[str, Method] = {} if options.no_baselines else dict(BASELINES)
    methods |= {str(path): network(path) for path in options.model}
    print("| method | " + " | ".join(f"{k} ({len(v)})" for k, v in sets.items()) + " |")
    print("|---" * (len(sets) + 1) + "|")
    made: dict[str, list[np.ndarray]] = {}
    for name, method in methods.items():
        made = {kind: [method(one.picture) for one in found] for kind, found in sets.items()}
        figures = {k: measure.summary(made[k], [s.alpha for s in sets[k]]) for k in sets}
        print(row(name, figures), flush=True)
    if options.sheet:
        shown = [pair for k in sets for pair in list(zip(sets[k], made[k], strict=True))[:24]]
        sheet(options.sheet, [s for s, _ in shown], [m for _, m in shown])


if __name__ == "__main__":
    main()
