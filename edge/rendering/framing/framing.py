"""Framing: which region of the picture goes where in which canvas, for every fit.

Nothing is enlarged unless the transform upscales. Without, a canvas that is larger than the picture
can fill shrinks and keeps its ratio (`cover`, `fill`), or the picture lies in it as it is (`pad`),
or the picture comes out smaller than asked (`inside`).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import MappingProxyType

from edge.errors import OutputTooLarge
from edge.images import Size
from edge.limits import Limits
from edge.rendering.framing.product import canvas_scale, laid, product, requested_canvas
from edge.rendering.framing.window import whole
from edge.rendering.numbers import tuned
from edge.rendering.pixels.geometry import Area
from edge.rendering.pixels.scales import SCALES
from edge.rendering.step import Framing, PlanContext
from edge.variants.transform import Transform
from edge.variants.values import Fit, FlipMode, UpscaleMode


@dataclass(frozen=True)
class FramingNumbers:
    """From which change of size a step is worth its cost."""

    twice: float = tuned(
        2.25,
        "ratio",
        "enlargement up to which the network that doubles is enough, and Lanczos does the rest",
        "a quarter of the pixels, for at most 0.1 dB",
    )


FRAMING = FramingNumbers()


def frame(transform: Transform, context: PlanContext) -> Framing:
    """The framing of what counts of the picture.

    Raises:
        OutputTooLarge: the canvas, or what a network would have to make for it, is over a limit.
    """
    framing = FITS[transform.fit](transform, context)
    if not transform.has_size and transform.upscale.factor is None:
        framing = _shrunk(framing, context.limits)
    framing = _on_whole_pixels(framing, context.state.size)
    factor = network_factor(transform, framing, context)
    excess = _excess(framing.canvas, context.limits, _largest(transform))
    if factor and not excess:
        excess = _excess(_enlarged(framing, factor, context), context.limits, "up")
    if excess:
        raise excess
    return framing


def network_factor(transform: Transform, framing: Framing, context: PlanContext) -> int | None:
    """By how much a network should enlarge the kept region: 2, 4 or None.

    One that nobody named is halved where more pixels would be made on the way than a rendition may
    have; the rest is resampled.
    """
    need, named = framing.enlargement, transform.upscale.factor
    if named:
        return named if need > 1 else None
    if transform.upscale is UpscaleMode.OFF or need <= SCALES.worth:
        return None
    factors = (2,) if need <= FRAMING.twice else (4, 2)
    fitting = (f for f in factors if not _excess(_enlarged(framing, f, context), context.limits))
    return next(fitting, None)


def _enlarged(framing: Framing, factor: int, context: PlanContext) -> Size:
    """What a network makes of the kept region."""
    return framing.region.outward(context.state.size).size.scaled(factor)


def _largest(transform: Transform) -> str:
    """The word of the URL that requests the most pixels; `up` where there is no length."""
    sides = {"w": transform.width, "h": transform.height, "size": transform.long_side}
    return max(sides, key=lambda word: sides[word] or 0) if transform.has_size else "up"


def _excess(size: Size, limits: Limits, param: str = "") -> OutputTooLarge | None:
    """The error message for a picture over the server's limits; None for one within them."""
    if size.long > limits.output_side:
        return OutputTooLarge(
            f"{size} is over the longest side of {limits.output_side} pixels",
            param=param,
            allowed=f"at most {limits.output_side} device pixels a side",
        )
    if size.pixels > limits.output_pixels:
        return OutputTooLarge(
            f"{size} is over the limit of {limits.output_pixels} pixels",
            param=param,
            allowed=f"at most {limits.output_pixels} device pixels in all",
        )
    return None


def inside(transform: Transform, context: PlanContext) -> Framing:
    """The whole view, as large as fits into the requested size."""
    view = context.state.view
    scale = _allowed(_inside_scale(transform, view), transform)
    content = _sized(view.width * scale, view.height * scale)
    return Framing(view, content, content)


def cover(transform: Transform, context: PlanContext) -> Framing:
    """The view fills the canvas; the overhang is cut at the side away from the gravity.

    A subject that does not fit is not cut: the canvas then reaches beyond the picture.
    """
    view = context.state.view
    window = _window(transform, context)
    beyond = _beyond(window, transform, context) if window else None
    if beyond:
        return beyond
    wide, high = requested_canvas(transform, view)
    shrink = max(wide / view.width, high / view.height)
    region = _placed(wide / shrink, high / shrink, transform, context)
    scale = canvas_scale(transform, shrink)
    canvas = _sized(wide * scale, high * scale)
    return Framing(region, canvas, canvas)


def _window(transform: Transform, context: PlanContext) -> Area | None:
    """What the canvas shows around a subject that no cut of the picture holds whole."""
    state, analysis = context.state, context.analysis
    if not (transform.gravity.subject and state.subject):
        return None
    wide, high = requested_canvas(transform, state.view)
    sure = analysis is not None and (analysis.uniform or analysis.cut_by is not None)
    is_upright = not transform.rotate and transform.flip is FlipMode.NONE
    as_taken = is_upright and state.view == Area.whole(state.size)
    covered = analysis.covered if analysis and as_taken else None
    return whole(state.subject, state.view, wide / high, sure=sure, covered=covered)


