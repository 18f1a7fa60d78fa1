"""Which part of a scene, and how much beyond it, a canvas shows around a subject kept whole.

Real pixels come first: the canvas leaves away what it can of the picture, down to the subject and
some air, before it reaches beyond the picture's edge; and it does so in one direction only.
"""

from dataclasses import dataclass

from edge.rendering.numbers import tuned
from edge.rendering.pixels.geometry import ROUNDED, Area, touches
from edge.rendering.pixels.scales import SCALES


@dataclass(frozen=True)
class WindowNumbers:
    """Which part of a scene a canvas shows."""

    doubt: float = tuned(
        0.14,
        "share of the longer side",
        "air around a box that was only guessed, which may miss a leg",
        "12 % of 49 photographs' subjects reach beyond it; 41 % with half of it, 4 % with twice",
    )


WINDOW = WindowNumbers()


Covered = tuple[float, ...]
"""How much of each side of the view the subject covers (0 to 1): left, top, right, bottom."""


def whole(
    subject: Area, view: Area, ratio: float, *, sure: bool, covered: Covered | None = None
) -> Area | None:
    """The window of that ratio (width by height) to show, reaching out of `view`; None where a cut
    of the view holds the subject.

    `sure`: the box was measured, or stands on a plain background. A subject at an edge stays there;
    at two opposite ones, what is made lies at the one that it has `covered` less of.
    """
    needed = _aired(subject, view, SCALES.air if sure else WINDOW.doubt)
    height = max(needed.height, needed.width / ratio)
    most = min(view.height, view.width / ratio)
    if height <= most + ROUNDED:
        return None
    width = height * ratio
    across, down = (covered[0::2], covered[1::2]) if covered else (None, None)
    left = _start(subject.left, subject.right, view.left, view.right, width, across)
    top = _start(subject.top, subject.bottom, view.top, view.bottom, height, down)
    return Area(left, top, left + width, top + height)


def _aired(subject: Area, view: Area, share: float) -> Area:
    by = share * max(subject.width, subject.height)
    return Area(
        max(view.left, subject.left - by),
        max(view.top, subject.top - by),
        min(view.right, subject.right + by),
        min(view.bottom, subject.bottom + by),
    )


def _start(
    start: float, end: float, near: float, far: float, length: float, covered: Covered | None
) -> float:
    """Where the window begins in one direction: the subject in its middle as far as that loses no
    pixel of a view that is shorter, and shows nothing beyond one that is longer."""
    middle = (start + end - length) / 2
    free = far - near - length
    if free >= 0:
        return min(max(middle, near), near + free)
    at_near, at_far = touches(start, end, near, far)
    if at_near and at_far:
        return near + free * _share(covered)
    if at_near:
        return near
    if at_far:
        return near + free
    return min(max(middle, near + free), near)


def _share(covered: Covered | None) -> float:
    """How much of what is made lies at the near side: as much as of both lies open there."""
    at_near, at_far = covered or (1.0, 1.0)
    both = 2 - at_near - at_far
    return (1 - at_near) / both if both else 0.5
