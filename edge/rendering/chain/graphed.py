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

from edge.images import WHITE, Size
from edge.models.base import Arrays, Graphs
from edge.models.roles import CHAIN
from edge.rendering.matting.foreground import FOREGROUND
from edge.rendering.ops.background import PlainBackground
from edge.rendering.ops.decontaminate import Decontaminate
from edge.rendering.ops.matte import opaque, sharpened
from edge.rendering.ops.pad import Pad
from edge.rendering.ops.resize import Resize
from edge.rendering.pixels.arrays import Pixels, Places, array_of
from edge.rendering.pixels.geometry import Area
from edge.rendering.pixels.levels import bounds, snapped_levels
from edge.rendering.pixels.picture import REDUCING_GAP, Picture, without_ringing
from edge.rendering.step import AsyncStep, Step, Tools

RESIZE, UNMIX, COMPOSE = (f"{CHAIN}_{name}" for name in ("resize", "unmix", "compose"))

OUTPUTS = MappingProxyType(
    {
        RESIZE: ("resized", "resized_alpha"),
        UNMIX: ("foreground",),
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
        made = await self.graphs.run(
            RESIZE,
            {
                "image": layers[0],
                "alpha": layers[1],
                "box": np.array(region.as_tuple(), np.float32),
                "size": sides,
            },
        )
        return await tools.engine.run(
            self._taken, inner, region, made["resized"], made["resized_alpha"]
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
        alpha = await tools.engine.run(lambda: snapped_levels(sharpened(picture, self.step.by)))
        matte = Image.fromarray(alpha)
        image = opaque(picture.image)
        near = await tools.engine.run(_soft_part, matte)
        if near is None:
            return replace(picture, image=image, matte=matte, decontaminated=True, array=None)
        part, cover = image.crop(near), matte.crop(near)
        inputs = await tools.engine.run(_pyramid, part, cover)
        if inputs is None:
            return await self.step.apply(picture, tools)
        made = await self.graphs.run(UNMIX, inputs)
        clean = await tools.engine.run(_pasted, image, near, part, cover, made["foreground"])
        return replace(picture, image=clean, matte=matte, decontaminated=True, array=None)


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
            lambda: (array_of(opaque(picture.image)), array_of(picture.clean_matte))
        )
        made = await self.graphs.run(
            COMPOSE,
            {
                "image": image,
                "alpha": matte[..., None],
                "pads": np.array([at[1], at[0], 0, below, right, 0], np.int64),
                "color": np.array((color or WHITE).rgb, np.uint8),
            },
        )
        return await tools.engine.run(
            self._taken, picture, at, made["composed"], made["composed_alpha"]
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
    colours = array_of(opaque(picture.image))
    if picture.decontaminated and picture.matte:
        return colours, array_of(picture.matte)[..., None]
    return colours, np.full((*colours.shape[:2], 1), 255, np.uint8)


def _soft_part(matte: Image.Image) -> tuple[int, int, int, int] | None:
    """The part around all soft pixels, or the whole picture, as `foreground` takes it."""
    alpha = array_of(matte)
    box = bounds((alpha > 0) & (alpha < 255))
    if box is None:
        return None
    near = box.grown(FOREGROUND.margin).clamped(Size(*matte.size))
    whole = near.size.pixels > FOREGROUND.most * matte.width * matte.height
    return (0, 0, *matte.size) if whole else near.as_tuple()


def _pyramid(part: Image.Image, matte: Image.Image) -> Arrays | None:
    """What the graph takes; None where the picture is too small for a pyramid."""
    sizes = _levels(part.size)
    if len(sizes) < 2:
        return None
    first = max((size for size in sizes if max(size) <= FOREGROUND.whole), default=sizes[0])
    small = part.resize(first, Image.Resampling.NEAREST)
    start = small.resize(sizes[0], Image.Resampling.BOX)
    before = [sizes[0], *sizes[:-1]]
    places: dict[str, Places] = {}
    for axis, at in (("rows", 1), ("columns", 0)):
        sides, last = [size[at] for size in sizes], before[-1][at]
        ahead = [_nearest_exactly(new, old[at]) for new, old in zip(sides, before, strict=True)]
        ahead[-1] = ((np.arange(sides[-1]) + 0.5) * (last / sides[-1])).astype(np.int64)
        places[f"{axis}_of_level"] = np.concatenate(ahead)
        places[f"{axis}_of_image"] = np.concatenate(
            [_nearest_of(side, part.size[at]) for side in sides]
        )
    levels = np.array([(height, width) for width, height in sizes], np.int64)
    whole = levels.max(axis=1) <= FOREGROUND.whole
    whole[-1] = False  # of the finest only the soft pixels are ever looked at
    return {
        **places,
        "image": array_of(part),
        "alpha": array_of(matte)[..., None],
        "start": array_of(start),
        "levels": levels,
        "starts": np.cumsum(levels, axis=0) - levels,
        "sweeps": np.where(whole, FOREGROUND.sweeps_whole, FOREGROUND.sweeps_soft).astype(np.int64),
        "whole": whole,
    }


def _nearest_of(made: int, length: int) -> Places:
    """For each of so many pixels in a row the nearest of `length`, as the engine finds it: in the
    middle between two its own rounding decides."""
    row = Image.fromarray(np.arange(length, dtype=np.int32)[None])
    resized = row.resize((made, 1), Image.Resampling.NEAREST)
    places: Places = np.asarray(resized)[0].astype(np.int64)
    return places


def _nearest_exactly(made: int, length: int) -> Places:
    """The same between levels, as OpenCV's INTER_NEAREST_EXACT finds it."""
    row = np.arange(length, dtype=np.float32)[None]
    places: Places = cv2.resize(row, (made, 1), interpolation=cv2.INTER_NEAREST_EXACT)[0]
    return places.astype(np.int64)


def _levels(size: tuple[int, int]) -> list[tuple[int, int]]:
    """From about two pixels up to half of `size`, each twice the one before."""
    count = max(size).bit_length() - 2
    return [
        (max(1, -(-size[0] >> level)), max(1, -(-size[1] >> level)))
        for level in range(max(0, count), 0, -1)
    ]


def _pasted(
    image: Image.Image,
    near: tuple[int, int, int, int],
    part: Image.Image,
    matte: Image.Image,
    foreground: Pixels,
) -> Image.Image:
    """The picture with these colours (of the part, at half its size) at its soft pixels."""
    clean, found = part.copy(), Image.fromarray(foreground)
    clean.paste(found.resize(part.size, Image.Resampling.NEAREST), mask=matte.point(_SOFT))
    if near == (0, 0, *image.size):
        return clean
    whole = image.copy()
    whole.paste(clean, near[:2])
    return whole


_SOFT = [0, *[255] * 254, 0]
