"""Foreground: the subject's own colours under a soft alpha, so that no old background shines
through.

The method is that of Germer, Uelwer, Conrad and Harmeling, "Fast Multi-Level Foreground Estimation"
(2020, arXiv:2006.14970): find F and B with a F + (1 - a) B = I that are smooth except where alpha
changes, by a few sweeps on each level of a pyramid. Small levels are solved whole. On large ones
only the soft pixels are, for elsewhere I itself is F or F does not show.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from edge.images import Size
from edge.rendering.numbers import tuned
from edge.rendering.pixels.arrays import Floats, Pixels, Places, array_of
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


_EMPTY, _FULL = [255, *[0] * 255], [*[0] * 255, 255]
_SOFT, _ANY = [0, *[255] * 254, 0], [255] * 256


def foreground(image: Image.Image, matte: Image.Image, *, enlarged: bool = False) -> Image.Image:
    """The picture with the subject's own colours wherever the matte is soft.

    Args:
        image: RGB.
        matte: L, the same size.
        enlarged: the picture has fewer details than pixels; then half its size is fine enough for
            what is smooth anyway.

    Pixels that are all subject or all background stay as they are.
    """
    alpha = array_of(matte)
    box = bounds((alpha > 0) & (alpha < 255))
    if box is None:
        return image
    near = box.grown(FOREGROUND.margin).clamped(Size(*image.size))
    if near.size.pixels > FOREGROUND.most * image.width * image.height:
        return _estimate(image, matte, enlarged)
    part = near.as_tuple()
    clean = image.copy()
    clean.paste(_estimate(image.crop(part), matte.crop(part), enlarged), part[:2])
    return clean


def _estimate(image: Image.Image, matte: Image.Image, enlarged: bool) -> Image.Image:
    """The picture with F at its soft pixels."""
    *sizes, _ = _sizes(image.size)
    if not sizes:
        return image
    fore, back = (image.resize(sizes[0], Image.Resampling.BOX) for _ in range(2))
    for size in sizes:
        at_size = _nearest(image, size)
        alpha = _nearest(matte, size)
        fore, back = _nearest(fore, size), _nearest(back, size)
        whole = max(size) <= FOREGROUND.whole
        if not whole:  # where alpha is 255 F is known, where it is 0 B is
            fore.paste(at_size, mask=alpha.point(_FULL))
            back.paste(at_size, mask=alpha.point(_EMPTY))
        places = np.flatnonzero(np.asarray(alpha.point(_ANY if whole else _SOFT)))
        layers = _Layers.taken(np.asarray(at_size), np.asarray(alpha), places)
        pixels = [np.array(part) for part in (fore, back)]
        lit, shaded = (part.reshape(-1, 3)[layers.needed] for part in pixels)
        found = layers.solved(
            lit, shaded, FOREGROUND.sweeps_whole if whole else FOREGROUND.sweeps_soft
        )
        for part, solved in zip(pixels, found, strict=True):
            part.reshape(-1, 3)[places] = solved
        fore, back = Image.fromarray(pixels[0]), Image.fromarray(pixels[1])
    return _taken_over(image, matte, fore) if enlarged else _finest(image, matte, fore, back)


def _taken_over(image: Image.Image, matte: Image.Image, fore: Image.Image) -> Image.Image:
    """The picture with the colours of a level of half its size at its soft pixels."""
    clean = image.copy()
    clean.paste(_nearest(fore, image.size), mask=matte.point(_SOFT))
    return clean


def _finest(
    image: Image.Image, matte: Image.Image, fore: Image.Image, back: Image.Image
) -> Image.Image:
    """The last level, of which only the soft pixels and their neighbours are ever looked at."""
    colours, alpha = np.array(image), np.asarray(matte)
    places = np.flatnonzero((alpha > 0) & (alpha < 255))
    layers = _Layers.taken(colours, alpha, places)
    rows, columns = np.divmod(layers.needed, image.width)
    down = _nearest_of(image.height, fore.height)[rows]
    across = _nearest_of(image.width, fore.width)[columns]
    here, own = alpha[rows, columns], colours[rows, columns]
    known = (here == 255)[:, None], (here == 0)[:, None]
    lit, shaded = (
        np.where(sure, own, np.asarray(coarse)[down, across])
        for sure, coarse in zip(known, (fore, back), strict=True)
    )
    colours.reshape(-1, 3)[places] = layers.solved(lit, shaded, FOREGROUND.sweeps_soft)[0]
    return Image.fromarray(colours)


def _nearest(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image.resize(size, Image.Resampling.NEAREST)


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
        """Of a level: `colours` [H, W, 3], `alpha` [H, W]."""
        around = _around(places, *alpha.shape)
        levels = alpha.ravel()
        share = levels[places].astype(np.float32) / np.float32(255)
        beside = levels[around].astype(np.float32) / np.float32(255)
        weights = np.abs(beside - share) + np.float32(FOREGROUND.smoothness)
        own = colours.reshape(-1, 3)[places].T.astype(np.float32, order="C")
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
