"""A smooth surface through a background's colours, and how much light of it a picture shows."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from edge.arrays import Floats, Mask, Pixels
from edge.rendering.numbers import tuned
from edge.rendering.pixels.channels import planes_of
from edge.rendering.pixels.sampling import colours_at, rows_and_columns
from edge.rendering.pixels.scales import MAD


@dataclass(frozen=True)
class SurfaceNumbers:
    """How a surface is fitted."""

    steady: float = tuned(
        2.0, "levels", "least standard deviation of a border from the surface fitted through it"
    )


SURFACE = SurfaceNumbers()


@dataclass(frozen=True, slots=True)
class BorderFit:
    """A smooth surface through the border of a picture, and how the picture differs from it.

    `lit` uint8 [h, w, 3] is that; `off` [N] by how many levels the border's cells are off; `light`
    and `tint` [h, w] are what `shade_of` says of the picture before it.
    """

    lit: Pixels = field(repr=False)
    off: Floats = field(repr=False)
    light: Floats = field(repr=False)
    tint: Floats = field(repr=False)


def surface_through(grid: Pixels, border: Mask) -> BorderFit:
    """The surface through some cells of a grid's border [h, w]."""
    planes = fit_surface(grid, border)
    found = np.flatnonzero(border)
    colours = colours_at(grid, found)
    off = np.abs(colours - np.stack([plane.ravel().take(found) for plane in planes]))
    lit: Pixels = cv2.merge([plane.astype(np.uint8) for plane in planes])  # type: ignore[assignment]
    return BorderFit(lit, np.maximum.reduce(off), *shade_of(grid, planes))


PLANE, QUADRATIC = 3, 6
"""Of how many terms each consists."""

_BIWEIGHT = 4.7
"""Standard deviations beyond which a cell counts nothing: 95 % efficient for normal noise (Holland
and Welsch 1977, who give 4.685)."""

_RIDGE = 1e-3
"""Beside sums over many cells: keeps few of them solvable."""


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
        reach = _BIWEIGHT * max(SURFACE.steady, MAD * float(np.median(off)))
        weight = np.clip(1 - np.square(off / reach), 0, None) ** 2
        weighted = terms[:count] * weight
        normal = weighted @ terms[:count].T + _RIDGE * np.eye(count, dtype=np.float32)
        factors[:count] = np.linalg.solve(normal, weighted @ colours.T)
    return factors


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


def _dot(one: Planes, other: Planes) -> Floats:
    """The sum over three planes [h, w]: several times as fast as over an axis of three."""
    total: Floats = one[0] * other[0]
    total += one[1] * other[1]
    total += one[2] * other[2]
    return total
