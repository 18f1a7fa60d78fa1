"""The coarse matting network: one look at the whole picture, few weights.

A small residual encoder works on the picture at 1/`reduce` of its side (by 2, a 512 picture is
seen at 256), down to 1/32 of that; there, pooled fields of several sizes tell every place about
the whole. A decoder comes back up to 1/4; a detail branch joins what it says to the pixels of the
full picture.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (16, 32, 64, 128, 192)
"""Channels at 1/2, 1/4, 1/8, 1/16 and 1/32 of the picture as the encoder sees it."""

DECODER = 48
DETAIL = 24
FIELDS = (1, 2, 4)
"""Sides of the pooled grids at the bottom."""


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


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        a, b, c, d, e = WIDTHS
        self.stages = nn.ModuleList([
            Unit(3, a, 3, 2),
            nn.Sequential(Unit(a, b, 3, 2), Residual(b, b)),
            nn.Sequential(Unit(b, c, 3, 2), Residual(c, c), Residual(c, c)),
            nn.Sequential(Unit(c, d, 3, 2), Residual(d, d), Residual(d, d, 2)),
            nn.Sequential(Unit(d, e, 3, 2), Residual(e, e // 2), Residual(e, e // 2, 2)),
        ])  # fmt: skip
        self.fields = Fields(e, 64)

    def forward(self, x: Tensor) -> list[Tensor]:
        found = []
        for stage in self.stages:
            x = stage(x)
            found.append(x)
        found[-1] = self.fields(x)
        return found


class Decoder(nn.Module):
    """From the bottom up to 1/2 of what the encoder saw; a guess at each level, for the loss."""

    def __init__(self) -> None:
        super().__init__()
        self.sides = nn.ModuleList(nn.Conv2d(width, DECODER, 1) for width in WIDTHS[1:])
        self.joins = nn.ModuleList(Unit(DECODER, DECODER) for _ in WIDTHS[1:])
        self.guesses = nn.ModuleList(nn.Conv2d(DECODER, 1, 1) for _ in WIDTHS[1:])
        self.last = Unit(DECODER + WIDTHS[0], DETAIL)
        self.guess = nn.Conv2d(DETAIL, 1, 3, padding=1)

    def forward(self, found: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        x, guesses = None, []
        for i in reversed(range(len(self.sides))):
            side = self.sides[i](found[i + 1])
            x = side if x is None else side + enlarge(x, side.shape[-2:])
            x = self.joins[i](x)
            guesses.append(self.guesses[i](x))
        x = self.last(torch.cat([enlarge(x, found[0].shape[-2:]), found[0]], 1))
        return x, [*guesses, self.guess(x)]


class Detail(nn.Module):
    """Joins the decoder's features to the pixels: logits at the side of the full picture."""

    def __init__(self) -> None:
        super().__init__()
        self.see = Unit(12, DETAIL)
        self.join = Unit(2 * DETAIL + 1, DETAIL)
        self.say = nn.Conv2d(DETAIL, 4, 3, padding=1)
        nn.init.zeros_(self.say.weight)
        nn.init.zeros_(self.say.bias)

    def forward(self, picture: Tensor, features: Tensor, guess: Tensor) -> Tensor:
        seen = self.see(functional.pixel_unshuffle(picture, 2))
        size = seen.shape[-2:]
        joined = self.join(torch.cat([seen, enlarge(features, size), enlarge(guess, size)], 1))
        change = functional.pixel_shuffle(self.say(joined), 2)
        return enlarge(guess, picture.shape[-2:]) + change


class Matting(nn.Module):
    """Pictures [N, 3, S, S] in [0, 1] -> logits of alpha, coarse first; the last at full size.

    `coarse` alone makes the guesses at half of what the encoder sees, and below.
    """

    def __init__(self, reduce: int = 2) -> None:
        super().__init__()
        self.reduce = reduce
        self.encoder, self.decoder, self.detail = Encoder(), Decoder(), Detail()

    def coarse(self, seen: Tensor) -> tuple[Tensor, list[Tensor]]:
        """`seen`: [N, 3, S / reduce, S / reduce] in [0, 1]."""
        return self.decoder(self.encoder((seen - 0.5) * 4))

    def forward(self, picture: Tensor) -> list[Tensor]:
        features, guesses = self.coarse(functional.avg_pool2d(picture, self.reduce))
        return [*guesses, self.detail(picture - 0.5, features, guesses[-1])]


def mean(*paths: Path) -> dict[str, Any]:
    """What `train` saves of its averaged weights, as the mean of several files; each may be named
    more than once."""
    saved = [torch.load(path, "cpu") for path in paths]
    states = [one["weights"] for one in saved]
    together = {name: sum(one[name].float() for one in states) / len(states) for name in states[0]}
    return {"weights": together, "reduce": saved[0]["reduce"]}
