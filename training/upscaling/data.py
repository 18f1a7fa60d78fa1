"""Training pairs for the upscalers: pictures held in memory, cut into aligned patches.

The small side is the bicubic (antialiased, a = -0.5) reduction of the large one, as the benchmarks
make it; `degrade` turns it into what a supplier sends: slightly blurred, noisy, JPEG-compressed.
"""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}
HELD_BACK = 24  # every 24th picture measures progress and is never trained on


def load(folder: Path, at_least: int = 0) -> list[np.ndarray]:
    """Every picture under `folder` as uint8 [H,W,3], in the order of the names."""
    files = sorted(f for f in folder.rglob("*") if f.suffix.lower() in SUFFIXES)
    pictures = [np.array(Image.open(f).convert("RGB")) for f in files]
    return [p for p in pictures if min(p.shape[:2]) >= at_least]


def shrink(picture: np.ndarray, factor: float) -> np.ndarray:
    """uint8 [H,W,3] -> uint8 [H/factor, W/factor, 3], bicubic with antialiasing."""
    height, width = (round(side / factor) for side in picture.shape[:2])
    return np.array(Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC))


def whole(picture: np.ndarray, scale: int) -> np.ndarray:
    """The picture cropped so that both sides are multiples of `scale`."""
    height, width = picture.shape[:2]
    return picture[: height - height % scale, : width - width % scale]


def jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    """One trip through a 4:2:0 JPEG."""
    body = io.BytesIO()
    Image.fromarray(picture).save(body, "JPEG", quality=quality)
    return np.asarray(Image.open(body).convert("RGB"))


def degrade(picture: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """A supplier's version: `level` 0 is untouched, 1 is JPEG q50, blur 0.7 px, noise 4 levels."""
    if level <= 0:
        return picture
    image = Image.fromarray(picture).filter(ImageFilter.GaussianBlur(0.7 * level * rng.random()))
    noisy = np.asarray(image) + rng.normal(0, 4 * level * rng.random(), picture.shape)
    return jpeg(np.clip(np.rint(noisy), 0, 255).astype(np.uint8), round(95 - 45 * level))


def graphics(seed: int, fonts: list[Path], side: int = 512) -> np.ndarray:
    """A made-up label: flat backgrounds, boxes, rules and lettering in two or three colours."""
    rng = np.random.default_rng(seed)

    def ink() -> tuple[int, int, int]:
        grey = int(rng.choice([0, 20, 235, 255, 128]))
        colour = rng.integers(0, 256, 3)
        return (grey, grey, grey) if rng.random() < 0.5 else tuple(int(c) for c in colour)

    image = Image.new("RGB", (2 * side, 2 * side), ink())  # drawn twice as large: soft edges
    pen = ImageDraw.Draw(image)
    letters = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789%&.-$"))
    for _ in range(rng.integers(4, 10)):
        x, y, w, h = (int(v) for v in rng.integers(0, side, 4))
        pen.rounded_rectangle((x, y, x + w + 4, y + h + 4), int(rng.integers(0, 40)), ink())
    for _ in range(rng.integers(10, 26)):
        size = int(np.exp(rng.uniform(np.log(24), np.log(170))))
        font = ImageFont.truetype(str(rng.choice(fonts)), size) if fonts else None
        font = font or ImageFont.load_default(size)
        text = "".join(rng.choice(letters, rng.integers(3, 14)))
        place = (int(rng.integers(-40, 2 * side)), int(rng.integers(0, 2 * side)))
        pen.text(place, text, ink(), font)
    return shrink(np.asarray(image.rotate(float(rng.normal(0, 8)), Image.Resampling.BICUBIC)), 2)


class Patches:
    """Aligned random patches, the busier of two candidates, flipped and turned."""

    def __init__(self, pictures: list[np.ndarray], scale: int, side: int, seed: int) -> None:
        self.scale, self.side = scale, side
        self.rng = np.random.default_rng(seed)
        large = [whole(p, scale) for p in pictures]
        self.pairs = [(shrink(p, scale), p) for p in large if min(p.shape[:2]) >= scale * side]
        area = np.array([small.shape[0] * small.shape[1] for small, _ in self.pairs], float)
        self.weights = area / area.sum()

    def _place(self) -> tuple[int, int, int]:
        picture = int(self.rng.choice(len(self.pairs), p=self.weights))
        height, width = self.pairs[picture][0].shape[:2]
        y, x = self.rng.integers(0, (height - self.side + 1, width - self.side + 1))
        return picture, int(y), int(x)

    def _busy(self, place: tuple[int, int, int]) -> float:
        picture, y, x = place
        green = self.pairs[picture][0][y : y + self.side, x : x + self.side, 1].astype(np.int16)
        return float(np.abs(np.diff(green, axis=0)).mean() + np.abs(np.diff(green, axis=1)).mean())

    def _degraded(self, small: np.ndarray, y: int, x: int, level: float) -> np.ndarray:
        """Degraded with a margin, so that JPEG's grid of 8 lies anywhere in the patch."""
        up, left = (min(place, int(self.rng.integers(8, 16))) for place in (y, x))
        end_y, end_x = y + self.side + 8, x + self.side + 8
        patch = degrade(small[y - up : end_y, x - left : end_x], level, self.rng)
        return patch[up : up + self.side, left : left + self.side]

    def one(self, worst: float) -> tuple[np.ndarray, np.ndarray, float]:
        """(small, large, level): degraded by up to `worst`; a third of the patches stays clean."""
        picture, y, x = max(self._place(), self._place(), key=self._busy)
        level = max(0.0, float(self.rng.uniform(-worst / 2, worst))) if worst > 0 else 0.0
        small, large = self.pairs[picture]
        s, n = self.scale, self.side
        large = large[s * y : s * (y + n), s * x : s * (x + n)]
        sound = small[y : y + n, x : x + n]
        small = self._degraded(small, y, x, level) if level > 0 else sound
        turns, mirror = int(self.rng.integers(4)), bool(self.rng.integers(2))
        small, large = np.rot90(small, turns), np.rot90(large, turns)
        return (small[:, ::-1], large[:, ::-1], level) if mirror else (small, large, level)

    def batches(self, count: int, worst: float = 0.0) -> Iterator[tuple[np.ndarray, ...]]:
        """Endless (small [N,P,P,3], large [N,sP,sP,3], level [N]), pictures uint8."""
        while True:
            small, large, level = zip(*(self.one(worst) for _ in range(count)), strict=True)
            yield np.stack(small), np.stack(large), np.array(level, np.float32)
