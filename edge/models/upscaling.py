"""Enlarges what is wanted of a picture by a network, tile by tile."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Protocol

import cv2
import numpy as np
from PIL import Image

from edge.arrays import Mask, Tensor
from edge.deadline import Deadline
from edge.errors import InvalidParameter, ModelMissing
from edge.images import Box, Size
from edge.models.base import Models, Priority, Run, size_of
from edge.models.roles import UPSCALE, UPSCALE_DEGRADED, check_upscaler
from edge.models.scheduling import each
from edge.models.tiles import Tile, Tiling, show

TILES_PER_REQUEST = 2
"""Few, so that the requests of many callers fill one batch of Triton's; one alone would pay the
overhead of a request for each tile."""

REQUESTS_IN_FLIGHT = 4
"""Of one picture: enough to keep the network busy, few enough that one large picture leaves room
for others and that its tiles do not fill the memory."""


EMBEDDED = "embedded"
"""The runtime of this process, in which tiles may be small, and a picture's last ones are runs of
their own, so that all cores end together."""

_LANCZOS, _LINEAR = 4, 1
"""Pixels of the source beside a part that decide about its enlargement by these filters."""

Filter = Callable[[Tensor, int], Tensor]


class TileStore(Protocol):
    """Enlarged cells of one picture by one network, from earlier or for later."""

    @property
    def keeps(self) -> bool:
        """Whether cells that are put will be there later."""
        ...

    def get(self, index: int) -> Tensor | None:
        """uint8 [scale*h, scale*w, 3]: what the cell became, if it is there."""
        ...

    def put(self, cells: Mapping[int, Tensor]) -> None:
        """Those of one tile, uint8 [scale*h, scale*w, 3] by number; they need to live no longer
        than the call where nothing is kept."""
        ...


async def upscale(
    models: Models,
    image: Tensor,
    scale: int,
    deadline: Deadline,
    priority: Priority = Priority.INTERACTIVE,
    *,
    model: str | None = None,
    region: Box | None = None,
    wanted: Mask | None = None,
    kept: TileStore | None = None,
    run: Run = asyncio.to_thread,
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
        run: does pixel work on a thread.

    Raises:
        InvalidParameter: no network enlarges by `scale`.
        ModelMissing, ModelUnavailable, ModelContractBroken, DeadlineExceeded: from the models.
    """
    name = model or model_for(scale)
    work = _Enlarging(models, name, scale, image, region)
    cells = await run(work.cells, wanted)
    found = {index: kept.get(index) for index in cells} if kept else {}
    missing = await run(work.begin, cells, found, wanted is not None)
    alone = REQUESTS_IN_FLIGHT if models.runtime == EMBEDDED else 0
    most = min(TILES_PER_REQUEST, work.spec.max_batch_size)

    async def enlarge(tiles: Sequence[Tile]) -> None:
        answer = await models.infer(name, work.inputs(tiles), deadline=deadline, priority=priority)
        enlarged = await run(work.take, tiles, answer, kept is not None and kept.keeps)
        if kept is not None:
            kept.put(enlarged)

    await each(_requests(missing, most, alone), enlarge, at_once=REQUESTS_IN_FLIGHT)
    return work.canvas


