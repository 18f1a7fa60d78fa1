"""The ground of a studio photo on a reduced grid: is it plain, how does it look, where is it.

A plain ground is smooth from border to border: one colour, a gradient or a sweep, darkened by soft
shadows. So it is found by walking from the border over cells that hardly differ from their
neighbours, and it is known behind the subject by filling the gap smoothly.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from edge.rendering.regions import Mask, border, flood, grown, shrunk

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

RING = 0.03
"""Depth of the border that is judged, as a share of the long side."""

CALM = 6.0
"""Levels that a ground may change within three cells whatever its noise: gradients, JPEG."""

ROUGHEST = 8.0
"""Levels within three cells in the middle of the border, above which it is a texture: linen and
carpets of the try-out photographs lie above 9, paper and painted walls below 6."""

SHADOW_STEPS = 2.5
"""A shadow may change so many times faster than the lit ground; product outlines are steeper."""

CORE_STEPS = 4.5
"""The same for the core of a shadow close to where the product stands."""

BEND = 0.5
"""Times calm, the most that a core may bend within five cells: it has no texture."""

NOISE_STEPS, REACH = 4.0, 4
"""How rough, times calm, and how many cells wide JPEG's noise around an outline may be."""

COLOURED, HARD_DEPTH, HARD_SHARE = 40.0, 0.5, 0.35
"""Levels of `colourfulness` from which colour alone tells a shadow; the darkest such shadow; and of
what the ground does not reach, the most that it may be."""

CORE_DEPTH = 0.35
"""The darkest part of a core that is still taken for shadow: black glaze begins below."""

CORE_SHARE = 0.06
"""Of what the ground does not reach, the most that may be the core of its shadow."""

SHADOW_DEPTH = 0.22
"""The darkest that a shadow leaves of the ground's light; under it, black products begin."""

TINT = 11.0
"""Levels by which a shadow's colour may stray from the darkened ground's."""


@dataclass(frozen=True, slots=True)
class Studio:
    """A plain ground, on the grid of a reduced picture [h, w].

    `backdrop` uint8 [h, w, 3] is the ground as it would be without the subject, soft shadows
    included; `open` is where it is seen; `calm` the levels within three cells that count as no
    edge; `range` the levels within three cells at each cell; `share` the share of the border that
    is ground (0 to 1); `surface` [h, w, 3] a quadratic through the border.
    """

    backdrop: Pixels = field(repr=False)
    open: Mask = field(repr=False)
    range: Pixels = field(repr=False)
    calm: float
    share: float
    surface: Floats = field(repr=False)

    @property
    def blown_out(self) -> bool:
        """The ground is so white that no shade of it is left."""
        return bool(np.median(self.backdrop[::4, ::4].min(axis=2)) >= 252)

    def with_open(self, grid: Pixels, seen: Mask) -> "Studio":
        """The same studio with its ground seen elsewhere, and the backdrop filled from there."""
        return replace(self, open=seen, backdrop=backdrop(grid, seen))


@dataclass(frozen=True, slots=True)
class NotPlain:
    """Why the border is no studio ground."""

    reason: str


def survey(grid: Pixels) -> Studio | NotPlain:
    """Find the ground of a picture uint8 [h, w, 3] of some hundred cells a side."""
    ring = border(grid.shape[:2], max(2, round(RING * max(grid.shape[:2]))))
    steps = local_range(grid)
    usual = float(np.median(steps[ring]))
    if usual > ROUGHEST:
        return NotPlain("the border is textured")
    calm = CALM + 1.5 * usual
    surface = fit_surface(grid, ring)
    off = _worst(np.abs(grid - surface))
    seeds = ring & (steps <= calm) & (off <= 3 * calm)
    share = np.count_nonzero(seeds) / np.count_nonzero(ring)
    if share < 0.55:
        return NotPlain("the border is not one smooth ground")
    ground = _walk(grid.astype(np.float32), surface, steps, calm, seeds)
    ground = _close_in(grid, ground, steps, calm)
    ground = _with_hard_shadows(grid, ground, surface, steps, calm)
    return Studio(backdrop(grid, ground), ground, steps, calm, share, surface)


