"""Continues a scene beyond the picture's edge with its own background, increasingly blurred.

The strip of background beside the edge is copied outwards along a path that runs away from the edge
and back, with turning points drawn from a seeded generator: adjacent rows come from adjacent rows,
so there is no seam, and no visible period. A Gaussian blur grows with the distance, strongly across
the edge and weakly along it, so that a horizon or a table's edge continues straight. Pixels inside
the subject's box are never copied.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from edge.arrays import Doubles, Floats, Labels, Levels, Mask, Pixels, Places
from edge.rendering.analysis.backdrop import backdrop
from edge.rendering.extend.grain import grained
from edge.rendering.numbers import tuned
from edge.rendering.pixels.scales import SCALES


@dataclass(frozen=True)
class SceneNumbers:
    """How a scene is continued."""

    across: float = tuned(
        0.12,
        "pixels a pixel",
        "radius of the blur away from the edge for each of distance",
        "hidden borders of 28 scenes come back within 30.9 levels; 31.2 with half of it, 30.6 with "
        "twice: a blur errs less than detail that is made up",
    )
    along: float = tuned(
        0.012,
        "pixels a pixel",
        "the same along the edge, where lines go on",
        "the same 30.9 levels, with half of it; 30.8 with twice",
    )
    step: int = tuned(
        4,
        "pixels",
        "of which one column is made, once the blur is twice as wide",
        "grain of those borders is met within a factor of 1.8; 1.8 with half of it, 2.0 with twice",
    )
    far: float = tuned(
        0.75,
        "share of the height",
        "within which what stands by the edge gives way to what the background usually is at that "
        "level",
        "the same 30.9 levels; 30.6 with half of it, 31.0 with twice",
    )


SCENE = SceneNumbers()


_SEED = 1_969


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture's background: RGB, the subject painted over.

    `background` bool [h, w] is where it is seen, on a grid; `usual` float32 [H, 3] the middle
    colour of each row, None where rows are no levels of the scene.
    """

    image: Image.Image
    background: Mask
    usual: Floats | None

    def depth(self, *, at_far: bool) -> int:
        """The columns that are background and nothing else from that edge on; where there are none,
        a few."""
        free = np.logical_and.reduce(self.background, axis=0)
        free = free[::-1] if at_far else free
        cells = len(free) if free.all() else int(free.argmin())
        return max(SCENE.step, round((cells / len(free) or 2 * SCALES.air) * self.image.width))


def scene_of(image: Image.Image, grid: Pixels, background: Mask, *, level: bool) -> Scene:
    """The scene of a picture; `grid` [h, w, 3] is the picture reduced, `background` [h, w] its
    cells without subject.

    `level`: the picture stands upright, so that a row is one level of the scene.
    """
    clean = _without_subject(image, grid, background)
    free = np.logical_and.reduce(background, axis=0)
    if not level or not free.any():
        return Scene(clean, background, None)
    lines = clean.resize((len(free), clean.height), Image.Resampling.BOX, reducing_gap=2.0)
    usual = np.median(np.asarray(lines)[:, free], axis=1).astype(np.float32)
    return Scene(clean, background, usual)


