"""What a subject stands on: scenes, studio sweeps, plain colours, patterns."""

import cv2
import numpy as np

Rng = np.random.Generator
Floats = np.ndarray
"""float32 [H, W, 3] in [0, 1]"""


def background(rng: Rng, photos: list[np.ndarray], width: int, height: int) -> Floats:
    kind = rng.random()
    if kind < 0.55:
        return scene(rng, photos, width, height)
    if kind < 0.80:
        return studio(rng, width, height)
    if kind < 0.92:
        return plain(rng, width, height)
    return pattern(rng, photos, width, height)


def window(rng: Rng, photo: np.ndarray, width: int, height: int, least: float = 0.35) -> Floats:
    """A random part of a photograph, of the shape asked for, at that size."""
    tall, wide = photo.shape[:2]
    share = rng.uniform(least, 1.0) * min(wide / width, tall / height)
    w, h = max(8, int(width * share)), max(8, int(height * share))
    left, top = rng.integers(0, wide - w + 1), rng.integers(0, tall - h + 1)
    part = photo[top : top + h, left : left + w]
    if rng.random() < 0.5:
        part = part[:, ::-1]
    small = cv2.resize(np.ascontiguousarray(part), (width, height), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / 255


def scene(rng: Rng, photos: list[np.ndarray], width: int, height: int) -> Floats:
    """Often out of focus, as behind a subject, sometimes faded or darkened."""
    made = window(rng, photos[rng.integers(len(photos))], width, height)
    if rng.random() < 0.45:
        made = cv2.GaussianBlur(made, (0, 0), rng.uniform(0.6, 0.03 * width))
    if rng.random() < 0.3:
        grey = made.mean(-1, keepdims=True)
        made = grey + (made - grey) * rng.uniform(0.0, 1.2)
    return np.clip(made * rng.uniform(0.5, 1.2) + rng.uniform(-0.05, 0.2), 0, 1)


def paint(rng: Rng) -> Floats:
    """Mostly the whites, greys and beiges of studios, sometimes any colour."""
    if rng.random() < 0.65:
        grey = rng.choice([1.0, rng.uniform(0.75, 1.0), rng.uniform(0.02, 0.75)], p=[0.3, 0.5, 0.2])
        return np.clip(grey + rng.normal(0, 0.02, 3), 0, 1).astype(np.float32)
    return rng.uniform(0, 1, 3).astype(np.float32)


def plain(rng: Rng, width: int, height: int) -> Floats:
    return np.broadcast_to(paint(rng), (height, width, 3)).astype(np.float32)


def studio(rng: Rng, width: int, height: int) -> Floats:
    """Two tones that meet in a sweep or a hard edge, lit from one side or from the middle."""
    one, other = paint(rng), paint(rng)
    other = one + (other - one) * rng.choice([0.08, 0.25, 1.0])
    y, x = np.mgrid[:height, :width].astype(np.float32)
    turn = rng.normal(0, 0.25)
    along = (y / height - rng.uniform(0.3, 0.9)) + turn * (x / width - 0.5)
    mix = 1 / (1 + np.exp(np.clip(-along / rng.choice([0.004, 0.05, 0.25]), -30, 30)))
    made = one + (other - one) * mix[..., None]
    away = np.hypot(x / width - rng.uniform(0.2, 0.8), y / height - rng.uniform(0.2, 0.8))
    return np.clip(made * (1 - rng.uniform(0, 0.45) * away[..., None]), 0, 1).astype(np.float32)


def tent(rng: Rng, width: int, height: int) -> Floats:
    """A box of light seen from the front: lit walls, a back, a floor, often a turning plate and a
    card of squares for the camera; dark clips and a dark rim where the box ends."""
    light = rng.uniform(0.75, 1.0) * (1 + rng.normal(0, 0.03, 3))
    made = np.broadcast_to(np.clip(light, 0, 1), (height, width, 3)).astype(np.float32).copy()
    left, right = (int(width * share) for share in (rng.uniform(0, 0.3), rng.uniform(0.7, 1)))
    floor = int(height * rng.uniform(0.55, 1.0))
    lean = int(width * rng.uniform(0, 0.12))
    for edge, outer in ((left, 0), (right, width)):
        inner = edge + (lean if outer == 0 else -lean)
        wall = np.array([[outer, 0], [edge, 0], [inner, floor], [outer, height]], np.int32)
        cv2.fillConvexPoly(made, wall, _shaded(made, rng.uniform(0.9, 1.25)))
    if rng.random() < 0.6:
        made[floor:] *= rng.choice([rng.uniform(0.0, 0.2), rng.uniform(0.6, 1.1)])
    middle = (width // 2 + int(rng.normal(0, 0.05) * width), int(height * rng.uniform(0.4, 0.75)))
    if rng.random() < 0.6:
        plate = (int(width * rng.uniform(0.15, 0.35)), int(height * rng.uniform(0.08, 0.35)))
        cv2.ellipse(made, middle, plate, 0, 0, 360, _shaded(made, rng.uniform(0.85, 1.15)), -1)
    if rng.random() < 0.4:
        _card(rng, made, middle)
    for _ in range(rng.integers(0, 5)):
        x = int(rng.choice([left, right]) + rng.normal(0, 0.03) * width)
        clip = (x, int(rng.uniform(0, 0.9) * height)), int(rng.integers(1, max(3, width // 40)))
        cv2.circle(made, *clip, (0.1, 0.1, 0.12), -1)
    return np.clip(cv2.GaussianBlur(made, (0, 0), rng.uniform(0.4, 2.5)), 0, 1)


def _shaded(made: Floats, factor: float) -> tuple[float, ...]:
    return tuple(float(value) for value in np.clip(made[0, made.shape[1] // 2] * factor, 0, 1))


def _card(rng: Rng, made: Floats, middle: tuple[int, int]) -> None:
    """Black and white squares, turned a little, below or beside the middle."""
    height, width = made.shape[:2]
    count, side = int(rng.integers(5, 10)), max(2, int(width * rng.uniform(0.012, 0.03)))
    squares = np.indices((count, count)).sum(0) % 2
    card = np.kron(squares, np.ones((side, side))).astype(np.float32)
    angle, reach = float(rng.uniform(-30, 30)), count * side / 2
    matrix = cv2.getRotationMatrix2D((reach, reach), angle, 1.0)
    away = rng.uniform(0.1, 0.25) * width
    matrix[:, 2] += np.add(middle, (rng.normal(0, 0.3) * away, away)) - reach
    cover = cv2.warpAffine(np.ones_like(card), matrix, (width, height))[..., None]
    made[:] = made * (1 - cover) + cv2.warpAffine(card, matrix, (width, height))[..., None] * cover


def pattern(rng: Rng, photos: list[np.ndarray], width: int, height: int) -> Floats:
    """A small piece of a photograph, repeated: boards, tiles, cloth."""
    side = int(rng.integers(12, 64))
    piece = window(rng, photos[rng.integers(len(photos))], side, side, least=0.1)
    piece = np.concatenate([piece, piece[:, ::-1]], 1) if rng.random() < 0.5 else piece
    counts = (-(-height // piece.shape[0]), -(-width // piece.shape[1]), 1)
    return np.tile(piece, counts)[:height, :width]
