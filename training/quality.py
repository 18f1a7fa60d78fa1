"""Writes docs/quality.md and its pictures: figures on pictures of yours, crops of our own samples.

    python -m training.quality --data DIR --anchors DIR
    python -m training.quality --rank            # where ours gains and loses most, to choose crops

DIR of --data holds the training photographs (every 24th is held back and measured here) and
Set5 somewhere below; that of --anchors the public networks: FSRCNN and ESPCN as TensorFlow graphs,
Real-ESRGAN General x4 v3 for ncnn. Needs edge itself, opencv-contrib-python-headless and ncnn.
Nothing of DIR is published: the crops come from the samples that are rendered here. Which ones are
shown, and what is said of them, stands in quality.toml.
"""

import argparse
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from edge.models.embedded import EmbeddedModels
from training.quality_methods import GAN, Method, gan, gmsd, lanczos, methods, opencv, ours
from training.upscaling import data, measure

ROOT = Path(__file__).resolve().parent.parent
SAMPLES, PAGE = ROOT / "edge" / "samples", ROOT / "docs" / "quality.md"
PICTURES = ROOT / "docs" / "pictures" / "quality"
SHOWN = Path(__file__).with_suffix(".toml")
CROP, ENLARGED, GAP, CAPTION = 120, 2, 6, 20
WORN = "JPEG"


def figures(
    found: dict[str, Method], pairs: list[tuple[np.ndarray, np.ndarray]], scale: int
) -> dict[str, np.ndarray]:
    """Means over (small, truth) pairs: PSNR in dB, SSIM, GMSD."""
    judges = (measure.psnr, measure.ssim, gmsd)
    return {
        name: np.mean(
            [[judge(made, truth, scale) for judge in judges]
             for made, truth in ((method(small), truth) for small, truth in pairs)], axis=0,
        )
        for name, method in found.items()
    }  # fmt: skip


