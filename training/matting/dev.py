"""The pictures that mattes are measured on, and the letterbox between them and a network."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from training.matting import measure
from training.matting.compose import BARS

KINDS = {
    "objects": ("ecssd_obj",),
    "boxed": ("bigbird",),
    "living": ("ecssd_oth",),
    "clothed": ("ccp",),
    "soft": ("am2k", "p3m"),
}
"""Set -> beginnings of the files' names."""

Matter = Callable[[np.ndarray], np.ndarray]
"""uint8 [S, S, 3] -> uint8 [S, S]"""


@dataclass(frozen=True, slots=True)
class Sample:
    name: str
    picture: np.ndarray
    alpha: np.ndarray


def sets(folder: Path) -> dict[str, list[Sample]]:
    """The development pictures by kind. Never trained on."""
    found: dict[str, list[Sample]] = {}
    for kind, beginnings in KINDS.items():
        paths = sorted(p for p in folder.glob("*.jpg") if p.name.startswith(beginnings))
        found[kind] = [sample(path, path.with_name(path.stem + "_alpha.png")) for path in paths]
    return found


def catalogue(pictures: Path, alphas: Path) -> list[Sample]:
    """The server's own sample products with their exact alphas."""
    paths = sorted(p for p in pictures.glob("*.jpg") if (alphas / f"{p.stem}.png").exists())
    return [sample(path, alphas / f"{path.stem}.png") for path in paths]


def composites(path: Path, most: int | None = None) -> list[Sample]:
    stored = np.load(path, mmap_mode="r")[:most]
    return [Sample(str(i), p[..., :3].copy(), p[..., 3].copy()) for i, p in enumerate(stored)]


def sample(picture: Path, alpha: Path) -> Sample:
    return Sample(
        picture.stem,
        np.asarray(Image.open(picture).convert("RGB")),
        np.asarray(Image.open(alpha).convert("L")),
    )


def letterboxed(matter: Matter, picture: np.ndarray, side: int) -> np.ndarray:
    """What `matter` answers for a picture of any shape, at the picture's size."""
    height, width = picture.shape[:2]
    factor = side / max(height, width)
    w, h = max(1, round(width * factor)), max(1, round(height * factor))
    left, top = (side - w) // 2, (side - h) // 2
    square = np.full((side, side, 3), BARS, np.uint8)
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    square[top : top + h, left : left + w] = cv2.resize(picture, (w, h), interpolation=how)
    inside = matter(square)[top : top + h, left : left + w]
    return cv2.resize(np.ascontiguousarray(inside), (width, height), interpolation=cv2.INTER_LINEAR)


def measured(matter: Matter, samples: Iterable[Sample], side: int) -> dict[str, float]:
    kept = list(samples)
    made = [letterboxed(matter, one.picture, side) for one in kept]
    return measure.summary(made, [one.alpha for one in kept])
