"""The ground of a studio photo on a reduced grid: is it plain, how does it look, where is it.

A plain ground is smooth from border to border: one colour, a gradient or a sweep, darkened by soft
shadows. So it is found by walking from the border over cells that hardly differ from their
neighbours, and it is known behind the subject by filling the gap smoothly.
"""

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from edge.rendering import shadows
from edge.rendering.regions import Mask, border, flood, grown

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

RING = 0.03
"""Depth of the border that is judged, as a share of the long side."""

SHARE = 0.55
"""Of the border, the least that is ground in a studio photo."""

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

RAMP = 0.3
"""The same for a shadow's soft edge on coloured paper: the outline of a product of the paper's hue
bends more."""

SMOOTH = 0.3
"""Times calm, the most that a shadow more saturated than its ground may bend around a cell: fur and
felt bend more."""

HUE_STEPS = 0.6
"""Times calm, the most that the colour within a shadow may change, apart from its light."""

NOISE_STEPS, REACH = 4.0, 4
"""How rough, times calm, and how many cells wide JPEG's noise around an outline may be."""

CORE_DEPTH = 0.35
"""The darkest part of a core that is still taken for shadow: black glaze begins below."""

CORE_SHARE = 0.06
"""Of what the ground does not reach, the most that may be the core of its shadow."""


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


def survey(grid: Pixels, least: float = SHARE) -> Studio | NotPlain:
    """Find the ground of a picture uint8 [h, w, 3] of some hundred cells a side; at least so much
    of the border has to show it."""
    ring = border(grid.shape[:2], max(2, round(RING * max(grid.shape[:2]))))
    steps = local_range(grid)
    usual = float(np.median(steps[ring]))
    if usual > ROUGHEST:
        return NotPlain("the border is textured")
    calm = CALM + 1.5 * usual
    surface = fit_surface(grid, ring)
    off = shadows.worst(np.abs(grid - surface))
    seeds = ring & (steps <= calm) & (off <= 3 * calm)
    share = np.count_nonzero(seeds) / np.count_nonzero(ring)
    if share < least:
        return NotPlain("the border is not one smooth ground")
    ground = _walk(grid.astype(np.float32), surface, steps, calm, seeds)
    ground = _close_in(grid, ground, steps, calm)
    ground |= shadows.hard(grid, ground, backdrop(grid, ground), surface, steps, calm)
    return Studio(backdrop(grid, ground), ground, steps, calm, share, surface)


def local_range(grid: Pixels) -> Pixels:
    """Levels between the least and the greatest of each cell's 3x3, in the worst channel [h, w]."""
    padded = np.pad(grid, ((1, 1), (1, 1), (0, 0)), mode="edge")
    rows_high = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    rows_low = np.minimum(np.minimum(padded[:-2], padded[1:-1]), padded[2:])
    high = np.maximum(np.maximum(rows_high[:, :-2], rows_high[:, 1:-1]), rows_high[:, 2:])
    low = np.minimum(np.minimum(rows_low[:, :-2], rows_low[:, 1:-1]), rows_low[:, 2:])
    worst: Pixels = shadows.worst(high - low)
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
        off = shadows.worst(np.abs(colours - basis @ factors))
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
    return shadows.worst(np.maximum(one, other) - np.minimum(one, other))


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
    light, tint = shadows.shade_of(grid, surface)
    bend = _bend(light) * surface.mean(axis=2)
    bounced = shadows.bounced(grid, surface, light) & (_around(bend) <= SMOOTH * calm)
    alike = ((tint <= shadows.TINT) | bounced) & (light >= shadows.SHADOW_DEPTH) & (light <= 1.25)
    soft = (light < 0.97) & (steps <= SHADOW_STEPS * calm)
    even = (bend <= BEND * calm) & (steps <= CORE_STEPS * calm)
    if shadows.is_paper(surface, calm):
        of_one = shadows.hue_steps(grid, surface) <= HUE_STEPS * calm
        soft &= (bend <= RAMP * calm) & of_one
        even &= of_one
    ground = flood(alike & ((steps <= calm) | soft), seeds)
    core = alike & even & (light < 0.9) & (light > CORE_DEPTH)
    deeper = flood(core, ground & (light < 0.93)) & ~ground
    if np.count_nonzero(deeper) > CORE_SHARE * np.count_nonzero(~ground):
        return ground
    rim = grown(deeper, 3) & grown(ground, 3) & alike
    reached: Mask = ground | deeper | rim
    return reached


def _bend(light: Floats) -> Floats:
    """How far each cell is from the mean of its surroundings: little on a ramp, much at an edge."""
    padded = np.pad(light, 2, mode="edge")
    middle = slice(2, -2)
    around = padded[:-4, middle] + padded[4:, middle] + padded[middle, :-4] + padded[middle, 4:]
    bend: Floats = np.abs(light - around / 4)
    return bend


def _around(values: Floats) -> Floats:
    """The mean of each cell's 5x5, values of 0 to 64 levels."""
    image = Image.fromarray(np.clip(values * 4, 0, 255).astype(np.uint8))
    mean: Floats = np.asarray(image.filter(ImageFilter.BoxBlur(2)), np.float32) / np.float32(4)
    return mean


def _close_in(grid: Pixels, ground: Mask, steps: Pixels, calm: float) -> Mask:
    """Go on to the outline itself, through JPEG's noise beside it, by the ground's own colour."""
    behind = backdrop(grid, ground)
    same = (apart(grid, behind) <= calm) & (steps <= NOISE_STEPS * calm)
    walkable: Mask = (same & grown(ground, REACH)) | ground
    return flood(walkable, ground)
