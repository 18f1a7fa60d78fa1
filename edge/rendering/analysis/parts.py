"""What stands on a finished picture's background: the product, and what is apart from it.

All of it is heuristic, and made on a reduced picture.
"""

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from PIL import Image

from edge.images import Box, Color
from edge.rendering.numbers import tuned
from edge.rendering.pixels.arrays import Doubles, Labels, Levels, Mask
from edge.rendering.pixels.colour_difference import lab
from edge.rendering.pixels.levels import LEVELS


@dataclass(frozen=True)
class PartsNumbers:
    """What stands apart on a finished picture's background, and what of it is a second view."""

    joined: float = tuned(
        0.006, "share of the longer side", "gap over which what belongs together may be interrupted"
    )
    main: float = tuned(
        0.25, "share", "of the largest part, the area from which another is the product's too"
    )
    inset_side: float = tuned(
        0.06, "share", "of the canvas's side, the least side of a second view"
    )
    square: float = tuned(0.98, "share", "how much of its box a second view in a frame fills")
    again_most: float = tuned(
        0.6,
        "share",
        "of the product's area, the most that the product shown again has; two of a size are a "
        "pair",
    )
    alike: float = tuned(
        0.08, "distance of Hu moments", "greatest distance of shapes that are one thing's"
    )
    same_colours: float = tuned(
        0.35, "Hellinger distance", "greatest distance of colours that are one thing's"
    )


PARTS = PartsNumbers()

SIDE = 736
"""Pixels: the longer side of the picture that is looked at, as the networks do that find letters;
those of a hundredth of it can still be read."""

_LEAST = 12
"""Pixels: the area of the smallest part, that of a full stop."""


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
    small = np.asarray(image.convert("RGB"))
    seen = _unlike_background(image, small, background)
    if matte is not None:
        cover = matte.resize(image.size, Image.Resampling.BOX, reducing_gap=1.0)
        own = np.asarray(cover) >= LEVELS.half
        seen = own if seen is None else seen | own
    if seen is None or not seen.any():
        return None
    reach = 2 * round(PARTS.joined * max(seen.shape)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    joined = cv2.morphologyEx(seen.astype(np.uint8), cv2.MORPH_CLOSE, kernel)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    order = [i for i in np.argsort(-areas, kind="stable") if areas[i] >= _LEAST]
    if not order:
        return None
    numbers = np.zeros(len(stats), np.int32)
    numbers[[i + 1 for i in order]] = np.arange(1, len(order) + 1)
    labels = numbers[labels]
    boxes = tuple(
        Box(x, y, x + w, y + h) for x, y, w, h, _ in stats[[i + 1 for i in order]].tolist()
    )
    product = np.zeros(seen.shape, np.uint8)
    for number in range(1, 1 + int(np.count_nonzero(areas[order] >= PARTS.main * areas[order[0]]))):
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


def _unlike_background(image: Image.Image, small: Levels, background: Color | None) -> Mask | None:
    if image.mode == "RGBA":
        opaque: Mask = np.asarray(image.getchannel("A")) >= LEVELS.half
        return opaque
    if background is not None:
        return _away(small, np.array(background.rgb)) > LEVELS.near
    ring = np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])
    paper = np.median(ring, axis=0)
    if np.mean(_away(ring, paper) <= LEVELS.near) < 0.5:
        return None
    return _away(small, paper) > LEVELS.near


def _away(pixels: Levels, colour: Doubles) -> Levels:
    """Levels off a colour in the worst channel, of pixels [..., 3]."""
    row = pixels.reshape(-1, 1, 3)
    apart = cv2.absdiff(row, tuple(map(int, colour)))  # type: ignore[call-overload]
    off: Levels = np.maximum.reduce(cv2.split(apart)).reshape(pixels.shape[:-1])
    return off


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
    if np.mean(_filled(parts.labels[inside] == number)) < PARTS.square:
        return False
    return float(np.std(parts.small[inside].mean(-1))) > LEVELS.halo  # a plain card shows nothing


def _again(parts: Parts, number: int) -> bool:
    if parts.areas[number - 1] > PARTS.again_most * parts.areas[0]:
        return False
    here, product = parts.labels == number, parts.labels == 1
    shapes = [_outline(mask) for mask in (product, here)]
    if cv2.matchShapes(shapes[0], shapes[1], cv2.CONTOURS_MATCH_I2, 0) > PARTS.alike:
        return False
    one, other = (_colours(parts.small[mask]) for mask in (product, here))
    return float(np.sqrt(max(0.0, 1 - np.sqrt(one * other).sum()))) < PARTS.same_colours


def _outline(part: Mask) -> Any:
    outlines, _ = cv2.findContours(part.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return max(outlines, key=cv2.contourArea)


def _colours(pixels: Levels) -> Doubles:
    """Shares of coarse Lab colours."""
    cells = (lab(pixels) // np.array([20, 20, 20])).astype(int) + np.array([0, 7, 7])
    numbers = np.clip(cells, 0, 13) @ np.array([196, 14, 1])
    counts = np.bincount(numbers, minlength=14**3).astype(np.float64)
    shares: Doubles = counts / counts.sum()
    return shares
