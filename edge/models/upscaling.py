"""Enlarges what is wanted of a picture by a network, tile by tile."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import cv2
import numpy as np
from PIL import Image

from edge.deadline import Deadline
from edge.errors import InvalidParameter, ModelMissing
from edge.images import Box
from edge.models.base import Models, Priority, Tensor, size_of
from edge.models.roles import UPSCALE, UPSCALE_DEGRADED, check_upscaler
from edge.models.scheduling import each
from edge.models.tiles import Cells, Tile, Tiling, show

TILES_PER_REQUEST = 2
"""Few, so that the requests of many callers fill one batch of Triton's; one alone would pay the
overhead of a request for each tile. In this process each tile is a run of its own."""

REQUESTS_IN_FLIGHT = 4
"""Of one picture: enough to keep the network busy, few enough that one large picture leaves room
for others and that its tiles do not fill the memory."""


EMBEDDED = "embedded"
"""The runtime of this process, in which tiles need no batch to be cheap and may be small."""

_LANCZOS, _LINEAR = 4, 1
"""Pixels of the source beside a part that decide about its enlargement by these filters."""

Filter = Callable[[Tensor, int], Tensor]


class Kept(Protocol):
    """Enlarged cells of one picture by one network, from earlier or for later."""

    def get(self, index: int) -> Tensor | None:
        """uint8 [scale*h, scale*w, 3]: what the cell became, if it is there."""
        ...

    def put(self, index: int, cell: Tensor) -> None: ...


async def upscale(
    models: Models,
    image: Tensor,
    scale: int,
    deadline: Deadline,
    priority: Priority = Priority.INTERACTIVE,
    *,
    model: str | None = None,
    region: Box | None = None,
    wanted: Cells | None = None,
    kept: Kept | None = None,
) -> Tensor:
    """uint8 [H, W, 3] -> uint8 [scale*H, scale*W, 4], or of `region` alone: colours, and 255.

    A fourth byte a pixel is what the imaging engine wants, and most that works on arrays is quicker
    with it.

    Cells are counted from the corner of the whole picture, whatever region is asked for: so two
    regions of one picture share them, and a region comes out as a part of the whole would. A cell
    that shows nothing but an even background, and has nothing else near it, is enlarged by Lanczos,
    if the network says that it does the same there.

    Args:
        model: another network than the role's.
        region: the part that is wanted, inside the picture.
        wanted: bool [H, W]; cells in which nothing is set are enlarged smoothly, by no network.
        kept: where cells may be found, and those that were made are put.

    Raises:
        InvalidParameter: no network enlarges by `scale`.
        ModelMissing, ModelUnavailable, ModelContractBroken, DeadlineExceeded: from the models.
    """
    name = model or model_for(scale)
    work = _Enlarging(models, name, scale, image, region)
    cells = await asyncio.to_thread(work.cells, wanted)
    found = {index: kept.get(index) for index in cells} if kept else {}
    missing = await asyncio.to_thread(work.begin, cells, found, smooth=wanted is not None)
    per_run = 1 if models.runtime == EMBEDDED else TILES_PER_REQUEST
    most = min(per_run, work.spec.max_batch_size)
    groups = [missing[start : start + most] for start in range(0, len(missing), most)]

    async def enlarge(tiles: Sequence[Tile]) -> None:
        answer = await models.infer(name, work.asked(tiles), deadline=deadline, priority=priority)
        made = await asyncio.to_thread(work.take, tiles, answer, copied=kept is not None)
        for index, cell in made:
            if kept is not None:
                kept.put(index, cell)

    await each(groups, enlarge, at_once=REQUESTS_IN_FLIGHT)
    return work.canvas


class _Enlarging:
    """One picture on its way, a thread's work each; `take` by several threads, of different tiles.

    Raises what `upscale` does of the network's shapes.
    """

    def __init__(
        self, models: Models, name: str, scale: int, image: Tensor, region: Box | None
    ) -> None:
        self.spec = models.spec(name)
        side, size = check_upscaler(self.spec, scale), size_of(image, name)
        small = self.spec.small if models.runtime == EMBEDDED else 0
        self._tiling = Tiling.of(size, side, self.spec.overlap, small)
        self._image, self._scale = image, scale
        self._region = region or Box(0, 0, size.width, size.height)
        self._missing: set[int] = set()
        inner = self._region.size
        self.canvas = np.empty((inner.height * scale, inner.width * scale, 4), np.uint8)
        self._limits: tuple[Tensor, Tensor] | None = None

    def cells(self, wanted: Cells | None) -> list[int]:
        """The numbers of those that have to be drawn."""
        meeting = self._tiling.meeting(self._region, wanted)
        return [int(index) for index in np.flatnonzero(meeting)]

    def begin(
        self, cells: Sequence[int], found: Mapping[int, Tensor | None], *, smooth: bool
    ) -> list[Tile]:
        """Draws all that no network is needed for; answers the tiles that one is.

        Which cells are smooth depends on the picture alone: so what was kept, and in which tiles
        the rest is asked for, shows nowhere.
        """
        missing = np.zeros((self._tiling.rows, self._tiling.columns), np.bool_)
        missing.flat[list(cells)] = True
        if smooth:
            around = self._tiling.meeting(self._region) & ~missing
            self._by_filter(around, self._region, _LINEAR, stretched)
        if self.spec.overshoot is not None:
            self._limits = limits(self._image, self.spec.overshoot)
        for index in cells:
            if (cell := found.get(index)) is not None:
                self._show(self._tiling.box(self._tiling.cell_at(index)), cell)
                missing.flat[index] = False
        if self.spec.noise_tolerance is not None:
            even = missing & ~self._tiling.showing(self._image, missing, self.spec.noise_tolerance)
            missing &= ~even
            height, width = self._image.shape[:2]
            self._by_filter(even, Box(0, 0, width, height), _LANCZOS, lanczos)
        self._missing = {int(index) for index in np.flatnonzero(missing)}
        return self._tiling.covering(missing)

    def asked(self, tiles: Sequence[Tile]) -> dict[str, Tensor]:
        """The network's input for tiles."""
        batch = np.stack([self._tiling.cut(self._image, tile) for tile in tiles])
        return {self.spec.inputs[0].name: batch}

    def take(
        self, tiles: Sequence[Tile], answer: Mapping[str, Tensor], *, copied: bool
    ) -> list[tuple[int, Tensor]]:
        """Shows what became of tiles; answers their cells, copied, where somebody keeps them.

        Only of the cells that were missing: a tile holds others, which are smooth or were kept.
        """
        made: list[tuple[int, Tensor]] = []
        for tile, larger in zip(tiles, answer[self.spec.outputs[0].name], strict=True):
            kept = self._within(tile, larger[self._tiling.kept(tile, self._scale)])
            cells = dict(self._cells_of(tile, kept))
            for shown, part in self._shown(tile, kept, cells):
                show(self.canvas, self._tiling.box(shown), part, self._region, self._scale)
            if copied:  # a part would hold the whole answer
                made += ((index, _colours(cell)) for index, cell in cells.items())
        return made

    def _within(self, tile: Tile, larger: Tensor) -> Tensor:
        """What is kept of an enlarged tile, with a fourth channel; held against its source where
        the network says how far it may go."""
        whole: Tensor = cv2.cvtColor(larger, cv2.COLOR_RGB2RGBA)  # type: ignore[assignment]
        if self._limits is not None:
            box = self._tiling.box(tile)
            part = np.s_[box.top : box.bottom, box.left : box.right]
            bound(whole, *(limit[part] for limit in self._limits))
        return whole

    def _cells_of(self, tile: Tile, kept: Tensor) -> Iterator[tuple[int, Tensor]]:
        box, scale = self._tiling.box(tile), self._scale
        for index in self._missing.intersection(self._tiling.cells(tile)):
            cell = self._tiling.box(self._tiling.cell_at(index))
            rows = slice((cell.top - box.top) * scale, (cell.bottom - box.top) * scale)
            columns = slice((cell.left - box.left) * scale, (cell.right - box.left) * scale)
            yield index, kept[rows, columns]

    def _shown(
        self, tile: Tile, kept: Tensor, cells: Mapping[int, Tensor]
    ) -> list[tuple[Tile, Tensor]]:
        """A tile and what is kept of it at once where all its cells were missing; else these."""
        if len(cells) == len(list(self._tiling.cells(tile))):
            return [(tile, kept)]
        return [(self._tiling.cell_at(index), cell) for index, cell in cells.items()]

    def _by_filter(self, cells: Cells, within: Box, reach: int, enlarged: Filter) -> None:
        """Draws what of some cells lies `within` a part of the picture, those beside each other at
        once, by what of that part is no more than `reach` pixels away."""
        for strip in self._tiling.strips(cells):
            box, around = strip.met(within), strip.grown(reach).met(within)
            larger = enlarged(self._image[around.top : around.bottom, around.left : around.right],
                              self._scale)  # fmt: skip
            top, left = box.top - around.top, box.left - around.left
            rows = slice(top * self._scale, (top + box.size.height) * self._scale)
            columns = slice(left * self._scale, (left + box.size.width) * self._scale)
            self._show(box, larger[rows, columns])

    def _show(self, box: Box, larger: Tensor) -> None:
        """Colours [scale*h, scale*w, 3] of a box of the picture."""
        whole: Tensor = cv2.cvtColor(larger, cv2.COLOR_RGB2RGBA)  # type: ignore[assignment]
        show(self.canvas, box, whole, self._region, self._scale)


