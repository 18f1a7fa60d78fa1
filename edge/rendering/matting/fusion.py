"""Fusion: the network says what the product is, the background model says where it ends.

What the network is sure of is the product, however pale. What it denies is background, shadows
above all, unless it differs strongly from the background and hangs together with the product: small
networks lose flat, pale or mirrored parts. Between the two the background model decides. A closed
place that shows exactly the background's colour is a hole. Along the outline alpha is solved from
the two colours, which are both known there (`estimate_alpha`).

Where the background is not plain the network's matte is brought to the picture's edges by
`guided_filter`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from PIL import Image

from edge.arrays import Floats, Mask, Pixels, Shares
from edge.rendering.analysis.background import (
    BACKGROUND,
    BackgroundModel,
    Grid,
    NotPlain,
    fit_background,
    rarity,
    ring_of,
)
from edge.rendering.analysis.surface import shade_of
from edge.rendering.matting.alpha import ALPHA, estimate_alpha, foreground_colours, levels_of
from edge.rendering.matting.doubt import AROUND, RARER, Evidence
from edge.rendering.matting.guided_filter import Guide, sized
from edge.rendering.matting.outline import Outline
from edge.rendering.matting.regions import (
    REGIONS,
    bulk,
    fading_in,
    given_by,
    holes_in,
    least,
    main_parts,
    missed,
)
from edge.rendering.pixels.buffers import array_of
from edge.rendering.pixels.channels import apart, planes_of
from edge.rendering.pixels.levels import LEVELS
from edge.rendering.pixels.morphology import EDGE, flood, grown, shrunk
from edge.rendering.pixels.sampling import colours_in, middle_of


@dataclass(frozen=True, slots=True)
class Fused:
    """The product's regions and the evidence for doubt; the matte is drawn on demand.

    `draw` makes the matte; `product` bool [h, w] are its cells; `parts` large ones stand apart;
    `detail`: the product fills the frame; `plain`: its background was one colour or gradient.
    """

    draw: Callable[[], Pixels] = field(repr=False)
    product: Mask = field(repr=False)
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
        claim = np.full(
            background_model.open.shape, (LEVELS.majority + REGIONS.denied) / 2, np.float32
        )
    else:
        claim = sized(network, grid.shape[1], grid.shape[0])
        background_model = fit_background(
            known, claim >= LEVELS.majority, claim >= REGIONS.claimed, floors=True
        )
    found = (
        _on_scene(image, known, claim, network, background_model)
        if isinstance(background_model, NotPlain)
        else _on_plain(image, grid, claim, background_model, network)
    )
    return found or "nothing stands out from the background"


def _on_plain(
    image: Image.Image,
    grid: Pixels,
    claim: Shares,
    background_model: BackgroundModel,
    network: Pixels | None,
) -> Fused | None:
    off, no_network = apart(grid, background_model.backdrop), network is None
    unsure = ~background_model.open & (claim < REGIONS.claimed)
    light, tint = _shade_in(unsure, grid, background_model.backdrop)
    shade = (tint <= BACKGROUND.tint) & (light < 1) & (not no_network)
    given = given_by(claim, background_model, shade, off)
    seeds = given & (shrunk(given, 1) if no_network else claim >= LEVELS.majority)
    rest = ~given & ~background_model.open
    extra = rest & missed(rest, claim, off, light, tint, background_model)
    product, parts = main_parts(flood(given | extra, seeds))
    if np.count_nonzero(shrunk(product, 1)) < least(product.shape):
        return None
    holes = holes_in(product, claim, background_model, off)
    product &= ~holes
    fading = fading_in(product, off, background_model.noise)
    product, holes = product | fading, holes & ~fading
    whole = product | grown(product, 1) & ~background_model.open & ~holes
    background_model = background_model.with_open(grid, ~whole)
    colour_of_subject = foreground_colours(grid, background_model, whole)

    def draw() -> Pixels:
        guide = None if network is None else Guide.led(image, network, grown(whole, 1))
        return estimate_alpha(image, colour_of_subject, background_model, whole, guide)

    area = max(1, int(np.count_nonzero(product)))
    pale = off < REGIONS.pale * background_model.noise
    evidence = replace(
        Evidence() if no_network else _network_evidence(grid, claim, product, _around(product)),
        pale=np.count_nonzero(shrunk(product, 2 * EDGE) & pale) / area,
    )
    if no_network and (
        _faint(colour_of_subject, whole, background_model) > REGIONS.lost
        or area < REGIONS.most * bulk(product)
    ):
        return None
    return Fused(draw, product, evidence, True, parts)


def _shade_in(cells: Mask, grid: Pixels, backdrop: Pixels) -> tuple[Floats, Floats]:
    """What `shade_of` says of some cells [h, w], which are few; 0 elsewhere."""
    found, places = np.zeros((2, cells.size), np.float32), np.flatnonzero(cells)
    if len(places):
        observed, behind = (
            each.reshape(-1, 3).take(places, axis=0)[None] for each in (grid, backdrop)
        )
        found[:, places] = np.concatenate(shade_of(observed, planes_of(behind)))
    light, tint = found.reshape(2, *cells.shape)
    return light, tint


def _faint(colour_of_subject: Pixels, whole: Mask, background_model: BackgroundModel) -> float:
    """The share of the outline where the product has the background's colour; 1 without one."""
    outline = shrunk(whole, 1) & ~shrunk(whole, 2)
    contrast = apart(colour_of_subject, background_model.backdrop)
    faint = contrast[outline] < REGIONS.strong * background_model.noise
    return float(np.mean(faint)) if faint.size else 1.0