def local_range(grid: Pixels) -> Pixels:
    """Levels between the least and the greatest of each cell's 3x3, in the worst channel [h, w]."""
    padded = np.pad(grid, ((1, 1), (1, 1), (0, 0)), mode="edge")
    rows_high = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    rows_low = np.minimum(np.minimum(padded[:-2], padded[1:-1]), padded[2:])
    high = np.maximum(np.maximum(rows_high[:, :-2], rows_high[:, 1:-1]), rows_high[:, 2:])
    low = np.minimum(np.minimum(rows_low[:, :-2], rows_low[:, 1:-1]), rows_low[:, 2:])
    worst: Pixels = _worst(high - low)
    return worst


def fit_surface(grid: Pixels, cells: Mask) -> Floats:
    """A quadratic surface per channel through most of `cells` [h, w, 3]; the rest are outliers.

    Iteratively reweighted least squares with Tukey's biweight (Beaton and Tukey 1974), from a
    constant over a plane to the quadratic, so that a subject on the border draws it nowhere.
    """
    height, width = grid.shape[:2]
    down = np.linspace(-1, 1, height, dtype=np.float32)
    across = np.linspace(-1, 1, width, dtype=np.float32)
    rows, columns = np.nonzero(cells)
    y, x = down[rows], across[columns]
    basis, colours = _terms(x, y), grid[cells].astype(np.float32)
    factors = np.zeros((basis.shape[1], 3), np.float32)
    factors[0] = np.median(colours, axis=0)
    for count in (3, 3, 6, 6, 6):
        off = _worst(np.abs(colours - basis @ factors))
        reach = 4.7 * max(2.0, 1.48 * float(np.median(off)))
        weight = np.clip(1 - np.square(off / reach), 0, None) ** 2
        weighted = basis[:, :count] * weight[:, None]
        normal = weighted.T @ basis[:, :count] + 1e-3 * np.eye(count, dtype=np.float32)
        factors[:count] = np.linalg.solve(normal, weighted.T @ colours)
    constant, by_x, by_y, by_xy, by_xx, by_yy = factors
    y, x = down[:, None, None], across[None, :, None]
    surface: Floats = (constant + by_y * y + by_yy * y * y) + (by_x + by_xy * y) * x + by_xx * x * x
    return np.clip(surface, 0, 255, out=surface)


def _terms(x: Floats, y: Floats) -> Floats:
    terms: Floats = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=-1)
    return terms


def apart(one: Pixels, other: Pixels) -> Pixels:
    """Levels between two pictures in the channel where they differ most [h, w]."""
    return _worst(np.maximum(one, other) - np.minimum(one, other))


def backdrop(grid: Pixels, seen: Mask) -> Pixels:
    """The colours of the `seen` cells, filled smoothly into all others, nearest counting most."""
    alpha = seen.astype(np.uint8) * np.uint8(255)
    image = Image.fromarray(np.dstack([grid, alpha]), "RGBA")
    return np.asarray(_pulled(image).convert("RGB"))


