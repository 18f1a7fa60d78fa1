"""Cutting out: which way leads to the matte, and what is told of it.

An original that is see-through already brings its matte. A plain studio ground is unmixed
analytically. Where that abstains or is unsure, the networks are asked. What is found depends on the
original and the networks alone, never on the wish: so all presets of a photo can share it.
"""

import time
from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image

from edge.errors import ModelMissing, OriginalUnsupported
from edge.images import Box, Size
from edge.models import matting, roles
from edge.models.base import Models
from edge.rendering.area import Area
from edge.rendering.islands import holds_ground
from edge.rendering.job import Stopwatch
from edge.rendering.look import Look, look
from edge.rendering.matte import HALF, bounds, edges, touched
from edge.rendering.plain_ground import Abstained, cut_out
from edge.rendering.regions import Mask, border, components, flood, grown
from edge.rendering.step import Tools
from edge.rendering.studio import Pixels
from edge.variants.transform import Transform
from edge.variants.values import Fit, Matte, Upscale

PREFERRED = 0.88
"""From this confidence on no network is asked: it would be slower and not better there."""

SURE = 0.9
"""The same for a network's cut, from where on nobody need look. Of the 109 pictures that the
shipped one was measured on, 6 of 45 above it overlap the truth by less than nine tenths, 38 of 64
below."""

UNSURE_COSTS = 1.5
"""What a share of the matte that is neither subject nor ground takes from the confidence. Every
outline has some, so it runs from a twentieth up; it makes 0.9 the line that `SURE` names."""

STRAY, STRAY_AT_EDGE, SPECK = 0.06, 0.2, 0.005
"""Shares of the largest part of a network's matte: below the first a part that stands alone is not
the subject's, below the second not where the photo's edge cuts it, below the third it is not worth
a word."""

_TRACE, _TOLD = 1, 6
"""Alpha from which a network may mean something, for thin legs are seen like that, and from which
it says so."""

_GRID, _HAZE, _NEAR_EDGE, _AROUND = 256, 16, 3, 8
"""Cells on the long side; the alpha from which they join what is beside them; how many of them a
part that the photo's edge cuts may stay away from it; how far a stray's haze may reach."""

FINEST = 2500
"""Pixels on the long side up to which a matte has all of the original's; a larger original is
reduced to it first. On a plain ground 4000 pixels take three times as long as 2500, and few presets
are larger."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A matte and where it came from.

    `matte` (mode L) covers the whole upright original; `subject` is in fractions of it; `by` is
    `alpha`, `plain-ground` or `network`; `confidence` runs from 0 to 1; `flags` names what makes
    this photo hard, `review` among them where a person should look; `doubted`, in fractions too, is
    all that a network took for the subject with the least trace, where it was not sure.
    """

    matte: Image.Image = field(repr=False)
    subject: Area
    by: str
    confidence: float
    flags: tuple[str, ...] = ()
    doubted: Area | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """All that is known of one original's subject: the look, and the cut or why there is none."""

    look: Look
    found: Cut | Abstained

    @property
    def told(self) -> Look:
        """The look with the subject's exact box, or with why it could not be found."""
        look, found = self.look, self.found
        if isinstance(found, Abstained):
            return replace(look, flags=tuple(dict.fromkeys((*look.flags, *found.flags))))
        guessed = (flag for flag in look.flags if flag not in _MENDED)
        alpha = np.asarray(found.matte)
        return replace(
            look,
            subject=found.subject,
            touches=touched(alpha),
            covered=tuple(round(float(np.mean(line >= HALF)), 3) for line in edges(alpha).values()),
            flags=tuple(dict.fromkeys((*guessed, *found.flags))),
            cut_by=found.by,
            confidence=found.confidence,
            doubted=found.doubted,
        )


_MENDED = frozenset(
    {"no-subject", "touches-edge"}
)  # of the look's guesses, those that a matte ends


_HARD = frozenset({"see-through", "ground-coloured", "several"})


def resolution(original: Size) -> Size:
    """The size of the matte of an upright original."""
    return original.scaled(min(1.0, FINEST / original.long))


def wanted(transform: Transform) -> bool:
    """Whether this wish needs a matte at all."""
    if transform.matte is Matte.AUTO:
        return transform.background is not None
    return transform.matte is Matte.ON


def sought(transform: Transform) -> bool:
    """Whether this wish needs to know exactly where the subject is: to cut it out, or to keep it
    whole. The latter may ask networks where the wish lets them enlarge; a thumbnail takes a look.
    """
    keeps = transform.fit is Fit.COVER and transform.gravity.subject
    return wanted(transform) or (keeps and transform.upscale is not Upscale.OFF)


