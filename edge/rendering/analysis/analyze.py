"""Analyze: one cheap pass over a reduced picture, for its subject and background.

Classical and approximate: good enough to place a frame and to choose a path, not to cut out.
"""

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from edge.arrays import Floats, Mask, Pixels
from edge.images import Box, Color, Size
from edge.rendering.analysis.analysis import Analysis
from edge.rendering.analysis.background import (
    Grid,
    NotPlain,
    border_depth,
    fit_background,
    rarity,
    reduced,
    ring_of,
)
from edge.rendering.analysis.own_alpha import flattened, hides
from edge.rendering.numbers import tuned
from edge.rendering.pixels.channels import apart
from edge.rendering.pixels.geometry import Area, sides_touched
from edge.rendering.pixels.levels import LEVELS, bounds
from edge.rendering.pixels.sampling import colours_in, middle_of
from edge.rendering.pixels.scales import SCALES


@dataclass(frozen=True)
class AnalysisNumbers:
    """Where a subject may be, by pixels alone."""

    uniform: float = tuned(
        0.88,
        "share",
        "of the border that one studio background covers at least, and that says what a border is",
        "the sample catalogue's walls with a table in front lie below, by at least 0.02",
    )
    central: float = tuned(
        0.3,
        "sides of the picture",
        "distance from the middle at which a colour counts less than two thirds in a scene",
        "boxes of 49 photographs are off their alpha's by 43 % (1 - intersection over union); 53 "
        "with half of it, 47 with twice",
    )
    salient: float = tuned(
        0.5,
        "standard deviations",
        "over the mean from which a part of a scene stands out",
        "the same 43 %; 44 with half of it, 45 with twice",
    )
    solid: float = tuned(
        0.33,
        "share",
        "of a cell's 5x5 surroundings that is the subject's where the cell is no speck",
        "a square corner has 9 of 25 and stays; the same 43 % with half of it and with twice",
    )


ANALYSIS = AnalysisNumbers()


def analyze(image: Image.Image, known: Grid | None = None) -> Analysis:
    """One pass over an upright sRGB picture, RGB or RGBA, of any size; `known` is its grid, if that
    is there."""
    if image.mode == "RGBA" and hides(image):
        alpha = np.asarray(reduced(image.getchannel("A")))
        return _described(Color(255, 255, 255, 0), alpha >= LEVELS.near)
    known = known or Grid.of(image if image.mode == "RGB" else flattened(image))
    grid, found = known.cells, fit_background(known, least=ANALYSIS.uniform)
    edge = ring_of((grid.shape[0], grid.shape[1]))
    if isinstance(found, NotPlain):
        return _with_margin(
            _described(_middle(colours_in(grid, edge)), _salient(grid, edge), ("scene",))
        )
    background = _middle(colours_in(grid, edge & found.open))
    return replace(
        _described(background, _solid(apart(grid, found.backdrop) > found.noise)), uniform=True
    )


def _described(background: Color, mask: Mask, flags: tuple[str, ...] = ()) -> Analysis:
    """The analysis that follows from a mask of the subject [h, w]."""
    box, (height, width) = bounds(mask), mask.shape
    if box is None:
        return Analysis(background, False, flags=("no-subject",))
    subject = Area.of(box)
    touches = sides_touched(subject, Size(width, height))
    return Analysis(background, False, subject.scaled(1 / width, 1 / height), touches, flags)


def _middle(colours: Pixels) -> Color:
    """Of colours uint8 [N, 3]."""
    return Color(*(int(c) for c in middle_of(colours).round()))


def trim(image: Image.Image, tolerance: int, within: Area | None = None) -> Area | None:
    """What is left of `within` (fractions; default: all) without its border, in fractions.

    The border differs from the colour that most corners share by no more than `tolerance` (8-bit
    steps) in any channel, or is see-through to within it. None: nothing to trim, no two corners
    alike, or nothing would be left.
    """
    part = _pixels(within, image).clamped(Size(*image.size)) if within else _all(image)
    cropped = image.crop(part.as_tuple())
    if cropped.mode == "RGBA":
        solid = cropped.getchannel("A").point(lambda alpha: 255 if alpha > tolerance else 0)
        box = solid.getbbox()
    else:
        box = _unlike_corners(cropped, tolerance)
    if box is None or box == (0, 0, *cropped.size):
        return None
    left = Area(*map(float, box)).moved(part.left, part.top)
    return left.scaled(1 / image.width, 1 / image.height)


def _pixels(fractions: Area, image: Image.Image) -> Box:
    return fractions.scaled(image.width, image.height).outward(Size(*image.size))


def _all(image: Image.Image) -> Box:
    return Box(0, 0, image.width, image.height)


def _unlike_corners(image: Image.Image, tolerance: int) -> tuple[int, int, int, int] | None:
    """The box of what differs from the colour that most corners share; at least two must."""
    right, bottom = image.width - 1, image.height - 1
    places = ((0, 0), (right, 0), (0, bottom), (right, bottom))
    corners = np.asarray([image.getpixel(place) for place in places], dtype=np.int16)
    alike = np.abs(corners[:, None] - corners[None]).max(axis=2) <= tolerance
    most = int(alike.sum(axis=1).argmax())
    if alike[most].sum() < 2:
        return None
    color = tuple(int(value) for value in np.median(corners[alike[most]], axis=0).round())
    excess = ImageChops.difference(image, Image.new("RGB", image.size, color))
    beyond = [band.point(lambda value: 255 if value > tolerance else 0) for band in excess.split()]
    return ImageChops.lighter(ImageChops.lighter(*beyond[:2]), beyond[2]).getbbox()


def _salient(grid: Pixels, edge: Mask) -> Mask:
    """In a scene: colours that are rarer along the border than in the whole, nearer the middle."""
    own = rarity(grid, np.ones_like(edge), edge)
    down, across = (_central(length) for length in edge.shape)
    saliency = _blurred(own * down[:, None] * across, border_depth(edge.shape[1]))
    return _solid(saliency > saliency.mean() + ANALYSIS.salient * saliency.std())


def _central(length: int) -> Floats:
    """1 in the middle of a side and less towards its ends [length]."""
    place = np.linspace(-0.5, 0.5, length, dtype=np.float32)
    weight: Floats = np.exp(-0.5 * np.square(place / ANALYSIS.central))
    return weight


def _blurred(values: Floats, radius: float) -> Floats:
    """Values and result 0 to 1."""
    image = Image.fromarray((values * 255).astype(np.uint8))
    blurred = image.filter(ImageFilter.BoxBlur(radius))
    return np.asarray(blurred, dtype=np.float32) / np.float32(255)


def _solid(mask: Mask) -> Mask:
    """Without specks."""
    result: Mask = mask & (_blurred(mask.astype(np.float32), 2) > ANALYSIS.solid)
    return result


def _with_margin(analysis: Analysis) -> Analysis:
    if analysis.subject is None:
        return analysis
    by_x, by_y = SCALES.air * analysis.subject.width, SCALES.air * analysis.subject.height
    left, top, right, bottom = analysis.subject.as_tuple()
    wider = Area(
        max(0.0, left - by_x), max(0.0, top - by_y), min(1.0, right + by_x), min(1.0, bottom + by_y)
    )
    return replace(analysis, subject=wider)