def _colours(pixels: Tensor) -> Tensor:
    """Of uint8 [H, W, 4] a copy [H, W, 3]."""
    return cv2.cvtColor(pixels, cv2.COLOR_RGBA2RGB)  # type: ignore[return-value]


def stretched(tile: Tensor, scale: int) -> Tensor:
    """uint8 [H, W, 3] -> uint8 [scale*H, scale*W, 3], by a linear filter."""
    return cv2.resize(tile, None, fx=scale, fy=scale)  # type: ignore[return-value]


def lanczos(tile: Tensor, scale: int) -> Tensor:
    """uint8 [H, W, 3] -> uint8 [scale*H, scale*W, 3], without a network."""
    height, width = tile.shape[:2]
    larger = Image.fromarray(tile).resize((scale * width, scale * height), Image.Resampling.LANCZOS)
    return np.asarray(larger)


def limits(source: Tensor, overshoot: int) -> tuple[Tensor, Tensor]:
    """How far an enlarged picture may go beyond what its source [h, w, 3] shows at each pixel: the
    least and the largest levels there, uint8 [h, w, 4], the fourth 255.

    At an outline that goes from black to white within one pixel a small network may oscillate:
    black specks on a white product, some pixels inside its edge. So no value may be below the least
    or above the largest of the source's 3x3 pixels around it by more than `overshoot` levels and
    half of their range; the range lets a sharpened edge be.
    """
    near = np.ones((3, 3), np.uint8)
    least, most = cv2.erode(source, near), cv2.dilate(source, near)
    half = np.right_shift(cv2.subtract(most, least), 1)
    room = cv2.add(half, (overshoot,) * 4)  # type: ignore[call-overload]  # at most 255
    low, high = cv2.subtract(least, room), cv2.add(most, room)
    return tuple(cv2.cvtColor(level, cv2.COLOR_RGB2RGBA) for level in (low, high))  # type: ignore[return-value]