def must(transform: Transform) -> bool:
    """Whether a picture as shot would break the wish: then a missing network is an error."""
    return transform.matte is Matte.ON or (bool(transform.preset) and wanted(transform))


def at_hand(image: Image.Image, seen: Pixels | None = None) -> Cut | Abstained:
    """The cut that needs no network; `seen`, where one was asked what is shadow, is its rough
    matte [H, W]."""
    if image.mode == "RGBA":
        return _by_alpha(image)
    found = cut_out(image, seen)
    if isinstance(found, Abstained):
        return found
    flags = found.flags if found.confidence >= PREFERRED else (*found.flags, "review")
    return _cut(found.matte, found.box, "plain-ground", found.confidence, flags)


def insist(found: Cut | Abstained, transform: Transform, models: Models) -> None:
    """Hold what was found against a wish.

    Raises:
        ModelMissing: nothing was, there is no network to ask, and the wish cannot do without.
        OriginalUnsupported: the networks see no subject either, and the wish cannot do without.
    """
    if isinstance(found, Abstained) and must(transform):
        why = {"reason": found.reason, "flags": list(found.flags)}
        try:
            models.spec(roles.MATTING)
        except ModelMissing as missing:
            raise ModelMissing(
                f"{found.reason}; {missing.detail}",
                param=missing.param,
                allowed=missing.allowed,
                nearest=missing.nearest,
                diagnostics=why,
            ) from missing
        raise OriginalUnsupported(
            "no subject is found that could be cut out", param="matte", diagnostics=why
        )


def networks(models: Models) -> tuple[tuple[str, str], ...]:
    """Name and digest of the networks that may be asked, as far as the repository has them."""
    names = (roles.MATTING, roles.MATTING_REFINE) if _has(models, roles.MATTING) else ()
    return tuple((name, models.spec(name).digest) for name in names if _has(models, name))


def near(image: Image.Image, watch: Stopwatch) -> Findings:
    """What is found without a network; pixel work."""
    return Findings(watch.time("look", look, image), watch.time("cut", at_hand, image))


async def search(image: Image.Image, tools: Tools, watch: Stopwatch) -> Findings:
    """What is found in an upright sRGB picture, by the networks where it needs them.

    Raises:
        ModelUnavailable, ModelContractBroken, DeadlineExceeded: from the models.
    """
    findings = await tools.engine.run(near, image, watch)
    found = findings.found
    settled = _is_sure(found)
    if (settled and "shadow" not in found.flags) or not _has(tools.models, roles.MATTING):
        return findings
    start = time.perf_counter()
    pixels = await tools.engine.run(lambda: np.asarray(image.convert("RGB")))
    coarse = await matting.coarse_matte(tools.models, pixels, tools.deadline, tools.priority)
    if settled:
        watch.timings.append(("matting", time.perf_counter() - start))
        told = await tools.engine.run(watch.time, "cut", at_hand, image, coarse)
        return replace(findings, found=told if _is_sure(told) else found)
    cut = await _by_network(pixels, coarse, tools)
    watch.timings.append(("matting", time.perf_counter() - start))
    if isinstance(found, Cut):
        told = await tools.engine.run(watch.time, "cut", at_hand, image, coarse)
        found = told if isinstance(told, Cut) else found
    return replace(findings, found=_better(cut, found, findings.look))


def _is_sure(found: Cut | Abstained) -> bool:
    return isinstance(found, Cut) and found.confidence >= PREFERRED


async def _by_network(pixels: Pixels, coarse: Pixels, tools: Tools) -> Cut | None:
    """The subject as the networks see it; None where they see none."""
    alpha = await tools.engine.run(_untraced, coarse)
    if _has(tools.models, roles.MATTING_REFINE):
        finer = await matting.refine(tools.models, pixels, alpha, tools.deadline, tools.priority)
        alpha = await tools.engine.run(_mean, alpha, finer)
    return await tools.engine.run(_judged, pixels, alpha, coarse)


def _untraced(coarse: Pixels) -> Pixels:
    """A matte without the traces that a network leaves of its doubts."""
    shown = np.where(coarse < _TOLD, 0, np.where(coarse > 255 - _TOLD, 255, coarse))
    return shown.astype(np.uint8)


