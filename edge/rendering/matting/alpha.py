"""Alpha along an outline: how much of each pixel is subject, where both colours are known.

Each pixel of the outline is a mixture a F + (1 - a) B of the subject's colour F and the
background's B nearby. With both taken from where they are pure, a is the share of the way from B to
F.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from edge.arrays import Floats, Levels, Mask, Pixels
from edge.images import Box, Size
from edge.rendering.analysis.backdrop import backdrop
from edge.rendering.analysis.background import BACKGROUND, BackgroundModel, border_depth
from edge.rendering.matting.foreground import soft, with_residual
from edge.rendering.matting.guided_filter import GUIDED, Guide
from edge.rendering.matting.outline import Outline
from edge.rendering.numbers import tuned
from edge.rendering.pixels.buffers import array_of
from edge.rendering.pixels.channels import apart, dot_of, worst
from edge.rendering.pixels.levels import LEVELS, snapped_levels
from edge.rendering.pixels.morphology import EDGE, grown, shrunk
from edge.rendering.pixels.picture import Picture
from edge.rendering.pixels.sampling import put_colours
from edge.rendering.pixels.scales import SCALES


@dataclass(frozen=True)
class AlphaNumbers:
    """How alpha is solved along an outline."""

    pure: float = tuned(
        0.85,
        "share",
        "of the greatest distance from the background within two cells, from which a colour is "
        "pure where a subject is too thin to have an inside",
        "along outlines of 12 composites alpha is off by 12.3 levels; 14.3 with half of it, 12.4 "
        "where none is pure",
    )
    opaque: float = tuned(
        0.75,
        "share",
        "alpha from which a pixel is all subject: texture strays from the local average, and "
        "glossy rims mirror the background",
        "the same 12.3 levels; 15.8 with half of it, 11.4 with twice, where products have neither "
        "texture nor gloss",
    )

    neither: float = tuned(
        0.25,
        "share",
        "of the distance between both colours by which a pixel lies off their mixture where it is "
        "of neither",
        "along outlines of 35 composites alpha is off by 13.8 levels, with half of it and with "
        "twice as well",
    )

    @property
    def inner(self) -> int:
        """Cells inside a region's rim from which colours are pure subject: one is no open
        background once its 3x3 holds an edge, and the outline is one wide."""
        return EDGE + 1


ALPHA = AlphaNumbers()


def estimate_alpha(
    image: Image.Image,
    colour_of_subject: Pixels,
    background_model: BackgroundModel,
    subject: Mask,
    guide: Guide | None = None,
) -> Pixels:
    """The alpha of `subject` (a grid's cells, rim included) at the full size of `image` [H, W];
    `colour_of_subject` are its pure colours from `foreground colours`, `guide` counts where these
    hardly differ from the background's, and beside the background's shadow."""
    pixels = array_of(image)
    outline = Outline.around(
        shrunk(subject, ALPHA.inner), grown(subject, 1), (image.height, image.width)
    )
    if not len(outline.pairs):
        return outline.alone()
    colours = outline.colours(pixels)
    if guide is None:
        near = outline.shares(_enlarged(shrunk(subject, 1), image.size))
    else:  # a dark rim and a shadow have one colour
        near = guide.shares(outline, colours)
        dim = (1 + BACKGROUND.lit) / 2 * worst(background_model.lit)
        dark = (worst(background_model.backdrop) < dim)[..., None]
        colour_of_subject = np.where(dark, background_model.backdrop, colour_of_subject)
    behind, pure = outline.by_pair(background_model.backdrop, colour_of_subject)
    share = _share(colours, behind, pure, near, background_model.noise)
    return outline.drawn(outline.tidied(levels_of(share)))


def sharpened(picture: Picture, by: str) -> Levels:
    """The matte (uint8 [H, W]) of an enlarged picture, as sharp as the picture, with clean ends;
    `by` found it."""
    assert picture.matte is not None, "planned only where there is a matte"
    matte = array_of(picture.matte)
    if by == "network":
        return steepened(matte)
    return resharpened(array_of(picture.opaque) if picture.array is None else picture.array, matte)


def steepened(matte: Levels) -> Levels:
    """A network's stretched matte [H, W], as steep as a product's outline, with clean ends."""
    return cv2.LUT(matte, snapped_levels(_steeper()))  # type: ignore[return-value]


def _steeper() -> Levels:
    """What each of the 256 levels becomes."""
    middle = 255 / 2
    steeper = middle + GUIDED.steepness * (np.arange(256) - middle)
    levels: Levels = np.rint(np.clip(steeper, 0, 255)).astype(np.uint8)
    return levels


def resharpened(pixels: Levels, matte: Levels, *, cleaned: bool = False) -> Levels:
    """A stretched matte [H, W] solved anew from the outline of its picture [H, W, 3 or more], with
    clean ends; `cleaned`: soft pixels, of four channels, get the subject's own colours."""
    x, y, wide, high = cv2.boundingRect(matte)
    if not wide:
        return matte
    size = Size(matte.shape[1], matte.shape[0])
    margin = max(SCALES.beside, border_depth(size.long))
    part = Box(x, y, x + wide, y + high).grown(margin).clamped(size)
    inside = np.s_[part.top : part.bottom, part.left : part.right]
    # What was enlarged has no detail finer than a cell: one sample tells as much as its mean.
    factor = max(1, -(-part.size.long // SCALES.fine))
    cells = -(-part.size.width // factor), -(-part.size.height // factor)
    grid: Levels = np.ascontiguousarray(cv2.resize(pixels[inside], cells)[..., :3])
    cover: Levels = cv2.resize(matte[inside], cells)  # type: ignore[assignment]
    background, core = shrunk(cover < LEVELS.halo, 1), shrunk(cover > LEVELS.solid, 1)
    behind = backdrop(grid, background)
    away = apart(grid, behind)
    thin = (cover > LEVELS.quarter) & (away >= ALPHA.pure * _highest(away))
    outline = Outline.around(core, ~background, matte.shape, part)
    if not len(outline.pairs):
        return outline.alone()
    around, pure = outline.by_pair(behind, backdrop(grid, core | thin))
    colours = outline.colours(pixels)
    share = _share(colours, around, pure, outline.shares(matte), BACKGROUND.noise)
    found = outline.tidied(snapped_levels(levels_of(share)), inner=True)
    if cleaned:
        _clean(pixels, outline, found, colours, pure, around)
    return outline.drawn(found)


def _clean(
    pixels: Levels, outline: Outline, alpha: Levels, colours: Floats, pure: Floats, around: Floats
) -> None:
    """Write the subject's own colours into the soft pixels of an outline: from its alpha and its
    `colours` [3, 4, N], and from F and B [3, N] of its pairs."""
    places = np.flatnonzero(soft(alpha))
    pairs = places % len(outline.pairs)
    own = colours.reshape(3, -1).take(places, axis=1)
    share = alpha.ravel().take(places).astype(np.float32) * np.float32(1 / 255)
    found = with_residual(own, share, pure.take(pairs, axis=1), around.take(pairs, axis=1))
    put_colours(pixels, outline.places.ravel().take(places), found)


def foreground_colours(grid: Pixels, background_model: BackgroundModel, subject: Mask) -> Pixels:
    """The subject's pure colours, carried on over its outline and beyond [h, w, 3].

    Pure is what lies deep inside, and what is farthest from the background within two cells: the
    middle of a strap that is too thin to have an inside.
    """
    core = shrunk(subject, ALPHA.inner)
    away = apart(grid, background_model.backdrop)
    thin = subject & (away > background_model.noise) & (away >= ALPHA.pure * _highest(away))
    return backdrop(grid, core | thin)


def _share(
    colours: Floats, background: Floats, colour_of_subject: Floats, guess: Floats, noise: float
) -> Floats:
    """`a` for each pixel of colours [3, 4, N], four of which share their F and B [3, N]. `guess`
    [4, N] from the outline's place counts where F and B hardly differ, and, where it is more, where
    no mixture of them gives the pixel."""
    span = colour_of_subject - background
    squared = np.maximum(np.einsum("cn,cn->n", span, span), np.float32(1))
    distance = np.sqrt(squared)
    floor = np.float32(BACKGROUND.same * noise) / distance
    np.clip(floor, LEVELS.halo / 255, 1 - BACKGROUND.lit, out=floor)
    along = dot_of(colours, span) - np.einsum("cn,cn->n", background, span)
    share: Floats = along / squared - floor
    share /= np.float32(ALPHA.opaque) - floor
    np.clip(share, 0, 1, out=share)
    trust = np.clip(distance * np.float32(1 / noise) - np.float32(2), 0, 1)
    # It may be a part that F does not show, and no less than its share is.
    less = np.flatnonzero((guess > share).any(axis=0))
    observed, behind = colours.take(less, axis=2), background.take(less, axis=1)
    some = along.take(less, axis=1), share.take(less, axis=1), squared.take(less)
    far = _unexplained(observed, behind, *some, noise)
    share -= guess
    share *= trust
    below = share.take(less, axis=1)
    share[:, less] = np.where(below < 0, below * (1 - far), below)
    share += guess
    return share


def _unexplained(
    colours: Floats,
    background: Floats,
    along: Floats,
    share: Floats,
    squared: Floats,
    noise: float,
) -> Floats:
    """How far [4, N], 0 to 1, a pixel's colour lies off its mixture of F and B, beside their
    distance; 0 where it is B's."""
    away = dot_of(colours, colours) - 2 * dot_of(colours, background)
    away += np.einsum("cn,cn->n", background, background)
    missing = np.maximum(away - 2 * share * along + share * share * squared, 0)
    far: Floats = np.sqrt(missing / squared) * np.float32(1 / ALPHA.neither)
    np.minimum(far, 1, out=far)
    far *= np.clip(np.sqrt(np.maximum(away, 0)) * np.float32(1 / noise) - 1, 0, 1)
    return far


def _highest(values: Pixels) -> Pixels:
    """The greatest value within two cells."""
    return cv2.dilate(values, np.ones((2 * EDGE + 1, 2 * EDGE + 1), np.uint8))  # type: ignore[return-value]


def _enlarged(cells: Mask, size: tuple[int, int]) -> Levels:
    image = Image.fromarray(cells.astype(np.uint8) * np.uint8(255))
    return np.array(image.resize(size, Image.Resampling.BILINEAR))


def levels_of(share: Floats) -> Levels:
    """Shares (0 to 1) [...] as levels."""
    levels: Levels = np.rint(share * np.float32(255)).astype(np.uint8)
    return levels
