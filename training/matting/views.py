"""What a student is shown: parts of photographs and made-up photographs, drawn without end.

Squares, to which a picture is stretched as the server does it for networks of this family.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from training.matting import compose
from training.matting.backgrounds import Rng
from training.matting.pack import Item, decoded, read
from training.matting.prepare import held

COMPOSED = 0.45
"""Share of the views that are composites."""

WHOLE = 0.3
"""Share of the photographs that are shown whole."""

SHOW_SUBJECTS = Path(__file__).with_name("subjects_on_backgrounds.txt")
SCENES = ("backgrounds/", "sr_train/")
"""Beginnings of the names of photographs that composites may be laid on, less `SHOW_SUBJECTS`."""


@dataclass(frozen=True, slots=True)
class Photo:
    """uint8 [H, W, 3]; where `truth`, uint8 [H, W, 2]: its alpha, and 255 where that is trusted."""

    picture: np.ndarray
    truth: np.ndarray | None


@dataclass(frozen=True, slots=True)
class Material:
    """Decoded: what composites are made of, and the photographs. `twin`: held-back material."""

    stock: compose.Stock
    photos: list[Photo]

    @classmethod
    def read(cls, packs: Path, threads: int, *, twin: bool = False) -> "Material":
        """Of `packs`/foregrounds.npz and photos.npz, without what is held back or that alone."""
        items = [item for item in read(packs / "photos.npz") if held(item) == twin]
        cutouts = [item for item in read(packs / "foregrounds.npz") if held(item) == twin]
        taken = set(SHOW_SUBJECTS.read_text().splitlines())
        with ThreadPoolExecutor(threads) as pool:
            photos = list(pool.map(_photo, items))
            layers = list(pool.map(lambda item: decoded(item.picture, "RGBA"), cutouts))
        backgrounds = [
            photo.picture
            for item, photo in zip(items, photos, strict=True)
            if item.name.startswith(SCENES) and item.name not in taken
        ]
        counts = [compose.weight(item.name) for item in cutouts]
        many = [layer for layer, n in zip(layers, counts, strict=True) for _ in range(n)]
        return cls(compose.Stock(many, backgrounds), photos)


def _photo(item: Item) -> Photo:
    picture = decoded(item.picture, "RGB")
    if not item.alpha:
        return Photo(picture, None)
    alpha = decoded(item.alpha, "L")
    return Photo(picture, np.dstack([alpha, compose.trusted(alpha, item.band)]))


def view(rng: Rng, material: Material, side: int) -> np.ndarray:
    """uint8 [side, side, 5]: picture, alpha, and 255 where the alpha is known."""
    if rng.random() < COMPOSED:
        made = compose.drawn(rng, material.stock, side)
        if rng.random() < 0.2:
            made = _part(rng, made, 0.6)
        made = compose.resized(made, (side, side))
    else:
        photo = material.photos[rng.integers(len(material.photos))]
        made = photographed(rng, photo, side)
    return made[:, ::-1] if rng.random() < 0.5 else made


def photographed(rng: Rng, photo: Photo, side: int) -> np.ndarray:
    """A photograph, whole or a part of it, by another camera."""
    truth = photo.truth
    if truth is None:
        truth = np.zeros((*photo.picture.shape[:2], 2), np.uint8)
    whole = np.dstack([photo.picture, truth])
    if rng.random() >= WHOLE:
        whole = _part(rng, whole, 0.35)
    small = compose.resized(whole, (side, side))
    colours = small[..., :3].astype(np.float32) / 255
    if rng.random() < 0.2:
        colours = colours[..., rng.permutation(3)]
    picture = compose.camera(rng, colours) if rng.random() < 0.7 else compose.levels(colours)
    known = np.where(small[..., 4:] == 255, 255, 0).astype(np.uint8)
    return np.dstack([picture, small[..., 3:4], known])


def _part(rng: Rng, whole: np.ndarray, least: float) -> np.ndarray:
    """A random part, each side of it at least `least` of the whole's."""
    height, width = whole.shape[:2]
    h, w = (max(16, int(length * rng.uniform(least, 1))) for length in (height, width))
    h, w = min(h, height), min(w, width)
    top, left = rng.integers(0, height - h + 1), rng.integers(0, width - w + 1)
    return whole[top : top + h, left : left + w]


class Views(IterableDataset):
    """Batches uint8 [N, side, side, 5] without end; each worker draws its own."""

    def __init__(self, material: Material, count: int, side: int, seed: int) -> None:
        self.material, self.count, self.side, self.seed = material, count, side, seed

    def __iter__(self) -> Iterator[Tensor]:
        cv2.setNumThreads(1)
        worker = get_worker_info()
        rng = np.random.default_rng([self.seed, worker.id if worker else 0])
        while True:
            made = [view(rng, self.material, self.side) for _ in range(self.count)]
            yield torch.from_numpy(np.ascontiguousarray(np.stack(made)))
