"""A plain background beyond the picture's edge: its smooth colours go on, and so does its grain.

The colours follow a low-order surface through all that is not subject; what the picture's last
pixels differ from it (a shadow that runs out of the picture, a lamp's spot) fades with distance.
"""

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from edge.arrays import Coordinates, Floats, Mask
from edge.rendering.analysis.surface import PLANE, QUADRATIC, robust_fit, terms_of
from edge.rendering.extend.grain import grained
from edge.rendering.numbers import tuned
from edge.rendering.pixels.levels import LEVELS
from edge.rendering.pixels.morphology import EDGE, grown
from edge.rendering.pixels.scales import SCALES


@dataclass(frozen=True)
class PlainNumbers:
    """How a plain background is fitted and continued."""

    plain: float = tuned(
        5.0, "levels", "distance by which a plain background stays near its surface"
    )
    pure: float = tuned(
        0.85, "share", "of a plain background that does so but for a shadow; half of it is lit"
    )
    bent: float = tuned(
        0.7,
        "ratio",
        "a quadratic is taken where it leaves less than this share of what a plane leaves",
    )
    fade: float = tuned(
        0.2,
        "sides of the picture",
        "distance within which what the edge has of its own fades to a third, the surface comes to "
        "rest, and a side is judged; the edge's slope dies down within half of it, and is measured "
        "over a quarter",
    )

    @property
    def bends(self) -> float:
        """Distance within which the edge's slope dies down, in sides of the picture."""
        return self.fade / 2


PLAIN_NUMBERS = PlainNumbers()


_ANY_HUE = np.array([[-np.inf], [np.inf]], np.float32)


@dataclass(frozen=True, slots=True)
class ColourSurface:
    """A plane or a quadratic of colours; `factors` float32 [6, 3] of 1, x, y, xy, xx, yy, with x
    and y from 0 to 1 over the picture. `hues` [2, 3] are the ends of its hues there, as levels of
    red and blue from green, which it keeps beyond the picture as well."""

    factors: Floats
    hues: Floats

    def at(self, x: Coordinates, y: Coordinates) -> Floats:
        """The colours at all crossings of columns `x` and rows `y`: float32 [rows, columns, 3]."""
        one, by_x, by_y, by_xy, by_xx, by_yy = self.factors
        x, y = _resting(x)[None, :, None], _resting(y)[:, None, None]
        level = (one + by_y * y + by_yy * y * y) + (by_x + by_xy * y + by_xx * x) * x
        surface: Floats = np.clip(level - level[..., 1:2], *self.hues)
        surface += level[..., 1:2]
        return surface

    def held(self) -> "ColourSurface":
        """With the hues that it has within the picture."""
        side = np.linspace(0, 1, SCALES.coarse, dtype=np.float32)
        hues = self.at(side, side)
        hues -= hues[..., 1:2]
        return replace(self, hues=np.stack([hues.min(axis=(0, 1)), hues.max(axis=(0, 1))]))


def surface_of(image: Image.Image, background: Mask) -> ColourSurface:
    """The surface through a picture's background.

    Args:
        image: mode RGB, reduced to the grid.
        background: bool [H, W] of the grid: what is certainly not the subject.
    """
    height, width = background.shape
    rows, columns = np.nonzero(background)
    y, x = ((rows + 0.5) / height).astype(np.float32), ((columns + 0.5) / width).astype(np.float32)
    seen = np.asarray(image)[background].astype(np.float32)
    terms = terms_of(x, y)
    plane, quadratic = (robust_fit(terms, seen.T, count) for count in (PLANE, QUADRATIC))
    stray, rest = (
        float(np.median(np.abs(seen.T - factors.T @ terms).max(axis=0)))
        for factors in (plane, quadratic)
    )
    factors = quadratic if rest < PLAIN_NUMBERS.bent * stray else plane
    return ColourSurface(factors, _ANY_HUE).held()


def _resting(place: Coordinates) -> Floats:
    """Places in sides of the picture, those more than half a side beyond it drawn nearer."""
    beyond = np.maximum(np.maximum(-place, place - 1) - 1 / 2, 0)
    drawn = beyond - PLAIN_NUMBERS.fade * (1 - np.exp(-beyond / PLAIN_NUMBERS.fade))
    rested: Floats = np.where(place < 0, place + drawn, place - drawn).astype(np.float32)
    return rested


def is_plain(
    grid: Image.Image, background: Mask, surface: ColourSurface, *, at_far: bool, least: float = 1.0
) -> bool:
    """Whether the `background` [h, w] beside that edge keeps to the surface; with less than `least`
    times an edge's length the edge itself is judged."""
    height, width = background.shape
    deep = max(EDGE, round(PLAIN_NUMBERS.fade * width))
    side = slice(width - deep, None) if at_far else slice(0, deep)
    seen = background[:, side]
    if np.count_nonzero(seen) < least * height:
        side = slice(width - EDGE, None) if at_far else slice(0, EDGE)
        seen = np.ones((height, EDGE), np.bool_)
    x = (np.arange(width, dtype=np.float32)[side] + 0.5) / width
    y = (np.arange(height, dtype=np.float32) + 0.5) / height
    colours, smooth = np.asarray(grid, np.float32)[:, side][seen], surface.at(x, y)[seen]
    same = np.abs(colours - smooth).max(axis=1) <= PLAIN_NUMBERS.plain
    light = (colours * smooth).sum(axis=1) / np.maximum((smooth * smooth).sum(axis=1), 1)
    shade = np.abs(colours - light[:, None] * smooth).max(axis=1) <= PLAIN_NUMBERS.plain
    shaded = shade & (light < 1)
    return bool(np.mean(same) >= LEVELS.majority and np.mean(same | shaded) >= PLAIN_NUMBERS.pure)


