"""Shadow: where the subject stands on the background, a soft contact shadow.

Light from above leaves a dark line right under a product and wider, fainter ones around it. All
follow the matte's lower outline column by column: along the oblique edge of a bag, in spots under
the front legs of a chair, and the softer the higher the outline hovers.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from edge.arrays import Floats, Pixels, Places
from edge.images import Box
from edge.rendering.analysis.analysis import Analysis
from edge.rendering.numbers import tuned
from edge.rendering.pixels.levels import LEVELS, bounds
from edge.rendering.pixels.picture import Picture
from edge.rendering.step import Edit, PixelStep, PlanContext, SourceType
from edge.variants.transform import Transform


@dataclass(frozen=True)
class ShadowNumbers:
    """The drop shadow that is made under a product."""

    reach: float = tuned(
        0.27,
        "share of the subject's height",
        "from which an outline hangs in the air; up to half of it, it may stand on the background "
        "farther back",
        "by eye: 24 cut-outs with 30 % less and more, which hardly differ",
    )
    steep: float = tuned(
        0.6,
        "rows a column",
        "rise of the contact line from which it is the flank of something round; up to half of it, "
        "it is an edge seen at an angle",
        "by eye: 24 cut-outs with 30 % less and more, which hardly differ",
    )
    widest: float = tuned(
        0.06,
        "share of the subject's width",
        "softness (sigma) of the widest layer, and the gap under the outline over which it fades; "
        "the next ones are a third as wide each",
        "by eye: 24 cut-outs with 30 % less and more",
    )
    dark: float = tuned(
        0.46,
        "share of light",
        "that the sharpest layer takes; the wider ones take half of it",
        "by eye: 24 cut-outs with 30 % less and more",
    )


SHADOW = ShadowNumbers()


_LAYERS = ((1 / 9, 1.0), (1 / 3, 0.5), (1.0, 0.5))
"""Softness and darkness of each layer, as shares of the widest one's and the sharpest one's."""

_BAR = 0.683
"""What is left in the middle of a bar two sigma wide once it is blurred by sigma."""


@dataclass(frozen=True, slots=True)
class Shadow(PixelStep):
    """Darkens the background under the subject; on no background at all it is black and
    see-through."""

    op = "shadow"

    def edits(self, transform: Transform, analysis: Analysis | None) -> tuple[Edit, ...]:
        return (Edit(SourceType.COMPOSITE, "a shadow drawn under it"),)

    def apply(self, picture: Picture) -> Picture:
        if picture.matte is None:
            return picture
        alpha = np.asarray(picture.matte)
        box = bounds(alpha >= LEVELS.half)
        if box is None:
            return picture
        shade = _shade(alpha, box) * (1 - alpha.astype(np.float32) / np.float32(255))
        return picture.with_image(_shaded(picture.image, shade))


def plan(transform: Transform, context: PlanContext) -> Shadow | None:
    """A step where a shadow is requested and the subject is cut out, else None; a photo's edge
    casts none."""
    cut_out = context.state.matted and not context.whole
    return Shadow() if transform.shadow and cut_out else None


def _shade(alpha: Pixels, box: Box) -> Floats:
    """How much light the background loses [H, W], 0 to 1."""
    line, gap, touch = contact(alpha, box)
    far = 4 * max(1.0, SHADOW.widest * box.size.width)
    top = max(0, int(box.bottom - SHADOW.reach * box.size.height - far))
    rows = np.arange(top, min(len(alpha), int(box.bottom + far) + 1), dtype=np.float32)[:, None]
    shade = np.zeros((len(rows), alpha.shape[1]), np.float32)
    for narrow, faint in _LAYERS:
        wide = narrow * SHADOW.widest * box.size.width
        sigma, near = max(1.0, wide), touch * np.exp(-gap / wide)
        bar = np.clip(sigma + 0.5 - np.abs(rows + 0.5 - line), 0, 1) * near
        drawn = Image.fromarray(np.rint(bar * 255).astype(np.uint8))
        soft = np.asarray(drawn.filter(ImageFilter.GaussianBlur(sigma)), np.float32)
        shade = 1 - (1 - shade) * (
            1 - np.minimum(1, soft / np.float32(255 * _BAR)) * faint * SHADOW.dark
        )
    whole = np.zeros(alpha.shape, np.float32)
    whole[top : top + len(rows)] = shade
    return whole


def contact(alpha: Pixels, box: Box) -> tuple[Floats, Floats, Floats]:
    """Where a subject would stand, for each column [W] of its matte [H, W].

    The row of the background, which is the lower hull of the outline's low parts; how many rows the
    outline hovers above it; and how surely it is background at all (0 to 1).
    """
    visible = alpha >= LEVELS.half
    lowest = alpha.shape[0] - np.argmax(visible[::-1], axis=0)
    height = (box.bottom - lowest) / box.size.height
    low = np.flatnonzero(visible.any(axis=0) & (height < SHADOW.reach))
    corners = _hull(low, lowest[low])
    columns = np.arange(alpha.shape[1])
    line = np.interp(columns, corners[:, 0], corners[:, 1]).astype(np.float32)
    rise = np.interp(columns, *_slopes(corners)) if len(corners) > 1 else np.zeros(len(columns))
    back = (np.float32(box.bottom) - line) / np.float32(box.size.height)
    touch = _falling(back, SHADOW.reach) * _falling(np.abs(rise).astype(np.float32), SHADOW.steep)
    touch[: low[0]] = touch[low[-1] + 1 :] = 0
    gap = np.where(visible.any(axis=0), np.maximum(line - lowest, 0), alpha.shape[0])
    return line, gap.astype(np.float32), touch.astype(np.float32)


def _hull(columns: Places, rows: Places) -> Floats:
    """The corners (column, row) of the lower hull, rows counted downwards (Andrew 1979) [N, 2]."""
    hull: list[tuple[int, int]] = []
    for x, y in zip(columns.tolist(), rows.tolist(), strict=True):
        while len(hull) > 1 and _above(hull[-2], hull[-1], (x, y)):
            hull.pop()
        hull.append((x, y))
    return np.asarray(hull, np.float32)


def _above(one: tuple[int, int], middle: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether the middle point lies on or above the line between the others."""
    (x0, y0), (x1, y1), (x2, y2) = one, middle, other
    return (y1 - y0) * (x2 - x0) <= (y2 - y0) * (x1 - x0)


def _slopes(corners: Floats) -> tuple[Floats, Floats]:
    """The middles of the hull's sides and how steep they are, for interpolation."""
    steps = np.diff(corners, axis=0)
    middles: Floats = corners[:-1, 0] + steps[:, 0] / np.float32(2)
    slopes: Floats = steps[:, 1] / steps[:, 0]
    return middles, slopes


def _falling(values: Floats, end: float) -> Floats:
    """1 up to half of the end, 0 from the end on."""
    fallen: Floats = np.clip(2 - 2 * values / end, 0, 1)
    return fallen


def _shaded(image: Image.Image, shade: Floats) -> Image.Image:
    pixels = np.asarray(image)
    if image.mode == "RGB":
        return Image.fromarray(np.rint(pixels * (1 - shade[..., None])).astype(np.uint8))
    alpha = pixels[..., 3].astype(np.float32) / np.float32(255)
    together = shade + alpha * (1 - shade)
    share = np.divide(alpha * (1 - shade), together, out=np.zeros_like(alpha), where=together > 0)
    colours = np.rint(pixels[..., :3] * share[..., None])
    return Image.fromarray(
        np.dstack([colours, np.rint(together * 255)]).astype(np.uint8), image.mode
    )