def bound(larger: Tensor, low: Tensor, high: Tensor) -> None:
    """Hold an enlarged picture [scale*h, scale*w, C], contiguous, to `limits` [h, w, C], in its
    place."""
    height = len(low)
    rows = larger.reshape(height, larger.shape[0] // height, -1)
    for limit, hold in ((high, np.minimum), (low, np.maximum)):
        wider = cv2.resize(limit, (larger.shape[1], height), interpolation=cv2.INTER_NEAREST)
        hold(rows, wider.reshape(height, 1, -1), out=rows)


def fitting(models: Models, scale: int, *, degraded: bool) -> str:
    """The model for such a source that this repository has; the role's where it has none.

    Raises:
        InvalidParameter: no network enlarges by `scale`.
    """
    name = model_for(scale, degraded=degraded)
    if degraded:
        try:
            models.spec(name)
        except ModelMissing:
            return model_for(scale)
    return name


def model_for(scale: int, *, degraded: bool = False) -> str:
    """The role's model, or its twin for worn sources.

    Raises:
        InvalidParameter: no network enlarges by `scale`.
    """
    name = (UPSCALE_DEGRADED if degraded else UPSCALE).get(scale)
    if name is None:
        known = [str(known) for known in UPSCALE]
        raise InvalidParameter(f"no network enlarges by {scale}", param="up", allowed=known)
    return name
