"""Rectangles between pixels: where planning does its arithmetic before anything is rounded."""

import math
from dataclasses import dataclass

from edge.images import Box, Size


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
    def center(self) -> tuple[float, float]:
        return ((self.left + self.right) / 2, (self.top + self.bottom) / 2)

    def as_tuple(self) -> tuple[float, float, float, float]:
        return (self.left, self.top, self.right, self.bottom)

    def scaled(self, across: float, down: float) -> "Area":
        return Area(self.left * across, self.top * down, self.right * across, self.bottom * down)

    def moved(self, across: float, down: float) -> "Area":
        return Area(self.left + across, self.top + down, self.right + across, self.bottom + down)

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


def touches(start: float, end: float, near: float, far: float, hair: float) -> tuple[bool, bool]:
    """Whether what lies from `start` to `end` comes nearer than `hair` to the near and to the far
    edge of what holds it, all in one unit."""
    return start - near < hair, far - end < hair


_HAIR = 1e-6  # pixels: 2.0000000001 is a rounding error of ours, not a third pixel
