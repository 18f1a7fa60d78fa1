"""What several looks of networks at one photo yield together."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from PIL import Image

from edge.rendering.analysis.background import Grid
from edge.rendering.matting.doubt import DOUBT_NUMBERS, doubt_of
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

Cut = tuple[Fused | str, Pixels]
"""What `fuse` made of a matte uint8 [h, w], or why nothing, and that matte."""


def joined(
    image: Image.Image,
    before: Cut,
    first: Pixels,
    *others: Pixels,
    second: bool,
    known: Grid | None = None,
) -> Cut:
    """The cut by two looks, or by three.

    Two looks of one network err at random, and their mean is the better one. Where one of several
    networks sees a part and another does not, the mean tears it: then the least doubted cut counts,
    by the mean of two, by the second, by what two of three say, or by the third.

    Args:
        image: RGB, upright sRGB.
        before: the cut by one look less.
        first: uint8 [h, w], a network's matte; `others` are those of the later looks.
        second: the other looks were other networks'.
        known: the picture's grid, if that is there.
    """
    known = known or Grid.of(image)
    if len(others) == 1:
        tried = [mean(first, others[0], LOOKS.second if second else 0.5), *others[: int(second)]]
    else:
        tried = [median(first, *others), others[1]]
    cuts = [before] * (len(others) > 1)
    cuts += [(after(before[0], fuse(image, matte, known)), matte) for matte in tried]
    if isinstance(whole := cuts[0][0], Fused) and whole.detail:
        return cuts[0]
    least = min(cuts, key=lambda cut: doubt_in(cut[0]))
    torn = len(others) > 1 and doubt_in(least[0]) >= DOUBT_NUMBERS.whole
    return before if torn else least


def after(before: Fused | str, later: Fused | str) -> Fused | str:
    """A later cut, with what only the first look tells."""
    if isinstance(before, str) or isinstance(later, str):
        return later
    return replace(later, evidence=replace(later.evidence, traces=before.evidence.traces))


def doubt_in(fused: Fused | str) -> float:
    return 1.0 if isinstance(fused, str) else doubt_of(fused.evidence)


def mean(one: Pixels, other: Pixels, weight: float = 0.5) -> Pixels:
    """Of two mattes [h, w] of one picture, `weight` (0 to 1) on the other, in the finer's size."""
    first, second = _alike(one, other)
    return cv2.addWeighted(first, 1 - weight, second, weight, 0)  # type: ignore[return-value]


def median(*mattes: Pixels) -> Pixels:
    """What two of three mattes [h, w] of one picture say, in the finest's size."""
    one, two, three = _alike(*mattes)
    return np.maximum(np.minimum(one, two), np.minimum(np.maximum(one, two), three))


def _alike(*mattes: Pixels) -> list[Pixels]:
    """Mattes of one picture in the finest's size."""
    height, width = max(matte.shape for matte in mattes)
    resized = (
        Image.fromarray(matte).resize((width, height), Image.Resampling.BILINEAR)
        for matte in mattes
    )
    return [np.asarray(matte) for matte in resized]