def continued(
    image: Image.Image,
    length: int,
    surface: ColourSurface,
    *,
    at_far: bool,
    seen: Mask | None = None,
) -> Image.Image:
    """What a plain background shows in `length` columns left (or right: `at_far`) of a picture.

    `seen` [h] says where along that edge it is background at all (None: everywhere, as at least in
    some place it has to be); behind a subject that runs out there, it is what lies above and below.
    """
    width, height = image.size
    count = max(2, round(length * SCALES.coarse / height))
    step = length / count
    start = width if at_far else -length
    x = start + (np.arange(-1, count + 1, dtype=np.float32) + 0.5) * step
    y = (np.arange(SCALES.coarse, dtype=np.float32) + 0.5) / SCALES.coarse
    away = (x - width if at_far else -x) / height
    own, slope = edge_of(image, surface, at_far=at_far), _slope(image, surface, at_far=at_far)
    if seen is not None:
        own, slope = _bridged(own, seen), _bridged(slope, seen)
        image = _rows_of(image, seen)
    fading = own[:, None] * np.exp(-away / PLAIN_NUMBERS.fade)[None, :, None]
    bending = slope[:, None] * (away * np.exp(-away / PLAIN_NUMBERS.bends))[None, :, None]
    levels = surface.at(x / width, y) + fading + bending
    smooth = np.empty((height, length, 3), np.uint8)
    size, inner = (length, height), (1, 0, 1 + count, SCALES.coarse)
    for channel in range(3):
        plane = Image.fromarray(np.ascontiguousarray(levels[..., channel], np.float32))
        full = np.asarray(plane.resize(size, Image.Resampling.BICUBIC, inner))
        smooth[..., channel] = np.clip(full + np.float32(0.5), 0, 255)
    return grained(Image.fromarray(smooth), image, at_far=at_far)


def _bridged(line: Floats, seen: Mask) -> Floats:
    """A line [N, 3] along the edge, straight from background to background where none is `seen`
    [h]; what was smoothed together with it is left out as well."""
    places = (np.arange(len(line)) + 0.5) / len(line) * len(seen)
    clear = ~grown(~seen[None], max(1, round(2 * EDGE * len(seen) / len(line))))[0]
    clear = clear if clear.any() else seen
    known = np.flatnonzero(clear[places.astype(np.intp)])
    along = np.arange(len(line))
    return np.stack([np.interp(along, known, own[known]) for own in line.T], axis=1)


def _rows_of(image: Image.Image, seen: Mask) -> Image.Image:
    """The picture's rows that are background along the edge, for their grain; all where it has
    fewer rows than the edge was looked at in, and none of them is."""
    clear = seen[np.arange(image.height) * len(seen) // image.height]
    return Image.fromarray(np.asarray(image)[clear]) if clear.any() else image


def is_background(image: Image.Image, surface: ColourSurface, *, at_far: bool) -> bool:
    """Whether background, shadows included, is all that reaches that edge of the picture."""
    return float(np.abs(edge_of(image, surface, at_far=at_far)).max()) <= LEVELS.half


def edge_of(
    image: Image.Image, surface: ColourSurface, *, at_far: bool, inward: float = 0.0
) -> Floats:
    """Levels by which the picture's last columns are off the surface: float32 [N, 3], smooth
    along the edge. `inward`: those so many sides of the picture's height away from it."""
    width, height = image.size
    deep = min(width, max(EDGE + 1, round(inward * height / 2)))
    left = min(round(inward * height), width - deep)
    left = width - deep - left if at_far else left
    strip = image.crop((left, 0, left + deep, height))
    line = np.asarray(strip.resize((1, SCALES.coarse), Image.Resampling.BILINEAR), np.float32)
    y = (np.arange(SCALES.coarse, dtype=np.float32) + 0.5) / SCALES.coarse
    x = np.asarray([(left + deep / 2) / width], np.float32)
    return _smooth(line[:, 0] - surface.at(x, y)[:, 0], EDGE)


def _slope(image: Image.Image, surface: ColourSurface, *, at_far: bool) -> Floats:
    """How fast the picture leaves the surface towards its edge, in levels for a picture's height:
    float32 [N, 3]. Steeper is a shadow's outline, which does not go on."""
    inner = edge_of(image, surface, at_far=at_far, inward=PLAIN_NUMBERS.bends / 2)
    outer = edge_of(image, surface, at_far=at_far)
    apart = 1.25 * PLAIN_NUMBERS.bends / 2  # the middle of the inner strip, which is as wide
    steep = _smooth((outer - inner) / apart, 2 * EDGE)
    most = np.e * PLAIN_NUMBERS.plain / PLAIN_NUMBERS.bends  # it makes no more than a plain one may
    return np.clip(steep, -most, most)


def _smooth(line: Floats, sigma: float) -> Floats:
    """A Gaussian along [N, 3]."""
    reach = round(3 * sigma)
    kernel = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / sigma))
    padded = np.pad(line, ((reach, reach), (0, 0)), mode="reflect")
    rows = [np.convolve(values, kernel / kernel.sum(), mode="valid") for values in padded.T]
    return np.stack(rows, axis=1).astype(np.float32)
