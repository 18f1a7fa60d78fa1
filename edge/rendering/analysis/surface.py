"""A smooth surface through a background's colours, and how much light of it a picture shows."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from edge.arrays import Floats, Mask, Pixels
from edge.rendering.numbers import tuned
from edge.rendering.pixels.channels import Planes, dot_of, planes_of
from edge.rendering.pixels.sampling import colours_at, rows_and_columns
from edge.rendering.pixels.scales import MAD


@dataclass(frozen=True)
class SurfaceNumbers:
    """How a surface is fitted."""

    steady: float = tuned(
        2.0,
        "levels",
        "least standard deviation of a border from the surface fitted through it",
        "along outlines of 12 composites alpha is off by 12.3 levels, with half of it and with "
        "twice as well",
    )


SURFACE = SurfaceNumbers()


PLANE, QUADRATIC = 3, 6
"""Of how many terms each consists."""

_BIWEIGHT = 4.7
"""Standard deviations beyond which a cell counts nothing: 95 % efficient for normal noise (Holland
and Welsch 1977, who give 4.685)."""

_RIDGE = 1e-3
"""Beside sums over many cells: keeps few of them solvable."""


@dataclass(frozen=True, slots=True)
class Surface:
    """A quadratic of colours; `factors` float32 [6, 3] of 1, x, y, xy, xx, yy, with x and y from -1
    to 1 over the picture."""

    factors: Floats = field(repr=False)

    @classmethod
    def through(cls, grid: Pixels, cells: Mask) -> "Surface":
        """The one through most of some `cells` [h, w] of a picture; the rest are outliers, so that
        a product on the border draws it nowhere."""
        places = np.flatnonzero(cells)
        rows, columns = rows_and_columns(places, cells.shape[1])
        y, x = (side_of(length) for length in cells.shape)
        return cls(_fitted(x[columns], y[rows], colours_at(grid, places)))

    def at(self, x: Floats, y: Floats) -> list[Floats]:
        """Levels at all crossings of columns `x` and rows `y`, 0 to 1 across the picture: three
        planes [rows, columns]."""
        ones, along = np.ones_like(y), np.stack([np.ones_like(x), x, x * x])
        planes: list[Floats] = []
        for constant, by_x, by_y, by_xy, by_xx, by_yy in self.factors.T:
            down = (constant + by_y * y + by_yy * y * y, by_x + by_xy * y, by_xx * ones)
            planes.append(np.stack(down, axis=1) @ along)
        return planes


def side_of(length: int) -> Floats:
    """The middles [N] of as many cells, from -1 to 1 over the picture."""
    return (2 * np.arange(length, dtype=np.float32) + 1) / np.float32(length) - 1


def _fitted(x: Floats, y: Floats, colours: Floats) -> Floats:
    """Factors of the surface through most of `colours` [3, N] at some places [N].

    Iteratively reweighted least squares with Tukey's biweight (Beaton and Tukey 1974), from a
    constant over a plane to a quadratic.
    """
    terms: Floats = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y])
    factors = np.zeros((QUADRATIC, 3), np.float32)
    factors[0] = np.median(colours, axis=1)
    for count in (PLANE, PLANE, QUADRATIC, QUADRATIC, QUADRATIC):
        off = np.maximum.reduce(np.abs(colours - factors.T @ terms))
        reach = _BIWEIGHT * max(SURFACE.steady, MAD * float(np.median(off)))
        weight = np.clip(1 - np.square(off / reach), 0, None) ** 2
        weighted = terms[:count] * weight
        normal = weighted @ terms[:count].T + _RIDGE * np.eye(count, dtype=np.float32)
        factors[:count] = np.linalg.solve(normal, weighted @ colours.T)
    return factors


@dataclass(frozen=True, slots=True)
class BorderFit:
    """The surface through a grid's border: `lit` uint8 [h, w, 3] is it on the grid, `light` and
    `tint` [h, w] are what `shade_of` says of the grid before it."""

    surface: Surface
    lit: Pixels = field(repr=False)
    light: Floats = field(repr=False)
    tint: Floats = field(repr=False)

    @classmethod
    def of(cls, grid: Pixels, border: Mask) -> "BorderFit":
        """Of some cells of the border [h, w]."""
        surface = Surface.through(grid, border)
        height, width = border.shape
        planes = surface.at(side_of(width), side_of(height))
        planes = [np.clip(plane, 0, 255, out=plane) for plane in planes]
        lit: Pixels = cv2.merge([plane.astype(np.uint8) for plane in planes])  # type: ignore[assignment]
        return cls(surface, lit, *shade_of(grid, planes))


def shade_of(grid: Pixels, behind: Planes) -> tuple[Floats, Floats]:
    """How much of the background's light each cell [h, w, 3] has [h, w], and how many levels its
    colour is off from a background (three planes [h, w]) in shadow.

    What light a shadow gets was reflected by the background before, so on coloured paper it is more
    saturated: a mixture of the background's colour and that colour times itself.
    """
    planes = planes_of(grid)
    squares: Planes = [plane * plane for plane in behind]
    squared: Floats = np.maximum(squares[0] + squares[1] + squares[2], np.float32(1))
    np.divide(np.float32(1), squared, out=squared)
    twice: Planes = [plane * np.float32(1 / 255) for plane in squares]
    light: Floats = dot_of(planes, behind) * squared
    more: Floats = dot_of(squares, behind) * squared
    more *= np.float32(1 / 255)
    for plane, vivid, under in zip(planes, twice, behind, strict=True):
        plane -= light * under
        vivid -= more * under
    share = dot_of(planes, twice)
    share /= np.maximum(dot_of(twice, twice), np.float32(1))
    most = 2 * np.maximum(1 - light, 0)  # as if it had met it twice
    np.clip(share, 0, most, out=share)
    for plane, vivid in zip(planes, twice, strict=True):
        vivid *= share
        plane -= vivid
        np.abs(plane, out=plane)
    return light, np.maximum(np.maximum(planes[0], planes[1]), planes[2])
