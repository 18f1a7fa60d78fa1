"""Whole pictures through an exported model, tile by tile, as a server would do it."""

import re
from pathlib import Path

import numpy as np
import onnxruntime

from training.upscaling.export import INPUT, session


class Enlarger:
    """A folder of the model repository as a function of uint8 [H,W,3]."""

    def __init__(self, folder: Path, threads: int = 2) -> None:
        self.session: onnxruntime.InferenceSession = session(str(folder / "1/model.onnx"), threads)
        config = (folder / "config.pbtxt").read_text()
        self.tile, large = (int(side) for side in re.findall(r"dims: \[ (\d+),", config)[:2])
        self.scale = large // self.tile
        found = re.search(r'"overlap" value { string_value: "(\d+)" }', config)
        self.overlap = int(found[1]) if found else 0

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """Padded with its own edge, cut into tiles of which the inside is kept."""
        height, width = picture.shape[:2]
        inside, o, s = self.tile - 2 * self.overlap, self.overlap, self.scale
        rows, columns = (-(-side // inside) for side in (height, width))
        after = (rows * inside - height + o, columns * inside - width + o)
        padded = np.pad(picture, ((o, after[0]), (o, after[1]), (0, 0)), mode="edge")
        made = np.empty((s * rows * inside, s * columns * inside, 3), np.uint8)
        step = s * inside
        for row in range(rows):
            for column in range(columns):
                y, x = row * inside, column * inside
                piece = padded[None, y : y + self.tile, x : x + self.tile]
                large = self.session.run(None, {INPUT: piece})[0][0]
                kept = large[s * o : s * o + step, s * o : s * o + step]
                made[s * y : s * y + step, s * x : s * x + step] = kept
        return made[: s * height, : s * width]
