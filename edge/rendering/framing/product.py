"""Product framing: the subject's box fills a share of the canvas and stands in its middle.

A subject that the camera cut off stays on that edge: in the middle its flat side would show.
"""

import math
from dataclasses import dataclass

from edge.images import Size
from edge.rendering.numbers import tuned
from edge.rendering.pixels.geometry import Area, touches
from edge.rendering.pixels.scales import SCALES
from edge.rendering.step import Framing, PlanContext
from edge.variants.transform import FRAME, Transform
from edge.variants.values import BackgroundKind, UpscaleMode


@dataclass(frozen=True)
class ProductNumbers:
    """Where a product sits in its canvas."""

    spare: float = tuned(
        1.5,
        "pixels",
        "by which the subject is made longer than its share, so that rounding and the codec "
        "cannot bring it below",
        "of 40 cut-outs on canvases of 90 to 363 pixels 9 come out shorter without it, 3 with half "
        "of it, with it and with twice: their ends are soft or white",
    )


PRODUCT = ProductNumbers()


_NOMINAL = 1000  # pixels of a canvas that only has a shape; it is scaled afterwards
_ROUNDING = 1e-6  # pixels: an error of arithmetic, not a place


@dataclass(frozen=True, slots=True)
class Axis:
    """One direction: the view and the subject in it, in pixels of the picture."""

    near: float
    far: float
    start: float
    end: float

    @property
    def cut(self) -> tuple[bool, bool]:
        """Whether the camera cut the subject at the near and at the far side."""
        return touches(self.start, self.end, self.near, self.far)

    def scale(self, length: float, share: float) -> float:
        """Canvas pixels for one of the picture, so that the subject spans `share` of `length`.

        A subject that is cut on both sides reaches both edges.
        """
        if all(self.cut):
            return length / (self.far - self.near)
        return (share * length + PRODUCT.spare) / (self.end - self.start)

    def origin(self, length: float, scale: float) -> float:
        """Where the canvas begins, in pixels of the picture."""
        span = length / scale
        at_near, at_far = self.cut
        if at_near and not at_far:
            return self.near
        if at_far and not at_near:
            return self.far - span
        return (self.start + self.end - span) / 2


def product(transform: Transform, context: PlanContext) -> Framing | None:
    """The framing, None where no subject is known."""
    state = context.state
    if state.subject is None:
        return None
    view, subject = state.view, state.subject.overlap(state.view)
    if subject.width < 1 or subject.height < 1:
        return None
    across = Axis(view.left, view.right, subject.left, subject.right)
    down = Axis(view.top, view.bottom, subject.top, subject.bottom)
    wide, high = requested_canvas(transform, view)
    if not (transform.width or transform.height):
        ratio, long = wide / high, float(transform.long_side or _NOMINAL)
        wide, high = (long, long / ratio) if ratio >= 1 else (long * ratio, long)

    def filled(share: float) -> float:
        return min(across.scale(wide, share), down.scale(high, share))

    scale = filled(transform.frame or FRAME)
    shrink = canvas_scale(transform, scale)
    if not transform.has_size:
        longest = max(1 / filled(FRAME), max(view.width, view.height) / max(wide, high))
        shrink = min(shrink, longest * (transform.upscale.factor or 1))
    canvas = Size(_whole(wide * shrink), _whole(high * shrink))
    scale *= shrink
    left, top = across.origin(canvas.width, scale), down.origin(canvas.height, scale)
    window = Area(left, top, left + canvas.width / scale, top + canvas.height / scale)
    region = window.overlap(view)
    if state.matted and drops_background(transform):
        region = collared(subject).overlap(region)
    return laid(region, window, scale, canvas)


def laid(region: Area, window: Area, scale: float, canvas: Size) -> Framing:
    """The framing that shows `region` of `window`, which spans the canvas at `scale` pixels each.

    The region is shrunk by less than a pixel of the canvas, so that its edges fall between two; of
    one that fills no pixel, the pixel shows that its middle is in.
    """
    held = region.moved(-window.left, -window.top).scaled(scale, scale)
    across = _filled(held.left, held.right, canvas.width)
    down = _filled(held.top, held.bottom, canvas.height)
    at, content = (across[0], down[0]), Size(across[1] - across[0], down[1] - down[0])
    left, top = window.left + at[0] / scale, window.top + at[1] / scale
    kept = Area(left, top, left + content.width / scale, top + content.height / scale)
    return Framing(kept.overlap(region), content, canvas, at)


def _filled(start: float, end: float, length: int) -> tuple[int, int]:
    """The pixels of a canvas of that length that are filled from `start` to `end`; at least one."""
    first, last = _up(start), min(_down(end), length)
    if last > first:
        return first, last
    middle = min(length - 1, max(0, math.floor((start + end) / 2)))
    return middle, middle + 1


def drops_background(transform: Transform) -> bool:
    """Whether nothing of the background as shot is seen again; a blurred one is."""
    background = transform.background
    return background is not None and background.kind is not BackgroundKind.BLUR


def requested_canvas(transform: Transform, view: Area) -> tuple[float, float]:
    """The canvas in pixels; where no side is requested, numbers of its ratio, or of the view's."""
    width, height = transform.width, transform.height
    if width and height:
        return float(width), float(height)
    if width:
        return float(width), width * view.height / view.width
    if height:
        return height * view.width / view.height, float(height)
    if transform.ratio:
        return float(transform.ratio.wide), float(transform.ratio.high)
    return view.width, view.height


def canvas_scale(transform: Transform, scale: float) -> float:
    """By what to multiply the requested canvas, which needs `scale` pixels for one of the view:
    one without a size follows the view's pixels, and without upscaling nothing is enlarged."""
    if not transform.has_size:
        return (transform.upscale.factor or 1) / scale
    return min(1.0, 1 / scale) if transform.upscale is UpscaleMode.OFF else 1.0


def collared(subject: Area) -> Area:
    """The subject and as much around it as its outline needs."""
    by = max(SCALES.beside, SCALES.air * max(subject.width, subject.height))
    return Area(subject.left - by, subject.top - by, subject.right + by, subject.bottom + by)


def _up(length: float) -> int:
    return max(0, math.ceil(length - _ROUNDING))


def _down(length: float) -> int:
    return math.floor(length + _ROUNDING)


def _whole(length: float) -> int:
    return max(1, math.floor(length + 0.5))