def _mean(one: Pixels, other: Pixels) -> Pixels:
    """Of two mattes. Led along the picture's edges the coarse one errs less along outlines than the
    refined one does, most of all on hair; that errs less in the whole."""
    return ((one.astype(np.uint16) + other + 1) // 2).astype(np.uint8)


def _better(cut: Cut | None, found: Cut | Abstained, look: Look) -> Cut | Abstained:
    """The network's cut, or the doubtful one found without it where that is the surer one."""
    if cut is None:
        return _unseen(found)
    if isinstance(found, Cut) and found.confidence > cut.confidence:
        return found
    return _warned(cut, found, look)


def _warned(cut: Cut, found: Cut | Abstained, look: Look) -> Cut:
    """The network's cut, still saying what was hard to see without it. A scene has no colour of its
    own that the subject could share."""
    known = _HARD if look.uniform else _HARD - {"ground-coloured"}
    hard = (flag for flag in found.flags if flag in known)
    return replace(cut, flags=tuple(dict.fromkeys((*cut.flags, *hard))))


def _unseen(found: Cut | Abstained) -> Abstained:
    """Where the network sees nothing, a doubtful cut is not to be trusted."""
    flags = found.flags if isinstance(found, Abstained) else ()
    return Abstained("the networks see no subject", tuple(dict.fromkeys((*flags, "no-subject"))))


def _judged(pixels: Pixels, alpha: Pixels, coarse: Pixels) -> Cut | None:
    """The network's matte with a confidence: how little of the coarse one, before it was refined,
    is neither subject nor ground."""
    parts = _Parts.of(alpha)
    if parts is None:
        return None
    alpha = parts.only(alpha, parts.joined)
    box = bounds(alpha >= HALF)
    if box is None:
        return None
    sure = int(np.count_nonzero(coarse >= 230))
    unsure = int(np.count_nonzero((coarse > 25) & (coarse < 230)))
    confidence = round(max(0.0, 1 - UNSURE_COSTS * unsure / max(1, sure + unsure)), 3)
    flags = [f"touches-{side}" for side in touched(alpha)]
    if confidence < SURE or parts.strays.any() or holds_ground(pixels, alpha):
        flags.append("review")
    cut = _cut(alpha, box, "network", confidence, tuple(flags))
    if confidence >= SURE:
        return cut
    traces = bounds(parts.only(coarse, ~parts.strays) >= _TRACE)
    return replace(cut, doubted=_fractions(traces or box, alpha))


@dataclass(frozen=True, slots=True)
class _Parts:
    """Of a network's matte, on a grid of cells `factor` pixels wide: those of its main parts and of
    all that is joined to them, and those of strays and around them."""

    joined: Mask
    strays: Mask
    factor: int

    @classmethod
    def of(cls, alpha: Pixels) -> "_Parts | None":
        """None where nothing is the subject's."""
        factor = max(1, -(-max(alpha.shape) // _GRID))
        grid = np.asarray(Image.fromarray(alpha).reduce(factor))
        numbers, count = components(grid >= HALF)
        if not count:
            return None
        areas = np.bincount(numbers.ravel(), minlength=count + 1)
        areas[0] = 0
        share = np.full(count + 1, STRAY)
        share[np.unique(numbers[border(grid.shape, _NEAR_EDGE)])] = STRAY_AT_EDGE
        main = areas >= share * areas.max()
        joined = grown(flood(grid >= _HAZE, main[numbers]), 1)
        strays = ~main & (areas >= SPECK * areas.max())
        return cls(joined, grown(strays[numbers], _AROUND), factor)

    def only(self, alpha: Pixels, cells: Mask) -> Pixels:
        """The matte in these cells, and nothing elsewhere."""
        high, wide = (length * self.factor for length in cells.shape)
        small = Image.fromarray(cells.astype(np.uint8))
        near = np.asarray(small.resize((wide, high), Image.Resampling.NEAREST))
        return np.where(near[: alpha.shape[0], : alpha.shape[1]] > 0, alpha, np.uint8(0))


def _by_alpha(image: Image.Image) -> Cut | Abstained:
    alpha = np.asarray(image.getchannel("A"))
    box = bounds(alpha >= HALF)
    if box is None:
        return Abstained("the original is see-through everywhere", ("no-subject",))
    return _cut(alpha, box, "alpha", 1.0, ())


def _cut(alpha: Pixels, box: Box, by: str, confidence: float, flags: tuple[str, ...]) -> Cut:
    return Cut(Image.fromarray(alpha), _fractions(box, alpha), by, confidence, flags)


def _fractions(box: Box, alpha: Pixels) -> Area:
    return Area.of(box).scaled(1 / alpha.shape[1], 1 / alpha.shape[0])


def _has(models: Models, name: str) -> bool:
    try:
        models.spec(name)
    except ModelMissing:
        return False
    return True
