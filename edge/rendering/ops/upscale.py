"""Upscale: the kept region, 2 or 4 times as large, by a network.

Only where the output needs more pixels than the original has. The resize then brings the result to
the requested size.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from PIL import Image

from edge.arrays import Mask, Tensor
from edge.images import Box, Size
from edge.models import upscaling
from edge.models.base import Models
from edge.rendering.analysis import degradation
from edge.rendering.analysis.analysis import Analysis
from edge.rendering.framing.framing import network_factor
from edge.rendering.framing.product import collared
from edge.rendering.ops import decontaminate
from edge.rendering.pixels.bleeding import continued
from edge.rendering.pixels.buffers import array_of, picture_over
from edge.rendering.pixels.denoise import denoised
from edge.rendering.pixels.geometry import Area
from edge.rendering.pixels.levels import LEVELS
from edge.rendering.pixels.morphology import grown
from edge.rendering.pixels.picture import Picture
from edge.rendering.pixels.scales import SCALES
from edge.rendering.step import (
    AsyncStep,
    Edit,
    PixelStep,
    PlanContext,
    PlanState,
    SourceType,
    Step,
    Tools,
)
from edge.rendering.tile_cache import name_of
from edge.variants.transform import Transform


@dataclass(frozen=True, slots=True)
class Stretch(PixelStep):
    """Where no network can be waited for: `cut` (None: all) `factor` times as large by Lanczos."""

    op = "stretch"
    factor: int
    cut: Box | None = None

    def after(self, state: PlanState) -> PlanState:
        return _enlarged(state, self.cut, self.factor)

    def apply(self, picture: Picture) -> Picture:
        picture = picture.cropped(self.cut) if self.cut else picture
        width, height = picture.image.size
        return picture.resized(Size(width * self.factor, height * self.factor))


@dataclass(frozen=True, slots=True)
class _NetworkInput:
    """What the network sees, and where it is wanted (None: everywhere); its name and that of the
    subject's matte in the tile cache, "" where they have none."""

    pixels: Tensor
    name: str
    matte: str
    wanted: Mask | None


@dataclass(frozen=True, slots=True)
class Upscale(AsyncStep):
    """`factor` is 2 or 4, `model` who does it; only `cut` (None: all) is enlarged and goes on.
    `degraded` says that the source asks for the network that tells degradation from detail, `grain`
    (levels) that so much of it has to go first; `remarks` say what to expect. `decontaminates` says
    that the subject is cut out of what comes out, which may lie in the tile cache already."""

    op = "upscale"
    factor: int
    model: str
    cut: Box | None = None
    degraded: bool = False
    grain: float | None = None
    decontaminates: bool = False
    remarks: tuple[str, ...] = ()

    @property
    def models(self) -> tuple[str, ...]:
        return (self.model,)

    @property
    def notes(self) -> tuple[str, ...]:
        return self.remarks

    def edits(self, transform: Transform, analysis: Analysis | None) -> tuple[Edit, ...]:
        return (Edit(SourceType.ENHANCED, f"enlarged {self.factor} times by a network"),)

    def settled(self, models: Models | None) -> Step:
        if models is None:
            return Stretch(self.factor, self.cut)
        return replace(self, model=upscaling.fitting(models, self.factor, degraded=self.degraded))

    def after(self, state: PlanState) -> PlanState:
        return _enlarged(state, self.cut, self.factor)

    async def apply(self, picture: Picture, tools: Tools) -> Picture:
        given = await tools.engine.run(self._input, picture, tools.tile_cache is not None)
        cut = picture.cropped(self.cut) if self.cut else picture
        if tools.tile_cache is not None and given.matte:
            named = f"{_named(self.model, tools)} {self.cut} {given.name} {given.matte}"
            cut = replace(cut, name=named)
            if (cutout := tools.tile_cache.cutout(named)) is not None:
                return await tools.engine.run(self._decontaminated, cut, cutout)
        larger = await self._by_network(given, tools)
        return await tools.engine.run(self._joined, cut, larger)

    def _input(self, picture: Picture, named: bool) -> _NetworkInput:
        pixels = array_of(self._source(picture))
        matte = picture.matte if self.decontaminates else None
        name = name_of(pixels) if named else ""
        matte_name = name_of(array_of(matte)) if named and matte else ""
        return _NetworkInput(pixels, name, matte_name, _shown(matte))

    def _decontaminated(self, picture: Picture, cutout: Tensor) -> Picture:
        """The picture as it was after its subject was decontaminated."""
        image, matte = decontaminate.layers(cutout)
        picture = self._grown(picture, image, lambda _: matte)
        return replace(picture, decontaminated=True, array=cutout)

    def _source(self, picture: Picture) -> Image.Image:
        """What the network sees: all of it, so that every cut of it shares its tiles."""
        opaque = _opaque(picture)
        return denoised(opaque, self.grain) if self.grain else opaque

    async def _by_network(self, given: _NetworkInput, tools: Tools) -> Tensor:
        async def larger(kept: upscaling.TileStore | None = None) -> Tensor:
            return await upscaling.upscale(
                tools.models,
                given.pixels,
                self.factor,
                tools.deadline,
                tools.priority,
                model=self.model,
                region=self.cut,
                wanted=given.wanted,
                kept=kept,
                run=tools.engine.run,
            )

        if tools.tile_cache is None:
            return await larger()
        model = _named(self.model, tools)
        size = self.cut.size if self.cut else Size(given.pixels.shape[1], given.pixels.shape[0])
        expected = size.pixels * 3 * self.factor**2
        async with tools.tile_cache.picture_tiles(
            given.name, model, expected, tools.deadline, tools.tags
        ) as picture_tiles:
            return await larger(picture_tiles)

    def _joined(self, picture: Picture, larger: Tensor) -> Picture:
        """The network sees colours only; alpha and matte are enlarged beside it."""
        image = picture_over(larger)
        if (alpha := _own_alpha(picture)) is not None:
            image = _see_through(image, picture.image, alpha)
            if not picture.has_alpha:
                image = image.convert("RGB")
            return self._grown(picture, image, self._stretched)
        if picture.decontaminated:  # an array's last channel would have to be its matte's
            return self._grown(picture, image, self._stretched)
        return replace(self._grown(picture, image, self._stretched), array=larger)

    def _stretched(self, matte: Image.Image) -> Image.Image:
        """A soft curve needs no more than a cubic filter, at a tenth of the time of Lanczos."""
        size = matte.width * self.factor, matte.height * self.factor
        return Image.fromarray(cv2.resize(np.asarray(matte), size, interpolation=cv2.INTER_CUBIC))

    def _grown(
        self, picture: Picture, larger: Image.Image, matte: Callable[[Image.Image], Image.Image]
    ) -> Picture:
        return picture.mapped(
            lambda _: larger, lambda area, _: area.scaled(self.factor, self.factor), matte
        )


