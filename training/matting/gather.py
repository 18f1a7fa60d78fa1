"""Gather everything that views are made of into four packs of some tens of megabytes.

    python -m training.matting.gather --data DIR [--renders DIR ...] --out DIR

foregrounds.npz: RGBA cut-outs, shadows taken away. pairs.npz: photographs with an alpha.
backgrounds.npz: what to put things on. photos.npz: every photograph, for a teacher to answer, with
its alpha where a plain background gave it exactly. Folders in `--data`: cutouts, plain, products,
matting_train, backgrounds, sr_train. In `--renders`: NAME.webp (RGBA), or NAME.jpg with
NAME_alpha.png.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from edge.images import Size
from edge.rendering.matting.foreground import foreground
from edge.rendering.matting.fusion import Fused, fuse
from edge.rendering.pixels.geometry import Area, sides_touched
from edge.rendering.pixels.levels import LEVELS, bounds
from training.matting.pack import Item, decoded, encoded, fitted, names_in, read, write

LONGEST_SUBJECT = 384
LONGEST_PAIR = 512
LONGEST_BACKGROUND = 720
LONGEST_PHOTO = 448

FAINTEST = 0.07
"""Of the outline, the most that may hardly differ from a plain background: looked through by eye on
contact sheets."""

PLAIN = ("plain", "products")
"""Folders in which pictures on plain backgrounds are looked for."""

SHOW_SUBJECTS = Path(__file__).with_name("subjects_on_backgrounds.txt")
"""Names of photographs that are no backgrounds."""

DARK = 60
"""Levels: a shadow stored in a cut-out's alpha is darker than this."""


MIRRORED = ("saleor",)
"""Beginnings of names whose cut-outs carry a bright reflection as well as a shadow."""


def without_shadow(rgba: np.ndarray, mirrored: bool = False) -> np.ndarray:
    """Cut-outs from shops carry their soft shadow in the alpha; it is not the subject.

    Shadow: half covered and dark, farther than three pixels from anything solid.
    """
    alpha = rgba[..., 3]
    near = cv2.dilate((alpha > 235).astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    shadow = (alpha < 200) & (mirrored | (rgba[..., :3].max(-1) < DARK)) & ~near
    cleaned = rgba.copy()
    cleaned[shadow, 3] = 0
    if mirrored:
        cleaned[..., 3] = np.clip((cleaned[..., 3].astype(int) - 130) * 255 // 115, 0, 255)
    return cleaned


def cropped(rgba: np.ndarray) -> np.ndarray | None:
    """Only the box of what is there; None where next to nothing is."""
    rows, columns = (np.flatnonzero((rgba[..., 3] > 16).any(axis)) for axis in (1, 0))
    if len(rows) < 24 or len(columns) < 24 or (rgba[..., 3] > 128).mean() < 0.005:
        return None
    return rgba[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def subject(name: str, rgba: np.ndarray) -> Iterator[Item]:
    mirrored = name.split("/")[-1].startswith(MIRRORED)
    inside = cropped(without_shadow(rgba, mirrored))
    if inside is None:
        return
    image = fitted(Image.fromarray(np.ascontiguousarray(inside)), LONGEST_SUBJECT)
    yield Item(name, encoded(image, "WEBP", quality=75, alpha_quality=100))


def pair(name: str, image: Image.Image, alpha: Image.Image, band: int) -> Iterator[Item]:
    image = fitted(image, LONGEST_PAIR)
    alpha = alpha.resize(image.size, Image.Resampling.BOX)
    yield Item(name, encoded(image, "JPEG", quality=92), encoded(alpha, "PNG"), band)


def plain(path: Path) -> tuple[Image.Image, Image.Image] | None:
    """A photograph on a plain background and its alpha, where its outline is seen all around."""
    image = Image.open(path).convert("RGB")
    found = fuse(image, None)
    if not isinstance(found, Fused) or found.evidence.weak > FAINTEST:
        return None
    return image, Image.fromarray(found.matte)


def plains(folder: Path) -> Iterator[tuple[str, Image.Image, Image.Image]]:
    for path in names_in(folder, (".jpg", ".png", ".webp")):
        found = plain(path)
        if found:
            yield path.stem, *found


def foregrounds(data: Path, renders: list[Path]) -> Iterator[Item]:
    for folder in (data / "cutouts", *renders):
        for path in names_in(folder, (".webp", ".png")):
            image = Image.open(path)
            if image.mode == "RGBA":
                yield from subject(f"{folder.name}/{path.stem}", np.asarray(image))
    for folder in PLAIN:
        for name, image, alpha in plains(data / folder):
            box = bounds(np.asarray(alpha) >= LEVELS.half)
            if box and sides_touched(Area.of(box), Size(*alpha.size)):
                continue
            clean = np.asarray(foreground(image, alpha).convert("RGB"))
            yield from subject(f"{folder}/{name}", np.dstack([clean, np.asarray(alpha)]))


def pairs(data: Path, renders: list[Path]) -> Iterator[Item]:
    exact = ((folder, 0) for folder in renders)
    for folder, band in ((data / "matting_train", 3), *exact):
        for path in names_in(folder, (".png",)):
            source = path.with_name(path.stem.removesuffix("_alpha") + ".jpg")
            if path.stem.endswith("_alpha") and source.exists():
                image, alpha = Image.open(source).convert("RGB"), Image.open(path).convert("LA")
                yield from pair(f"{folder.name}/{source.stem}", image, alpha, band)
    for folder in PLAIN:
        for name, image, alpha in plains(data / folder):
            yield from pair(f"{folder}/{name}", image, alpha, 1)


def backgrounds(data: Path) -> Iterator[Item]:
    taken = SHOW_SUBJECTS.read_text().splitlines()
    for folder in ("backgrounds", "sr_train"):
        for path in names_in(data / folder, (".jpg", ".png", ".webp")):
            if f"{folder}/{path.stem}" in taken:
                continue
            image = fitted(Image.open(path).convert("RGB"), LONGEST_BACKGROUND)
            yield Item(f"{folder}/{path.stem}", encoded(image, "JPEG", quality=88))


def photos(data: Path, pairs: Path) -> Iterator[Item]:
    """Every photograph in every folder; those of `pairs` on plain backgrounds with their alpha."""
    known = {item.name: item for item in read(pairs) if item.name.startswith(PLAIN)}
    for folder in (*PLAIN, "matting_train", "backgrounds", "sr_train"):
        for path in names_in(data / folder, (".jpg", ".png", ".webp")):
            name = f"{folder}/{path.stem}"
            if path.stem.endswith("_alpha"):
                continue
            image = fitted(Image.open(path).convert("RGB"), LONGEST_PHOTO)
            alpha = b""
            if name in known:
                whole = Image.fromarray(decoded(known[name].alpha, "L"))
                alpha = encoded(whole.resize(image.size, Image.Resampling.BOX), "PNG")
            yield Item(name, encoded(image, "WEBP", quality=70), alpha, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--renders", type=Path, nargs="*", default=[])
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    made = {
        "backgrounds": backgrounds(options.data),
        "foregrounds": foregrounds(options.data, options.renders),
        "pairs": pairs(options.data, options.renders),
    }
    made["photos"] = photos(options.data, options.out / "pairs.npz")
    for name, items in made.items():
        path = options.out / f"{name}.npz"
        print(f"{path}: {write(path, items)} items, {path.stat().st_size / 1e6:.1f} MB", flush=True)


if __name__ == "__main__":
    main()
