"""Lift: the subject off its old ground, where the network has just enlarged both.

The outline is brought to the enlarged picture's sharpness and its soft pixels get the subject's own
colours, before anything is resampled. What comes out depends on the kept region alone, not on the
canvas: so it lies on the shelf for every preset, size and ground that the photo is asked for next.
"""

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from edge.models.base import Tensor
from edge.rendering.cutting import wanted as cut_out
from edge.rendering.foreground import foreground
from edge.rendering.matte import snapped
from edge.rendering.ops.matte import sharpened
from edge.rendering.picture import Picture
from edge.rendering.product import drops_ground
from edge.rendering.step import AsyncStep, Sight, State, Tools
from edge.variants.transform import Transform
from edge.variants.values import AUTO


@dataclass(frozen=True, slots=True)
class Lift(AsyncStep):
    """`by` found the subject; from a plain ground it is unmixed anew."""

    op = "lift"
    by: str

    def after(self, state: State) -> State:
        return replace(state, lifted=True)

    async def apply(self, picture: Picture, tools: Tools) -> Picture:
        if picture.lifted:
            return picture  # as it lay on the shelf
        if tools.shelf is None or not picture.name:
            return await tools.engine.run(self._lifted, picture)
        async with tools.shelf.turn(picture.name, tools.deadline):
            if (cutout := tools.shelf.cutout(picture.name)) is not None:
                return await tools.engine.run(_again, picture, cutout)
            lifted = await tools.engine.run(self._lifted, picture)
            kept = await tools.engine.run(_kept, lifted)
            tools.shelf.put_cutout(picture.name, kept, tools.tags)
            return lifted

    def _lifted(self, picture: Picture) -> Picture:
        matte = snapped(sharpened(picture, self.by))
        image = foreground(picture.image.convert("RGB"), matte, enlarged=True)
        return replace(picture, image=image, matte=matte, lifted=True)


def plan(transform: Transform, sight: Sight) -> Lift | None:
    """Wanted where a network has enlarged what will be lifted."""
    look = sight.look
    if look is None or look.cut_by is None or not sight.state.upscaled:
        return None
    return Lift(look.cut_by) if wanted(transform, sight) else None


def wanted(transform: Transform, sight: Sight) -> bool:
    """Whether the subject is cut out, and neither its old ground nor a filter that looks beside it
    comes after that."""
    look = sight.look
    if look is None or look.cut_by in (None, "alpha") or not sight.state.matted:
        return False
    looks_beside = bool(transform.blur) or transform.sharpen not in (AUTO, 0)
    return cut_out(transform) and drops_ground(transform) and not looks_beside


def layers(cutout: Tensor) -> tuple[Image.Image, Image.Image]:
    """The subject (RGB) and its matte (L), as they were put on the shelf."""
    both = Image.fromarray(cutout)
    return both.convert("RGB"), both.getchannel("A")


def _again(picture: Picture, cutout: Tensor) -> Picture:
    image, matte = layers(cutout)
    return replace(picture, image=image, matte=matte, lifted=True)


def _kept(picture: Picture) -> Tensor:
    """uint8 [H, W, 4]"""
    assert picture.matte is not None, "a lifted picture has one"
    both = picture.image.copy()
    both.putalpha(picture.matte)
    return np.asarray(both)