def plan(transform: Transform, context: PlanContext) -> Upscale | None:
    """A step where the framing needs more pixels than there are and `up` allows it, else None."""
    framing, whole = context.state.framing, context.state.size
    factor = framing and network_factor(transform, framing, context)
    if not framing or not factor:
        return None
    decontaminates = decontaminate.wanted(transform, context)
    kept = (
        _shared(framing.region, context).outward(whole)
        if decontaminates
        else framing.region.outward(whole)
    )
    cut, size = kept if kept.size != whole else None, kept.size
    degraded = degradation.reason(context.facts)
    remarks = (
        [f"{degraded}: enlarged by the network for degraded photos, if there is one"]
        if degraded
        else []
    )
    if size.short < SCALES.small:
        remarks.append(
            f"the kept region is {size}: below {SCALES.small} px upscaling cannot help much"
        )
    if framing.enlargement > factor:
        remarks.append(
            f"the output needs {framing.enlargement:.2f} times the pixels, the network makes "
            f"{factor} of it, the rest is resampled"
        )
    grain = degradation.strong_grain(context.facts)
    if grain:
        remarks.append(f"grain of {grain:.1f} levels is taken down first")
    model = upscaling.model_for(factor, degraded=bool(degraded))
    return Upscale(factor, model, cut, bool(degraded), grain, decontaminates, tuple(remarks))


def _shared(region: Area, context: PlanContext) -> Area:
    """What every canvas shares that keeps the subject and its collar alone, where this one does:
    their regions differ by parts of a pixel."""
    state = context.state
    around = state.subject and collared(state.subject).overlap(state.view)
    return around if around and region.overlap(around) == region else region


def _shown(matte: Image.Image | None) -> Mask | None:
    """Where the subject is, and what its outline is told from (bool [H, W]); None: everywhere."""
    return None if matte is None else grown(array_of(matte) > 0, SCALES.beside)


def _named(model: str, tools: Tools) -> str:
    return f"{model} {tools.models.spec(model).digest}"


def _enlarged(state: PlanState, cut: Box | None, factor: int) -> PlanState:
    enlarged = (state.cropped(cut) if cut else state).enlarged(factor)
    return replace(enlarged, upscaled=True)


def _own_alpha(picture: Picture) -> Image.Image | None:
    """The original's own alpha (L), which the picture has in its pixels or as its matte."""
    if picture.has_alpha:
        return picture.image.getchannel("A")
    return picture.matte if picture.exact else None


def _see_through(larger: Image.Image, image: Image.Image, alpha: Image.Image) -> Image.Image:
    """RGBA: the network's colours where the picture is opaque, its own, resampled, where it is not:
    the outline between a white product and its black shadow is one of alpha, not of colours."""
    whole = image.convert("RGB")
    whole.putalpha(alpha)
    whole = whole.convert("RGBa").resize(larger.size, Image.Resampling.LANCZOS).convert("RGBA")
    enlarged = whole.getchannel("A")
    whole.paste(larger, mask=enlarged.point(_opaque_shares()))
    whole.putalpha(enlarged)
    return whole


def _opaque_shares() -> list[int]:
    """How much of the network's colours each of the 256 levels of alpha takes, 0 to 255."""
    least = 255 - 2 * LEVELS.near
    return [max(0, round((level - least) * 255 / (255 - least))) for level in range(256)]


def _opaque(picture: Picture) -> Image.Image:
    """RGB whose hidden colours are those of what is seen beside them.

    The network would mix whatever lies under see-through pixels into the subject's edge.
    """
    alpha = _own_alpha(picture)
    if alpha is None:
        return picture.image
    return Image.fromarray(continued(np.asarray(picture.image.convert("RGB")), np.asarray(alpha)))
