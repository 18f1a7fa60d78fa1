"""Fusion: the network says what the product is, the background model says where it ends.

What the network is sure of is the product, however pale. What it denies is background, shadows
above all, unless it differs strongly from the background and hangs together with the product: small
networks lose flat, pale or mirrored parts. Between the two the background model decides. A closed
place that shows exactly the background's colour is a hole. Along the outline alpha is solved from
the two colours, which are both known there (`unmix`).

Where the background is not plain the network's matte is brought to the picture's edges by
`guided_filter`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import cv2
import numpy as np
from PIL import Image

from edge.rendering.analysis.backdrop import backdrop
from edge.rendering.analysis.background import (
    BACKGROUND,
    BackgroundModel,
    Grid,
    NotPlain,
    border_depth,
    fit_background,
)
from edge.rendering.analysis.surface import shade_of
from edge.rendering.matting.alpha import ALPHA, estimate_alpha, foreground_colours
from edge.rendering.matting.guided_filter import guided, sized
from edge.rendering.numbers import tuned
from edge.rendering.pixels.arrays import Floats, Mask, Pixels
from edge.rendering.pixels.channels import apart, planes_of
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
class FusionNumbers:
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
    least: float = tuned(0.002, "share", "of the picture; a product is larger", EYE)
    stray: float = tuned(
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
    pale: float = tuned(
        1.5, "times the noise", "within which the product has the background's colour", EYE
    )
    around: float = tuned(
        1 / 3, "radii of the product", "depth of what surrounds it, which tells of its background"
    )
    strong: float = tuned(
        2.0, "times the noise", "from which something differs strongly from the background", EYE
    )


FUSION = FusionNumbers()

HALF = LEVELS.majority
"""Alpha of the network from which a cell is rather the product's than the background's."""

HOLE = (2 * EDGE + 1) ** 2
"""Cells of the smallest region that is decided: those within an edge's width of one."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a cut gives to doubt, each as a share of the product's area unless it says otherwise.

    `unsure`: where the network is of two minds, away from outlines; `traces`: where the first look
    sees hardly anything, but not nothing; `pale`: of the product, what has the background's colour;
    `weak`: of the outline, where no edge is seen; `even`: of what surrounds the product, what has
    one colour; `scene`: 1 where the background is not plain, else 0.
    """

    unsure: float = 0.0
    traces: float = 0.0
    pale: float = 0.0
    weak: float = 0.0
    even: float = 0.0
    scene: float = 0.0


@dataclass(frozen=True, slots=True)
class Fused:
    """Which regions are the product's, and what that says; its matte is drawn when it is asked for.

    `draw` makes the matte; `parts` large ones stand apart; `detail`: the product fills the frame;
    `plain`: its background was one colour or gradient.
    """

    draw: Callable[[], Pixels] = field(repr=False)
    evidence: Evidence
    plain: bool
    parts: int = 1
    detail: bool = False

    @property
    def matte(self) -> Pixels:
        """uint8 [H, W], 0 background to 255 product; pixel work, each time."""
        return self.draw()


def fuse(image: Image.Image, network: Pixels | None, known: Grid | None = None) -> Fused | str:
    """The product, or why there is none.

    Args:
        image: RGB, upright sRGB, of any size.
        network: uint8 [h, w] of any size, the coarse matte; None where no network was asked: then
            all that differs from a plain background is the product.
        known: the picture's grid, if that is there.
    """
    known = known or Grid.of(image)
    grid = known.cells
    if network is None:
        background_model = fit_background(known, floors=True)
        if isinstance(background_model, NotPlain):
            return background_model.reason
        claim = np.full(background_model.open.shape, (HALF + FUSION.denied) / 2, np.float32)
    else:
        claim = sized(network, grid.shape[1], grid.shape[0])
        background_model = fit_background(
            known, claim >= HALF, claim >= FUSION.claimed, floors=True
        )
    found = (
        _on_scene(image, known, claim, network, background_model)
        if isinstance(background_model, NotPlain)
        else (_on_plain(image, grid, claim, background_model, network))
    )
    return found or "nothing stands out from the background"


def _on_plain(
    image: Image.Image,
    grid: Pixels,
    claim: Floats,
    background_model: BackgroundModel,
    network: Pixels | None,
) -> Fused | None:
    off, blind = apart(grid, background_model.backdrop), network is None
    light, tint = shade_of(grid, planes_of(background_model.backdrop))
    shade = (tint <= BACKGROUND.tint) & (light < 1) & (not blind)
    given = _given(claim, background_model, shade)
    seeds = given & (shrunk(given, 1) if blind else claim >= HALF)
    rest = ~given & ~background_model.open
    extra = _solid(rest & _missed(rest, claim, off, light, tint, background_model))
    product, parts = _main_parts(flood(given | extra, seeds))
    if np.count_nonzero(shrunk(product, 1)) < FUSION.least * product.size:
        return None
    holes = _holes(product, claim, background_model, off)
    product &= ~holes
    torn = _torn(product, off, background_model.noise)
    product, holes = product | torn, holes & ~torn
    whole = product | grown(product, 1) & ~background_model.open & ~holes
    background_model = background_model.with_open(grid, ~whole)
    colour_of_subject = foreground_colours(grid, background_model, whole)

    def draw() -> Pixels:
        guess = None if network is None else guided(image, network, grown(whole, 1))
        return estimate_alpha(image, colour_of_subject, background_model, whole, guess)

    area = max(1, int(np.count_nonzero(product)))
    pale = off < FUSION.pale * background_model.noise
    contrast = apart(colour_of_subject, background_model.backdrop)
    outline = shrunk(whole, 1) & ~shrunk(whole, 2)
    evidence = replace(
        Evidence() if blind else _seen_by_network(grid, claim, product),
        pale=np.count_nonzero(shrunk(product, 2 * EDGE) & pale) / area,
        weak=float(np.mean(contrast[outline] < FUSION.strong * background_model.noise))
        if outline.any()
        else 1.0,
    )
    if blind and (evidence.weak > FUSION.lost or area < BACKGROUND.share * _bulk(product)):
        return None
    return Fused(draw, evidence, True, parts)


def _bulk(product: Mask) -> int:
    """Cells of the product and of all that its outline nearly encloses."""
    return int(np.count_nonzero(filled(closed(product, border_depth(BACKGROUND.grid)))))


def _given(claim: Floats, background_model: BackgroundModel, shade: Mask) -> Mask:
    """What the network claims, and what it half claims unless a broad shadow explains it."""
    between = ~background_model.open & (claim >= FUSION.denied) & (claim < FUSION.claimed)
    shadow = between & shade
    if not background_model.coloured:  # there a thin grey part looks so too
        shadow = flood(shadow, shrunk(shadow, 2))
    given: Mask = (claim >= FUSION.claimed) | (between & ~shadow)
    return given


def _soft(region: Mask, background_model: BackgroundModel, off: Pixels) -> bool:
    """Whether a region fades into the background, as a shadow does."""
    edge = background_model.range[region & grown(background_model.open, 2)]
    return edge.size > 0 and bool(
        np.quantile(edge, FUSION.quantile) < FUSION.soft * np.quantile(off[region], FUSION.quantile)
    )


def _missed(
    cells: Mask,
    claim: Floats,
    off: Pixels,
    light: Floats,
    tint: Floats,
    background_model: BackgroundModel,
) -> Mask:
    """Of the regions that the network denied those that are the product's all the same.

    They differ strongly from the background; one of its hue has to do so three times as much, to be
    no thread, and no `_shade`.
    """
    labels, count = components(cells)
    found = np.zeros(count + 1, np.bool_)
    inner = shrunk(cells, 1)
    for number in np.flatnonzero(sizes_of(labels, count) >= HOLE):
        region = labels == number
        high = np.quantile(off[region], FUSION.quantile) / background_model.noise
        if np.median(tint[region]) > BACKGROUND.tint:
            found[number] = high > FUSION.strong
        elif high > BACKGROUND.near * FUSION.strong and inner[region].mean() >= HALF:
            denied = claim[region].mean() < HALF
            found[number] = not (denied and _shade(region, claim, off, light, background_model))
    missed: Mask = found[labels]
    return missed


def _shade(
    region: Mask, claim: Floats, off: Pixels, light: Floats, background_model: BackgroundModel
) -> bool:
    """Whether a region of the background's hue is the background with less light: it fades into it;
    or the product encloses it, and the network denies it; or the picture's border cuts it, as it
    cuts a floor, or its colour tells, unless products have that too."""
    lit = float(np.median(light[region]))
    if not (region & grown(background_model.open, 2)).any():
        return bool(claim[region].mean() < FUSION.empty)
    if lit >= 1:
        return False
    told = background_model.coloured and lit > BACKGROUND.darkest
    return told or _soft(region, background_model, off)


def _solid(cells: Mask) -> Mask:
    """Without hairlines, as a horizon is one, that lead to the picture's border."""
    thin = cells & ~grown(shrunk(cells, 1), 2)
    return cells & ~flood(thin, border(cells.shape))


