"""The parts on a finished picture's background: the product, and what is apart from it.

All of it is heuristic, and made on a reduced picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from PIL import Image

from edge.arrays import Labels, Levels, Mask
from edge.images import Box, Color
from edge.rendering.analysis.background import Grid, NotPlain, fit_background
from edge.rendering.numbers import tuned
from edge.rendering.pixels.buffers import array_of
from edge.rendering.pixels.channels import apart
from edge.rendering.pixels.levels import LEVELS
from edge.rendering.pixels.morphology import EDGE, filled, sizes_of
from edge.rendering.pixels.sampling import coarse_colours
from edge.rendering.pixels.scales import SCALES


@dataclass(frozen=True)
class PartsNumbers:
    """Which parts of a finished picture count, and which of them are a second view."""

    inset_side: float = tuned(
        0.06,
        "share",
        "of the canvas's side, the least side of a second view and half of the greatest height of "
        "a line of text: what is smaller are specks, badges, dots of colour",
        "666 shop photos and cut-outs: from 0 to 0.12 no part of any is taken for a view by "
        "mistake",
    )
    filled: float = tuned(
        0.97,
        "share",
        "of its box that a picture within the picture fills, its corners too",
        "of 710 drawn pictures 25 % are judged wrongly; 50 with half of it, 27 where none is",
    )
    alike: float = tuned(
        0.08,
        "distance of Hu moments",
        "greatest distance of shapes that are one thing's",
        "142 cut-outs with themselves, smaller, turned and darker: 64 % are found, with half of it "
        "51, with twice 68; of 284 parts of them and other things none",
    )
    colours: float = tuned(
        0.5,
        "Hellinger distance",
        "greatest distance of colours that are one thing's",
        "of 36 cut-outs 64 % are found again, with half of it 33, with twice 75 and 17 % of other "
        "things",
    )


PARTS = PartsNumbers()

SIDE = 736
"""Pixels: the longer side of the picture that is looked at, which PP-OCR's detectors are published
for (`limit_side_len` of PaddleOCR's configurations)."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What is not background, in a picture `small` (uint8 [H, W, 3], `SIDE` pixels long).

    `labels` (int32 [H, W]) numbers the parts from 1, `areas` are theirs, in pixels of the small
    picture; the largest comes first. `product` is the convex hull of the largest and of each that
    is nearly as large: a label on white paper, on white, is still on the product.
    """

    small: Levels = field(repr=False)
    labels: Labels = field(repr=False)
    areas: tuple[int, ...]
    product: Mask = field(repr=False)

    @property
    def apart(self) -> bool:
        """Whether anything stands on the background beside the largest part."""
        return len(self.areas) > 1


def reduced(image: Image.Image) -> Image.Image:
    """The picture at most `SIDE` pixels long, in its own mode."""
    factor = min(1.0, SIDE / max(image.size))
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, Image.Resampling.BOX, reducing_gap=2.0)


def parts_of(
    image: Image.Image, background: Color | None, matte: Image.Image | None
) -> Parts | None:
    """The parts of a picture on a background of that colour, or (None) on a plain one of any.

    Args:
        image: `reduced`; where it is RGBA, what is see-through is background.
        matte: mode L, of any size: what it gives to the product is none of the background's.

    Returns:
        None where the picture has no plain background, or nothing is on it.
    """
    small = array_of(image if image.mode == "RGB" else image.convert("RGB"))
    foreground = _unlike_background(image, small, background)
    if matte is not None:
        cover = matte.resize(image.size, Image.Resampling.NEAREST)
        own = np.asarray(cover) >= LEVELS.half
        foreground = own if foreground is None else foreground | own
    if foreground is None or not foreground.any():
        return None
    reach = 2 * (2 * EDGE) + 1  # what belongs together may be interrupted by two edges
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    joined = cv2.morphologyEx(foreground.astype(np.uint8), cv2.MORPH_CLOSE, kernel)
    count, found = cv2.connectedComponents(joined, connectivity=8)
    alone = count == 2  # the usual one, whose cells OpenCV counts in a hundredth of the time
    sizes = np.array([0, cv2.countNonZero(joined)]) if alone else sizes_of(found, count - 1)  # type: ignore[arg-type]
    order = [i for i in np.argsort(-sizes, kind="stable") if sizes[i] >= (EDGE + 1) ** 2]
    if not order:
        return None
    numbers = np.zeros(count, np.int32)
    numbers[order] = np.arange(1, len(order) + 1)
    labels: Labels = found if alone else numbers[found]  # type: ignore[assignment]
    product = np.zeros(foreground.shape, np.uint8)
    large = int(np.count_nonzero(sizes[order] >= SCALES.large * sizes[order[0]]))
    for number in range(1, large + 1):
        cv2.fillConvexPoly(product, cv2.convexHull(_outline(labels == number)), 1)
    return Parts(small, labels, tuple(int(sizes[i]) for i in order), product.astype(bool))


def second_views(parts: Parts) -> tuple[Box, ...]:
    """Parts that look like another view of the product, in pixels of the small picture.

    A picture within the picture (a box that is filled to its corners, with something in it), or the
    product again at a clearly smaller size: the same shape in the same colours. A pair of shoes is
    neither.
    """
    least = PARTS.inset_side**2 * parts.labels.size
    found = []
    for number, area in enumerate(parts.areas[1:], 2):
        if area < least:
            break
        part = parts.labels == number
        x, y, wide, high = cv2.boundingRect(part.view(np.uint8))
        box = Box(x, y, x + wide, y + high)
        if _inset(parts, part, box) or _again(parts, part, area):
            found.append(box)
    return tuple(found)


def _unlike_background(image: Image.Image, small: Levels, background: Color | None) -> Mask | None:
    if image.mode == "RGBA":
        opaque: Mask = np.asarray(image.getchannel("A")) >= LEVELS.half
        return opaque
    if background is not None:
        return _unlike(small, background.rgb)
    coarse = image.convert("RGB").reduce(max(1, max(image.size) // SCALES.coarse))
    model = fit_background(Grid.of(coarse))
    if isinstance(model, NotPlain):
        return None
    behind = cv2.resize(model.backdrop, image.size, interpolation=cv2.INTER_LINEAR)
    unlike: Mask = apart(small, behind) > LEVELS.near  # type: ignore[arg-type]
    return unlike


def _unlike(pixels: Levels, colour: Sequence[int]) -> Mask:
    """Where pixels [..., 3] are more than a few levels off a colour in any channel."""
    low, high = (tuple(level + off for level in colour) for off in (-LEVELS.near, LEVELS.near))
    like = cv2.inRange(pixels.reshape(-1, 1, 3), low, high)
    unlike: Mask = (like == 0).reshape(pixels.shape[:-1])
    return unlike


def _inset(parts: Parts, part: Mask, box: Box) -> bool:
    size = box.size
    if min(size.width, size.height) < PARTS.inset_side * max(parts.labels.shape):
        return False
    inside = np.s_[box.top : box.bottom, box.left : box.right]
    if np.mean(filled(part[inside])) < PARTS.filled:
        return False
    return float(np.std(parts.small[inside].mean(-1))) > LEVELS.halo  # a plain card shows nothing


def _again(parts: Parts, part: Mask, area: int) -> bool:
    if 2 * area > parts.areas[0]:  # two of a size are a pair
        return False
    masks = (parts.labels == 1, part)
    shapes = [_outline(mask) for mask in masks]
    if cv2.matchShapes(shapes[0], shapes[1], cv2.CONTOURS_MATCH_I2, 0) > PARTS.alike:
        return False
    colours = coarse_colours(parts.small, LEVELS.near)
    most = int(colours.max()) + 1
    one, other = (
        np.bincount(colours[mask], minlength=most) / np.count_nonzero(mask) for mask in masks
    )
    hellinger = np.sqrt(max(0.0, 1 - np.sqrt(one * other).sum()))  # 0 where alike, to 1
    return bool(hellinger < PARTS.colours)


def _outline(part: Mask) -> Any:
    outlines, _ = cv2.findContours(part.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return max(outlines, key=cv2.contourArea)
