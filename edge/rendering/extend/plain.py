"""Continues a plain background beyond the picture's edge: its smooth colours and its grain.

The colours follow the background model's surface; the difference of the picture's last pixels from
it (a shadow that reaches the edge, a lamp's spot) fades with distance.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from edge.arrays import Coordinates, Floats, Mask
from edge.rendering.analysis.background import BackgroundModel
from edge.rendering.analysis.surface import Surface, side_of
from edge.rendering.extend.grain import grained
from edge.rendering.numbers import tuned
from edge.rendering.pixels.levels import LEVELS
from edge.rendering.pixels.morphology import EDGE, grown
from edge.rendering.pixels.scales import SCALES


@dataclass(frozen=True)
class PlainNumbers:
    """How a plain background is continued."""

    plain: float = tuned(
        5.0,
        "levels",
        "that the edge's slope makes of its own beyond it, at most",
        "hidden borders of 22 photographs come back within 9.1 levels in the mean; 8.7 with half "
        "of it, 9.9 with twice",
    )
    pure: float = tuned(
        0.85,
        "share",
        "of the background beside an edge that is known to be plain where it goes on as that; half "
        "of it is lit",
        "the same 9.1 levels, with half of it as well; 10.3 where none is plain",
    )
    fade: float = tuned(
        0.2,
        "sides of the picture",
        "distance within which what the edge has of its own fades to a third, the surface comes to "
        "rest, and a side is judged; the edge's slope dies down within half of it, and is measured "
        "over a quarter",
        "the same 9.1 levels; 8.7 with half of it and with twice",
    )

    @property
    def bends(self) -> float:
        """Distance within which the edge's slope decays, in sides of the picture."""
        return self.fade / 2


PLAIN_NUMBERS = PlainNumbers()


@dataclass(frozen=True, slots=True)
class Beyond:
    """A background's surface beyond the picture: `hues` [2, 3] are the ends of its hues within, as
    levels of red and blue from green, which it keeps there as well."""

    surface: Surface
    hues: Floats

    @classmethod
    def of(cls, surface: Surface) -> "Beyond":
        side = side_of(SCALES.coarse)
        hues = np.stack(surface.at(side, side), axis=2)
        hues -= hues[..., 1:2]
        return cls(surface, np.stack([hues.min(axis=(0, 1)), hues.max(axis=(0, 1))]))

    def at(self, x: Coordinates, y: Coordinates) -> Floats:
        """The colours at all crossings of columns `x` and rows `y`, from 0 to 1 over the picture:
        float32 [rows, columns, 3]."""
        level = np.stack(self.surface.at(2 * _resting(x) - 1, 2 * _resting(y) - 1), axis=2)
        surface: Floats = np.clip(level - level[..., 1:2], *self.hues)
        surface += level[..., 1:2]
        return surface


def _resting(place: Coordinates) -> Floats:
    """Places in sides of the picture, those more than half a side beyond it drawn nearer."""
    beyond = np.maximum(np.maximum(-place, place - 1) - 1 / 2, 0)
    drawn = beyond - PLAIN_NUMBERS.fade * (1 - np.exp(-beyond / PLAIN_NUMBERS.fade))
    rested: Floats = np.where(place < 0, place + drawn, place - drawn).astype(np.float32)
    return rested


def is_plain(model: BackgroundModel, background: Mask, *, at_far: bool, least: float = 1.0) -> bool:
    """Whether nearly all of the `background` [h, w] beside that edge is `open` in the model, and
    most of it is `same`. Where fewer than `least` times h cells are background there, all cells at
    the edge are judged.
    """
    height, width = background.shape
    deep = max(EDGE, round(PLAIN_NUMBERS.fade * width))
    side = np.s_[:, width - deep :] if at_far else np.s_[:, :deep]
    visible = background[side]
    if np.count_nonzero(visible) < least * height:
        side = np.s_[:, width - EDGE :] if at_far else np.s_[:, :EDGE]
        visible = np.ones((height, EDGE), np.bool_)
    plain, lit = (float(np.mean(cells[side][visible])) for cells in (model.open, model.same))
    return plain >= PLAIN_NUMBERS.pure and lit >= LEVELS.majority


def continued(
    image: Image.Image,
    length: int,
    surface: Beyond,
    *,
    at_far: bool,
    visible: Mask | None = None,
) -> Image.Image:
    """What a plain background shows in `length` columns left (or right: `at_far`) of a picture.

    `visible` [h] says where along that edge it is background at all (None: everywhere, as at least
    in some place it has to be); behind a subject that runs out there, it is what lies above and
    below.
    """
    width, height = image.size
    count = max(2, round(length * SCALES.coarse / height))
    step = length / count
    start = width if at_far else -length
    x = start + (np.arange(-1, count + 1, dtype=np.float32) + 0.5) * step
    y = (np.arange(SCALES.coarse, dtype=np.float32) + 0.5) / SCALES.coarse
    away = (x - width if at_far else -x) / height
    own, slope = edge_of(image, surface, at_far=at_far), _slope(image, surface, at_far=at_far)
    if visible is not None:
        own, slope = _bridged(own, visible), _bridged(slope, visible)
        image = _rows_of(image, visible)
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


def _bridged(line: Floats, visible: Mask) -> Floats:
    """A line [N, 3] along the edge, straight from background to background where none is `visible`
    [h]; what was smoothed together with it is left out as well."""
    places = (np.arange(len(line)) + 0.5) / len(line) * len(visible)
    clear = ~grown(~visible[None], max(1, round(2 * EDGE * len(visible) / len(line))))[0]
    clear = clear if clear.any() else visible
    known = np.flatnonzero(clear[places.astype(np.intp)])
    along = np.arange(len(line))
    return np.stack([np.interp(along, known, own[known]) for own in line.T], axis=1)


def _rows_of(image: Image.Image, visible: Mask) -> Image.Image:
    """The picture's rows that are background along the edge, for their grain; all where it has
    fewer rows than the edge was looked at in, and none of them is."""
    clear = visible[np.arange(image.height) * len(visible) // image.height]
    return Image.fromarray(np.asarray(image)[clear]) if clear.any() else image


def edge_of(image: Image.Image, surface: Beyond, *, at_far: bool, inward: float = 0.0) -> Floats:
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


def _slope(image: Image.Image, surface: Beyond, *, at_far: bool) -> Floats:
    """How fast the picture departs from the surface towards its edge, in levels for a picture's
    height: float32 [N, 3]. A steeper slope is a shadow's outline, which is not continued."""
    inner = edge_of(image, surface, at_far=at_far, inward=PLAIN_NUMBERS.bends / 2)
    outer = edge_of(image, surface, at_far=at_far)
    apart = 1.25 * PLAIN_NUMBERS.bends / 2  # the middle of the inner strip, which is as wide
    steep = _smooth((outer - inner) / apart, 2 * EDGE)
    most = np.e * PLAIN_NUMBERS.plain / PLAIN_NUMBERS.bends
    return np.clip(steep, -most, most)


def _smooth(line: Floats, sigma: float) -> Floats:
    """A Gaussian along [N, 3]."""
    reach = round(3 * sigma)
    kernel = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / sigma))
    padded = np.pad(line, ((reach, reach), (0, 0)), mode="reflect")
    rows = [np.convolve(values, kernel / kernel.sum(), mode="valid") for values in padded.T]
    return np.stack(rows, axis=1).astype(np.float32)
