"""The background model of a photo on a reduced grid: is it plain, how does it look, where is it.

A plain background is smooth from border to border: one colour, a gradient or a sweep, darkened by
soft shadows. So it is found by walking from the border over cells that hardly differ from their
neighbours, and it is known behind the product by filling the gap smoothly.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from edge.rendering.pixels.arrays import Floats, Mask, Pixels
from edge.rendering.pixels.morphology import border, components, flood, grown, shrunk

RING = 0.03
"""Depth of the border that is judged, as a share of the long side."""

SHARE = 0.6
"""Of the border that no network takes for the product, the least that is plain background."""

LEAST_SEEN = 0.1
"""Of the border: where a product leaves less of it free, nothing is known of a background."""

NOISE_LEVEL = 6.0
"""Levels that a background may change within three cells whatever its noise: gradients, JPEG."""

ROUGHEST = 8.0
"""Levels within three cells in the middle of the border, above which it is a texture: linen and
carpets of the try-out photographs lie above 9, paper and painted walls below 6."""

SHADOW_STEPS = 2.5
"""A shadow may change so many times faster than the lit background; outlines are steeper."""

DARKEST = 0.2
"""The least of the background's light that a shadow leaves; under it, black products begin."""

TINT = 11.0
"""Levels by which a shadow's colour may stray from the darkened background's."""

COLOURED = 40.0
"""Levels between the strongest and the weakest channel of a background that has a colour."""

BOUNCES = 2.0
"""How often, per share of light lost, the light in a shadow may have met the background before."""

NOISE_STEPS, REACH = 4.0, 4
"""How rough, times the noise, and how many cells wide JPEG's noise around an outline may be."""


@dataclass(frozen=True, slots=True)
class BackgroundModel:
    """A plain background, on the grid of a reduced picture [h, w].

    `backdrop` uint8 [h, w, 3] is the background as it would be without the product; `open` is where
    it is seen; `lit` uint8 [h, w, 3] is it without shadows; `noise_tolerance` the levels within
    three cells that count as no edge; `range` the levels within three cells at each cell; `share`
    the share of the free border that is background (0 to 1).
    """

    backdrop: Pixels = field(repr=False)
    lit: Pixels = field(repr=False)
    open: Mask = field(repr=False)
    range: Pixels = field(repr=False)
    noise: float
    share: float

    @property
    def blown_out(self) -> bool:
        """The background is so white that no shade of it is left."""
        return bool(np.median(self.backdrop[::4, ::4].min(axis=2)) >= 252)

    @property
    def coloured(self) -> bool:
        """The background has a colour of its own, which tells its shadows from grey products."""
        few = self.backdrop[::4, ::4].astype(np.int16)
        return bool(np.median(few.max(axis=2) - few.min(axis=2)) >= COLOURED)

    def with_open(self, grid: Pixels, seen: Mask) -> "BackgroundModel":
        """The same with the background `seen` elsewhere [h, w], the backdrop filled from there."""
        return replace(self, open=seen, backdrop=backdrop(grid, seen))


@dataclass(frozen=True, slots=True)
class NotPlain:
    """Why there is no plain background; `detail` where the product fills the border."""

    reason: str
    detail: bool = False


def fit_background(
    grid: Pixels,
    claimed: Mask | None = None,
    sure: Mask | None = None,
    *,
    least: float = SHARE,
    roughest: float = ROUGHEST,
    floors: bool = False,
) -> BackgroundModel | NotPlain:
    """The background of a picture uint8 [h, w, 3] of some hundred cells a side.

    Args:
        claimed: bool [h, w], what a network takes for the product, None where none was asked.
        sure: those of it that no colour can make background.
        least: of the border that is not claimed, so much has to show a plain background.
        roughest: levels within three cells in the middle of that, above which it is a texture.
        floors: what reaches two opposite sides is background too, whatever its colour.
    """
    height, width = grid.shape[:2]
    nothing = np.zeros((height, width), np.bool_)
    claimed, sure = (nothing if cells is None else cells for cells in (claimed, sure))
    ring = border(nothing.shape, max(2, round(RING * max(nothing.shape))))
    free = ring & ~claimed
    if np.count_nonzero(free) < LEAST_SEEN * np.count_nonzero(ring):
        return NotPlain("the product fills the border", detail=True)
    steps = local_range(grid)
    usual = float(np.median(steps[free]))
    if usual > roughest:
        return NotPlain("the border is textured")
    noise = NOISE_LEVEL + 1.5 * usual
    surface = fit_surface(grid, free)
    off = worst(np.abs(grid - surface))
    seeds = free & (steps <= noise) & (off <= 3 * noise)
    share = np.count_nonzero(seeds) / np.count_nonzero(free)
    if share < least:
        return NotPlain("the border is not one smooth background")
    light, tint = shade_of(grid.astype(np.float32), surface)
    alike = (tint <= TINT) & (light >= DARKEST) & (light <= 1.25)
    soft = (light < 1) & (steps <= SHADOW_STEPS * noise) & ~claimed
    denied = ~sure & (~claimed | (off <= noise))
    seen = flood(((steps <= noise) | soft) & alike & denied, seeds)
    if floors:
        seen |= _scenery(~seen & ~claimed)
    seen = _close_in(grid, seen, steps, noise, denied)
    enclosed = (steps <= noise) & (apart(grid, backdrop(grid, seen)) <= noise) & denied
    seen |= flood(enclosed, shrunk(enclosed, 1))
    return BackgroundModel(
        backdrop(grid, seen), surface.astype(np.uint8), seen, steps, noise, share
    )


