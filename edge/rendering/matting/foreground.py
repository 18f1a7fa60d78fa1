"""Foreground: the subject's own colours under a soft alpha, so that no old background shines
through.

The method is that of Germer, Uelwer, Conrad and Harmeling, "Fast Multi-Level Foreground Estimation"
(2020, arXiv:2006.14970): find F and B with a F + (1 - a) B = I that are smooth except where alpha
changes, by a few sweeps on each level of a pyramid. Small levels are solved whole. On large ones
only the soft pixels are, for elsewhere I itself is F or F does not show.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from edge.images import Box, Size
from edge.rendering.numbers import tuned
from edge.rendering.pixels.arrays import Floats, Levels, Mask, Pixels, Places, array_of
from edge.rendering.pixels.levels import bounds


@dataclass(frozen=True)
class ForegroundNumbers:
    """How the foreground's colours are estimated."""

    whole: int = tuned(96, "pixels", "long side up to which a level is solved whole")
    sweeps_whole: int = tuned(
        10,
        "sweeps",
        "iterations where a level is solved whole",
        'Germer et al. 2020, "Fast Multi-Level Foreground Estimation"',
    )
    sweeps_soft: int = tuned(
        3,
        "sweeps",
        "iterations in the soft band; a third keeps thin bright rims from showing on black",
        'Germer et al. 2020, "Fast Multi-Level Foreground Estimation", which takes 2',
    )
    smoothness: float = tuned(
        5e-3,
        "weight",
        "weight of a neighbour of equal alpha, in units where alpha is 0 to 1 and a full step of"
        " alpha adds 1",
        'Germer et al. 2020, "Fast Multi-Level Foreground Estimation"',
    )
    margin: int = tuned(8, "pixels", "kept around the subject, so that its rim has neighbours")
    most: float = tuned(
        0.6,
        "share",
        "of the picture; a larger part costs more to cut out and put back than it saves",
    )


FOREGROUND = ForegroundNumbers()


def foreground(image: Image.Image, matte: Image.Image) -> Image.Image:
    """The picture (RGB) with the subject's own colours wherever the matte (L, the same size) is
    soft. Pixels that are all subject or all background stay as they are."""
    colours = array_of(image)
    found = soft_colours(image, matte, colours, array_of(matte))
    if found is None:
        return image
    *places, own = found
    clean = colours.copy()
    clean[tuple(places)] = own
    return Image.fromarray(clean)


def soft_colours(
    image: Image.Image,
    matte: Image.Image,
    colours: Levels,
    alpha: Levels,
    *,
    enlarged: bool = False,
) -> tuple[Places, Places, Pixels] | None:
    """Rows and columns [N] of the pixels where the matte is soft, and the subject's colours there
    [N, 3]; None where it is soft nowhere.

    Args:
        image, matte: modes RGB and L, of one size.
        colours, alpha: the same as arrays, [H, W, 3 or more] and [H, W].
        enlarged: the picture has fewer details than pixels; then half its size is fine enough for
            what is smooth anyway.
    """
    soft = _soft(alpha)
    box = bounds(soft)
    if box is None:
        return None
    near = box.grown(FOREGROUND.margin).clamped(Size(*image.size))
    if near.size.pixels > FOREGROUND.most * image.width * image.height:
        near = Box(0, 0, *image.size)
    part = np.s_[near.top : near.bottom, near.left : near.right]
    rows, columns = np.nonzero(soft[part])
    given = _Level(image, matte, near)
    *sizes, whole = _sizes((near.size.width, near.size.height))
    finest = sizes.pop() if enlarged and sizes else whole
    if not sizes:
        return None
    solve = _Finest(colours[part], alpha[part], *_coarse(given, sizes))
    own = solve.own(rows, columns) if finest == whole else solve.taken_over(
        rows, columns, given.matte(finest)
    )  # fmt: skip
    return rows + near.top, columns + near.left, own


@dataclass(frozen=True, slots=True)
class _Level:
    """A part of a picture and its matte, by their nearest pixels at any size."""

    image: Image.Image
    alpha: Image.Image
    part: Box

    def colours(self, size: tuple[int, int]) -> Image.Image:
        return self.image.resize(size, Image.Resampling.NEAREST, self.part.as_tuple())

    def matte(self, size: tuple[int, int]) -> Image.Image:
        return self.alpha.resize(size, Image.Resampling.NEAREST, self.part.as_tuple())


