"""Combines the masks of several network passes over one photo into the least doubted cut.

A pass is one inference of one matting network, on the whole photo or on a close-up: the product's
box with a margin.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from PIL import Image

from edge.arrays import Pixels
from edge.images import Box, Size
from edge.rendering.analysis.background import Grid
from edge.rendering.matting.doubt import DOUBT_NUMBERS, doubt_of
from edge.rendering.matting.fusion import Fused, disagreement, fuse
from edge.rendering.matting.guided_filter import sized
from edge.rendering.numbers import tuned
from edge.rendering.pixels.geometry import Area
from edge.rendering.pixels.levels import LEVELS, bounds
from edge.rendering.pixels.scales import SCALES


@dataclass(frozen=True)
class PassesNumbers:
    """How the masks of several passes are combined."""

    second: float = tuned(
        2 / 3,
        "share",
        "weight of the second network in the mean of both; it is the better one",
        "mean error over matting_dev, which 1/2 and 1 leave larger",
    )
    close_up: float = tuned(
        0.75,
        "share",
        "of the picture, the most that a product with its margin takes where a close-up is worth "
        "its time",
        "a close-up enlarges by 1.15 then; 11 of 299 shop photos more would have one at 0.83",
    )


PASSES = PassesNumbers()

Candidate = tuple[Fused | str, Pixels]
"""What `fuse` made of a matte uint8 [h, w], or why nothing, and that matte."""


def combined(
    image: Image.Image,
    before: Candidate,
    first: Pixels,
    *others: Pixels,
    close_up: Pixels | None = None,
    known: Grid | None = None,
) -> Candidate:
    """The least doubted cut of several passes.

    With two networks the candidates are the mean of their masks and the second's; with three, the
    median and the third's: a mean alone would split a part that only one network sees. The
    disagreement of the close-up pass raises the doubt of each. With one network the candidates are
    the first pass and its mean with the close-up pass, whose disagreement says nothing there.
    Where the first pass sees no more than a detail, the close-up pass alone makes the cut that
    `matte=on` gets, with the evidence of the first.

    Args:
        image: RGB, upright sRGB.
        before: the cut by one network less.
        first: uint8 [h, w], a network's mask; `others` are those of the later networks.
        close_up: uint8 [h, w], the mask of the close-up pass, placed in the whole picture.
        known: the picture's grid, if it is computed already.
    """
    known, tried, cuts = known or Grid.of(image), [], [before]
    if len(others) == 2:
        tried = [median(first, *others), others[1]]
    elif others:
        tried, cuts = [mean(first, others[0], PASSES.second), others[0]], []
    elif close_up is not None and isinstance(before[0], Fused) and before[0].detail:
        found, doubts = fuse(image, close_up, known), before[0].evidence
        return (replace(found, evidence=doubts), close_up) if isinstance(found, Fused) else before
    elif close_up is not None:
        tried = [mean(first, close_up)]
    cuts += [(with_traces_of(before[0], fuse(image, matte, known)), matte) for matte in tried]
    if others and close_up is not None:
        cuts = [(with_close_up(cut, close_up), matte) for cut, matte in cuts]
    if others and isinstance(whole := cuts[0][0], Fused) and whole.detail:
        return cuts[0]
    least = min(cuts, key=lambda cut: doubt_in(cut[0]))
    unsure = len(others) > 1 and doubt_in(least[0]) >= DOUBT_NUMBERS.whole
    return before if unsure else least


def with_traces_of(before: Fused | str, later: Fused | str) -> Fused | str:
    """A later cut, with the evidence `traces`, which only the first pass gives."""
    if isinstance(before, str) or isinstance(later, str):
        return later
    return replace(later, evidence=replace(later.evidence, traces=before.evidence.traces))


def with_close_up(fused: Fused | str, close_up: Pixels) -> Fused | str:
    """A cut, with its disagreement with the mask uint8 [h, w] of the close-up pass."""
    if isinstance(fused, str):
        return fused
    height, width = fused.product.shape
    share = disagreement(sized(close_up, width, height), fused.product) / np.count_nonzero(
        fused.product
    )
    return replace(fused, evidence=replace(fused.evidence, close_up=share))


def close_up_box(first: Pixels, second: Pixels | None = None, *, size: Size) -> Box | None:
    """The part of a picture of `size` for a close-up pass: the box of the product in one mask or
    two (uint8 [h, w]), with a margin. None where there is none, or it fills the picture."""
    matte = first if second is None else mean(first, second, PASSES.second)
    box = bounds(matte >= LEVELS.half)
    if box is None:
        return None
    across, down = (2 * SCALES.air * side for side in (box.size.width, box.size.height))
    area = Area(box.left - across, box.top - down, box.right + across, box.bottom + down)
    part = area.scaled(size.width / matte.shape[1], size.height / matte.shape[0]).outward(size)
    return part if part.size.pixels <= PASSES.close_up * size.pixels else None


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
