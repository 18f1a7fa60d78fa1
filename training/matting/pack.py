"""Pictures in one file: encoded as they are, with their names, so that a pack travels lightly."""

import io
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image


@dataclass(frozen=True, slots=True)
class Item:
    """An encoded picture; `alpha` is empty where the picture carries its own or has none.

    Where the alpha has a second channel, that is 255 where the first may be trusted. `band`: pixels
    on each side of the outline where it may not.
    """

    name: str
    picture: bytes
    alpha: bytes = b""
    band: int = 0


def write(path: Path, items: Iterable[Item]) -> int:
    """One .npz; returns how many items it holds."""
    kept = list(items)
    blobs = [blob for item in kept for blob in (item.picture, item.alpha)]
    np.savez(
        path,
        names=np.array([item.name for item in kept]),
        bands=np.array([item.band for item in kept], np.int32),
        ends=np.cumsum([len(blob) for blob in blobs], dtype=np.int64),
        bytes=np.frombuffer(b"".join(blobs), np.uint8),
    )
    return len(kept)


def read(path: Path) -> list[Item]:
    with np.load(path) as stored:
        whole = stored["bytes"].tobytes()
        ends = [0, *stored["ends"].tolist()]
        blobs = [whole[start:end] for start, end in itertools.pairwise(ends)]
        names, bands = stored["names"].tolist(), stored["bands"].tolist()
    return [Item(name, blobs[2 * i], blobs[2 * i + 1], bands[i]) for i, name in enumerate(names)]


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def decoded(blob: bytes, mode: str) -> np.ndarray:
    """uint8 [H, W, C], or [H, W] for mode L"""
    return np.asarray(Image.open(io.BytesIO(blob)).convert(mode))


def fitted(image: Image.Image, longest: int) -> Image.Image:
    """The picture, reduced where its long side is longer than `longest`."""
    factor = longest / max(image.size)
    if factor >= 1:
        return image
    size = [max(1, round(factor * side)) for side in image.size]
    return image.resize(size, Image.Resampling.LANCZOS)


def names_in(folder: Path, endings: Sequence[str]) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.suffix in endings)