def _coarse(given: _Level, sizes: Sequence[tuple[int, int]]) -> tuple[Pixels, Pixels]:
    """F and B at all levels but the finest one that is solved, each from the one before."""
    start = max((s for s in sizes if max(s) <= FOREGROUND.whole), default=sizes[0])
    fore = back = np.asarray(given.colours(start).resize(sizes[0], Image.Resampling.BOX))
    for size in sizes:
        image, alpha = np.asarray(given.colours(size)), np.asarray(given.matte(size))
        fore, back = _nearest(fore, size), _nearest(back, size)
        whole = max(size) <= FOREGROUND.whole
        if not whole:  # where alpha is 255 F is known, where it is 0 B is
            cv2.copyTo(image, cv2.inRange(alpha, 255, 255), fore)
            cv2.copyTo(image, cv2.inRange(alpha, 0, 0), back)
        places = np.arange(alpha.size) if whole else np.flatnonzero(_soft(alpha))
        layers = _Layers.taken(image.reshape(-1, 3)[places], alpha, places)
        lit, shaded = (part.reshape(-1, 3)[layers.needed] for part in (fore, back))
        found = layers.solved(
            lit, shaded, FOREGROUND.sweeps_whole if whole else FOREGROUND.sweeps_soft
        )
        for part, solved in zip((fore, back), found, strict=True):
            part.reshape(-1, 3)[places] = solved
    return fore, back


class _Finest:
    """The last level, of which only the soft pixels and their neighbours are ever looked at.

    Args:
        colours, alpha: of the whole picture, uint8 [H, W, 3 or more] and [H, W].
        fore, back: F and B [h, w, 3] of the level before.
    """

    def __init__(self, colours: Levels, alpha: Levels, fore: Pixels, back: Pixels) -> None:
        self._colours, self._alpha = colours, alpha
        self._coarse = fore, back

    def own(self, rows: Places, columns: Places) -> Pixels:
        """F [N, 3] at the picture's soft pixels, in order."""
        down, across = (np.arange(side) for side in self._alpha.shape)
        return self._solved(rows * self._alpha.shape[1] + columns, self._alpha, down, across)

    def taken_over(self, rows: Places, columns: Places, matte: Image.Image) -> Pixels:
        """F [N, 3] at the picture's soft pixels as it is at the size of a smaller matte."""
        alpha = np.asarray(matte)
        (high, wide), (height, width) = alpha.shape, self._alpha.shape
        solved = np.flatnonzero(_soft(alpha))
        samples = _nearest_of(high, height), _nearest_of(wide, width)
        fore = self._solved(solved, alpha, *samples)
        down, across = _nearest_of(height, high)[rows], _nearest_of(width, wide)[columns]
        result = self._guess(0, down, across, alpha, *samples)
        soft = np.flatnonzero(_soft(alpha[down, across]))
        result[soft] = fore[np.searchsorted(solved, down[soft] * wide + across[soft])]
        return result

    def _solved(self, places: Places, alpha: Pixels, rows: Places, columns: Places) -> Pixels:
        """`rows` and `columns` are those of the picture that the level's are samples of."""
        down, across = np.divmod(places, alpha.shape[1])
        own = self._colours[rows[down], columns[across], :3]
        layers = _Layers.taken(own, alpha, places)
        down, across = np.divmod(layers.needed, alpha.shape[1])
        lit, shaded = (self._guess(k, down, across, alpha, rows, columns) for k in range(2))
        return layers.solved(lit, shaded, FOREGROUND.sweeps_soft)[0]

    def _guess(
        self, layer: int, down: Places, across: Places, alpha: Pixels, rows: Places, columns: Places
    ) -> Pixels:
        """F (`layer` 0) or B (1) [N, 3]: where it is known the picture's own, else the last
        level's."""
        coarse = self._coarse[layer]
        guess: Pixels = coarse[
            _nearest_of(alpha.shape[0], coarse.shape[0])[down],
            _nearest_of(alpha.shape[1], coarse.shape[1])[across],
        ]
        known = np.flatnonzero(alpha[down, across] == (0 if layer else 255))
        guess[known] = self._colours[rows[down[known]], columns[across[known]], :3]
        return guess


