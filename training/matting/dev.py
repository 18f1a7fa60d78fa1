"""The pictures that mattes are measured on, and the way from them to a network and back."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

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


def stretched(matter: Matter, picture: np.ndarray, side: int) -> np.ndarray:
    """What `matter` answers for a picture of any shape, at the picture's size."""
    height, width = picture.shape[:2]
    how = cv2.INTER_AREA if side < max(height, width) else cv2.INTER_CUBIC
    answer = matter(cv2.resize(picture, (side, side), interpolation=how))
    return cv2.resize(np.ascontiguousarray(answer), (width, height), interpolation=cv2.INTER_LINEAR)
