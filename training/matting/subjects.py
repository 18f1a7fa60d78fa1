"""A cut-out before it is placed: turned, resized, dressed anew, lit."""

import cv2
import numpy as np

from training.matting.backgrounds import Rng, window

Layer = np.ndarray
"""float32 [H, W, 4] in [0, 1], straight alpha"""


def placed(rng: Rng, rgba: np.ndarray, size: tuple[int, int], room: float) -> Layer:
    """A cut-out somewhere on an empty canvas (width, height); `room`: its share of the short side.

    Near the middle mostly; one in six is moved over an edge of the picture.
    """
    width, height = size
    tall, wide = rgba.shape[:2]
    angle = rng.normal(0, 12) if rng.random() < 0.8 else rng.uniform(-180, 180)
    factor = room * min(width, height) / max(tall, wide) * rng.uniform(0.85, 1.15)
    if rng.random() < 0.25:  # garments and tables fill wide pictures
        factor = room * min(width / wide, height / tall)
    centre = np.array(size) * (0.5 + np.clip(rng.normal(0, 0.1, 2), -0.3, 0.3))
    if rng.random() < 0.16:
        centre += rng.choice([-1, 1], 2) * rng.permutation([0.4, 0.05]) * size
    shape = [factor, factor * rng.uniform(0.85, 1.18)]
    flip = -1 if rng.random() < 0.5 else 1
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    turn = np.array([[c, -s], [s, c]]) @ np.diag([flip * shape[0], shape[1]])
    shift = centre - turn @ [wide / 2, tall / 2]
    return _warped(rgba, np.column_stack([turn, shift]), size, factor)


def _warped(rgba: np.ndarray, matrix: np.ndarray, size: tuple[int, int], factor: float) -> Layer:
    """Reduce first where it shrinks, so that nothing aliases; colours weighed by their alpha."""
    layer = rgba.astype(np.float32) / 255
    layer[..., :3] *= layer[..., 3:]
    if factor < 0.7:
        small = (max(4, round(layer.shape[1] * factor)), max(4, round(layer.shape[0] * factor)))
        scale = np.diag([layer.shape[1] / small[0], layer.shape[0] / small[1], 1])
        layer = cv2.resize(layer, small, interpolation=cv2.INTER_AREA)
        matrix = matrix @ scale
    layer = cv2.warpAffine(layer, matrix, size, flags=cv2.INTER_LINEAR)
    layer[..., :3] /= np.maximum(layer[..., 3:], 1e-3)
    return np.clip(layer, 0, 1)


def redressed(rng: Rng, layer: Layer, photos: list[np.ndarray]) -> Layer:
    """The shape and shading of one thing with the surface of another."""
    height, width = layer.shape[:2]
    cloth = window(rng, photos[rng.integers(len(photos))], width, height, least=0.15)
    light = layer[..., :3].mean(-1, keepdims=True)
    share = rng.uniform(0.5, 1.0)
    dressed = layer.copy()
    dressed[..., :3] = layer[..., :3] * (1 - share) + share * cloth * (0.35 + 0.9 * light)
    return np.clip(dressed, 0, 1)


def tinted(rng: Rng, layer: Layer) -> Layer:
    """Other hues, gains, contrast and light from one side."""
    height, width = layer.shape[:2]
    colour = layer[..., :3]
    if rng.random() < 0.3:
        colour = colour[..., rng.permutation(3)]
    grey = colour.mean(-1, keepdims=True)
    colour = grey + (colour - grey) * (rng.uniform(0, 1.2) if rng.random() < 0.6 else 1)
    colour = np.clip(colour, 0, 1) ** rng.uniform(0.6, 1.7) * rng.uniform(0.7, 1.15, 3)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    side = rng.normal(0, 0.35, 2)
    light = 1 + side[0] * (x / width - 0.5) + side[1] * (y / height - 0.5)
    made = layer.copy()
    made[..., :3] = np.clip(colour * light[..., None], 0, 1)
    return made


def towards(rng: Rng, layer: Layer, colour: np.ndarray) -> Layer:
    """Nearly of the background's own colour: white on white, black on black."""
    made = layer.copy()
    share = rng.uniform(0.5, 0.85)
    made[..., :3] = layer[..., :3] * (1 - share) + share * colour * rng.uniform(0.9, 1.0)
    return made


def glazed(rng: Rng, layer: Layer, behind: np.ndarray) -> Layer:
    """The same as glass: what is behind shines through, bent a little, and less so at the rim.

    Its alpha stays whole, for glass is the subject wherever it is.
    """
    height, width = layer.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    bend = rng.uniform(0.0, 0.06) * width
    wave = rng.uniform(4, 18) / width
    seen = cv2.remap(
        behind.astype(np.float32),
        x + bend * np.sin(wave * y + rng.uniform(0, 6)),
        y + bend * np.sin(wave * x + rng.uniform(0, 6)),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
    thick = cv2.GaussianBlur(layer[..., 3], (0, 0), rng.uniform(0.01, 0.04) * width)
    clear = rng.uniform(0.35, 0.85) * np.clip(thick, 0, 1) ** rng.uniform(1, 4)
    colour = layer[..., :3].mean(-1, keepdims=True) if rng.random() < 0.5 else layer[..., :3]
    tint = rng.uniform(0.75, 1.1, 3)
    if rng.random() < 0.4:  # something to drink in it
        inside = (y > height * rng.uniform(0.2, 0.8))[..., None]
        tint = np.where(inside, rng.uniform(0.2, 1.0, 3), tint)
    made = layer.copy()
    made[..., :3] = np.clip(colour * (1 - clear[..., None]) + seen * tint * clear[..., None], 0, 1)
    return made


def shadow(rng: Rng, alpha: np.ndarray) -> np.ndarray:
    """How much light is left on the background, float32 [H, W, 1]: contact, cast or halo shadow."""
    height, width = alpha.shape
    size = (width, height)
    drop = rng.uniform(0.0, 0.06) * height
    matrix = np.array([[1, rng.normal(0, 0.15), rng.normal(0, 0.04) * width], [0, 1, drop]])
    if rng.random() < 0.4:  # lies on the background: flat, under the lowest part
        rows = np.flatnonzero(alpha.max(1) > 0.3)
        foot = rows[-1] if len(rows) else height - 1
        flat = rng.uniform(0.05, 0.35)
        matrix[1] = [0, flat, foot * (1 - flat)]
    cast = cv2.warpAffine(alpha, matrix, size)
    cast = cv2.GaussianBlur(cast, (0, 0), rng.uniform(0.004, 0.05) * width)
    return (1 - rng.uniform(0.1, 0.75) * cast)[..., None]
