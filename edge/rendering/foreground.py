"""Foreground: the subject's own colours under a soft alpha, so that no old ground shines through.

The method is that of Germer, Uelwer, Conrad and Harmeling, "Fast Multi-Level Foreground Estimation"
(2020, arXiv:2006.14970): find F and B with a F + (1 - a) B = I that are smooth except where alpha
changes, by a few sweeps on each level of a pyramid. Small levels are solved whole. On large ones
only the soft pixels are, for elsewhere I itself is F or F does not show.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from edge.rendering.matte import bounds

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]
Places = npt.NDArray[np.intp]

WHOLE = 96
"""Pixels on the long side up to which a level is solved whole."""

SWEEPS_WHOLE, SWEEPS_SOFT = 10, 3
"""The paper takes 10 and 2; a third keeps thin bright rims from showing on black."""

SMOOTHNESS = 5e-3
"""Weight of a neighbour of equal alpha; the paper's regularisation, in units where alpha is 0 to 1
and where a full step of alpha adds 1."""

_SEEN = [0, *[255] * 255]
_EMPTY, _FULL = [255, *[0] * 255], [*[0] * 255, 255]
_SOFT, _ANY = [0, *[255] * 254, 0], [255] * 256
_MARGIN = 8  # pixels around the subject, so that its rim has neighbours


def foreground(image: Image.Image, matte: Image.Image) -> Image.Image:
    """The picture with the subject's own colours wherever the matte is soft.

    Args:
        image: RGB.
        matte: L, the same size.

    Pixels that are all subject or all ground stay as they are.
    """
    alpha = np.asarray(matte)
    box = bounds((alpha > 0) & (alpha < 255))
    if box is None:
        return image
    wide = (box.left - _MARGIN, box.top - _MARGIN, box.right + _MARGIN, box.bottom + _MARGIN)
    left, top = max(0, wide[0]), max(0, wide[1])
    part = (left, top, min(image.width, wide[2]), min(image.height, wide[3]))
    clean = image.copy()
    subject = _estimate(image.crop(part), matte.crop(part))
    clean.paste(subject, (left, top), matte.crop(part).point(_SEEN))
    return clean


def _estimate(image: Image.Image, matte: Image.Image) -> Image.Image:
    """F at full size; guessed from afar where alpha is 0."""
    sizes = list(_sizes(image.size))
    fore, back = (image.resize(sizes[0], Image.Resampling.BOX) for _ in range(2))
    for size in sizes:
        at_size = _nearest(image, size)
        alpha = _nearest(matte, size)
        fore, back = _nearest(fore, size), _nearest(back, size)
        whole = max(size) <= WHOLE
        if not whole:  # where alpha is 255 F is known, where it is 0 B is
            fore.paste(at_size, mask=alpha.point(_FULL))
            back.paste(at_size, mask=alpha.point(_EMPTY))
        places = np.flatnonzero(np.asarray(alpha.point(_ANY if whole else _SOFT)))
        sweeps = SWEEPS_WHOLE if whole else SWEEPS_SOFT
        pixels = [np.array(part) for part in (at_size, fore, back)]
        _sweep(pixels[0], np.asarray(alpha), pixels[1], pixels[2], places, sweeps)
        fore, back = Image.fromarray(pixels[1]), Image.fromarray(pixels[2])
    return fore


def _nearest(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image.resize(size, Image.Resampling.NEAREST)


def _sizes(size: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """From about two pixels up to `size`, each twice the one before."""
    levels = max(size).bit_length() - 2
    for level in range(max(0, levels), -1, -1):
        yield tuple(max(1, -(-side >> level)) for side in size)  # type: ignore[misc]


@dataclass(frozen=True, slots=True)
class _System:
    """The two equations of each pixel, solved for F and B by one 2x2 inverse.

    `weights` [4, N] are those of the neighbours left, right, above and below.
    """

    colours: Floats
    alpha: Floats
    weights: Floats

    def solve(self, fore: Floats, back: Floats) -> tuple[Floats, Floats]:
        """F and B [N, 3] from the weighted sums over their neighbours."""
        a = self.alpha[:, None]
        total = self.weights.sum(axis=0)[:, None]
        own_fore, own_back, mixed = a * a + total, (1 - a) ** 2 + total, a * (1 - a)
        right_fore, right_back = a * self.colours + fore, (1 - a) * self.colours + back
        inverse = 1 / (own_fore * own_back - mixed * mixed)
        return (
            np.clip((own_back * right_fore - mixed * right_back) * inverse, 0, 255),
            np.clip((own_fore * right_back - mixed * right_fore) * inverse, 0, 255),
        )


def _sweep(
    colours: Pixels, alpha: Pixels, fore: Pixels, back: Pixels, places: Places, sweeps: int
) -> None:
    """Solve the pixels at `places` some times over, each time from all of the last (Jacobi), and
    write them into `fore` and `back`."""
    around = _around(places, *alpha.shape)
    shares = alpha.ravel().astype(np.float32) / np.float32(255)
    weights = np.abs(shares[around] - shares[places]) + np.float32(SMOOTHNESS)
    system = _System(colours.reshape(-1, 3)[places].astype(np.float32), shares[places], weights)
    needed, own, near = _compact(places, around, alpha.size)
    flat_fore, flat_back = fore.reshape(-1, 3), back.reshape(-1, 3)
    current_fore = flat_fore[needed].astype(np.float32)
    current_back = flat_back[needed].astype(np.float32)
    for _ in range(sweeps):
        sums = [_sum(weights, current[near]) for current in (current_fore, current_back)]
        current_fore[own], current_back[own] = system.solve(sums[0], sums[1])
    flat_fore[places] = np.rint(current_fore[own])
    flat_back[places] = np.rint(current_back[own])


def _compact(places: Places, around: Places, count: int) -> tuple[Places, Places, Places]:
    """All places that count, and where among them `places` and `around` are."""
    slots = np.zeros(count, np.intp)
    slots[places] = 1
    slots[around] = 1
    needed = np.flatnonzero(slots)
    slots[needed] = np.arange(len(needed))
    return needed, slots[places], slots[around]


def _sum(weights: Floats, values: Floats) -> Floats:
    summed: Floats = np.einsum("kn,knc->nc", weights, values)
    return summed


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
