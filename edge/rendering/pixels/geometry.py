"""Rectangles between pixels: where planning does its arithmetic before anything is rounded."""

import math
from dataclasses import dataclass

from edge.images import Box, Size

ROUNDED = 2.0
"""Pixels, or cells where a rectangle counts cells: nearer than that to an edge a box touches it. A
matte's box is whole pixels, a view may lie between two, and either was rounded."""


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle in fractions of pixels, or in fractions of a picture where the name says so."""

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def whole(cls, size: Size) -> "Area":
        return cls(0.0, 0.0, float(size.width), float(size.height))

    @classmethod
    def of(cls, box: Box) -> "Area":
        return cls(*map(float, box.as_tuple()))

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def empty(self) -> bool:
        """Whether nothing lies in it."""
        return self.width <= 0 or self.height <= 0

    @property
    def center(self) -> tuple[float, float]:
        return ((self.left + self.right) / 2, (self.top + self.bottom) / 2)

    def as_tuple(self) -> tuple[float, float, float, float]:
        return (self.left, self.top, self.right, self.bottom)

    def scaled(self, across: float, down: float) -> "Area":
        return Area(self.left * across, self.top * down, self.right * across, self.bottom * down)

    def moved(self, across: float, down: float) -> "Area":
        return Area(self.left + across, self.top + down, self.right + across, self.bottom + down)

    def overlap(self, other: "Area") -> "Area":
        """The part that two areas share; empty ones stay empty, never negative."""
        left, top = max(self.left, other.left), max(self.top, other.top)
        right, bottom = min(self.right, other.right), min(self.bottom, other.bottom)
        return Area(left, top, max(left, right), max(top, bottom))

    def within(self, size: Size) -> "Area":
        """The part inside a picture of that size; empty areas stay empty, never negative."""
        left = min(max(0.0, self.left), size.width)
        top = min(max(0.0, self.top), size.height)
        right = max(left, min(self.right, size.width))
        return Area(left, top, right, max(top, min(self.bottom, size.height)))

    def outward(self, within: Size) -> Box:
        """The smallest box of whole pixels around it, inside a picture of that size."""
        return Box(
            math.floor(self.left + _HAIR),
            math.floor(self.top + _HAIR),
            math.ceil(self.right - _HAIR),
            math.ceil(self.bottom - _HAIR),
        ).clamped(within)


def touches(start: float, end: float, near: float, far: float) -> tuple[bool, bool]:
    """Whether what lies from `start` to `end` touches the near and the far edge of what holds it,
    all in pixels."""
    return start - near < ROUNDED - _HAIR, far - end < ROUNDED - _HAIR


def sides_touched(box: Area, size: Size) -> tuple[str, ...]:
    """The sides of a picture of that size that a box in it touches: left, top, right, bottom."""
    left, right = touches(box.left, box.right, 0, size.width)
    top, bottom = touches(box.top, box.bottom, 0, size.height)
    sides = zip(("left", "top", "right", "bottom"), (left, top, right, bottom), strict=True)
    return tuple(side for side, is_touched in sides if is_touched)


_HAIR = 1e-6  # pixels: 2.0000000001 is a rounding error of ours, not a third pixel
