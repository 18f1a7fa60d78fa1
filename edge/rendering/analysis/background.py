"""The background model of a photo on a reduced grid: is it plain, how does it look, where is it.

A plain background is smooth from border to border: one colour, a gradient or a sweep, darkened by
soft shadows. So it is found by walking from the border over cells that hardly differ from their
neighbours, and it is known behind the product by filling the gap smoothly.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from edge.rendering.numbers import tuned
from edge.rendering.pixels.arrays import Floats, Mask, Pixels
from edge.rendering.pixels.levels import LEVELS
from edge.rendering.pixels.morphology import border, components, flood, grown, shrunk


@dataclass(frozen=True)
class BackgroundNumbers:
    """When a background is plain, and how far it goes."""

    grid: int = tuned(
        400,
        "cells",
        "most cells on the long side of the reduced picture in which regions are found",
        "a box is then good to a third of a percent",
    )
    ring: float = tuned(
        0.03,
        "share of the long side",
        "depth of the border that is judged",
        "chosen by eye on shop photos",
    )
    share: float = tuned(
        0.6,
        "share",
        "of the border that no network takes for the product, the least that is plain",
        "chosen by eye on shop photos",
    )
    least_seen: float = tuned(
        0.1,
        "share",
        "of the border; where a product leaves less of it free, nothing is known of a background",
        "chosen by eye on shop photos",
    )
    noise: float = tuned(
        6.0,
        "levels",
        "change within three cells that a background may show whatever its grain: gradients, JPEG",
        "chosen by eye on shop photos",
    )
    roughest: float = tuned(
        2.5,
        "levels",
        "change within three cells in the middle of the border, above which it is a texture and "
        "may not overrule a network: wood, cloth, stone",
        "chosen by eye over 299 shop photos; paper and painted walls lie below",
    )
    rough_alone: float = tuned(
        9.0,
        "levels",
        "the same where no network was asked: grain counts as no texture",
        "linen and carpets lie above, paper and painted walls below 6, grain of 2.5 levels at it",
    )
    shadow_steps: float = tuned(
        2.5,
        "times the noise",
        "how fast a shadow may change; outlines are steeper",
        "chosen by eye on shop photos",
    )
    darkest: float = tuned(
        0.2,
        "share of the background's light",
        "least light that a shadow leaves; under it, black products begin",
        "chosen by eye on shop photos",
    )
    tint: float = tuned(
        11.0,
        "levels",
        "how far a shadow's colour may stray from the darkened background's",
        "chosen by eye on shop photos",
    )
    coloured: float = tuned(
        40.0,
        "levels",
        "between the strongest and the weakest channel of a background that has a colour",
        "chosen by eye on shop photos",
    )
    bounces: float = tuned(
        2.0,
        "a share of light lost",
        "how often the light in a shadow may have met the background before",
        "chosen by eye over coloured grounds of the sample catalogue",
    )
    rough_beside: float = tuned(
        4.0,
        "times the noise",
        "how rough JPEG's noise beside an outline may be",
        "chosen by eye on shop photos",
    )
    reach: int = tuned(
        4,
        "cells",
        "how far from the outline it reaches",
        "chosen by eye on shop photos",
    )


BACKGROUND = BackgroundNumbers()


def reduced(image: Image.Image) -> Image.Image:
    """The picture at the size in which regions are found: whole blocks of pixels averaged."""
    factor = -(-max(image.size) // BACKGROUND.grid)
    return image.reduce(factor) if factor > 1 else image


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
    def extreme(self) -> bool:
        """The background is so white or so dark that products have its very colour."""
        few = self.backdrop[::4, ::4]
        return bool(np.median(few.min(axis=2)) >= 252 or np.median(few.max(axis=2)) < LEVELS.dark)

    @property
    def coloured(self) -> bool:
        """The background has a colour of its own, which tells its shadows from grey products."""
        few = self.backdrop[::4, ::4].astype(np.int16)
        return bool(np.median(few.max(axis=2) - few.min(axis=2)) >= BACKGROUND.coloured)

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
    least: float | None = None,
    floors: bool = False,
) -> BackgroundModel | NotPlain:
    """The background of a picture uint8 [h, w, 3] of some hundred cells a side.

    Args:
        claimed: bool [h, w], what a network takes for the product, None where none was asked. A
            background that may overrule it has to be smoother.
        sure: those of it that no colour can make background.
        least: of the border that is not claimed, so much has to be plain; None: as usual.
        floors: what reaches two opposite sides is background too, whatever its colour.
    """
    nothing = np.zeros((grid.shape[0], grid.shape[1]), np.bool_)
    alone = claimed is None
    claimed, sure = (nothing if cells is None else cells for cells in (claimed, sure))
    ring = ring_of(nothing.shape)
    free = ring & ~claimed
    if np.count_nonzero(free) < BACKGROUND.least_seen * np.count_nonzero(ring):
        return NotPlain("the product fills the border", detail=True)
    steps = local_range(grid)
    usual = float(np.median(steps[free]))
    if usual > (BACKGROUND.rough_alone if alone else BACKGROUND.roughest):
        return NotPlain("the border is textured")
    noise = BACKGROUND.noise + 1.5 * usual
    surface = fit_surface(grid, free)
    off = worst(np.abs(grid - surface))
    seeds = free & (steps <= noise) & (off <= 3 * noise)
    share = np.count_nonzero(seeds) / np.count_nonzero(free)
    if share < (least or BACKGROUND.share):
        return NotPlain("the border is not one smooth background")
    light, tint = shade_of(grid.astype(np.float32), surface)
    alike = (tint <= BACKGROUND.tint) & (light >= BACKGROUND.darkest) & (light <= 1.25)
    soft = (light < 1) & (steps <= BACKGROUND.shadow_steps * noise) & ~claimed
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


def ring_of(shape: tuple[int, int]) -> Mask:
    """The border of a grid [h, w] by which its background is judged."""
    return border(shape, border_depth(max(shape)))


def border_depth(side: int) -> int:
    """How deep the border is that is judged, in cells or pixels of a picture of that side."""
    return max(2, round(BACKGROUND.ring * side))


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
    """A quadratic surface per channel through most of `cells` [h, w, 3]; the rest are outliers, so
    that a product on the border draws it nowhere."""
    height, width = grid.shape[:2]
    down = np.linspace(-1, 1, height, dtype=np.float32)
    across = np.linspace(-1, 1, width, dtype=np.float32)
    rows, columns = np.nonzero(cells)
    terms = terms_of(across[columns], down[rows])
    factors = robust_fit(terms, grid[cells].astype(np.float32))
    y, x = down[:, None], across[None]
    planes = []
    for constant, by_x, by_y, by_xy, by_xx, by_yy in factors.T:
        plane = (constant + by_y * y + by_yy * y * y) + (by_x + by_xy * y) * x + by_xx * x * x
        planes.append(np.clip(plane, 0, 255, out=plane))
    surface: Floats = cv2.merge(planes)
    return surface


def terms_of(x: Floats, y: Floats) -> Floats:
    """1, x, y, xy, xx, yy of places [N]: float32 [N, 6]."""
    terms: Floats = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=-1)
    return terms


def robust_fit(terms: Floats, colours: Floats, degree: int = 6) -> Floats:
    """Factors float32 [6, 3] of `terms_of` places [N, 6]: the surface through most of `colours`
    [N, 3] there.

    Iteratively reweighted least squares with Tukey's biweight (Beaton and Tukey 1974), from a
    constant over a plane to as many terms as `degree` says.
    """
    factors = np.zeros((6, 3), np.float32)
    factors[0] = np.median(colours, axis=0)
    for count in (3, 3, degree, degree, degree):
        off = worst(np.abs(colours - terms @ factors))
        reach = 4.7 * max(2.0, 1.48 * float(np.median(off)))
        weight = np.clip(1 - np.square(off / reach), 0, None) ** 2
        weighted = terms[:, :count] * weight[:, None]
        normal = weighted.T @ terms[:, :count] + 1e-3 * np.eye(count, dtype=np.float32)
        factors[:count] = np.linalg.solve(normal, weighted.T @ colours)
    return factors


def rarity(grid: Pixels, inside: Mask, outside: Mask) -> Floats:
    """How much rarer each cell's colour is outside than inside [h, w]: 0 where it is as common,
    near 1 where it is not there at all. Colours within a step of 16 levels a channel are one."""
    steps = (grid >> 4).astype(np.intp)
    codes = (steps[..., 0] << 8) | (steps[..., 1] << 4) | steps[..., 2]
    within, without = (
        np.bincount(codes[cells], minlength=4096).astype(np.float32) / np.count_nonzero(cells)
        + np.float32(1 / inside.size)  # a colour of one cell tells nothing
        for cells in (inside, outside)
    )
    rarer: Floats = (1 - np.minimum(without / within, 1))[codes]
    return rarer


def shade_of(grid: Floats, behind: Floats) -> tuple[Floats, Floats]:
    """How much of the background's light each cell has [h, w], and how many levels its colour is
    off from a background in shadow.

    What light a shadow gets was reflected by the background before, so on coloured paper it is more
    saturated: a mixture of the background's colour and that colour times itself.
    """
    seen: Planes = cv2.split(grid)  # type: ignore[assignment]
    back: Planes = cv2.split(behind)  # type: ignore[assignment]
    twice: Planes = [plane * plane * np.float32(1 / 255) for plane in back]
    squared: Floats = np.maximum(_dot(back, back), np.float32(1))
    light: Floats = _dot(seen, back) / squared
    more: Floats = _dot(twice, back) / squared
    off: Planes = [plane - light * under for plane, under in zip(seen, back, strict=True)]
    vivid: Planes = [plane - more * under for plane, under in zip(twice, back, strict=True)]
    share = _dot(off, vivid) / np.maximum(_dot(vivid, vivid), np.float32(1))
    share = np.clip(share, 0, BACKGROUND.bounces * np.maximum(1 - light, 0))
    away = [np.abs(plane - share * hue) for plane, hue in zip(off, vivid, strict=True)]
    return light, np.maximum(np.maximum(away[0], away[1]), away[2])


Planes = Sequence[Floats]


def _dot(one: Planes, other: Planes) -> Floats:
    """The sum over three planes [h, w]: several times as fast as over an axis of three."""
    total: Floats = one[0] * other[0] + one[1] * other[1] + one[2] * other[2]
    return total


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
    cover = np.asarray(smaller.getchannel("A"))
    # A cell that saw any background knows its colour. Tables cost the engine 0.2 ms, whatever size.
    smaller.putalpha(Image.fromarray(cv2.threshold(cover, 0, 255, cv2.THRESH_BINARY)[1]))
    coarse = _pulled(smaller).resize(image.size, Image.Resampling.BILINEAR)
    coarse.paste(image.convert("RGB"), mask=image.getchannel("A"))
    return coarse


def _close_in(grid: Pixels, seen: Mask, steps: Pixels, noise: float, free: Mask) -> Mask:
    """Go on to the outline itself, through JPEG's noise beside it, by the background's colour."""
    behind = backdrop(grid, seen)
    same = (apart(grid, behind) <= noise) & (steps <= BACKGROUND.rough_beside * noise) & free
    walkable: Mask = (same & grown(seen, BACKGROUND.reach)) | seen
    return flood(walkable, seen)
