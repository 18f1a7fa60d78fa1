"""The refining network: picture and coarse alpha of a tile at full resolution -> sharper alpha.

It works at half and quarter of the tile, sees 60 pixels around each place, and says what to add to
the coarse alpha. Also here: how a true alpha is spoilt into a coarse one to learn from.
"""

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from training.matting.grounds import Rng
from training.matting.network import Unit, enlarge

WIDTH = 24
SIDE = 256


class Refining(nn.Module):
    """picture [N, 3, S, S], alpha [N, 1, S, S], both in [0, 1] -> alpha [N, 1, S, S], any range"""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.see = Unit(16, width)
        self.near = Unit(width, width)
        self.deep = nn.Sequential(
            Unit(width, 2 * width, 3, 2),
            *(Unit(2 * width, 2 * width, 3, 1, spread) for spread in (1, 2, 4, 2)),
        )
        self.join = Unit(3 * width, width)
        self.say = nn.Conv2d(width, 4, 3, padding=1)
        nn.init.zeros_(self.say.weight)
        nn.init.zeros_(self.say.bias)

    def forward(self, picture: Tensor, alpha: Tensor) -> Tensor:
        both = torch.cat([picture - 0.5, alpha - 0.5], 1)
        seen = self.near(self.see(functional.pixel_unshuffle(both, 2)))
        deep = enlarge(self.deep(seen), seen.shape[-2:])
        change = self.say(self.join(torch.cat([seen, deep], 1)))
        return alpha + functional.pixel_shuffle(change, 2)


def refined_loss(made: Tensor, alpha: Tensor, coarse: Tensor, trust: Tensor) -> Tensor:
    """Distance and distance of slopes, where the coarse alpha is soft or wrong five times as much.

    Made values outside [0, 1] cost nothing where the truth is that end: they are cut off later.
    """
    made = torch.where((alpha > 0.995) & (made > 1) | (alpha < 0.005) & (made < 0), alpha, made)
    band = functional.max_pool2d(((coarse > 0.02) & (coarse < 0.98)).float(), 9, 1, 4)
    weight = trust * (0.2 + band)
    wrong = (made - alpha) * weight
    across = (wrong[..., 1:] - wrong[..., :-1]).abs().mean()
    down = (wrong[..., 1:, :] - wrong[..., :-1, :]).abs().mean()
    return wrong.abs().mean() + across + down


def crop(rng: Rng, whole: np.ndarray, side: int = SIDE) -> np.ndarray:
    """A tile of a composite [H, W, 5 or more] that the outline crosses, if one can be found."""
    height, width = whole.shape[:2]
    soft = np.argwhere((whole[::8, ::8, 3] > 20) & (whole[::8, ::8, 3] < 235))
    middle = 8 * soft[rng.integers(len(soft))] if len(soft) else np.array([height, width]) // 2
    top, left = (
        int(np.clip(m - side // 2 + rng.integers(-60, 61), 0, length - side))
        for m, length in zip(middle, (height, width), strict=True)
    )
    return whole[top : top + side, left : left + side]


def spoilt(rng: Rng, alpha: np.ndarray) -> np.ndarray:
    """uint8 [H, W] -> uint8 [H, W] as a coarse network might say it: soft, shifted, gnawed at."""
    height, width = alpha.shape
    factor = rng.uniform(1.5, 8)
    small = (max(8, round(width / factor)), max(8, round(height / factor)))
    coarse = cv2.resize(alpha, small, interpolation=cv2.INTER_AREA)
    if rng.random() < 0.5:
        size = int(rng.integers(2, 4))
        change = cv2.erode if rng.random() < 0.5 else cv2.dilate
        coarse = change(coarse, np.ones((size, size), np.uint8))
    coarse = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    coarse = warped(rng, coarse, rng.uniform(0, 1.2 * factor))
    return cv2.GaussianBlur(coarse, (0, 0), rng.uniform(0.5, factor))


def unknown(rng: Rng, coarse: np.ndarray) -> np.ndarray:
    """uint8 [H, W] -> uint8 [H, W] with up to three places in the subject about which nothing is
    said: level 128."""
    made = coarse.copy()
    for _ in range(int(rng.integers(1, 4))):
        place = np.zeros_like(made)
        axes = tuple(int(length) for length in rng.integers(5, 45, 2))
        inside = np.argwhere(coarse[::4, ::4] > 127)
        middle = 4 * inside[rng.integers(len(inside))] if len(inside) else rng.integers(0, 256, 2)
        turn = float(rng.uniform(0, 180))
        cv2.ellipse(place, (int(middle[1]), int(middle[0])), axes, turn, 0, 360, 255, -1)
        if rng.random() < 0.5:
            place = np.where(warped(rng, place, 12) > 127, 255, 0).astype(np.uint8)
        made[place > 0] = 128
    return made


def holes(alpha: np.ndarray) -> np.ndarray:
    """uint8 [H, W], 255 where ground is enclosed, and a little around it."""
    ground = (alpha < 128).astype(np.uint8)
    count, labels = cv2.connectedComponents(ground, connectivity=4)
    border = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    enclosed = (ground > 0) & ~np.isin(labels, border)
    if count < 3 or not enclosed.any():
        return np.zeros_like(alpha)
    return cv2.dilate(np.where(enclosed, 255, 0).astype(np.uint8), np.ones((9, 9), np.uint8))


def warped(rng: Rng, alpha: np.ndarray, reach: float) -> np.ndarray:
    """Moved by up to about `reach` pixels, here this way, there that way."""
    height, width = alpha.shape
    field = rng.normal(0, 1, (8, 8, 2)).astype(np.float32)
    moves = cv2.resize(field, (width, height), interpolation=cv2.INTER_CUBIC) * reach
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return cv2.remap(alpha, x + moves[..., 0], y + moves[..., 1], cv2.INTER_LINEAR)
