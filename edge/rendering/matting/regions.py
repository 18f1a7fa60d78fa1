"""Which cells of a plain background's picture are the product's.

They are the regions that the network claims, those that it half claims unless a shadow explains
them, and those that it denies although they differ strongly from the background; without small
detached parts, and without enclosed regions that show the background.
"""

from dataclasses import dataclass

import numpy as np

from edge.arrays import Floats, Mask, Pixels, Shares
from edge.rendering.analysis.background import BACKGROUND, BackgroundModel, border_depth
from edge.rendering.numbers import tuned
from edge.rendering.pixels.levels import LEVELS
from edge.rendering.pixels.morphology import (
    EDGE,
    border,
    closed,
    components,
    filled,
    flood,
    grown,
    shrunk,
    sizes_of,
)
from edge.rendering.pixels.scales import SCALES

EYE = "chosen by eye over 299 shop photos"


@dataclass(frozen=True)
class RegionNumbers:
    """How a network's claims and a plain background become one matte."""

    claimed: float = tuned(
        0.8,
        "alpha of the network",
        "from which a cell is the product whatever its colour",
        EYE,
    )
    denied: float = tuned(
        0.2,
        "alpha of the network",
        "under which a cell is none of the product unless it differs strongly from the background",
        EYE,
    )
    detached: float = tuned(
        0.06,
        "share",
        "of the largest part; a smaller one that stands alone is not the product's",
        EYE,
    )
    lost: float = tuned(
        0.15,
        "share",
        "of the outline without contrast, where no network was asked; beyond, a part has the "
        "background's colour: glass, white on white",
        EYE,
    )
    soft: float = tuned(
        0.7,
        "share",
        "of a region's contrast that a sharp outline shows within three cells and a shadow's not",
        EYE,
    )
    empty: float = tuned(
        0.05,
        "alpha of the network",
        "under which it is sure of the background: of an enclosed region of the background's hue, "
        "that it is an opening",
        EYE,
    )
    quantile: float = tuned(
        0.75, "share", "of a region's cells, ranked, at which its contrast is measured", EYE
    )
    most: float = tuned(
        0.6,
        "share",
        "of a hole that has the background's very colour, of the rim of an opening that ends "
        "sharply, and of what its outline encloses that a product is where no network was asked",
        "along outlines of 35 composites alpha is off by 13.8 levels; by as much with half of it, "
        "by 15.1 where all of it has to be",
    )
    pale: float = tuned(
        1.5, "times the noise", "within which the product has the background's colour", EYE
    )
    strong: float = tuned(
        2.0,
        "times the noise",
        "from which something differs strongly from the background",
        EYE,
    )


REGIONS = RegionNumbers()

HOLE = (2 * EDGE + 1) ** 2
"""Cells of the smallest region that is decided: those within an edge's width of one."""


def least(shape: tuple[int, ...]) -> int:
    """Cells that a product has at least on a grid [h, w]: it is no smaller than the border is
    deep."""
    return border_depth(max(shape)) ** 2


def bulk(product: Mask) -> int:
    """How many cells a product [h, w] has with all that its outline nearly encloses."""
    return int(np.count_nonzero(filled(closed(product, border_depth(BACKGROUND.grid)))))


def given_by(claim: Shares, background_model: BackgroundModel, shade: Mask, off: Pixels) -> Mask:
    """Cells [h, w] that the network claims, and those that it half claims unless a broad shadow
    explains them, which fades into the background.

    Args:
        claim: float32 [h, w] in [0, 1], the network's alpha.
        shade: bool [h, w], what has the background's hue and less light.
        off: uint8 [h, w], levels from the background.
    """
    between = ~background_model.open & (claim >= REGIONS.denied) & (claim < REGIONS.claimed)
    shadow = between & shade
    if not background_model.coloured:  # there a grey part looks so too
        labels, count = components(flood(shadow, shrunk(shadow, 2)))
        soft = np.zeros(count + 1, np.bool_)
        for number in range(1, count + 1):
            soft[number] = _soft(labels == number, background_model, off)
        shadow = soft.take(labels)
    given: Mask = (claim >= REGIONS.claimed) | (between & ~shadow)
    return given


