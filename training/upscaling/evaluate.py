"""Hold an exported upscaler against interpolation and other networks; prints Markdown tables.

    python -m training.upscaling.evaluate --model triton_models/upscale_x4 --clean DIR \\
        --anchors DIR --levels DIR --faithful DIR
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from training.upscaling import data, measure
from training.upscaling.enlarge import Enlarger

Method = Callable[[np.ndarray], np.ndarray]
LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)


def interpolation(kernel: Image.Resampling, scale: int) -> Method:
    def enlarge(picture: np.ndarray) -> np.ndarray:
        height, width = picture.shape[:2]
        return np.array(Image.fromarray(picture).resize((scale * width, scale * height), kernel))

    return enlarge


def anchor(file: Path, scale: int) -> Method:
    """ESPCN or FSRCNN as a TensorFlow graph, by OpenCV; they enlarge luma, OpenCV the chroma."""
    network = cv2.dnn_superres.DnnSuperResImpl_create()
    network.readModel(str(file))
    network.setModel(file.stem.split("_")[0].lower(), scale)
    return lambda picture: network.upsample(picture[:, :, ::-1].copy())[:, :, ::-1]


def methods(ours: Enlarger, anchors: Path | None) -> dict[str, Method]:
    scale = ours.scale
    found: dict[str, Method] = {
        "bicubic": interpolation(Image.Resampling.BICUBIC, scale),
        "Lanczos": interpolation(Image.Resampling.LANCZOS, scale),
    }
    for file in sorted(anchors.glob(f"*_x{scale}.pb")) if anchors else []:
        found[file.stem] = anchor(file, scale)
    return found | {"ours": ours}


def clean(found: dict[str, Method], pictures: list[np.ndarray], scale: int) -> None:
    print("\n| clean | PSNR-Y dB | SSIM-Y |\n|---|---|---|")
    for name, method in found.items():
        figures = [compare(method, data.shrink(p, scale), p, scale) for p in pictures]
        print("| {} | {:.2f} | {:.4f} |".format(name, *np.mean(figures, axis=0)))


def compare(
    method: Method, small: np.ndarray, truth: np.ndarray, scale: int
) -> tuple[float, float]:
    made = method(small)
    return measure.psnr(made, truth, scale), measure.ssim(made, truth, scale)


def levels(found: dict[str, Method], pictures: list[np.ndarray], scale: int) -> None:
    """The same pictures, blurred, noisy and compressed ever more; PSNR-Y dB / SSIM-Y."""
    print("\n| level | " + " | ".join(found) + " |\n|---|" + "---|" * len(found))
    for level in LEVELS:
        rng = np.random.default_rng(1)
        small = [data.degrade(data.shrink(p, scale), level, rng) for p in pictures]
        row = []
        for method in found.values():
            pairs = zip(small, pictures, strict=True)
            row.append(np.mean([compare(method, s, p, scale) for s, p in pairs], axis=0))
        print(f"| {level} | " + " | ".join(f"{p:.2f} / {s:.4f}" for p, s in row) + " |")


def faithful(ours: Enlarger, pictures: list[np.ndarray]) -> None:
    """Colour difference between sources and their enlargements brought back to size."""
    differences, shifts = [], []
    for picture in pictures:
        back = data.shrink(ours(picture), ours.scale)
        differences.append(measure.delta_e(picture, back).ravel())
        shifts.append(np.abs(back.mean((0, 1)) - picture.mean((0, 1))).max())
    every = np.concatenate(differences)
    worst = max(float(d.mean()) for d in differences)
    print(f"\ndelta E 2000 of {len(pictures)} pictures, enlarged and reduced:")
    print(f"mean {every.mean():.3f}, 99th percentile {np.percentile(every, 99):.3f}")
    print(f"worst mean of a picture {worst:.3f}")
    print(f"largest shift of a channel's mean {max(shifts):.3f} levels")


def flat(ours: Enlarger) -> None:
    """The largest departure from a flat background, over greys and the corners of the colour
    cube."""
    colours = [(g, g, g) for g in range(0, 256, 15)]
    colours += [(r, g, b) for r in (0, 128, 255) for g in (0, 128, 255) for b in (0, 128, 255)]
    worst = {c: int(np.abs(ours(np.full((64, 64, 3), c, np.uint8)).astype(int) - c).max())
             for c in colours}  # fmt: skip
    rest = {c: v for c, v in worst.items() if v}
    print(f"\nwhite off by {worst[(255, 255, 255)]}, flat backgrounds that move: {rest or 'none'}")


def seams(ours: Enlarger, pictures: list[np.ndarray]) -> None:
    """Cut elsewhere, the tiles must give the same pixels, but for the new edges' surroundings."""
    worst, s = 0, ours.scale
    for picture in pictures:
        whole = ours(picture)[37 * s :, 61 * s :]
        part = ours(picture[37:, 61:])
        rim = ours.overlap * s
        difference = np.abs(whole.astype(int) - part)[rim:, rim:]
        worst = max(worst, int(difference.max(initial=0)))
    print(f"\ntiles cut elsewhere differ by at most {worst} levels")


def pace(ours: Enlarger) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (600, 800, 3), np.uint8)
    spent = []
    for _ in range(6):
        begun = time.perf_counter()
        ours(picture)
        spent.append(time.perf_counter() - begun)
    print(f"\n800x600 by {ours.scale}: median {np.median(spent[1:]):.3f} s, two threads")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="folder in the model repository")
    parser.add_argument("--clean", type=Path, nargs="*", default=[], help="benchmark originals")
    parser.add_argument("--anchors", type=Path, help="folder of ESPCN_x4.pb and the like")
    parser.add_argument("--levels", type=Path, help="training folder; its held-back pictures")
    parser.add_argument("--faithful", type=Path, help="sources to enlarge and reduce again")
    parser.add_argument("--every", type=int, default=1, help="every n-th picture of --faithful")
    options = parser.parse_args()
    ours = Enlarger(options.model)
    found, scale = methods(ours, options.anchors), ours.scale
    flat(ours)
    pace(ours)
    for folder in options.clean:
        clean(found, [data.whole(p, scale) for p in data.load(folder)], scale)
    if options.levels:
        held = data.load(options.levels, 400)[:: data.HELD_BACK]
        levels(found, [data.whole(p[:640, :640], scale) for p in held], scale)
    if options.faithful:
        sources = data.load(options.faithful)[:: options.every]
        faithful(ours, sources)
        seams(ours, sources[:10])


if __name__ == "__main__":
    main()
