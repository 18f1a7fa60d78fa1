"""Foreground: the subject's own colours under a soft alpha, so that no old background shines
through.

The method is that of Germer, Uelwer, Conrad and Harmeling, "Fast Multi-Level Foreground Estimation"
(2020, arXiv:2006.14970): find F and B with a F + (1 - a) B = I that are smooth except where alpha
changes, by a few sweeps on each level of a pyramid. Small levels are solved whole, on large ones
the soft pixels, and the pyramid ends before the picture's own size: F and B are smooth, and the
detail of the picture comes in by one last step at each soft pixel, which gives what misses from the
mixture to F and B by their shares (as in the last step of Forte 2021, "Approximate Fast Foreground
Colour Estimation").
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from edge.arrays import Floats, Levels, Mask, Pixels, Places
from edge.images import Box, Size
from edge.rendering.numbers import tuned
from edge.rendering.pixels.buffers import array_of
from edge.rendering.pixels.sampling import between, colours_at, rows_and_columns
from edge.rendering.pixels.scales import SCALES


@dataclass(frozen=True)
class ForegroundNumbers:
    """How the foreground's colours are estimated."""

    whole: int = tuned(
        96,
        "pixels",
        "long side up to which a level is solved whole",
        "soft colours of 35 composites are off by 6.16 levels; 6.18 with half of it, 6.25 with "
        "twice",
    )
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
    prior: float = tuned(
        0.15,
        "weight",
        "how much F and B of the last level count at a soft pixel, beside its own colour with 1",
        "error along known outlines, with a right and with a blurred alpha: 0 to 0.4 were tried",
    )


FOREGROUND = ForegroundNumbers()


@dataclass(frozen=True, slots=True)
class SoftBand:
    """Where a matte [H, W] is soft: flat `places` [N], and the `part` of the picture around them.

    `levels` are the sizes (width, height) that F and B are solved at, each twice the one before.
    """

    places: Places
    part: Box
    levels: tuple[tuple[int, int], ...]

    @property
    def cut(self) -> tuple[slice, slice]:
        """The part as rows and columns."""
        part = self.part
        return slice(part.top, part.bottom), slice(part.left, part.right)


def foreground(image: Image.Image, matte: Image.Image) -> Image.Image:
    """The picture (RGB) with the subject's own colours wherever the matte (L, the same size) is
    soft. Pixels that are all subject or all background stay as they are."""
    colours, alpha = array_of(image), array_of(matte)
    band = soft_band(alpha)
    if band is None:
        return image
    clean = colours.copy()
    clean.reshape(-1, 3)[band.places] = soft_colours(colours, alpha, band)
    return Image.fromarray(clean)


def soft_band(alpha: Levels, *, enlarged: bool = False) -> SoftBand | None:
    """Where a matte [H, W] is soft; None where it is so nowhere, or too small for a pyramid.

    Args:
        enlarged: the picture has fewer details than pixels; then F and B come from a quarter of its
            size instead of half.
    """
    places = np.flatnonzero(soft(alpha))
    if not len(places):
        return None
    rows, columns = rows_and_columns(places, alpha.shape[1])
    size = Size(alpha.shape[1], alpha.shape[0])
    box = Box(int(columns.min()), int(rows[0]), int(columns.max()) + 1, int(rows[-1]) + 1)
    part = box.grown(SCALES.beside).clamped(size)
    levels = tuple(_sizes((part.size.width, part.size.height)))[: -2 if enlarged else -1]
    return SoftBand(places, part, levels) if levels else None


def soft_colours(image: Levels, alpha: Levels, band: SoftBand) -> Pixels:
    """The subject's colours [N, 3] in the soft band of a picture [H, W, 3 or 4]."""
    return corrected(image, alpha, band, *_solved(image[band.cut], alpha[band.cut], band.levels))


def corrected(image: Levels, alpha: Levels, band: SoftBand, fore: Pixels, back: Pixels) -> Pixels:
    """The same [N, 3] from F and B [h, w, 3] of the band's part at its last level; `image` is
    [H, W, 3 or 4], `alpha` [H, W] of 0 to 255."""
    part = band.part
    rows, columns = rows_and_columns(band.places, alpha.shape[1])
    shape = part.size.height, part.size.width
    subject, behind = between((fore, back), rows - part.top, columns - part.left, shape)
    share = alpha.ravel().take(band.places).astype(np.float32) * np.float32(1 / 255)
    return with_residual(colours_at(image, band.places), share, subject, behind)


def with_residual(own: Floats, share: Floats, subject: Floats, behind: Floats) -> Pixels:
    """The subject's colours [N, 3] of pixels [3, N], which may be written into: what misses from
    the mixture of F and B [3, N] by their shares [N] goes to both."""
    rest = 1 - share
    own -= share * subject
    own -= rest * behind
    own *= share / (share * share + rest * rest + np.float32(FOREGROUND.prior))
    own += subject
    own += np.float32(0.5)
    return np.clip(own, 0, 255, out=own).astype(np.uint8).T


def nearest(pixels: Levels, size: tuple[int, int]) -> Levels:
    """Colours [h, w, 3] of a picture [H, W, 3 or 4] at another size, each its nearest pixel's; or
    levels [h, w] of one band."""
    found: Levels = cv2.resize(pixels, size, interpolation=cv2.INTER_NEAREST_EXACT)  # type: ignore[assignment]
    return np.ascontiguousarray(found[..., :3]) if pixels.ndim == 3 else found


def _solved(
    image: Levels, alpha: Levels, levels: Sequence[tuple[int, int]]
) -> tuple[Pixels, Pixels]:
    """F and B at the last of the levels, each from the one before."""
    fore = back = nearest(image, levels[0])
    for size in levels:
        pixels, cover = nearest(image, size), nearest(alpha, size)
        fore, back = nearest(fore, size), nearest(back, size)
        whole = max(size) <= FOREGROUND.whole
        if not whole:  # where alpha is 255 F is known, where it is 0 B is
            cv2.copyTo(pixels, cv2.inRange(cover, 255, 255), fore)
            cv2.copyTo(pixels, cv2.inRange(cover, 0, 0), back)
        places = np.arange(cover.size) if whole else np.flatnonzero(soft(cover))
        layers = _Layers.taken(pixels.reshape(-1, 3)[places], cover, places)
        lit, shaded = (part.reshape(-1, 3)[layers.needed] for part in (fore, back))
        found = layers.solved(
            lit, shaded, FOREGROUND.sweeps_whole if whole else FOREGROUND.sweeps_soft
        )
        for part, solved in zip((fore, back), found, strict=True):
            part.reshape(-1, 3)[places] = solved
    return fore, back


def soft(alpha: Levels) -> Mask:
    """Where alpha [...] is neither all nor nothing."""
    return cv2.inRange(alpha, 1, 254).reshape(alpha.shape).view(np.bool_)


def _sizes(size: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """From about a quarter of what is solved whole up to `size`, each twice the one before: smaller
    ones bring nothing (5.6 levels of error along 40 known outlines with them, 5.5 without)."""
    levels = min(
        max(size).bit_length() - 2,
        max(2, max(size).bit_length() - FOREGROUND.whole.bit_length() + 2),
    )
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
