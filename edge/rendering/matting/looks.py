"""What several looks of networks at one photo yield together."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from PIL import Image

from edge.arrays import Pixels
from edge.images import Box, Size
from edge.rendering.analysis.background import Grid
from edge.rendering.matting.doubt import DOUBT_NUMBERS, doubt_of
from edge.rendering.matting.fusion import Fused, fuse, two_minds
from edge.rendering.matting.guided_filter import sized
from edge.rendering.numbers import tuned
from edge.rendering.pixels.geometry import Area
from edge.rendering.pixels.levels import LEVELS, bounds
from edge.rendering.pixels.scales import SCALES


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

Candidate = tuple[Fused | str, Pixels]
"""What `fuse` made of a matte uint8 [h, w], or why nothing, and that matte."""


def joined(
    image: Image.Image,
    before: Candidate,
    first: Pixels,
    *others: Pixels,
    closer: Pixels | None = None,
    known: Grid | None = None,
) -> Candidate:
    """The least doubted cut that several looks yield.

    Where one of several networks sees a part and another does not, their mean tears it: so cuts are
    made by the mean of two, by the second, by what two of three say, or by the third; what the
    closer look sees otherwise is held against each. Of one network alone, by the first look, or by
    its mean with the closer one: against itself it tells nothing. Where the first sees no more than
    a detail, by the closer one, for `matte=on`: what the first was not sure of remains.

    Args:
        image: RGB, upright sRGB.
        before: the cut by one network less.
        first: uint8 [h, w], a network's matte; `others` are those of the later networks.
        closer: uint8 [h, w], what a closer look at the product said of the picture.
        known: the picture's grid, if that is there.
    """
    known, tried, cuts = known or Grid.of(image), [], [before]
    if len(others) == 2:
        tried = [median(first, *others), others[1]]
    elif others:
        tried, cuts = [mean(first, others[0], LOOKS.second), others[0]], []
    elif closer is not None and isinstance(before[0], Fused) and before[0].detail:
        found, doubts = fuse(image, closer, known), before[0].evidence
        return (replace(found, evidence=doubts), closer) if isinstance(found, Fused) else before
    elif closer is not None:
        tried = [mean(first, closer)]
    cuts += [(after(before[0], fuse(image, matte, known)), matte) for matte in tried]
    if others and closer is not None:
        cuts = [(checked(cut, closer), matte) for cut, matte in cuts]
    if others and isinstance(whole := cuts[0][0], Fused) and whole.detail:
        return cuts[0]
    least = min(cuts, key=lambda cut: doubt_in(cut[0]))
    torn = len(others) > 1 and doubt_in(least[0]) >= DOUBT_NUMBERS.whole
    return before if torn else least


def after(before: Fused | str, later: Fused | str) -> Fused | str:
    """A later cut, with what only the first look tells."""
    if isinstance(before, str) or isinstance(later, str):
        return later
    return replace(later, evidence=replace(later.evidence, traces=before.evidence.traces))


def checked(fused: Fused | str, closer: Pixels) -> Fused | str:
    """A cut, with what a closer look uint8 [h, w] tells of it."""
    if isinstance(fused, str):
        return fused
    height, width = fused.product.shape
    share = two_minds(sized(closer, width, height), fused.product) / np.count_nonzero(fused.product)
    return replace(fused, evidence=replace(fused.evidence, closer=share))


def closer_box(first: Pixels, second: Pixels | None = None, *, size: Size) -> Box | None:
    """What of a picture of `size` is worth a closer look: the product that one look or two see
    (uint8 [h, w]), with a margin. None where there is none, or it fills the picture."""
    matte = first if second is None else mean(first, second, LOOKS.second)
    box = bounds(matte >= LEVELS.half)
    if box is None:
        return None
    across, down = (2 * SCALES.air * side for side in (box.size.width, box.size.height))
    area = Area(box.left - across, box.top - down, box.right + across, box.bottom + down)
    part = area.scaled(size.width / matte.shape[1], size.height / matte.shape[0]).outward(size)
    return part if part.size.pixels <= (1 - SCALES.quarter) * size.pixels else None


def placed(part: Pixels, box: Box, size: Size) -> Pixels:
    """The matte [h, w] of a part of a picture of `size`, as a matte of the picture, about as fine;
    nothing beside it."""
    factor = max(part.shape) / box.size.long
    whole = size.scaled(factor)
    area = Area.of(box).scaled(whole.width / size.width, whole.height / size.height)
    inner = area.outward(whole)
    matte: Pixels = np.zeros((whole.height, whole.width), np.uint8)
    matte[inner.top : inner.bottom, inner.left : inner.right] = cv2.resize(
        part, (inner.size.width, inner.size.height), interpolation=cv2.INTER_LINEAR
    )
    return matte


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