def _scenery(rest: Mask) -> Mask:
    """What reaches two opposite sides of the picture, as a floor or a horizon does: no product."""
    labels, count = components(rest)
    across, down = (
        np.intersect1d(*sides) for sides in ((labels[:, 0], labels[:, -1]), (labels[0], labels[-1]))
    )
    found = np.zeros(count + 1, np.bool_)
    found[across] = found[down] = True
    found[0] = False
    scenery: Mask = found[labels]
    return scenery


def local_range(grid: Pixels) -> Pixels:
    """Levels between the least and the greatest of each cell's 3x3, in the worst channel [h, w]."""
    near = np.ones((3, 3), np.uint8)
    return worst(cv2.morphologyEx(grid, cv2.MORPH_GRADIENT, near))


def fit_surface(grid: Pixels, cells: Mask) -> Floats:
    """A quadratic surface per channel through most of `cells` [h, w, 3]; the rest are outliers.

    Iteratively reweighted least squares with Tukey's biweight (Beaton and Tukey 1974), from a
    constant over a plane to the quadratic, so that a product on the border draws it nowhere.
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
        off = worst(np.abs(colours - basis @ factors))
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


def shade_of(grid: Floats, behind: Floats) -> tuple[Floats, Floats]:
    """How much of the background's light each cell has [h, w], and how many levels its colour is
    off from a background in shadow.

    What light a shadow gets was reflected by the background before, so on coloured paper it is more
    saturated: a mixture of the background's colour and that colour times itself.
    """
    squared = np.maximum(np.einsum("hwc,hwc->hw", behind, behind), 1.0)
    light: Floats = np.einsum("hwc,hwc->hw", grid, behind) / squared
    off = grid - light[..., None] * behind
    twice = np.square(behind) / 255
    vivid = twice - (np.einsum("hwc,hwc->hw", twice, behind) / squared)[..., None] * behind
    length = np.maximum(np.einsum("hwc,hwc->hw", vivid, vivid), 1.0)
    share = np.einsum("hwc,hwc->hw", off, vivid) / length
    share = np.clip(share, 0, BOUNCES * np.maximum(1 - light, 0))
    return light, worst(np.abs(off - share[..., None] * vivid))


def apart(one: Pixels, other: Pixels) -> Pixels:
    """Levels between two pictures in the channel where they differ most [h, w]."""
    return worst(cv2.absdiff(one, other))


def worst(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The greatest of three channels; numpy's own maximum over so short an axis is slow."""
    worst: npt.NDArray[Any] = np.maximum(np.maximum(values[..., 0], values[..., 1]), values[..., 2])
    return worst


def backdrop(grid: Pixels, seen: Mask) -> Pixels:
    """The colours [h, w, 3] of the `seen` cells, filled smoothly into all others, the nearest
    counting most."""
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


_solid = [0, *[255] * 255]  # a cell that saw any background knows its colour


def _close_in(grid: Pixels, seen: Mask, steps: Pixels, noise: float, free: Mask) -> Mask:
    """Go on to the outline itself, through JPEG's noise beside it, by the background's colour."""
    behind = backdrop(grid, seen)
    same = (apart(grid, behind) <= noise) & (steps <= NOISE_STEPS * noise) & free
    walkable: Mask = (same & grown(seen, REACH)) | seen
    return flood(walkable, seen)
