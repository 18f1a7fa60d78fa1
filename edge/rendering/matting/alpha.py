"""Alpha along an outline: how much of each pixel is subject, where both colours are known.

Each pixel of the outline is a mixture a F + (1 - a) B of the subject's colour F and the
background's B nearby. With both taken from where they are pure, a is the share of the way from B to
F.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from edge.images import Box, Size
from edge.rendering.analysis.backdrop import backdrop
from edge.rendering.analysis.background import BACKGROUND, BackgroundModel, border_depth
from edge.rendering.matting.guided_filter import GUIDED
from edge.rendering.numbers import tuned
from edge.rendering.pixels.arrays import Floats, Levels, Mask, Pixels, Places, array_of
from edge.rendering.pixels.channels import apart, worst
from edge.rendering.pixels.levels import LEVELS, snapped_levels, span
from edge.rendering.pixels.morphology import EDGE, grown, shrunk
from edge.rendering.pixels.picture import Picture
from edge.rendering.pixels.sampling import between, colours_at, rows_and_columns
from edge.rendering.pixels.scales import SCALES


@dataclass(frozen=True)
class AlphaNumbers:
    """How alpha is solved along an outline."""

    pure: float = tuned(
        0.85,
        "share",
        "of the greatest distance from the background within two cells, from which a colour is "
        "pure where a subject is too thin to have an inside",
    )
    blurred: float = tuned(
        0.6, "times the noise", "distance from the background's colour that is no alpha"
    )
    opaque: float = tuned(
        0.75,
        "share",
        "alpha from which a pixel is all subject: texture strays from the local average, and "
        "glossy rims mirror the background",
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
    guess: Pixels | None = None,
) -> Pixels:
    """The alpha of `subject` (a grid's cells, rim included) at the full size of `image` [H, W];
    `colour_of_subject` are its pure colours from `foreground colours`, `guess` [H, W] counts where
    these hardly differ from the background's."""
    alpha, pairs = _laid_out(shrunk(subject, ALPHA.inner), grown(subject, 1), image.size)
    dark = worst(background_model.backdrop) < BACKGROUND.lit * worst(background_model.lit)
    kept = None
    if guess is None:
        guess = _enlarged(shrunk(subject, 1), image.size, Image.Resampling.BILINEAR)
    elif dark.any():
        sought = cv2.inRange(alpha, LEVELS.half, LEVELS.half)
        kept = np.minimum(sought, _enlarged(dark, image.size, Image.Resampling.NEAREST))
    _unmixed(
        array_of(image),
        background_model.backdrop,
        colour_of_subject,
        pairs,
        guess,
        alpha,
        background_model.noise,
    )
    if kept is not None:
        cv2.copyTo(guess, kept, alpha)
    return _tidied(alpha)


def _laid_out(core: Mask, subject: Mask, size: tuple[int, int]) -> tuple[Pixels, Places]:
    """A matte [H, W] that is full in the core, empty outside the subject and half between, where it
    is to be found; and the flat places of those of its pairs of rows and columns [H / 2, W / 2],
    rounded up, that hold any of that."""
    cells = np.where(core, np.uint8(255), subject.astype(np.uint8) * np.uint8(LEVELS.half))
    alpha = cv2.resize(cells, size, interpolation=cv2.INTER_NEAREST_EXACT)
    sought = cv2.inRange(alpha, LEVELS.half, LEVELS.half)
    below, beside = size[1] % 2, size[0] % 2
    if below or beside:
        sought = cv2.copyMakeBorder(sought, 0, below, 0, beside, cv2.BORDER_REPLICATE)
    pairs = cv2.resize(sought, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return alpha, np.flatnonzero(pairs > 0)  # type: ignore[return-value]


def _tidied(alpha: Levels, *, inner: bool = False) -> Levels:
    """Without the faint specks that JPEG's noise leaves around an outline: all that is not near
    to something solid; `inner`: to a solid pixel among solid ones."""
    solid = cv2.inRange(alpha, LEVELS.half, 255)
    if inner:
        solid = cv2.erode(solid, np.ones((3, 3), np.uint8))
    reach = 2 * SCALES.beside + 1
    return cv2.copyTo(alpha, cv2.dilate(solid, np.ones((reach, reach), np.uint8)))  # type: ignore[return-value]


def _unmixed(
    pixels: Levels,
    behind: Pixels,
    colour_of_subject: Pixels,
    pairs: Places,
    guess: Levels,
    alpha: Levels,
    noise: float,
    part: Box | None = None,
) -> None:
    """Write the share of F into `alpha` [h, w] at the flat places of some `pairs` of its rows and
    columns [N]: F and B are as coarse. Of a `part` (None: all) of the `pixels` [H, W, 3 or more],
    which it covers and the grids of F and B show, the share has clean ends."""
    if not len(pairs):
        return  # nothing of it is an outline
    height, width = alpha.shape
    shape = -(-height // 2), -(-width // 2)
    rows, columns = rows_and_columns(pairs, shape[1])
    background, subject = between((behind, colour_of_subject), rows, columns, shape)
    down, across = _both(rows, columns, alpha)
    places = (down * width + across).reshape(4, -1)
    if part is not None:
        down, across = down + part.top, across + part.left
    colours = colours_at(pixels, (down * pixels.shape[1] + across).ravel())
    near = guess.ravel().take(places).astype(np.float32)
    near *= np.float32(1 / 255)
    share = _share(colours.reshape(3, 4, -1), background, subject, near, noise)
    share *= np.float32(255)
    found, flat = np.rint(share, out=share).astype(np.uint8), alpha.ravel()
    if part is not None:
        found = snapped_levels(found)
    flat[places] = np.where(flat.take(places) == LEVELS.half, found, flat.take(places))


def _both(rows: Places, columns: Places, alpha: Levels) -> tuple[Places, Places]:
    """The rows [2, 1, N] and columns [2, N] of pairs of them [N] in a matte [H, W]; the last one
    may be alone, and is both of its pair."""
    height, width = alpha.shape
    down = np.stack([2 * rows, np.minimum(2 * rows + 1, height - 1)])
    return down[:, None], np.stack([2 * columns, np.minimum(2 * columns + 1, width - 1)])


def sharpened(picture: Picture, by: str) -> Levels:
    """The matte (uint8 [H, W]) of an enlarged picture, as sharp as the picture, with clean ends;
    `by` found it."""
    assert picture.matte is not None, "planned only where there is a matte"
    matte = array_of(picture.matte)
    if by == "network":
        return cv2.LUT(matte, snapped_levels(_steeper()))  # type: ignore[return-value]
    pixels = array_of(picture.opaque) if picture.array is None else picture.array
    return resharpened(pixels, matte)


def _steeper() -> Levels:
    """What each of the 256 levels becomes."""
    middle = 255 / 2
    steeper = middle + GUIDED.steepness * (np.arange(256) - middle)
    levels: Levels = np.rint(np.clip(steeper, 0, 255)).astype(np.uint8)
    return levels


def resharpened(pixels: Levels, matte: Levels) -> Levels:
    """A stretched matte [H, W] unmixed anew from the outline of its picture [H, W, 3 or more], with
    clean ends."""
    box = span(np.maximum.reduce(matte, axis=1) > 0, np.maximum.reduce(matte, axis=0) > 0)
    if box is None:
        return matte
    whole = Size(matte.shape[1], matte.shape[0])
    near = box.grown(max(SCALES.beside, border_depth(whole.long))).clamped(whole)
    if near.size == whole:
        return _resharpened(near, pixels, matte)
    part = np.s_[near.top : near.bottom, near.left : near.right]
    sharp = np.zeros_like(matte)
    sharp[part] = _resharpened(near, pixels, np.ascontiguousarray(matte[part]))
    return sharp


def _resharpened(part: Box, pixels: Levels, matte: Levels) -> Levels:
    size = part.size.width, part.size.height
    seen = pixels[part.top : part.bottom, part.left : part.right]
    # What was enlarged has no detail finer than a cell: one sample tells as much as its mean.
    factor = max(1, -(-max(size) // SCALES.fine))
    cells = -(-size[0] // factor), -(-size[1] // factor)
    grid: Levels = np.ascontiguousarray(cv2.resize(seen, cells)[..., :3])
    cover: Levels = cv2.resize(matte, cells)  # type: ignore[assignment]
    background, core = shrunk(cover < LEVELS.halo, 1), shrunk(cover > LEVELS.solid, 1)
    behind = backdrop(grid, background)
    away = apart(grid, behind)
    thin = (cover > LEVELS.quarter) & (away >= ALPHA.pure * _highest(away))
    alpha, pairs = _laid_out(core, ~background, size)
    _unmixed(
        pixels, behind, backdrop(grid, core | thin), pairs, matte, alpha, BACKGROUND.noise, part
    )
    return _tidied(alpha, inner=True)


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
    """`a` for each pixel of colours [3, 4, N], four of which share their F and B [3, N]; where
    these hardly differ, `guess` [4, N] from the outline's place."""
    span = colour_of_subject - background
    squared = np.einsum("cn,cn->n", span, span)
    distance = np.sqrt(squared)
    floor = np.float32(ALPHA.blurred * noise) / np.maximum(distance, np.float32(1))
    np.clip(floor, LEVELS.halo / 255, 1 - BACKGROUND.lit, out=floor)
    scale = 1 / (np.float32(ALPHA.opaque) - floor)
    span *= scale / np.maximum(squared, np.float32(1))
    share: Floats = colours[0] * span[0]
    share += colours[1] * span[1]
    share += colours[2] * span[2]
    share -= np.einsum("cn,cn->n", background, span) + floor * scale
    np.clip(share, 0, 1, out=share)
    trust = np.clip(distance * np.float32(1 / noise) - np.float32(1), 0, 2) * np.float32(0.5)
    share -= guess
    share *= trust
    share += guess
    return share


def _highest(values: Pixels) -> Pixels:
    """The greatest value within two cells."""
    return cv2.dilate(values, np.ones((2 * EDGE + 1, 2 * EDGE + 1), np.uint8))  # type: ignore[return-value]


def _enlarged(cells: Mask, size: tuple[int, int], how: Image.Resampling) -> Levels:
    image = Image.fromarray(cells.astype(np.uint8) * np.uint8(255))
    return np.array(image.resize(size, how))
