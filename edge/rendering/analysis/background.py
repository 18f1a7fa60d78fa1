"""The background of a photo on its working grid: whether it is plain, its colours, and where it is
visible.

A plain background is smooth from border to border: one colour, a gradient or a sweep, darkened by
soft shadows. So it is found by walking from the border over cells that hardly differ from their
neighbours, and it is known behind the product by filling the gap smoothly.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from PIL import Image

from edge.arrays import Mask, Pixels, Shares
from edge.rendering.analysis.backdrop import backdrop
from edge.rendering.analysis.surface import BorderFit, Surface
from edge.rendering.numbers import tuned
from edge.rendering.pixels.channels import apart, local_range, worst
from edge.rendering.pixels.levels import LEVELS
from edge.rendering.pixels.morphology import border, components, flood
from edge.rendering.pixels.sampling import coarse_colours


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
    near: float = tuned(
        3.0,
        "times the noise",
        "how far the border may be from a smooth surface where it is plain; what is beside a hole "
        "is farther off",
        "along outlines of 12 composites alpha is off by 12.3 levels, with half of it and with "
        "twice as well",
    )
    coloured: float = tuned(
        40.0,
        "levels",
        "between the strongest and the weakest channel of a background that has a colour",
        "chosen by eye on shop photos",
    )
    grain: float = tuned(
        1.5,
        "times the usual change",
        "within three cells of the border, that are noise as well",
        "chosen by eye on shop photos",
    )
    lit: float = tuned(
        0.8,
        "share of the background's light",
        "light under which a dark rim and a shadow have one colour; over its inverse no background "
        "is",
        "chosen by eye on shop photos",
    )
    same: float = tuned(
        0.6,
        "times the noise",
        "distance from the background's colour that is no alpha, and in a hole its very colour",
        "along outlines of 12 composites alpha is off by 12.3 levels; 12.4 with half of it, 12.0 "
        "with twice",
    )

    @property
    def rough_alone(self) -> float:
        """`roughest` where no network was asked: the noise, as `grain` times the usual change.
        Linen and carpets lie above, paper and painted walls below 6, grain of 2.5 levels at it."""
        return self.grain * self.noise


BACKGROUND = BackgroundNumbers()


def reduced(image: Image.Image) -> Image.Image:
    """The picture at the size in which regions are found: whole blocks of pixels averaged."""
    factor = -(-max(image.size) // BACKGROUND.grid)
    return image.reduce(factor) if factor > 1 else image


@dataclass(frozen=True, slots=True)
class BackgroundModel:
    """A plain background, on the grid of a reduced picture [h, w].

    `backdrop` uint8 [h, w, 3] is the background as it would be without the product; `surface` is it
    without shadows, and `lit` uint8 [h, w, 3] the same here; `open` is where it is seen, `same`
    where the picture has its colour without a shadow; `range` the levels within three cells at each
    cell, `noise` those that count as no edge.
    """

    backdrop: Pixels = field(repr=False)
    surface: Surface = field(repr=False)
    lit: Pixels = field(repr=False)
    open: Mask = field(repr=False)
    same: Mask = field(repr=False)
    range: Pixels = field(repr=False)
    noise: float

    @property
    def extreme(self) -> bool:
        """The background is so white or so dark that products have its very colour."""
        least, most = self._channels
        return bool(np.median(least) >= LEVELS.solid or np.median(most) < LEVELS.quarter)

    @property
    def coloured(self) -> bool:
        """The background has a colour of its own, which tells its shadows from grey products."""
        least, most = self._channels
        return bool(np.median(most - least) >= BACKGROUND.coloured)

    @property
    def _channels(self) -> tuple[Pixels, Pixels]:
        """The least and the greatest channel of every fourth row's and column's cells."""
        few = np.ascontiguousarray(self.backdrop[::4, ::4])
        return ~worst(~few), worst(few)

    def with_open(self, grid: Pixels, visible: Mask) -> "BackgroundModel":
        """With the background `visible` elsewhere [h, w], the backdrop filled from there."""
        return replace(self, open=visible, backdrop=backdrop(grid, visible))


@dataclass(frozen=True, slots=True)
class NotPlain:
    """Why there is no plain background; `detail` where the product fills the border."""

    reason: str
    detail: bool = False


class Grid:
    """A picture's cells uint8 [h, w, 3], some hundred a side, with cached properties for every fit
    of its background; used by one caller at a time."""

    def __init__(self, cells: Pixels) -> None:
        self.cells = cells
        self._behind: list[tuple[Mask, BorderFit]] = []

    @classmethod
    def of(cls, image: Image.Image) -> "Grid":
        """Of an RGB picture of any size."""
        return cls(np.asarray(reduced(image)))

    @cached_property
    def range(self) -> Pixels:
        """What `local_range` says of it [h, w]."""
        return local_range(self.cells)

    def behind(self, border: Mask) -> BorderFit:
        """The surface through some cells of the border [h, w]."""
        for known, found in self._behind:
            if np.array_equal(known, border):
                return found
        self._behind.append((border, BorderFit.of(self.cells, border)))
        return self._behind[-1][1]


def fit_background(
    grid: Grid,
    claimed: Mask | None = None,
    sure: Mask | None = None,
    *,
    unlike: Mask | None = None,
    least: float | None = None,
    floors: bool = False,
) -> BackgroundModel | NotPlain:
    """The background of a picture.

    Args:
        claimed: bool [h, w], what a network takes for the product, None where none was asked. A
            background that may overrule it has to be smoother.
        sure: those of it that no colour can make background.
        unlike: bool [h, w], what is known to be none, without a network to overrule.
        least: of the border that is not claimed, so much has to be plain; None: as usual.
        floors: what reaches two opposite sides is background too, whatever its colour.
    """
    cells, steps = grid.cells, grid.range
    nothing = np.zeros(cells.shape[:2], np.bool_)
    alone = claimed is None
    claimed = next((given for given in (claimed, unlike) if given is not None), nothing)
    sure = nothing if sure is None else sure
    ring = ring_of((cells.shape[0], cells.shape[1]))
    free = ring & ~claimed
    if not free.any():
        return NotPlain("the product fills the border", detail=True)
    usual = float(np.median(steps[free]))
    if usual > (BACKGROUND.rough_alone if alone else BACKGROUND.roughest):
        return NotPlain("the border is textured")
    noise = BACKGROUND.noise + BACKGROUND.grain * usual
    behind = grid.behind(free)
    off = apart(cells, behind.lit)
    seeds = free & (off <= BACKGROUND.near * noise) & (steps <= noise)
    share = np.count_nonzero(seeds) / np.count_nonzero(free)
    if share < (least or BACKGROUND.share):
        return NotPlain("the border is not one smooth background")
    light, tint = behind.light, behind.tint
    same = off <= noise  # of black, no share of its light can be told
    alike = (tint <= BACKGROUND.tint) & ((light >= BACKGROUND.darkest) | same)
    alike &= (light <= 1 / BACKGROUND.lit) | same
    soft = (light < 1) & (steps <= BACKGROUND.shadow_steps * noise) & ~claimed
    denied = ~sure & (~claimed | same)
    visible = flood(((steps <= noise) | soft) & alike & denied, seeds)
    if floors:
        visible |= _scenery(~visible & ~claimed)
    return BackgroundModel(
        backdrop(cells, visible), behind.surface, behind.lit, visible, same, steps, noise
    )


def ring_of(shape: tuple[int, int]) -> Mask:
    """The border of a grid [h, w] by which its background is judged."""
    return border(shape, border_depth(max(shape)))


def border_depth(side: int) -> int:
    """How deep the border is that is judged, in cells or pixels of a picture of that side."""
    return max(2, round(BACKGROUND.ring * side))


def _scenery(rest: Mask) -> Mask:
    """Regions that reach two opposite sides of the picture, as a floor or a horizon does: no
    product."""
    labels, count = components(rest)
    across, down = (
        np.intersect1d(*sides) for sides in ((labels[:, 0], labels[:, -1]), (labels[0], labels[-1]))
    )
    found = np.zeros(count + 1, np.bool_)
    found[across] = found[down] = True
    found[0] = False
    return found.take(labels)


def rarity(grid: Pixels, inside: Mask, outside: Mask) -> Shares:
    """How much rarer each cell's colour is outside than inside [h, w]: 0 where it is as common,
    near 1 where it is not there at all."""
    codes = coarse_colours(grid, LEVELS.near)
    most = int(codes.max()) + 1
    within, without = (
        np.bincount(codes[cells], minlength=most).astype(np.float32) / np.count_nonzero(cells)
        + np.float32(1 / inside.size)  # a colour of one cell tells nothing
        for cells in (inside, outside)
    )
    rarer: Shares = (1 - np.minimum(without / within, 1))[codes]
    return rarer
