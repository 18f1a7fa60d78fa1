"""The matting network that is served: one pass over the whole picture, taught by larger networks.

A residual encoder works at 1/2 to 1/32 of the picture's side. At the bottom, pooled fields of
several sizes and attention between all places tell every place about the whole. A decoder comes
back up to 1/2, and four pixels of alpha are read off each of its places.
"""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

SIDE = 320
"""Of the square that it is trained at, in pixels; a picture is stretched to it."""

WIDTHS = (24, 48, 96, 192, 256)
"""Channels at 1/2, 1/4, 1/8, 1/16 and 1/32."""

DECODER, DETAIL = 64, 32
"""Channels on the way up, and at 1/2."""

FIELDS = (1, 2, 4)
"""Sides of the pooled grids at the bottom."""

HEADS, NARROW = 4, 96
"""Of the attention, and the width inside the block at the bottom."""


class Unit(nn.Sequential):
    """Convolution, normalisation, rectifier."""

    def __init__(self, come: int, go: int, side: int = 3, stride: int = 1, spread: int = 1) -> None:
        pad = spread * (side // 2)
        conv = nn.Conv2d(come, go, side, stride, pad, dilation=spread, bias=False)
        super().__init__(conv, nn.BatchNorm2d(go), nn.ReLU(inplace=True))


class Residual(nn.Module):
    """Two convolutions beside a short cut; `middle` narrower than `width` saves weights."""

    def __init__(self, width: int, middle: int, spread: int = 1) -> None:
        super().__init__()
        self.first = Unit(width, middle, 3, 1, spread)
        self.second = nn.Sequential(
            nn.Conv2d(middle, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        )
        nn.init.zeros_(self.second[1].weight)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.second(self.first(x)))


class Fields(nn.Module):
    """What the whole picture, its halves and quarters hold, told to every place."""

    def __init__(self, width: int, part: int) -> None:
        super().__init__()
        self.parts = nn.ModuleList(nn.Conv2d(width, part, 1) for _ in FIELDS)
        self.join = Unit(width + part * len(FIELDS), width, 1)

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[-2:]
        pooled = [
            enlarge(functional.relu(part(shrink(x, side))), size)
            for part, side in zip(self.parts, FIELDS, strict=True)
        ]
        return x + self.join(torch.cat([x, *pooled], 1))


def shrink(x: Tensor, side: int) -> Tensor:
    """Mean of a grid of `side` x `side` fields; where they do not divide evenly, nearly so."""
    high, wide = (int(length) for length in x.shape[-2:])
    if high % side == 0 and wide % side == 0:
        return functional.avg_pool2d(x, (high // side, wide // side))
    down, across = (windows(length, side).to(x) for length in (high, wide))
    return down @ x @ across.T


def windows(length: int, count: int) -> Tensor:
    """The means of an adaptive pool [count, length], which has no ONNX operator of its own."""
    means = torch.zeros(count, length)
    for i in range(count):
        first, last = i * length // count, -(-(i + 1) * length // count)
        means[i, first:last] = 1 / (last - first)
    return means


def enlarge(x: Tensor, size: torch.Size | tuple[int, int]) -> Tensor:
    fixed = [int(length) for length in size]  # so that an exported graph holds numbers
    return functional.interpolate(x, fixed, mode="bilinear", align_corners=False)


class Attention(nn.Module):
    """Every place asks every other (Vaswani et al. 2017); starts as the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.ask = nn.Linear(width, 3 * width)
        self.say = nn.Linear(width, width)
        self.think = nn.Sequential(
            nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width)
        )
        for last in (self.say, self.think[2]):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, x: Tensor) -> Tensor:
        width, high, wide = (int(length) for length in x.shape[1:])
        places = x.flatten(2).transpose(1, 2)
        asked = self.ask(self.before(places)).unflatten(2, (3, HEADS, width // HEADS))
        question, key, value = asked.permute(2, 0, 3, 1, 4)
        heed = (question @ key.transpose(2, 3) * (width // HEADS) ** -0.5).softmax(3)
        places = places + self.say((heed @ value).transpose(1, 2).flatten(2))
        places = places + self.think(self.between(places))
        return places.transpose(1, 2).unflatten(2, (high, wide))


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        a, b, c, d, e = WIDTHS
        self.stages = nn.ModuleList([
            Unit(3, a, 3, 2),
            nn.Sequential(Unit(a, b, 3, 2), Residual(b, b), Residual(b, b)),
            nn.Sequential(Unit(b, c, 3, 2), *(Residual(c, c) for _ in range(3))),
            nn.Sequential(Unit(c, d, 3, 2), Residual(d, d), Residual(d, d, 2), Residual(d, d // 2)),
            nn.Sequential(Unit(d, e, 3, 2), Residual(e, NARROW, 2)),
        ])  # fmt: skip
        self.whole = nn.Sequential(Attention(e), Attention(e))
        self.fields = Fields(e, 64)

    def forward(self, x: Tensor) -> list[Tensor]:
        found = []
        for stage in self.stages:
            x = stage(x)
            found.append(x)
        found[-1] = self.fields(self.whole(x))
        return found


class Matting(nn.Module):
    """Pictures [N, 3, S, S] in [0, 1] -> logits of alpha, coarse first; the last [N, 1, S, S].

    S is a multiple of 32.
    """

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.sides = nn.ModuleList(nn.Conv2d(width, DECODER, 1) for width in WIDTHS[1:])
        self.joins = nn.ModuleList(Residual(DECODER, DECODER) for _ in WIDTHS[1:])
        self.guesses = nn.ModuleList(nn.Conv2d(DECODER, 1, 1) for _ in WIDTHS[1:])
        self.narrow = nn.Conv2d(DECODER, DETAIL, 1)
        self.last = nn.Sequential(Unit(DETAIL + WIDTHS[0], DETAIL), Unit(DETAIL, DETAIL))
        self.say = nn.Conv2d(DETAIL, 4, 3, padding=1)

    def forward(self, picture: Tensor) -> list[Tensor]:
        found = self.encoder((picture - 0.5) * 4)
        x, guesses = None, []
        for i in reversed(range(len(self.sides))):
            side = self.sides[i](found[i + 1])
            x = side if x is None else side + enlarge(x, side.shape[-2:])
            x = self.joins[i](x)
            guesses.append(self.guesses[i](x))
        x = enlarge(self.narrow(x), found[0].shape[-2:])
        fine = self.say(self.last(torch.cat([x, found[0]], 1)))
        return [*guesses, functional.pixel_shuffle(fine, 2)]


def load(*weights: Path) -> Matting:
    """The network with the mean of these states of `train`, in the mode for inference."""
    states = [torch.load(path, "cpu")["weights"] for path in weights]
    network = Matting()
    network.load_state_dict({
        name: sum(state[name].float() for state in states) / len(states) for name in states[0]
    })  # fmt: skip
    return network.eval()