def _soft(alpha: Pixels) -> Mask:
    return cv2.inRange(alpha, 1, 254).reshape(alpha.shape).view(np.bool_)


def _nearest(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    return cv2.resize(pixels, size, interpolation=cv2.INTER_NEAREST_EXACT)  # type: ignore[return-value]


def _nearest_of(fine: int, coarse: int) -> Places:
    """For each of `fine` pixels in a row the nearest of `coarse`, as the engine's own resize."""
    nearest: Places = ((np.arange(fine) + 0.5) * (coarse / fine)).astype(np.intp)
    return nearest


def _sizes(size: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """From about two pixels up to `size`, each twice the one before."""
    levels = max(size).bit_length() - 2
    for level in range(max(0, levels), -1, -1):
        yield tuple(max(1, -(-side >> level)) for side in size)  # type: ignore[misc]


@dataclass(frozen=True, slots=True)
class _Layers:
    """F and B of the pixels at some places, solved from all of the last round (Jacobi): two
    equations a pixel, by one 2x2 inverse.

    `needed` are the places and their neighbours; `own` [N] and `near` [4, N] (left, right, above,
    below) say where among them; `weights` [4, N] are those of the neighbours. Channels come first:
    numpy is several times as fast along N as along three.
    """

    colours: Floats
    alpha: Floats
    weights: Floats
    needed: Places
    own: Places
    near: Places

    @classmethod
    def taken(cls, colours: Pixels, alpha: Pixels, places: Places) -> "_Layers":
        """Of a level: its `colours` [N, 3] at some places, its alpha [H, W], the flat places."""
        around = _around(places, *alpha.shape)
        levels = alpha.ravel()
        share = levels[places].astype(np.float32) / np.float32(255)
        beside = levels[around].astype(np.float32) / np.float32(255)
        weights = np.abs(beside - share) + np.float32(FOREGROUND.smoothness)
        own = colours.T.astype(np.float32, order="C")
        return cls(own, share, weights, *_compact(places, around, alpha.size))

    def solved(self, fore: Pixels, back: Pixels, sweeps: int) -> tuple[Pixels, Pixels]:
        """F and B [N, 3] at the places, from first guesses at all that is needed [M, 3]."""
        a, total = self.alpha, self.weights.sum(axis=0)
        own_fore, own_back, mixed = a * a + total, (1 - a) ** 2 + total, a * (1 - a)
        inverse = 1 / (own_fore * own_back - mixed * mixed)
        fore_to_fore, back_to_back, across = own_back * inverse, own_fore * inverse, mixed * inverse
        lit, shaded = a * self.colours, (1 - a) * self.colours
        both = np.empty((6, len(self.needed)), np.float32)
        both[:3], both[3:] = fore.T, back.T
        for _ in range(sweeps):
            sums = self.weights[0] * both.take(self.near[0], axis=1)
            for weight, near in zip(self.weights[1:], self.near[1:], strict=True):
                sums += weight * both.take(near, axis=1)
            lighter, darker = sums[:3] + lit, sums[3:] + shaded
            new_fore = fore_to_fore * lighter - across * darker
            new_back = back_to_back * darker - across * lighter
            both[:3, self.own] = np.clip(new_fore, 0, 255, out=new_fore)
            both[3:, self.own] = np.clip(new_back, 0, 255, out=new_back)
        found = np.rint(both[:, self.own]).astype(np.uint8)
        return found[:3].T, found[3:].T


def _compact(places: Places, around: Places, count: int) -> tuple[Places, Places, Places]:
    """All places that count, and where among them `places` and `around` are."""
    counts = np.zeros(count, np.bool_)
    counts[places] = True
    counts[around] = True
    needed = np.flatnonzero(counts)
    slots = np.empty(count, np.intp)
    slots[needed] = np.arange(len(needed))
    return needed, slots[places], slots[around]


def _around(places: Places, height: int, width: int) -> Places:
    """The four neighbours of each place [4, N]; at the picture's edge the place itself."""
    rows, columns = np.divmod(places, width)
    return np.stack(
        [
            np.where(columns > 0, places - 1, places),
            np.where(columns < width - 1, places + 1, places),
            np.where(rows > 0, places - width, places),
            np.where(rows < height - 1, places + width, places),
        ]
    )