def _requests(tiles: Sequence[Tile], most: int, alone: int) -> Iterator[Sequence[Tile]]:
    """Tiles of one size, at most so many at once; of the last ones so many are `alone`."""
    together = max(0, len(tiles) - alone)
    for _, group in groupby(tiles[:together], key=lambda tile: (tile.down, tile.across)):
        alike = list(group)
        yield from (alike[start : start + most] for start in range(0, len(alike), most))
    yield from ([tile] for tile in tiles[together:])


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
        self._missing: Mask = np.zeros((self._tiling.rows, self._tiling.columns), np.bool_)
        inner = self._region.size
        self.canvas = np.empty((inner.height * scale, inner.width * scale, 4), np.uint8)

    def cells(self, wanted: Mask | None) -> list[int]:
        """The numbers of those that have to be drawn."""
        meeting = self._tiling.meeting(self._region, wanted)
        return [int(index) for index in np.flatnonzero(meeting)]

    def begin(
        self, cells: Sequence[int], found: Mapping[int, Tensor | None], smooth: bool
    ) -> list[Tile]:
        """Draws all that no network is needed for; answers the tiles that one is.

        Which cells are smooth depends on the picture alone: so what was kept, and in which tiles
        the rest is asked for, shows nowhere.
        """
        missing = self._missing
        missing.flat[list(cells)] = True
        if smooth:
            around = self._tiling.meeting(self._region) & ~missing
            self._by_filter(around, self._region, _LINEAR, stretched)
        for index in cells:
            if (cell := found.get(index)) is not None:
                self._show(self._tiling.box(self._tiling.cell_at(index)), cell)
                missing.flat[index] = False
        if self.spec.noise_tolerance is not None:
            even = missing & ~self._tiling.showing(self._image, missing, self.spec.noise_tolerance)
            missing &= ~even
            height, width = self._image.shape[:2]
            self._by_filter(even, Box(0, 0, width, height), _LANCZOS, lanczos)
        return self._tiling.covering(missing)

    def inputs(self, tiles: Sequence[Tile]) -> dict[str, Tensor]:
        """The network's input for tiles."""
        cut = [self._tiling.cut(self._image, tile) for tile in tiles]
        batch = np.stack(cut) if len(cut) > 1 else np.ascontiguousarray(cut[0])[None]
        return {self.spec.inputs[0].name: batch}

    def take(
        self, tiles: Sequence[Tile], answer: Mapping[str, Tensor], copied: bool
    ) -> dict[int, Tensor]:
        """Shows what became of tiles; answers their cells, parts of the answer unless `copied`.

        Only of the cells that were missing: a tile holds others, which are smooth or were kept.
        """
        enlarged: dict[int, Tensor] = {}
        for tile, larger in zip(tiles, answer[self.spec.outputs[0].name], strict=True):
            box, scale = self._tiling.box(tile), self._scale
            kept = self._held(box, larger[self._tiling.kept(tile, scale)])
            for shown in self._tiling.strips(self._missing, tile):
                self._show(shown, kept[_within(shown, box, scale)])
            for index, place in self._tiling.numbered(tile, self._missing, scale):
                enlarged[index] = kept[place].copy() if copied else kept[place]
        return enlarged

    def _held(self, box: Box, larger: Tensor) -> Tensor:
        """The enlarged part, held against its source where the network says how far it may go."""
        if self.spec.overshoot is None:
            return larger
        near, height, width = box.grown(1), *self._image.shape[:2]
        near = near.clamped(Size(width, height))
        source = self._image[near.top : near.bottom, near.left : near.right]
        low, high = (limit[_within(box, near)] for limit in limits(source, self.spec.overshoot))
        held = larger if larger.flags.writeable else larger.copy()
        bound(held, low, high)
        return held

    def _by_filter(self, cells: Mask, within: Box, reach: int, enlarged: Filter) -> None:
        """Draws what of some cells lies `within` a part of the picture, those beside each other at
        once, by what of that part is no more than `reach` pixels away."""
        for strip in self._tiling.strips(cells):
            box, around = strip.met(within), strip.grown(reach).met(within)
            larger = enlarged(self._image[around.top : around.bottom, around.left : around.right],
                              self._scale)  # fmt: skip
            self._show(box, larger[_within(box, around, self._scale)])

    def _show(self, box: Box, larger: Tensor) -> None:
        """Colours [scale*h, scale*w, 3] of a box of the picture."""
        show(self.canvas, box, larger, self._region, self._scale)


def _within(part: Box, whole: Box, scale: int = 1) -> tuple[slice, slice]:
    """Rows and columns of a part of the picture in what became of a larger one."""
    top, left = part.top - whole.top, part.left - whole.left
    size = part.size
    return (
        slice(top * scale, (top + size.height) * scale),
        slice(left * scale, (left + size.width) * scale),
    )


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
    least and the largest levels there, uint8 [h, w, 3].

    At an outline that goes from black to white within one pixel a small network may oscillate:
    black specks on a white product, some pixels inside its edge. So no value may be below the least
    or above the largest of the source's 3x3 pixels around it by more than `overshoot` levels and
    half of their range; the range lets a sharpened edge be.
    """
    near = np.ones((3, 3), np.uint8)
    least, most = cv2.erode(source, near), cv2.dilate(source, near)
    half = np.right_shift(cv2.subtract(most, least), 1)
    room = cv2.add(half, (overshoot,) * 4)  # type: ignore[call-overload]  # at most 255
    return cv2.subtract(least, room), cv2.add(most, room)  # type: ignore[return-value]


def bound(larger: Tensor, low: Tensor, high: Tensor) -> None:
    """Hold an enlarged picture [scale*h, scale*w, C], or a part of one, to `limits` [h, w, C], in
    its place."""
    height = len(low)
    rows = larger.view()
    rows.shape = height, larger.shape[0] // height, larger.shape[1] * larger.shape[2]
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
    """The role's model, or its twin for degraded sources.

    Raises:
        InvalidParameter: no network enlarges by `scale`.
    """
    name = (UPSCALE_DEGRADED if degraded else UPSCALE).get(scale)
    if name is None:
        known = [str(known) for known in UPSCALE]
        raise InvalidParameter(f"no network enlarges by {scale}", param="up", allowed=known)
    return name
