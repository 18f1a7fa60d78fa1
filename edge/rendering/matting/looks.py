"""What two looks of networks at one photo yield together."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from PIL import Image

from edge.rendering.analysis.background import Grid
from edge.rendering.matting.doubt import doubt_of
from edge.rendering.matting.fusion import Fused, fuse
from edge.rendering.numbers import tuned
from edge.rendering.pixels.arrays import Pixels


@dataclass(frozen=True)
class LooksNumbers:
    """How the looks of networks are joined and judged."""

    second: float = tuned(
        2 / 3,
        "share",
        "weight of the second network in the mean of both; it is the better one",
        "mean error over matting_dev, which 1/2 and 1 leave larger",
    )


LOOKS = LooksNumbers()


def joined(
    image: Image.Image,
    one: Fused | str,
    first: Pixels,
    other: Pixels,
    *,
    second: bool,
    known: Grid | None = None,
) -> tuple[Fused | str, Pixels]:
    """The cut by two looks, and the network's matte behind it.

    Two looks of one network err at random, and their mean is the better one. Where one of two
    networks sees a part and the other does not, the mean tears it: then the least doubted cut
    counts, by the mean, by each of them, or on a plain background by what either claims.

    Args:
        image: RGB, upright sRGB.
        one: what `fuse` made of `first`.
        first: uint8 [h, w], a network's matte; `other` is that of the other look.
        second: the other look was another network's.
        known: the picture's grid, if that is there.
    """
    known = known or Grid.of(image)
    both = mean(first, other, LOOKS.second if second else 0.5)
    whole = _after(one, fuse(image, both, known))
    if not second or (isinstance(whole, Fused) and whole.detail):
        return whole, both
    cuts = [(whole, both), (one, first), (_after(one, fuse(image, other, known)), other)]
    if isinstance(whole, Fused) and whole.plain:
        either = np.maximum(*_alike(first, other))
        cuts.append((_after(one, fuse(image, either, known)), either))
    return min(cuts, key=lambda cut: doubt_in(cut[0]))


def _after(one: Fused | str, later: Fused | str) -> Fused | str:
    """A later cut, with what only the first look tells."""
    if isinstance(one, str) or isinstance(later, str):
        return later
    return replace(later, evidence=replace(later.evidence, traces=one.evidence.traces))


def doubt_in(fused: Fused | str) -> float:
    return 1.0 if isinstance(fused, str) else doubt_of(fused.evidence)


def mean(one: Pixels, other: Pixels, weight: float = 0.5) -> Pixels:
    """Of two mattes [h, w] of one picture, `weight` (0 to 1) on the other, in the finer's size."""
    first, second = _alike(one, other)
    return cv2.addWeighted(first, 1 - weight, second, weight, 0)  # type: ignore[return-value]


def _alike(*mattes: Pixels) -> list[Pixels]:
    """Mattes of one picture in the finest's size."""
    height, width = max(matte.shape for matte in mattes)
    resized = (
        Image.fromarray(matte).resize((width, height), Image.Resampling.BILINEAR)
        for matte in mattes
    )
    return [np.asarray(matte) for matte in resized]
