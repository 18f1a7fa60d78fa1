"""Made-up photographs with a known alpha: subjects on a background, in one light, by one camera."""

from dataclasses import dataclass

import cv2
import numpy as np

from training.matting import subjects
from training.matting.backgrounds import Rng, background, tent
from training.matting.pack import Item, decoded

TENTS = 0.12
"""Share of the pictures in which one product, often a small one, stands in a box of light."""

BARS = 128
"""Level of the letterbox bars, as the server draws them."""


@dataclass(frozen=True, slots=True)
class Stock:
    """Decoded material: cut-outs uint8 RGBA, backgrounds uint8 RGB."""

    cutouts: list[np.ndarray]
    photos: list[np.ndarray]

    @classmethod
    def of(cls, cutouts: list[Item], photos: list[Item]) -> "Stock":
        layers = [(decoded(item.picture, "RGBA"), weight(item.name)) for item in cutouts]
        return cls(
            [layer for layer, count in layers for _ in range(count)],
            [decoded(item.picture, "RGB") for item in photos],
        )


def weight(name: str) -> int:
    """Drawn icons are many and alike: real and rendered products count three times."""
    return 1 if "fluent3d" in name else 3


def composite(rng: Rng, stock: Stock, side: int) -> np.ndarray:
    """uint8 [side, side, 5]: picture, alpha, and 255 where the alpha may be trusted."""
    return boxed(drawn(rng, stock, side), side)


def drawn(rng: Rng, stock: Stock, side: int) -> np.ndarray:
    """The same without bars: uint8 [h, w, 5], whose longer side is `side`."""
    width, height = shape(rng, side)
    boxed_in = rng.random() < TENTS
    made = tent(rng, width, height) if boxed_in else background(rng, stock.photos, width, height)
    alpha = np.zeros((height, width, 1), np.float32)
    count = 1 if boxed_in else rng.choice([1, 2, 3], p=[0.78, 0.14, 0.08])
    for _ in range(count):
        share = rng.uniform(0.12, 0.6) if boxed_in else room(rng, count)
        layer = dressed(rng, stock, made, (width, height), share)
        cover = layer[..., 3:]
        if rng.random() < 0.75:
            made = made * subjects.shadow(rng, cover[..., 0])
        made = made * (1 - cover) + layer[..., :3] * cover
        alpha = alpha + cover * (1 - alpha)
    picture = camera(rng, made)
    return np.dstack([picture, levels(alpha), np.full_like(picture[..., :1], 255)])


def shape(rng: Rng, side: int) -> tuple[int, int]:
    """Width and height inside the square; three of five pictures are no squares."""
    if rng.random() < 0.4:
        return side, side
    short = max(side // 2, round(side * rng.choice([0.75, 0.667, rng.uniform(0.55, 1.0)])))
    return (side, short) if rng.random() < 0.5 else (short, side)


def room(rng: Rng, count: int) -> float:
    """Share of the short side that a subject takes."""
    return float(rng.triangular(0.25, 0.8, 1.3) if count == 1 else rng.uniform(0.25, 0.6))


def dressed(
    rng: Rng, stock: Stock, made: np.ndarray, size: tuple[int, int], share: float
) -> np.ndarray:
    cutout = stock.cutouts[rng.integers(len(stock.cutouts))]
    layer = subjects.placed(rng, cutout, size, share)
    if rng.random() < 0.22:
        layer = subjects.redressed(rng, layer, stock.photos)
    if rng.random() < 0.7:
        layer = subjects.tinted(rng, layer)
    if rng.random() < 0.1:
        layer = subjects.towards(rng, layer, made.mean((0, 1)))
    elif rng.random() < 0.12:
        layer = subjects.glazed(rng, layer, made)
    return layer


def camera(rng: Rng, made: np.ndarray) -> np.ndarray:
    """float [H, W, 3] -> uint8 [H, W, 3]: cast, exposure, blur, noise, JPEG."""
    cast = 1 + rng.normal(0, 0.05, 3) * (rng.random() < 0.6)
    made = np.clip(made * cast * rng.uniform(0.8, 1.12), 0, 1) ** rng.uniform(0.85, 1.2)
    if rng.random() < 0.4:
        made = cv2.GaussianBlur(made, (0, 0), rng.uniform(0.3, 1.1))
    if rng.random() < 0.5:
        made = made + rng.normal(0, rng.uniform(0.003, 0.03), made.shape)
    picture = levels(made)
    if rng.random() < 0.6:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 96))]
        picture = cv2.imdecode(cv2.imencode(".jpg", picture, quality)[1], cv2.IMREAD_COLOR)
    return picture


def real(rng: Rng, item: Item, side: int) -> np.ndarray:
    """A photograph with its alpha, cut and turned at random: uint8 [side, side, 5]."""
    picture, said = decoded(item.picture, "RGB"), decoded(item.alpha, "LA")
    alpha = np.ascontiguousarray(said[..., 0])
    whole = np.dstack([picture, alpha, np.minimum(said[..., 1], trusted(alpha, item.band))])
    whole = cut(rng, whole)
    if rng.random() < 0.5:
        whole = whole[:, ::-1]
    factor = side / max(whole.shape[:2])
    size = tuple(max(1, round(factor * whole.shape[i])) for i in (1, 0))
    small = resized(whole, size)
    colours = small[..., :3].astype(np.float32) / 255
    if rng.random() < 0.25:
        colours = colours[..., rng.permutation(3)]
    return boxed(np.dstack([camera(rng, colours), small[..., 3:]]), side)


def trusted(alpha: np.ndarray, band: int) -> np.ndarray:
    """255 but for `band` pixels on each side of the outline, which are 0."""
    if band == 0:
        return np.full_like(alpha, 255)
    kernel = np.ones((2 * band + 1, 2 * band + 1), np.uint8)
    return np.where(cv2.dilate(alpha, kernel) == cv2.erode(alpha, kernel), 255, 0).astype(np.uint8)


def cut(rng: Rng, whole: np.ndarray) -> np.ndarray:
    """A part of the picture that keeps at least 85 % of its subject, if a few tries find one."""
    height, width = whole.shape[:2]
    total = whole[..., 3].sum(dtype=np.int64)
    for _ in range(4):
        h, w = (int(side * rng.uniform(0.55, 1.0)) for side in (height, width))
        top, left = rng.integers(0, height - h + 1), rng.integers(0, width - w + 1)
        part = whole[top : top + h, left : left + w]
        if part[..., 3].sum(dtype=np.int64) >= 0.85 * total and 0.5 < w / h < 2:
            return part
    return whole


def resized(whole: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """[H, W, 5] at another (width, height); OpenCV takes four channels at most."""
    how = cv2.INTER_AREA if size[0] < whole.shape[1] else cv2.INTER_LINEAR
    parts = (np.ascontiguousarray(whole[..., part]) for part in (slice(3), slice(3, 5)))
    return np.dstack([cv2.resize(part, size, interpolation=how) for part in parts])


def boxed(picture: np.ndarray, side: int) -> np.ndarray:
    """Letterboxed as the server does it; the bars are background, and trusted."""
    height, width = picture.shape[:2]
    square = np.empty((side, side, 5), np.uint8)
    square[:] = (BARS, BARS, BARS, 0, 255)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = picture
    return square


def levels(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values * 255), 0, 255).astype(np.uint8)
