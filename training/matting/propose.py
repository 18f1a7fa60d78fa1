"""Alphas for photographs that have none, by the coarse network, to learn from where it is sure.

    python -m training.matting.propose --model model.onnx --photos DIR [DIR ...] --out DIR

Each photograph is looked at whole and in four parts that overlap. Where all looks say subject, or
all say background, the answer may be trusted; photographs are left out of whose possible subject
less than `--sure` may be, or whose subject is next to nothing or next to all. Writes NAME.jpg,
NAME_alpha.png (grey, and as its alpha 255 where it may be trusted) and sheet.png, to be looked
through: what is wrong there is deleted by hand.
"""

import argparse
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

from training.matting import dev
from training.matting.export import SIDE, session
from training.matting.pack import fitted, names_in

LONGEST = 512
PART = 0.75
"""Of the width and the height: a part, one in each corner."""

SUBJECT, GROUND = 200, 40
"""Levels: every look is above the first, or every look is below the second."""

FEWEST, MOST = 0.02, 0.8
"""Share of the picture that a subject takes."""

THUMB, COLUMNS = 150, 12


def said(run: onnxruntime.InferenceSession, picture: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 3] -> uint8 [H, W]"""

    def matter(square: np.ndarray) -> np.ndarray:
        return run.run(None, {"image": square[None]})[0][0, :, :, 0]

    return dev.letterboxed(matter, picture, SIDE)


def proposed(run: onnxruntime.InferenceSession, picture: np.ndarray) -> tuple[np.ndarray, float]:
    """uint8 [H, W, 2], alpha and trust, and how much of all that may be subject surely is."""
    whole = said(run, picture)
    lowest, highest = whole.copy(), whole.copy()
    high, wide = (round(PART * length) for length in whole.shape)
    for top in (0, whole.shape[0] - high):
        for left in (0, whole.shape[1] - wide):
            part = slice(top, top + high), slice(left, left + wide)
            seen = said(run, np.ascontiguousarray(picture[part]))
            lowest[part] = np.minimum(lowest[part], seen)
            highest[part] = np.maximum(highest[part], seen)
    subject, possible = lowest > SUBJECT, highest >= GROUND
    share = np.count_nonzero(subject) / max(1, np.count_nonzero(possible))
    trust = np.where(subject | ~possible, 255, 0).astype(np.uint8)
    return np.dstack([whole, trust]), share


def thumb(picture: np.ndarray, answer: np.ndarray) -> Image.Image:
    """The subject as it is, the background in blue, what is not trusted in grey."""
    alpha = answer[..., :1] / 255.0
    shown = picture * alpha + np.array([40, 60, 200]) * (1 - alpha)
    shown = np.where(answer[..., 1:] > 0, shown, 128).astype(np.uint8)
    small = fitted(Image.fromarray(shown), THUMB)
    square = Image.new("RGB", (THUMB, THUMB))
    square.paste(small)
    return square


def sheet(thumbs: list[Image.Image]) -> Image.Image:
    rows = -(-len(thumbs) // COLUMNS)
    whole = Image.new("RGB", (COLUMNS * THUMB, max(1, rows) * THUMB))
    for number, small in enumerate(thumbs):
        whole.paste(small, (number % COLUMNS * THUMB, number // COLUMNS * THUMB))
    return whole


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--photos", type=Path, nargs="+", required=True)
    parser.add_argument("--sure", type=float, default=0.75, help="of the possible subject")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    run, thumbs = session(options.model), []
    for folder in options.photos:
        for path in names_in(folder, (".jpg", ".png", ".webp")):
            image = fitted(Image.open(path).convert("RGB"), LONGEST)
            picture = np.asarray(image)
            answer, share = proposed(run, picture)
            taken = float((answer[..., 0] > 127).mean())
            if share < options.sure or not FEWEST <= taken <= MOST:
                continue
            image.save(options.out / f"{path.stem}.jpg", quality=92)
            Image.fromarray(answer, "LA").save(options.out / f"{path.stem}_alpha.png")
            thumbs.append(thumb(picture, answer))
            print(f"{len(thumbs)}  {path.stem}  {share:.2f}", flush=True)
    sheet(thumbs).save(options.out / "sheet.png")


if __name__ == "__main__":
    main()