def _main_parts(cells: Mask) -> tuple[Mask, int]:
    """Without small parts that stand alone; and how many large ones there are."""
    labels, count = components(cells)
    sizes = sizes_of(labels, count)
    large = sizes >= FUSION.stray * sizes.max()
    large[0] = False
    kept: Mask = large[labels]
    return kept, int(np.count_nonzero(sizes >= SCALES.quarter * max(1, sizes.max())))


def _holes(product: Mask, claim: Floats, background_model: BackgroundModel, off: Pixels) -> Mask:
    """Background that the product encloses: a handle, a chair's legs, an arm on a hip.

    Flat, and in the background's colour. On white and on black, where a print and a product look so
    too, the network must have its doubts as well.
    """
    noise = background_model.noise
    labels, count = components(product & (background_model.range <= noise))
    sizes = np.maximum(sizes_of(labels, count), 1)
    very = np.bincount(labels[off <= BACKGROUND.share * noise], minlength=count + 1)
    holes = very >= BACKGROUND.share * sizes
    holes &= sizes >= HOLE
    if background_model.extreme:
        claimed = np.bincount(labels.ravel(), claim.ravel(), count + 1) / sizes
        holes &= claimed < FUSION.claimed
    holes[0] = False
    return grown(holes[labels], 1) & product & (off <= FUSION.strong * noise)