def imagined(image: Image.Image, scene: Scene, length: int, *, at_far: bool) -> Image.Image:
    """What a scene may show in `length` columns left (or right: `at_far`) of a picture."""
    size = (length, image.height)
    step = SCENE.step
    coarse = Image.fromarray(_soft(scene, length, step, at_far=at_far))
    result = coarse.resize(size, Image.Resampling.BICUBIC, (0, 0, length / step, image.height))
    near = min(round(2 * step / SCENE.across), length)
    fine = Image.fromarray(_soft(scene, near, 1, at_far=at_far))
    result.paste(fine, (0, 0), _ramp(near, image.height, near, near // 2))
    focus = round(step / SCENE.across)
    result = grained(result, image, at_far=at_far, shares=_ramp(length, image.height, 0, focus))
    return result if at_far else ImageOps.mirror(result)


def _without_subject(image: Image.Image, grid: Pixels, background: Mask) -> Image.Image:
    if background.all() or not background.any():
        return image
    filled = Image.fromarray(backdrop(grid, background))
    soft = filled.resize(image.size, Image.Resampling.BICUBIC)
    hide = Image.fromarray(~background).convert("L").resize(image.size, Image.Resampling.BILINEAR)
    return Image.composite(soft, image, hide.point([0, *[255] * 255]))


def _soft(scene: Scene, length: int, step: int, *, at_far: bool) -> Levels:
    """One column in `step` of the extension, from the edge on: uint8 [H, columns, 3]."""
    width, height = scene.image.size
    depth = scene.depth(at_far=at_far)
    away = (np.arange(-(-length // step)) + 0.5) * step
    across, along = away * SCENE.across, (away * SCENE.along).astype(np.intp)
    spare = min(round(across[-1]) + step, width)
    places = (np.arange(-(spare // step), len(away) + spare // step + 1) + 0.5) * step
    columns = _walk(places, depth, width)
    columns = width - 1 - columns if at_far else columns
    source = np.asarray(scene.image)[:, columns].astype(np.int32)
    first = np.arange(len(away)) + spare // step
    soft = _down(_box(source, first, (across / step).astype(np.intp)), along)
    if scene.usual is not None:
        share = np.clip(away / (SCENE.far * height), 0, 1).astype(np.float32)[None, :, None]
        soft += share * share * (scene.usual[:, None] - soft)
    return (soft + 0.5).astype(np.uint8)


def _walk(places: Doubles, depth: int, width: int) -> Places:
    """The column, counted from the edge, that each place shows: below 0 the picture itself."""
    dice = np.random.default_rng(_SEED)
    turns, marks = [0.0], [0.0]
    while marks[-1] < places[-1]:
        is_near = len(turns) % 2 == 0
        turns.append(depth * dice.uniform(0, 0.5) if is_near else depth * dice.uniform(0.5, 1))
        marks.append(marks[-1] + max(1.0, abs(turns[-1] - turns[-2])))
    walked = np.where(places < 0, -places, np.interp(places, marks, turns))
    return np.clip(walked, 0, width - 1).astype(np.intp)


def _box(rows: Labels, at: Places, by: Places) -> Floats:
    """The mean of `by` columns to either side of each column `at`, by sums (Crow 1984)."""
    sums = np.zeros((rows.shape[0], rows.shape[1] + 1, 3), np.int32)
    np.cumsum(rows, axis=1, out=sums[:, 1:])
    low, high = np.maximum(at - by, 0), np.minimum(at + by + 1, rows.shape[1])
    mean: Floats = (sums[:, high] - sums[:, low]) / (high - low).astype(np.float32)[:, None]
    return mean


def _down(soft: Floats, along: Places) -> Floats:
    """Each column blurred along itself by its radius; radii never fall."""
    height = soft.shape[0]
    result = soft.copy()
    for radius in np.unique(along[along > 0]):
        part = slice(*np.searchsorted(along, [radius, radius + 1]))
        padded = np.pad(soft[:, part], ((radius + 1, radius), (0, 0), (0, 0)), mode="edge")
        sums = np.cumsum(padded, axis=0, dtype=np.float64)
        result[:, part] = (sums[2 * radius + 1 :] - sums[:height]) / (2 * radius + 1)
    return result


def _ramp(width: int, height: int, start: int, end: int) -> Image.Image:
    """A mask, mode L, from 0 in column `start` to 255 in column `end`."""
    share = (np.arange(width) - start) / ((end - start) or 1)
    line = Image.fromarray((255 * np.clip(share, 0, 1)).astype(np.uint8)[None])
    return line.resize((width, height), Image.Resampling.NEAREST)
