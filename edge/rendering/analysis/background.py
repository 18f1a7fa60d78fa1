"""The background model of a photo on a reduced grid: is it plain, how does it look, where is it.

A plain background is smooth from border to border: one colour, a gradient or a sweep, darkened by
soft shadows. So it is found by walking from the border over cells that hardly differ from their
neighbours, and it is known behind the product by filling the gap smoothly.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import cv2
import numpy as np
from PIL import Image

from edge.rendering.numbers import tuned
from edge.rendering.pixels.arrays import Floats, Mask, Pixels, array_of, layers_over
from edge.rendering.pixels.levels import LEVELS
from edge.rendering.pixels.morphology import border, components, flood, shrunk
from edge.rendering.pixels.sampling import coarse_colours, colours_at, rows_and_columns
from edge.rendering.pixels.scales import MAD


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
    near: float = tuned(
        3.0, "times the noise", "how far the border may be from a smooth surface where it is plain"
    )
    steady: float = tuned(
        2.0, "levels", "least standard deviation of a border from the surface fitted through it"
    )
    coloured: float = tuned(
        40.0,
        "levels",
        "between the strongest and the weakest channel of a background that has a colour",
        "chosen by eye on shop photos",
    )
    rough_beside: float = tuned(
        4.0,
        "times the noise",
        "how rough JPEG's noise beside an outline may be",
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
        white, dark = np.median(few.min(axis=2)), np.median(few.max(axis=2))
        return bool(white >= LEVELS.solid or dark < LEVELS.dark)

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


@dataclass(frozen=True, slots=True)
class Surface:
    """A smooth surface through the border of a picture, and how the picture differs from it.

    `lit` uint8 [h, w, 3] is that; `off` [N] by how many levels the border's cells are off; `light`
    and `tint` [h, w] are what `shade_of` says of the picture before it.
    """

    lit: Pixels = field(repr=False)
    off: Floats = field(repr=False)
    light: Floats = field(repr=False)
    tint: Floats = field(repr=False)


class Grid:
    """A picture's cells uint8 [h, w, 3], some hundred a side, and what every look at its background
    needs of them: found once, for a photo is looked at several times, by one caller at a time."""

    def __init__(self, cells: Pixels) -> None:
        self.cells = cells
        self._surfaces: list[tuple[Mask, Surface]] = []

    @classmethod
    def of(cls, image: Image.Image) -> "Grid":
        """Of an RGB picture of any size."""
        return cls(np.asarray(reduced(image)))

    @cached_property
    def range(self) -> Pixels:
        """What `local_range` says of it [h, w]."""
        return local_range(self.cells)

    def behind(self, border: Mask) -> Surface:
        """The surface through some cells of the border [h, w]."""
        for known, surface in self._surfaces:
            if np.array_equal(known, border):
                return surface
        surface = _surface(self.cells, border)
        self._surfaces.append((border, surface))
        return surface


def _surface(grid: Pixels, border: Mask) -> Surface:
    planes = fit_surface(grid, border)
    found = np.flatnonzero(border)
    colours = colours_at(grid, found)
    off = np.abs(colours - np.stack([plane.ravel().take(found) for plane in planes]))
    lit: Pixels = cv2.merge([plane.astype(np.uint8) for plane in planes])  # type: ignore[assignment]
    return Surface(lit, np.maximum.reduce(off), *shade_of(grid, planes))


def fit_background(
    grid: Grid,
    claimed: Mask | None = None,
    sure: Mask | None = None,
    *,
    least: float | None = None,
    floors: bool = False,
) -> BackgroundModel | NotPlain:
    """The background of a picture.

    Args:
        claimed: bool [h, w], what a network takes for the product, None where none was asked. A
            background that may overrule it has to be smoother.
        sure: those of it that no colour can make background.
        least: of the border that is not claimed, so much has to be plain; None: as usual.
        floors: what reaches two opposite sides is background too, whatever its colour.
    """
    cells, steps = grid.cells, grid.range
    nothing = np.zeros(cells.shape[:2], np.bool_)
    alone = claimed is None
    claimed, sure = (nothing if given is None else given for given in (claimed, sure))
    ring = ring_of((cells.shape[0], cells.shape[1]))
    free = ring & ~claimed
    if not free.any():
        return NotPlain("the product fills the border", detail=True)
    usual = float(np.median(steps[free]))
    if usual > (BACKGROUND.rough_alone if alone else BACKGROUND.roughest):
        return NotPlain("the border is textured")
    noise = BACKGROUND.noise + BACKGROUND.grain * usual
    surface = grid.behind(free)
    seeds = np.zeros_like(free)
    seeds[free] = surface.off <= BACKGROUND.near * noise
    seeds &= steps <= noise
    share = np.count_nonzero(seeds) / np.count_nonzero(free)
    if share < (least or BACKGROUND.share):
        return NotPlain("the border is not one smooth background")
    light, tint = surface.light, surface.tint
    alike = (tint <= BACKGROUND.tint) & (light >= BACKGROUND.darkest)
    alike &= light <= 1 / BACKGROUND.lit
    soft = (light < 1) & (steps <= BACKGROUND.shadow_steps * noise) & ~claimed
    denied = ~sure & (~claimed | (apart(cells, surface.lit) <= noise))
    seen = flood(((steps <= noise) | soft) & alike & denied, seeds)
    if floors:
        seen |= _scenery(~seen & ~claimed)
    seen = _close_in(cells, seen, steps, noise, denied)
    behind = backdrop(cells, seen)
    enclosed = (steps <= noise) & (apart(cells, behind) <= noise) & denied
    more = flood(enclosed, shrunk(enclosed, 1)) & ~seen
    if more.any():
        seen |= more
        behind = backdrop(cells, seen)
    return BackgroundModel(behind, surface.lit, seen, steps, noise, share)


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
    return worst(cv2.morphologyEx(grid, cv2.MORPH_GRADIENT, near))  # type: ignore[arg-type]


def fit_surface(grid: Pixels, cells: Mask) -> list[Floats]:
    """A quadratic surface per channel [h, w] through most of `cells`; the rest are outliers, so
    that a product on the border draws it nowhere."""
    height, width = grid.shape[:2]
    y = np.linspace(-1, 1, height, dtype=np.float32)
    x = np.linspace(-1, 1, width, dtype=np.float32)
    places = np.flatnonzero(cells)
    rows, columns = rows_and_columns(places, width)
    factors = robust_fit(terms_of(x[columns], y[rows]), colours_at(grid, places))
    ones, along = np.ones_like(y), np.stack([np.ones_like(x), x, x * x])
    planes: list[Floats] = []
    for constant, by_x, by_y, by_xy, by_xx, by_yy in factors.T:
        down = (constant + by_y * y + by_yy * y * y, by_x + by_xy * y, by_xx * ones)
        plane: Floats = np.stack(down, axis=1) @ along
        planes.append(np.clip(plane, 0, 255, out=plane))
    return planes


def terms_of(x: Floats, y: Floats) -> Floats:
    """1, x, y, xy, xx, yy of places [N]: float32 [6, N]."""
    terms: Floats = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y])
    return terms


PLANE, QUADRATIC = 3, 6
"""Of how many terms each consists."""

_BIWEIGHT = 4.7
"""Standard deviations beyond which a cell counts nothing: 95 % efficient for normal noise (Holland
and Welsch 1977, who give 4.685)."""

_RIDGE = 1e-3
"""Beside sums over many cells: keeps few of them solvable."""


def robust_fit(terms: Floats, colours: Floats, degree: int = QUADRATIC) -> Floats:
    """Factors float32 [6, 3] of `terms_of` places [6, N]: the surface through most of `colours`
    [3, N] there.

    Iteratively reweighted least squares with Tukey's biweight (Beaton and Tukey 1974), from a
    constant over a plane to as many terms as `degree` says.
    """
    factors = np.zeros((QUADRATIC, 3), np.float32)
    factors[0] = np.median(colours, axis=1)
    for count in (PLANE, PLANE, degree, degree, degree):
        off = np.maximum.reduce(np.abs(colours - factors.T @ terms))
        reach = _BIWEIGHT * max(BACKGROUND.steady, MAD * float(np.median(off)))
        weight = np.clip(1 - np.square(off / reach), 0, None) ** 2
        weighted = terms[:count] * weight
        normal = weighted @ terms[:count].T + _RIDGE * np.eye(count, dtype=np.float32)
        factors[:count] = np.linalg.solve(normal, weighted @ colours.T)
    return factors


def rarity(grid: Pixels, inside: Mask, outside: Mask) -> Floats:
    """How much rarer each cell's colour is outside than inside [h, w]: 0 where it is as common,
    near 1 where it is not there at all."""
    codes = coarse_colours(grid, LEVELS.near)
    most = int(codes.max()) + 1
    within, without = (
        np.bincount(codes[cells], minlength=most).astype(np.float32) / np.count_nonzero(cells)
        + np.float32(1 / inside.size)  # a colour of one cell tells nothing
        for cells in (inside, outside)
    )
    rarer: Floats = (1 - np.minimum(without / within, 1))[codes]
    return rarer


Planes = Sequence[Floats]


def shade_of(grid: Pixels, behind: Planes) -> tuple[Floats, Floats]:
    """How much of the background's light each cell [h, w, 3] has [h, w], and how many levels its
    colour is off from a background (three planes [h, w]) in shadow.

    What light a shadow gets was reflected by the background before, so on coloured paper it is more
    saturated: a mixture of the background's colour and that colour times itself.
    """
    seen = planes_of(grid)
    squares: Planes = [plane * plane for plane in behind]
    squared: Floats = np.maximum(squares[0] + squares[1] + squares[2], np.float32(1))
    np.divide(np.float32(1), squared, out=squared)
    twice: Planes = [plane * np.float32(1 / 255) for plane in squares]
    light: Floats = _dot(seen, behind) * squared
    more: Floats = _dot(squares, behind) * squared
    more *= np.float32(1 / 255)
    for plane, vivid, under in zip(seen, twice, behind, strict=True):
        plane -= light * under
        vivid -= more * under
    share = _dot(seen, twice)
    share /= np.maximum(_dot(twice, twice), np.float32(1))
    most = 2 * np.maximum(1 - light, 0)  # as if it had met it twice
    np.clip(share, 0, most, out=share)
    for plane, vivid in zip(seen, twice, strict=True):
        vivid *= share
        plane -= vivid
        np.abs(plane, out=plane)
    return light, np.maximum(np.maximum(seen[0], seen[1]), seen[2])


def planes_of(grid: Pixels) -> list[Floats]:
    """Three planes of levels [h, w] of a picture [h, w, 3]."""
    return [plane.astype(np.float32) for plane in cv2.split(grid)]


def _dot(one: Planes, other: Planes) -> Floats:
    """The sum over three planes [h, w]: several times as fast as over an axis of three."""
    total: Floats = one[0] * other[0]
    total += one[1] * other[1]
    total += one[2] * other[2]
    return total


def apart(one: Pixels, other: Pixels) -> Pixels:
    """Levels between two pictures in the channel where they differ most [h, w]."""
    return worst(cv2.absdiff(one, other))  # type: ignore[arg-type]


def worst(values: Pixels) -> Pixels:
    """The greatest of three channels uint8 [h, w, 3]; numpy's own maximum over so short an axis is
    slow."""
    red, green, blue = cv2.split(values)
    return cv2.max(cv2.max(red, green), blue)  # type: ignore[return-value]


def backdrop(grid: Pixels, seen: Mask) -> Pixels:
    """The colours [h, w, 3] of the `seen` cells, filled smoothly into all others, the nearest
    counting most."""
    cover = np.ascontiguousarray(seen).view(np.uint8) * np.uint8(255)
    known = cv2.cvtColor(grid, cv2.COLOR_RGB2RGBA)
    cv2.insertChannel(cover, known, 3)
    filled = array_of(_from_coarser(layers_over(known))).copy()  # type: ignore[arg-type]
    return cv2.copyTo(grid, cover, filled)  # type: ignore[return-value]


def _from_coarser(image: Image.Image) -> Image.Image:
    """What the next coarser level of a picture shows, where it is see-through filled (RGB)."""
    if min(image.size) <= 2:
        flat = image.resize((1, 1), Image.Resampling.BOX).convert("RGB")
        return flat.resize(image.size)
    half = ((image.width + 1) // 2, (image.height + 1) // 2)
    smaller = image.resize(half, Image.Resampling.BOX)
    cover = np.asarray(smaller.getchannel("A"))
    # A cell that saw any background knows its colour. Tables cost the engine 0.2 ms, whatever size.
    smaller.putalpha(Image.fromarray(cv2.threshold(cover, 0, 255, cv2.THRESH_BINARY)[1]))
    return _pulled(smaller).resize(image.size, Image.Resampling.BILINEAR)


def _pulled(image: Image.Image) -> Image.Image:
    """Fill what is see-through from the next coarser level of itself (push-pull)."""
    coarse = _from_coarser(image)
    if min(image.size) > 2:
        coarse.paste(image.convert("RGB"), mask=image.getchannel("A"))
    return coarse


def _close_in(grid: Pixels, seen: Mask, steps: Pixels, noise: float, free: Mask) -> Mask:
    """Go on to the outline itself, through JPEG's noise beside it, by the background's colour."""
    behind = backdrop(grid, seen)
    same = (apart(grid, behind) <= noise) & (steps <= BACKGROUND.rough_beside * noise) & free
    return flood(same | seen, seen)