def _soft(region: Mask, background_model: BackgroundModel, off: Pixels) -> bool:
    """Whether a region fades into the background, as a shadow does, where it is beside that."""
    edge = background_model.range[region & grown(background_model.open, 2)]
    if not edge.size:
        return True
    at_edge, all_over = (np.quantile(cells, REGIONS.quantile) for cells in (edge, off[region]))
    return bool(at_edge < REGIONS.soft * all_over)


def missed(
    cells: Mask,
    claim: Shares,
    off: Pixels,
    light: Floats,
    tint: Floats,
    background_model: BackgroundModel,
) -> Mask:
    """The regions [h, w] of `cells` [h, w] that the network denied by its `claim` [h, w], 0 to 1,
    and that are the product's all the same; `light` [h, w] is a share of the background's, `tint`
    and `off` [h, w] are levels off its colour.

    They differ strongly from the background; one of its hue has to do so three times as much, to be
    no thread, and no shadow: most of that has less light than the background, and not so little as
    black products. One that the product encloses is an opening where the network denies it.
    """
    labels, count = components(cells)
    found = np.zeros(count + 1, np.bool_)
    inner, beside = shrunk(cells, 1), grown(background_model.open, 2)
    for number in np.flatnonzero(sizes_of(labels, count) >= HOLE):
        region = np.flatnonzero(labels == number)
        high = np.quantile(off.take(region), REGIONS.quantile) / background_model.noise
        solid = inner.take(region).mean() >= LEVELS.majority
        alike, lit = tint.take(region) <= BACKGROUND.tint, light.take(region)
        if np.mean(alike) < LEVELS.majority:
            found[number] = high > REGIONS.strong
        elif high > BACKGROUND.near * REGIONS.strong and solid:
            denied = claim.take(region).mean()
            dim = BACKGROUND.darkest < np.median(lit) and np.median(lit[alike]) < 1
            shade = dim and np.mean(alike) > REGIONS.quantile
            if not beside.take(region).any():
                shade = denied < REGIONS.empty
            found[number] = not shade or denied >= LEVELS.majority
    return found.take(labels)


def main_parts(cells: Mask) -> tuple[Mask, int]:
    """Cells [h, w] without small parts that stand alone; and how many large ones there are."""
    labels, count = components(cells)
    sizes = sizes_of(labels, count)
    large = sizes >= REGIONS.detached * sizes.max()
    large[0] = False
    return large.take(labels), int(np.count_nonzero(sizes >= SCALES.large * max(1, sizes.max())))


def holes_in(product: Mask, claim: Shares, background_model: BackgroundModel, off: Pixels) -> Mask:
    """Background [h, w] that the product [h, w] encloses: a handle, a chair's legs, an arm on a
    hip. `claim` [h, w] is the network's, 0 to 1; `off` [h, w] is levels off the background.

    Flat, and in the background's colour. On white and on black, where a print and a product look so
    too, the network must have its doubts as well.
    """
    noise = background_model.noise
    labels, count = components(product & (background_model.range <= noise))
    sizes = np.maximum(sizes_of(labels, count), 1)
    very = np.bincount(
        labels.ravel().take(np.flatnonzero(off <= BACKGROUND.same * noise)), minlength=count + 1
    )
    holes = very >= REGIONS.most * sizes
    holes &= sizes >= HOLE
    if background_model.extreme:
        claimed = np.bincount(labels.ravel(), claim.ravel(), count + 1) / sizes
        holes &= claimed < REGIONS.claimed
    holes[0] = False
    return grown(holes.take(labels), 1) & product & (off <= REGIONS.strong * noise)


def fading_in(product: Mask, off: Pixels, noise: float) -> Mask:
    """What [h, w] the product [h, w] encloses, or nearly, and what fades into it: glass,
    reflections. An opening ends sharply all round, and each place is decided as a whole. `off`
    [h, w] and `noise` are levels off the background's colour."""
    outside = grown(flood(~grown(product, EDGE), border(product.shape)), EDGE + 1)
    labels, count = components(~product & ~outside)
    beside = grown(off > BACKGROUND.near * noise, 1)
    fading = np.zeros(count + 1, np.bool_)
    for number in range(1, count + 1):
        rim = grown(labels == number, 2) & product
        fading[number] = not rim.any() or float(np.mean(beside[rim])) < REGIONS.most
    return fading.take(labels)