def _pulled(image: Image.Image) -> Image.Image:
    """Fill what is see-through from the next coarser level of itself (push-pull)."""
    if min(image.size) <= 2:
        flat = image.resize((1, 1), Image.Resampling.BOX).convert("RGB")
        return flat.resize(image.size)
    half = ((image.width + 1) // 2, (image.height + 1) // 2)
    smaller = image.resize(half, Image.Resampling.BOX)
    smaller.putalpha(smaller.getchannel("A").point(_solid))
    coarse = _pulled(smaller).resize(image.size, Image.Resampling.BILINEAR)
    coarse.paste(image.convert("RGB"), mask=image.getchannel("A"))
    return coarse


_solid = [0, *[255] * 255]  # a cell that saw any ground knows its colour


def _walk(grid: Floats, surface: Floats, steps: Pixels, calm: float, seeds: Mask) -> Mask:
    """Cells joined to the border by calm ones of about its colour, and by softly darkened ones.

    From the shadow so found the walk goes on into its steeper core, unless that would take a good
    part of what is left: then it is no shadow but a grey product.
    """
    light, tint = shade_of(grid, surface)
    alike = (tint <= TINT) & (light >= SHADOW_DEPTH) & (light <= 1.25)
    dark = light < 0.97
    ground = flood(alike & (steps <= np.where(dark, SHADOW_STEPS * calm, calm)), seeds)
    even = _bend(light) * surface.mean(axis=2) <= BEND * calm
    core = alike & (light < 0.9) & (light > CORE_DEPTH) & even & (steps <= CORE_STEPS * calm)
    deeper = flood(core, ground & (light < 0.93)) & ~ground
    if np.count_nonzero(deeper) > CORE_SHARE * np.count_nonzero(~ground):
        return ground
    rim = grown(deeper, 3) & grown(ground, 3) & alike
    reached: Mask = ground | deeper | rim
    return reached


def _with_hard_shadows(
    grid: Pixels, ground: Mask, surface: Floats, steps: Pixels, calm: float
) -> Mask:
    """On coloured paper a shadow has its colour and no product does, so it needs no soft edge."""
    if colourfulness(surface) < COLOURED:  # white and grey products would be shadows there
        return ground
    behind = backdrop(grid, ground)
    light, tint = shade_of(grid.astype(np.float32), behind.astype(np.float32))
    alike = (tint <= TINT) & (light >= HARD_DEPTH) & (light <= 1.05) & ~ground
    flat = alike & (steps <= calm)
    shadow = flood(flat, shrunk(flat, 1))
    if np.count_nonzero(shadow) > HARD_SHARE * np.count_nonzero(~ground):
        return ground
    return ground | flood(shadow | (alike & grown(shadow, 5)), shadow)


def shade_of(grid: Floats, ground: Floats) -> tuple[Floats, Floats]:
    """How much of the ground's light each cell has [h, w], and how many levels its colour is off
    from a ground of that light."""
    squared = np.maximum(np.einsum("hwc,hwc->hw", ground, ground), 1.0)
    light: Floats = np.einsum("hwc,hwc->hw", grid, ground) / squared
    return light, _worst(np.abs(grid - light[..., None] * ground))


def colourfulness(ground: Pixels | Floats) -> float:
    """Levels between the ground's strongest and weakest channel."""
    few = ground[::4, ::4].astype(np.float32)
    return float(np.median(few.max(axis=2) - few.min(axis=2)))


def _bend(light: Floats) -> Floats:
    """How far each cell is from the mean of its surroundings: little on a ramp, much at an edge."""
    padded = np.pad(light, 2, mode="edge")
    middle = slice(2, -2)
    around = padded[:-4, middle] + padded[4:, middle] + padded[middle, :-4] + padded[middle, 4:]
    bend: Floats = np.abs(light - around / 4)
    return bend


def _close_in(grid: Pixels, ground: Mask, steps: Pixels, calm: float) -> Mask:
    """Go on to the outline itself, through JPEG's noise beside it, by the ground's own colour."""
    behind = backdrop(grid, ground)
    same = (apart(grid, behind) <= calm) & (steps <= NOISE_STEPS * calm)
    walkable: Mask = (same & grown(ground, REACH)) | ground
    return flood(walkable, ground)


def _worst(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The greatest of three channels; numpy's own maximum over so short an axis is slow."""
    worst: npt.NDArray[Any] = np.maximum(np.maximum(values[..., 0], values[..., 1]), values[..., 2])
    return worst