def _torn(product: Mask, off: Pixels, noise: float) -> Mask:
    """What the product encloses, or nearly, and what fades into it: glass and reflections. An
    opening ends sharply all round, and each place is decided as a whole."""
    outside = grown(flood(~grown(product, EDGE), border(product.shape)), EDGE + 1)
    labels, count = components(~product & ~outside)
    beside = grown(off > BACKGROUND.near * noise, 1)
    fading = np.zeros(count + 1, np.bool_)
    for number in range(1, count + 1):
        rim = grown(labels == number, 2) & product
        fading[number] = not rim.any() or float(np.mean(beside[rim])) < BACKGROUND.share
    torn: Mask = fading[labels]
    return torn


def _on_scene(
    image: Image.Image,
    known: Grid,
    claim: Floats,
    network: Pixels | None,
    background_model: NotPlain,
) -> Fused | None:
    assert network is not None, "only a network finds a product in a scene"
    product, parts = _main_parts(claim >= HALF)
    area = int(np.count_nonzero(product))
    if area < FUSION.least * product.size:
        return None
    steps, edge = known.range, border(product.shape)
    outline = grown(product, 1) & ~shrunk(product, 1)
    evidence = replace(
        _seen_by_network(known.cells, claim, product),
        pale=_pale(known.cells, steps, product) / area,
        weak=np.count_nonzero(outline & (steps < FUSION.strong * BACKGROUND.noise))
        / np.count_nonzero(outline | edge),
        scene=1.0,
    )
    if evidence.unsure >= 1:
        whole = np.full((image.height, image.width), 255, np.uint8)
        return Fused(lambda: whole, evidence, False, detail=True)
    draw = partial(_drawn_on_scene, image, product, network)
    return Fused(draw, evidence, False, parts, background_model.detail)


def _drawn_on_scene(image: Image.Image, product: Mask, network: Pixels) -> Pixels:
    core, near = (
        cv2.resize(cells.view(np.uint8), image.size, interpolation=cv2.INTER_NEAREST) > 0
        for cells in (shrunk(product, ALPHA.inner), grown(product, ALPHA.inner))
    )
    led = guided(image, network, grown(product, ALPHA.inner))
    return np.where(core, np.uint8(255), np.where(near, led, np.uint8(0)))


def _pale(grid: Pixels, steps: Pixels, product: Mask) -> int:
    """Cells inside the product that look as its background would there: in a scene these may be a
    gap between an arm and a body, or a print, and nothing but a person can tell."""
    behind = backdrop(grid, ~grown(product, ALPHA.inner))
    noise = FUSION.strong * BACKGROUND.noise
    alike = product & (steps <= noise) & (apart(grid, behind) <= noise)
    return int(np.count_nonzero(shrunk(alike, 1)))


def _seen_by_network(grid: Pixels, claim: Floats, product: Mask) -> Evidence:
    area = max(1, int(np.count_nonzero(product)))
    return Evidence(
        unsure=_two_minds(claim, product) / area,
        traces=np.count_nonzero((claim > FUSION.empty) & (claim < FUSION.denied)) / area,
        even=_even(grid, product, area),
    )


def _two_minds(claim: Floats, product: Mask) -> int:
    """Cells away from outlines about which the network is not sure."""
    unsure = np.where(product, claim < FUSION.claimed, claim > FUSION.denied)
    return int(np.count_nonzero(shrunk(unsure, 2)))


def _even(grid: Pixels, product: Mask, area: int) -> float:
    """Of what surrounds the product, a third of its radius deep, the share of one colour."""
    near = grown(product, EDGE + 1 + round(np.sqrt(area / np.pi) * FUSION.around))
    around = grid[near & ~grown(product, EDGE)]
    if not len(around):
        return 0.0
    usual = np.median(around[:: 1 + len(around) // 4096], axis=0).astype(np.uint8)
    return float(np.mean(apart(around[None], usual) <= 2 * LEVELS.near))
