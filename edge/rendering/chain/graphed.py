"""The steps that a GPU does faster than a processor, by graphs: resampling, the foreground's
colours under a soft alpha, and the subject on its new background.

Each stands for the step's own code and yields the same within a level or two; what a graph does not
cover is left to that code. The graphs are written by `scripts/product_chain`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import cv2
import numpy as np
from PIL import Image

from edge.arrays import Arrays, Levels, Pixels, Places
from edge.images import WHITE, Size
from edge.models.base import Graphs
from edge.models.roles import CHAIN
from edge.rendering.matting.foreground import (
    FOREGROUND,
    SoftBand,
    corrected,
    nearest,
)
from edge.rendering.ops.background import PlainBackground
from edge.rendering.ops.decontaminate import Decontaminate, as_it_lies, begun
from edge.rendering.ops.pad import Pad
from edge.rendering.ops.resize import Resize
from edge.rendering.pixels.buffers import array_of
from edge.rendering.pixels.geometry import Area
from edge.rendering.pixels.picture import REDUCING_GAP, Picture, without_ringing
from edge.rendering.pixels.sampling import put_colours
from edge.rendering.step import AsyncStep, Step, Tools

RESIZE = f"{CHAIN}_resize"
DECONTAMINATE = f"{CHAIN}_decontaminate"
COMPOSE = f"{CHAIN}_compose"

OUTPUTS = MappingProxyType(
    {
        RESIZE: ("resized", "resized_alpha"),
        DECONTAMINATE: ("foreground", "background"),
        COMPOSE: ("composed", "composed_alpha"),
    }
)
"""What each graph answers."""


def on_graphs(steps: Sequence[Step], graphs: Graphs | None) -> tuple[Step, ...]:
    """The steps with those that graphs can do given to them; None: as they are."""
    return tuple(_replaced(steps, graphs)) if graphs else tuple(steps)


def _replaced(steps: Sequence[Step], graphs: Graphs) -> Iterator[Step]:
    remaining = list(steps)
    while remaining:
        step = remaining.pop(0)
        if isinstance(step, Resize):
            yield ResizeByGraph(step, graphs)
        elif isinstance(step, Decontaminate):
            yield DecontaminateByGraph(step, graphs)
        elif isinstance(step, Pad) and remaining and isinstance(remaining[0], PlainBackground):
            yield ComposeByGraph(step, remaining[0], graphs)
            remaining.pop(0)
        elif isinstance(step, PlainBackground):
            yield ComposeByGraph(None, step, graphs)
        else:
            yield step


@dataclass(frozen=True, slots=True)
class ResizeByGraph(AsyncStep):
    """A `Resize`, by two products of matrices: the picture between Lanczos' weights."""

    op = "resize"
    step: Resize
    graphs: Graphs = field(repr=False)

    async def apply(self, picture: Picture, tools: Tools) -> Picture:
        view = self.step.view.outward(picture.size)
        inner = picture.cropped(view) if view.size != picture.size else picture
        region = self.step.region.moved(-view.left, -view.top).within(inner.size)
        if _reduces_first(region, self.step.size):
            return await tools.engine.run(self.step.apply, picture)
        layers = await tools.engine.run(_colours_and_alpha, inner)
        sides = np.array([self.step.size.height, self.step.size.width], np.int64)
        outputs = await self.graphs.run(
            RESIZE,
            {
                "image": layers[0],
                "alpha": layers[1],
                "box": np.array(region.as_tuple(), np.float32),
                "size": sides,
            },
        )
        return await tools.engine.run(
            self._taken, inner, region, outputs["resized"], outputs["resized_alpha"]
        )

    def _taken(self, picture: Picture, region: Area, colours: Pixels, alpha: Pixels) -> Picture:
        image, cover = Image.fromarray(colours), Image.fromarray(alpha[..., 0])
        bare = replace(picture, matte=None)
        if picture.decontaminated and picture.matte:
            matte = cover if picture.exact else cover.point(without_ringing)
            return replace(_moved(bare, image, region), matte=matte)
        if picture.has_alpha:
            image.putalpha(cover)
        return replace(_moved(bare, image, region), matte=self._matte(picture, region))

    def _matte(self, picture: Picture, region: Area) -> Image.Image | None:
        """The matte of a picture that it does not weigh, by the engine: one band is soon done."""
        if picture.matte is None:
            return None
        way = Image.Resampling.NEAREST if picture.rough else Image.Resampling.LANCZOS
        return picture.matte.resize(
            (self.step.size.width, self.step.size.height), way, region.as_tuple()
        )


@dataclass(frozen=True, slots=True)
class DecontaminateByGraph(AsyncStep):
    """A `Decontaminate` whose colours are solved on all levels of the pyramid in one graph."""

    op = "decontaminate"
    step: Decontaminate
    graphs: Graphs = field(repr=False)

    async def apply(self, picture: Picture, tools: Tools) -> Picture:
        if picture.decontaminated:
            return picture
        both, alpha, band = await tools.engine.run(begun, picture, self.step.by)
        if band is not None:
            inputs = await tools.engine.run(_pyramid, both, alpha, band)
            outputs = await self.graphs.run(DECONTAMINATE, inputs)
            fore, back = outputs["foreground"], outputs["background"]
            own = await tools.engine.run(corrected, both, alpha, band, fore, back)
            await tools.engine.run(put_colours, both, band.places, own)
        return as_it_lies(picture, both, Image.fromarray(alpha))