def table(found: dict[str, dict[str, np.ndarray]]) -> list[str]:
    """One row a method, one column a set: dB / SSIM / GMSD; the best dB of a column is bold."""
    names = list(next(iter(found.values())))
    best = {key: max(rows, key=lambda name: rows[name][0]) for key, rows in found.items()}
    lines = ["| | " + " | ".join(found) + " |", "|---|" + "---|" * len(found)]
    for name in names:
        cells = []
        for key, rows in found.items():
            db, alike, apart = rows[name]
            shown = f"**{db:.2f}**" if best[key] == name else f"{db:.2f}"
            cells.append(f"{shown} / {alike:.3f} / {apart:.3f}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def measured(models: EmbeddedModels, folder: Path, anchors: Path, scale: int) -> list[str]:
    """The table of one scale: Set5, and the held-back photographs as they are and degraded."""
    [five] = [path for path in folder.rglob("Set5") if path.is_dir()]
    sets = {"Set5": [(data.shrink(p, scale), p) for p in whole(data.load(five), scale)]}
    photos = data.load(folder / "sr_train", 400)[:: data.HELD_BACK]
    held = whole([middle(photo, 480) for photo in photos], scale)
    for level in (0.0, 0.5, 1.0):
        rng = np.random.default_rng(1)
        sets[f"photographs, degraded {level:g}" if level else "photographs"] = [
            (data.degrade(data.shrink(p, scale), level, rng), p) for p in held
        ]
    found = methods(models, anchors, scale)
    return table({name: figures(found, pairs, scale) for name, pairs in sets.items()})


def whole(pictures: list[np.ndarray], scale: int) -> list[np.ndarray]:
    return [data.whole(picture, scale) for picture in pictures]


def middle(picture: np.ndarray, side: int) -> np.ndarray:
    top, left = (max(0, (length - side) // 2) for length in picture.shape[:2])
    return picture[top : top + side, left : left + side]


@dataclass(frozen=True)
class Shown:
    """A crop: of a sample, at left and top in its pixels, and what is to be said of it.

    `source` is `clean` (a bicubic reduction) or `JPEG` (one saved at quality 60).
    """

    sample: str
    scale: int
    source: str
    at: tuple[int, int]
    words: str
    good: bool

    @property
    def file(self) -> str:
        left, top = self.at
        stem = self.sample.replace("/", "-")
        return f"{stem}-x{self.scale}-{self.source.lower()}-{left}-{top}.jpg"


def sample(name: str, scale: int) -> np.ndarray:
    return data.whole(np.asarray(Image.open(SAMPLES / f"{name}.jpg").convert("RGB")), scale)


def reduced(truth: np.ndarray, scale: int, source: str) -> np.ndarray:
    small = data.shrink(truth, scale)
    return data.jpeg(small, 60) if source == WORN else small


def model_for(scale: int, source: str) -> str:
    return f"upscale_x{scale}{'_photo' if source == WORN else ''}"


def panels_of(
    row: Shown, models: EmbeddedModels, anchors: Path
) -> tuple[tuple[str, np.ndarray], ...]:
    """Name and crop of Lanczos, ours, the anchor and the truth."""
    truth = sample(row.sample, row.scale)
    small = reduced(truth, row.scale, row.source)
    anchor = gan(anchors) if row.scale == 4 else opencv(anchors / "FSRCNN_x2.pb", 2)
    name = model_for(row.scale, row.source)
    found = (
        ("Lanczos", lanczos(row.scale)(small)),
        (name, ours(models, name, row.scale)(small)),
        (GAN if row.scale == 4 else "FSRCNN", anchor(small)),
        ("truth", truth),
    )
    left, top = row.at
    box = (slice(top, top + CROP), slice(left, left + CROP))
    return tuple((name, np.ascontiguousarray(picture[box])) for name, picture in found)


def strip(panels: tuple[tuple[str, np.ndarray], ...]) -> Image.Image:
    """The crops side by side, every pixel twice as large, their names below."""
    side, font = CROP * ENLARGED, ImageFont.load_default(13)
    canvas = Image.new("RGB", (4 * side + 3 * GAP, side + CAPTION), (246, 246, 247))
    pen = ImageDraw.Draw(canvas)
    for place, (caption, crop) in enumerate(panels):
        x = place * (side + GAP)
        large = Image.fromarray(crop).resize((side, side), Image.Resampling.NEAREST)
        canvas.paste(large, (x, 0))
        pen.text((x + 4, side + 2), caption, (60, 64, 70), font)
    return canvas


def rank(models: EmbeddedModels) -> None:
    """Of each sample the windows where ours gains most and least over Lanczos, and is farthest off.

    Windows without detail are left out.
    """
    names = [p.stem for p in sorted(SAMPLES.glob("*.jpg"))]
    names += [f"scenes/{p.stem}" for p in sorted((SAMPLES / "scenes").glob("*.jpg"))]
    for scale, source in ((4, "clean"), (4, WORN), (2, "clean"), (2, WORN)):
        enlarge = ours(models, model_for(scale, source), scale)
        for name in names:
            truth = sample(name, scale)
            small = reduced(truth, scale, source)
            windows = list(judged(lanczos(scale)(small), enlarge(small), truth))
            if not windows:
                continue
            picked = max(windows), min(windows), min(windows, key=lambda window: window[1])
            print(f"x{scale} {source} {name}: " + "; ".join(
                f"{what} {gain:+.1f} to {db:.1f} dB at {at[0]},{at[1]}"
                for what, (gain, db, at) in zip(("most", "least", "worst"), picked, strict=True)
            ))  # fmt: skip


def judged(
    simple: np.ndarray, made: np.ndarray, truth: np.ndarray
) -> Iterator[tuple[float, float, tuple[int, int]]]:
    """Gain over the simple one and PSNR, both in dB, and the place of every window with detail."""
    for top in range(8, truth.shape[0] - CROP - 8, CROP // 2):
        for left in range(8, truth.shape[1] - CROP - 8, CROP // 2):
            box = (slice(top, top + CROP), slice(left, left + CROP))
            if measure.luma(truth[box]).std() >= 12:
                low, high = (measure.psnr(p[box], truth[box], 0) for p in (simple, made))
                yield high - low, high, (left, top)


def shown() -> list[Shown]:
    rows = tomllib.loads(SHOWN.read_text("utf-8"))
    return [
        Shown(row["sample"], row["scale"], row["source"], tuple(row["at"]), row["words"], good)
        for good, kind in ((True, "good"), (False, "bad"))
        for row in rows[kind]
    ]


def gallery(rows: list[Shown], models: EmbeddedModels, anchors: Path) -> list[str]:
    lines = []
    for number, row in enumerate(rows, 1):
        panels = panels_of(row, models, anchors)
        strip(panels).save(PICTURES / row.file, quality=84, optimize=True)
        told = ", ".join(
            f"{name} {measure.psnr(crop, panels[-1][1], 0):.1f}" for name, crop in panels[:-1]
        )
        source = "clean" if row.source == "clean" else "saved as JPEG of quality 60"
        lines += [
            f"**{number}.** `{row.sample}.jpg`, by {row.scale}, {source}. {row.words} "
            f"(dB of this crop: {told}.)", "",
            f"![{row.sample}, by {row.scale}](pictures/quality/{row.file})", "",
        ]  # fmt: skip
    return lines


INTRO = """\
# Quality of the enlargements

Written by `training/quality.py`, pictures and figures alike; run it again after a change of
weights.

## Figures

PSNR in dB of luma / SSIM of luma / GMSD of luma (a perceptual measure: how unevenly the edges
differ; 0 is equal), a border of `scale` pixels cut; small sides are bicubic reductions with
antialiasing. *Photographs* are the 9 held back from the training, 480 px out of their middle;
*degraded 0.5* is JPEG of quality 72 with up to 0.35 px of blur and up to 2 levels of noise,
*degraded 1* JPEG of quality 50 with up to 0.7 px and 4 levels. Every network runs as its users run
it: ours tile by tile as in the server, FSRCNN and ESPCN as the public graphs by OpenCV (which stay
far below their papers under this protocol: 30.71 and 30.66 dB for Set5 by 4), Real-ESRGAN General
x4 v3 by ncnn. That one invents texture on purpose; PSNR punishes it for that, and eyes often do
not.
"""

READING = """\
## Crops

From the sample catalogue, which is rendered by this project and stands as the truth here; the small
picture is made from it. Each pixel is shown twice as large: Lanczos, ours, an anchor (Real-ESRGAN
by 4, FSRCNN by 2), truth. They were chosen by `--rank` (where ours gains most and least over
Lanczos) and by eye, several of one kind left out. The samples are renders: cleaner than
photographs, which flatters every network here alike.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="sr_train and Set5 below it")
    parser.add_argument("--anchors", type=Path, help="folder of the public networks")
    parser.add_argument("--models", type=Path, default=ROOT / "triton_models")
    parser.add_argument("--rank", action="store_true", help="only print candidates for crops")
    options = parser.parse_args()
    models = EmbeddedModels(options.models, threads=1)
    if options.rank:
        rank(models)
        return
    if not (options.data and options.anchors):
        parser.error("--data and --anchors are needed")
    PICTURES.mkdir(parents=True, exist_ok=True)
    for old in PICTURES.glob("*.jpg"):
        old.unlink()
    lines = [INTRO]
    for scale in (4, 2):
        lines += [f"By {scale}:", "", *measured(models, options.data, options.anchors, scale), ""]
    rows = shown()
    good, bad = [r for r in rows if r.good], [r for r in rows if not r.good]
    lines += [READING, "### Ten good ones", "", *gallery(good, models, options.anchors)]
    lines += ["### Ten bad ones", "", *gallery(bad, models, options.anchors)]
    PAGE.write_text("\n".join(lines).rstrip() + "\n", "utf-8")


if __name__ == "__main__":
    main()
