"""Decontamination: removes the old background's colour from soft pixels, where a network has
enlarged the picture.

The matte is sharpened to the enlarged picture's resolution and its soft pixels get the subject's
own colours, before anything is resampled. The result depends on the kept region alone, not on the
canvas, so the tile cache keeps it for every other preset, size and background of the photo.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from PIL import Image

from edge.arrays import Levels, Tensor
from edge.rendering.framing.product import drops_background
from edge.rendering.matting.alpha import resharpened, steepened
from edge.rendering.matting.foreground import SoftBand, soft_band, soft_colours
from edge.rendering.pixels.buffers import array_of, picture_over
from edge.rendering.pixels.picture import Picture
from edge.rendering.pixels.sampling import put_colours
from edge.rendering.step import AsyncStep, PlanContext, PlanState, Tools
from edge.variants.transform import Transform
from edge.variants.values import AUTO


@dataclass(frozen=True, slots=True)
class Decontaminate(AsyncStep):
    """`by` found the subject; from a plain background its alpha is estimated anew."""

    op = "decontaminate"
    by: str

    def after(self, state: PlanState) -> PlanState:
        return replace(state, decontaminated=True)

    async def apply(self, picture: Picture, tools: Tools) -> Picture:
        if picture.decontaminated:
            return picture  # as it lay in the tile cache
        if tools.tile_cache is None or not picture.name:
            return await tools.engine.run(self._decontaminated, picture)
        async with tools.tile_cache.turn(picture.name, tools.deadline):
            if (cutout := tools.tile_cache.cutout(picture.name)) is not None:
                return await tools.engine.run(_again, picture, cutout)
            decontaminated = await tools.engine.run(self._decontaminated, picture)
            assert decontaminated.array is not None, "it lies in one"
            tools.tile_cache.put_cutout(picture.name, decontaminated.array, tools.tags)
            return decontaminated

    def _decontaminated(self, picture: Picture) -> Picture:
        both, alpha, band = begun(picture, self.by)
        if band is not None:
            put_colours(both, band.places, soft_colours(both, alpha, band))
        return as_it_lies(picture, both, Image.fromarray(alpha))


def begun(picture: Picture, by: str) -> tuple[Tensor, Levels, SoftBand | None]:
    """The picture and its sharpened matte in one array [H, W, 4], the picture's own where it has
    one that may be written into; the matte alone [H, W]; and where it is soft, unless that has the
    subject's own colours already."""
    assert picture.matte is not None, "planned only where there is a matte"
    matte, both = array_of(picture.matte), picture.array
    if both is None or not both.flags.writeable:
        both = np.dstack([array_of(picture.opaque), matte])
    if by != "network":
        alpha, band = resharpened(both, matte, cleaned=True), None
    else:
        alpha = steepened(matte)
        band = soft_band(alpha, enlarged=True)
    cv2.insertChannel(alpha, both, 3)
    return both, alpha, band


def plan(transform: Transform, context: PlanContext) -> Decontaminate | None:
    """A step where a network has enlarged what will be decontaminated, else None."""
    analysis = context.analysis
    if analysis is None or analysis.cut_by is None or not context.state.upscaled:
        return None
    return Decontaminate(analysis.cut_by) if wanted(transform, context) else None


def wanted(transform: Transform, context: PlanContext) -> bool:
    """Whether the subject is cut out, and neither its old background nor a filter that looks beside
    it comes after that."""
    analysis = context.analysis
    if analysis is None or analysis.cut_by in (None, "alpha") or not context.state.matted:
        return False
    reads_beside_subject = bool(transform.blur) or transform.sharpen not in (AUTO, 0)
    return transform.cuts_out and drops_background(transform) and not reads_beside_subject


def layers(cutout: Tensor) -> tuple[Image.Image, Image.Image]:
    """The subject (RGB) and its matte (L) of an array [H, W, 4] from the tile cache."""
    return picture_over(cutout), Image.fromarray(cv2.extractChannel(cutout, 3))


def _again(picture: Picture, cutout: Tensor) -> Picture:
    return as_it_lies(picture, cutout, layers(cutout)[1])


def as_it_lies(picture: Picture, both: Tensor, matte: Image.Image) -> Picture:
    """Subject and matte in one array [H, W, 4], which nobody writes into from here on."""
    both.flags.writeable = False
    return replace(picture, image=picture_over(both), matte=matte, decontaminated=True, array=both)
