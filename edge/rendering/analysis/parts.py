"""What stands on a finished picture's background: the product, and what is apart from it.

All of it is heuristic, and made on a reduced picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from PIL import Image

from edge.arrays import Doubles, Labels, Levels, Mask
from edge.images import Box, Color
from edge.rendering.numbers import tuned
from edge.rendering.pixels.buffers import array_of
from edge.rendering.pixels.levels import LEVELS
from edge.rendering.pixels.morphology import EDGE
from edge.rendering.pixels.sampling import coarse_colours
from edge.rendering.pixels.scales import SCALES


@dataclass(frozen=True)
class PartsNumbers:
    """What stands apart on a finished picture's background, and what of it is a second view."""

    inset_side: float = tuned(
        0.06, "share", "of the canvas's side, the least side of a second view"
    )
    alike: float = tuned(
        0.08, "distance of Hu moments", "greatest distance of shapes that are one thing's"
    )
    same_colours: float = tuned(
        0.35, "Hellinger distance", "greatest distance of colours that are one thing's"
    )


PARTS = PartsNumbers()

SIDE = 736
"""Pixels: the longer side of the picture that is looked at, which PP-OCR's detectors are published
for (`limit_side_len` of PaddleOCR's configurations)."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What is not background, in a picture `small` (uint8 [H, W, 3], `SIDE` pixels long).

    `labels` (int32 [H, W]) numbers the parts from 1, `boxes` and `areas` are theirs, in pixels of
    the small picture; the largest comes first. `product` is the convex hull of the largest and of
    each that is nearly as large: a label on white paper, on white, is still on the product.
    """

    small: Levels = field(repr=False)
    labels: Labels = field(repr=False)
    boxes: tuple[Box, ...]
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
    """The parts of a picture on a background of that colour, or (None) of whatever its border
    shows.

    Args:
        image: `reduced`; where it is RGBA, what is see-through is background.
        matte: mode L, of any size: what it gives to the product is none of the background's.

    Returns:
        None where the picture has no background of one colour, or nothing is on it.
    """
    small = array_of(image if image.mode == "RGB" else image.convert("RGB"))
    seen = _unlike_background(image, small, background)
    if matte is not None:
        cover = matte.resize(image.size, Image.Resampling.NEAREST)
        own = np.asarray(cover) >= LEVELS.half
        seen = own if seen is None else seen | own
    if seen is None or not seen.any():
        return None
    reach = 2 * (2 * EDGE) + 1  # what belongs together may be interrupted by two edges
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    joined = cv2.morphologyEx(seen.astype(np.uint8), cv2.MORPH_CLOSE, kernel)
    found, stats = _told_apart(joined)  # type: ignore[arg-type]
    areas = stats[1:, cv2.CC_STAT_AREA]
    order = [i for i in np.argsort(-areas, kind="stable") if areas[i] >= (EDGE + 1) ** 2]
    if not order:
        return None
    numbers = np.zeros(len(stats), np.int32)
    numbers[[i + 1 for i in order]] = np.arange(1, len(order) + 1)
    labels: Labels = found if len(areas) == 1 else numbers[found]
    boxes = tuple(
        Box(x, y, x + w, y + h) for x, y, w, h, _ in stats[[i + 1 for i in order]].tolist()
    )
    product = np.zeros(seen.shape, np.uint8)
    large = int(np.count_nonzero(areas[order] >= SCALES.quarter * areas[order[0]]))
    for number in range(1, large + 1):
        cv2.fillConvexPoly(product, cv2.convexHull(_outline(labels == number)), 1)
    return Parts(small, labels, boxes, tuple(int(areas[i]) for i in order), product.astype(bool))


def second_views(parts: Parts) -> tuple[Box, ...]:
    """Parts that look like another view of the product, in pixels of the small picture.

    A picture within the picture (a box that is filled to its corners, with something in it), or the
    product again at a clearly smaller size: the same shape in the same colours. A pair of shoes is
    neither.
    """
    least = PARTS.inset_side**2 * parts.labels.size
    found = []
    for number, (box, area) in enumerate(zip(parts.boxes, parts.areas, strict=True), 1):
        if number > 1 and area >= least and (_inset(parts, number, box) or _again(parts, number)):
            found.append(box)
    return tuple(found)


def _told_apart(cells: Levels) -> tuple[Labels, Labels]:
    """The number of each connected region of cells [H, W], corners included, and left, top, width,
    height and area of each, from 0, the rest, on: int32 [N, 5]. Of the usual one alone without
    OpenCV's statistics, which take four times as long as the regions."""
    count, found = cv2.connectedComponents(cells, connectivity=8)
    if count == 2:
        stats = np.zeros((2, 5), np.int32)
        stats[1] = *cv2.boundingRect(cells), cv2.countNonZero(cells)
    else:
        _, found, stats, _ = cv2.connectedComponentsWithStats(cells, connectivity=8)  # type: ignore[assignment]
    return found, stats  # type: ignore[return-value]


def _unlike_background(image: Image.Image, small: Levels, background: Color | None) -> Mask | None:
    if image.mode == "RGBA":
        opaque: Mask = np.asarray(image.getchannel("A")) >= LEVELS.half
        return opaque
    if background is not None:
        return _unlike(small, background.rgb)
    ring = np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])
    paper = np.median(ring, axis=0)
    if np.mean(_unlike(ring, paper)) > 1 - LEVELS.majority:
        return None
    return _unlike(small, paper)


def _unlike(pixels: Levels, colour: Sequence[float] | Doubles) -> Mask:
    """Where pixels [..., 3] are more than a few levels off a colour in any channel."""
    low, high = (tuple(int(level) + off for level in colour) for off in (-LEVELS.near, LEVELS.near))
    like = cv2.inRange(pixels.reshape(-1, 1, 3), low, high)
    unlike: Mask = (like == 0).reshape(pixels.shape[:-1])
    return unlike


def _filled(part: Mask) -> Mask:
    outlines, _ = cv2.findContours(part.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    whole = np.zeros(part.shape, np.uint8)
    cv2.drawContours(whole, outlines, -1, 1, cv2.FILLED)
    filled: Mask = whole.astype(bool)
    return filled


def _inset(parts: Parts, number: int, box: Box) -> bool:
    size = box.size
    if min(size.width, size.height) < PARTS.inset_side * max(parts.labels.shape):
        return False
    inside = np.s_[box.top : box.bottom, box.left : box.right]
    if np.mean(_filled(parts.labels[inside] == number)) < SCALES.whole:
        return False
    return float(np.std(parts.small[inside].mean(-1))) > LEVELS.halo  # a plain card shows nothing


def _again(parts: Parts, number: int) -> bool:
    # half at most, for two of a size are a pair
    if parts.areas[number - 1] > LEVELS.majority * parts.areas[0]:
        return False
    here, product = parts.labels == number, parts.labels == 1
    shapes = [_outline(mask) for mask in (product, here)]
    if cv2.matchShapes(shapes[0], shapes[1], cv2.CONTOURS_MATCH_I2, 0) > PARTS.alike:
        return False
    colours = coarse_colours(parts.small, LEVELS.near)
    most = int(colours.max()) + 1
    one, other = (
        np.bincount(colours[mask], minlength=most) / np.count_nonzero(mask)
        for mask in (product, here)
    )
    return float(np.sqrt(max(0.0, 1 - np.sqrt(one * other).sum()))) < PARTS.same_colours


def _outline(part: Mask) -> Any:
    outlines, _ = cv2.findContours(part.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return max(outlines, key=cv2.contourArea)