@dataclass(frozen=True, slots=True)
class ComposeByGraph(AsyncStep):
    """The subject at its place in the canvas, on its new background: `Pad`, where there is one, and
    `PlainBackground`."""

    op = "background"
    pad: Pad | None
    background: PlainBackground
    graphs: Graphs = field(repr=False)

    async def apply(self, picture: Picture, tools: Tools) -> Picture:
        color = self.background.color
        covered = self.pad is None or bool(self.pad.color and self.pad.color.opaque)
        if color is None or not covered or not picture.decontaminated or picture.has_alpha:
            return await tools.engine.run(self._as_they_are, picture)
        assert picture.matte is not None, "what is decontaminated has a matte"
        canvas, at = (self.pad.canvas, self.pad.at) if self.pad else (picture.size, (0, 0))
        right = canvas.width - at[0] - picture.size.width
        below = canvas.height - at[1] - picture.size.height
        if min(*at, right, below) < 0:
            return await tools.engine.run(self._as_they_are, picture)
        image, matte = await tools.engine.run(
            lambda: (array_of(picture.opaque), array_of(picture.clean_matte))
        )
        outputs = await self.graphs.run(
            COMPOSE,
            {
                "image": image,
                "alpha": matte[..., None],
                "pads": np.array([at[1], at[0], 0, below, right, 0], np.int64),
                "color": np.array((color or WHITE).rgb, np.uint8),
            },
        )
        return await tools.engine.run(
            self._taken, picture, at, outputs["composed"], outputs["composed_alpha"]
        )

    def _as_they_are(self, picture: Picture) -> Picture:
        return self.background.apply(self.pad.apply(picture) if self.pad else picture)

    def _taken(
        self, picture: Picture, at: tuple[int, int], composed: Pixels, alpha: Pixels
    ) -> Picture:
        image, matte = Image.fromarray(composed), Image.fromarray(alpha[..., 0])
        return replace(
            picture.mapped(lambda _: image, lambda area, _: area.moved(*at), lambda _: matte),
            matte=matte,
        )


def _moved(picture: Picture, image: Image.Image, region: Area) -> Picture:
    across, down = image.width / region.width, image.height / region.height
    return picture.mapped(
        lambda _: image, lambda area, _: area.moved(-region.left, -region.top).scaled(across, down)
    )


def _reduces_first(region: Area, size: Size) -> bool:
    """Whether the engine would average whole blocks first, which the graph does not."""
    gap = REDUCING_GAP
    return max(region.width / size.width, region.height / size.height) / gap >= 2


def _colours_and_alpha(picture: Picture) -> tuple[Pixels, Pixels]:
    """uint8 [H, W, 3] and [H, W, 1]."""
    if picture.has_alpha and not (picture.decontaminated and picture.matte):
        whole = array_of(picture.image)
        return np.ascontiguousarray(whole[..., :3]), np.ascontiguousarray(whole[..., 3:])
    colours = array_of(picture.opaque)
    if picture.decontaminated and picture.matte:
        return colours, array_of(picture.matte)[..., None]
    return colours, np.full((*colours.shape[:2], 1), 255, np.uint8)


def _pyramid(image: Levels, alpha: Levels, band: SoftBand) -> Arrays:
    """What the graph takes of a picture [H, W, 4] and its matte [H, W]."""
    part, cover = (np.ascontiguousarray(array[band.cut]) for array in (image, alpha))
    sizes = band.levels
    before = [sizes[0], *sizes[:-1]]
    places: dict[str, Places] = {}
    for axis, at in (("rows", 1), ("columns", 0)):
        sides = [size[at] for size in sizes]
        for source, lengths in (
            ("level", [size[at] for size in before]),
            ("image", [part.shape[1 - at]] * len(sizes)),
        ):
            found = [_nearest_of(*pair) for pair in zip(sides, lengths, strict=True)]
            places[f"{axis}_of_{source}"] = np.concatenate(found)
    levels = np.array([(height, width) for width, height in sizes], np.int64)
    whole = levels.max(axis=1) <= FOREGROUND.whole
    return {
        **places,
        "image": np.ascontiguousarray(part[..., :3]),
        "alpha": cover[..., None],
        "start": nearest(part, sizes[0]),
        "levels": levels,
        "starts": np.cumsum(levels, axis=0) - levels,
        "sweeps": np.where(whole, FOREGROUND.sweeps_whole, FOREGROUND.sweeps_soft).astype(np.int64),
        "whole": whole,
    }


def _nearest_of(count: int, length: int) -> Places:
    """For each of so many pixels in a row the nearest of `length`, as `nearest` finds it."""
    row = np.arange(length, dtype=np.float32)[None]
    places: Places = cv2.resize(row, (count, 1), interpolation=cv2.INTER_NEAREST_EXACT)[0]
    return places.astype(np.int64)