def _beyond(window: Area, transform: Transform, context: PlanContext) -> Framing | None:
    """The framing of a window that reaches out of the view; None where no pixel would be real."""
    wide, high = requested_canvas(transform, context.state.view)
    shrink = max(wide / window.width, high / window.height)
    scale = canvas_scale(transform, shrink)
    canvas = _sized(wide * scale, high * scale)
    region = window.overlap(context.state.view)
    framing = laid(region, window, canvas.width / window.width, canvas)
    kept, content, at = framing.region, framing.content, framing.at
    if region.height == window.height:  # all of it is real, to the last pixel of the canvas
        kept = replace(kept, top=region.top, bottom=region.bottom)
        content, at = replace(content, height=canvas.height), (at[0], 0)
    elif region.width == window.width:
        kept = replace(kept, left=region.left, right=region.right)
        content, at = replace(content, width=canvas.width), (0, at[1])
    return Framing(kept, content, canvas, at) if min(kept.width, kept.height) > 0 else None


def fill(transform: Transform, context: PlanContext) -> Framing:
    """The whole view, stretched."""
    view = context.state.view
    wide, high = requested_canvas(transform, view)
    scale = canvas_scale(transform, max(wide / view.width, high / view.height))
    canvas = _sized(wide * scale, high * scale)
    return Framing(view, canvas, canvas)


def pad(transform: Transform, context: PlanContext) -> Framing:
    """The whole view, and background around it up to the canvas."""
    view = context.state.view
    wide, high = requested_canvas(transform, view)
    if not transform.has_size:
        grow = max(view.width / wide, view.height / high) * (transform.upscale.factor or 1)
        wide, high = wide * grow, high * grow
    canvas = _sized(wide, high)
    scale = _allowed(min(canvas.width / view.width, canvas.height / view.height), transform)
    content = _sized(view.width * scale, view.height * scale)
    spare = (canvas.width - content.width, canvas.height - content.height)
    return Framing(view, content, canvas, _position(spare, scale, transform, context))


def around_subject(transform: Transform, context: PlanContext) -> Framing:
    """The subject fills its share of the canvas; where none is known everything is kept."""
    framing = product(transform, context)
    return framing or (pad if transform.has_canvas else inside)(transform, context)


FITS: MappingProxyType[Fit, Callable[[Transform, PlanContext], Framing]] = MappingProxyType(
    {
        Fit.INSIDE: inside,
        Fit.MAX: inside,
        Fit.COVER: cover,
        Fit.FILL: fill,
        Fit.PAD: pad,
        Fit.PRODUCT: around_subject,
    }
)


def _inside_scale(transform: Transform, view: Area) -> float:
    requested = (
        (transform.width, view.width),
        (transform.height, view.height),
        (transform.long_side, max(view.width, view.height)),
    )
    scales = [side / own for side, own in requested if side is not None]
    return min(scales) if scales else float(transform.upscale.factor or 1)


def _allowed(scale: float, transform: Transform) -> float:
    return min(scale, 1.0) if transform.upscale is UpscaleMode.OFF else scale


def _placed(width: float, height: float, transform: Transform, context: PlanContext) -> Area:
    """A region of that size in the view, around the gravity's point as far as the view goes.

    A subject that fits into the region lies wholly inside it, since moving the region back into
    the view never moves it past what is in the view.
    """
    view = context.state.view
    x, y = _point(transform, context)
    left = min(max(x - width / 2, view.left), max(view.left, view.right - width))
    top = min(max(y - height / 2, view.top), max(view.top, view.bottom - height))
    return Area(left, top, left + width, top + height).within(context.state.size)


def _point(transform: Transform, context: PlanContext) -> tuple[float, float]:
    view, gravity = context.state.view, transform.gravity
    if gravity.subject and context.state.subject:
        return context.state.subject.center
    return view.left + gravity.x * view.width, view.top + gravity.y * view.height


def _position(
    spare: tuple[int, int], scale: float, transform: Transform, context: PlanContext
) -> tuple[int, int]:
    """Where the content lies in its canvas; a subject comes as near the middle as it can."""
    gravity, view, subject = transform.gravity, context.state.view, context.state.subject
    if not (gravity.subject and subject):
        return round(spare[0] * gravity.x), round(spare[1] * gravity.y)
    x, y = subject.center
    off = ((x - view.center[0]) * scale, (y - view.center[1]) * scale)
    at = [round(min(max(free / 2 - move, 0), free)) for free, move in zip(spare, off, strict=True)]
    return at[0], at[1]


def _sized(width: float, height: float) -> Size:
    """Whole pixels, at least one; halves go up, like a person rounds."""
    return Size(max(1, math.floor(width + 0.5)), max(1, math.floor(height + 0.5)))


def _shrunk(framing: Framing, limits: Limits) -> Framing:
    """A request that names no size is not over a limit: the canvas shrinks to it."""
    canvas = framing.canvas
    scale = min(limits.output_side / canvas.long, math.sqrt(limits.output_pixels / canvas.pixels))
    if scale >= 1:
        return framing

    def less(size: Size) -> Size:
        return Size(max(1, int(size.width * scale)), max(1, int(size.height * scale)))

    at = (int(framing.at[0] * scale), int(framing.at[1] * scale))
    return replace(framing, content=less(framing.content), canvas=less(canvas), at=at)


def _on_whole_pixels(framing: Framing, size: Size) -> Framing:
    """A region that keeps its scale is moved by less than a pixel, so that it is a plain cut."""
    region, content = framing.region, framing.content
    if abs(region.width - content.width) >= 1 or abs(region.height - content.height) >= 1:
        return framing
    left = min(max(0, round(region.left)), size.width - content.width)
    top = min(max(0, round(region.top)), size.height - content.height)
    if left < 0 or top < 0:
        return framing
    return replace(framing, region=Area(left, top, left + content.width, top + content.height))