def _on_scene(
    image: Image.Image,
    known: Grid,
    claim: Shares,
    network: Pixels | None,
    background_model: NotPlain,
) -> Fused | None:
    assert network is not None, "only a network finds a product in a scene"
    product, parts = main_parts(claim >= LEVELS.majority)
    area = int(np.count_nonzero(product))
    if area < least(product.shape):
        return None
    around = _around(product)
    evidence = replace(
        _network_evidence(known.cells, claim, product, around),
        pale=_pale(known.cells, product, around) / area,
        scene=1.0,
    )
    if evidence.unsure >= 1 or background_model.detail:
        whole = np.full((image.height, image.width), 255, np.uint8)
        return Fused(lambda: whole, product, evidence, False, detail=True)
    draw = partial(_drawn_on_scene, image, product, network)
    return Fused(draw, product, evidence, False, parts)


def _drawn_on_scene(image: Image.Image, product: Mask, network: Pixels) -> Pixels:
    near = grown(product, ALPHA.inner)
    outline = Outline.around(shrunk(product, ALPHA.inner), near, (image.height, image.width))
    if not len(outline.pairs):
        return outline.alone()
    guide = Guide.led(image, network, near)
    return outline.drawn(levels_of(guide.shares(outline, outline.colours(array_of(image)))))


def _pale(grid: Pixels, product: Mask, around: Mask) -> int:
    """Cells inside the product of colours that are several times as usual around it: in a scene
    these may be a gap between an arm and a body, or a print, and nothing but a person can tell."""
    if not around.any():
        return 0
    alike = product & (rarity(grid, around, product) > RARER)
    return int(np.count_nonzero(grown(shrunk(alike, 1), 1) & product))


def _network_evidence(grid: Pixels, claim: Shares, product: Mask, around: Mask) -> Evidence:
    area = max(1, int(np.count_nonzero(product)))
    return Evidence(
        unsure=disagreement(claim, product) / area,
        traces=np.count_nonzero((claim > REGIONS.empty) & (claim < REGIONS.denied)) / area,
        even=_even(grid, product, around),
    )


def disagreement(claim: Shares, product: Mask) -> int:
    """How many cells, away from outlines, a network's claim [h, w] is unsure of or contradicts."""
    unsure = np.where(product, claim < REGIONS.claimed, claim > REGIONS.denied)
    return int(np.count_nonzero(shrunk(unsure, 2)))


def _even(grid: Pixels, product: Mask, around: Mask) -> float:
    """Of what is around the product, the share of the colour that the picture's border has."""
    far = ring_of(product.shape) & ~grown(product, EDGE)
    if not (around.any() and far.any()):
        return 0.0
    usual = middle_of(colours_in(grid, far)).astype(np.uint8)
    return float(np.mean(apart(colours_in(grid, around)[None], usual) <= 2 * LEVELS.near))


def _around(product: Mask) -> Mask:
    """What surrounds the product, a quarter of its radius deep."""
    radius = np.sqrt(np.count_nonzero(product) / np.pi)
    near = grown(product, EDGE + 1 + round(radius * AROUND))
    return near & ~grown(product, EDGE)
