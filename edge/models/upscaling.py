"""Enlarges a picture by a network, tile by tile."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from edge.deadline import Deadline
from edge.errors import InvalidParameter, ModelMissing
from edge.images import Box, Size
from edge.models.base import Models, Priority, Tensor
from edge.models.checks import size_of
from edge.models.crowd import each
from edge.models.roles import UPSCALE, UPSCALE_DEGRADED, check_upscaler
from edge.models.tiles import Tiling

TILES_PER_REQUEST = 2
"""Few, so that the requests of many callers fill one batch of Triton's; one alone would pay the
overhead of a request for each tile."""

REQUESTS_IN_FLIGHT = 4
"""Of one picture: enough to keep the network busy, few enough that one large picture leaves room
for others and that its tiles do not fill the memory."""


_AROUND = 2
"""Pixels to each side whose mean a pixel is held against to tell an even background."""


class Kept(Protocol):
    """Enlarged cores of tiles of one picture by one network, from earlier or for later."""

    def get(self, index: int) -> Tensor | None:
        """uint8 [scale*h, scale*w, 3]: what the tile's core became, if it is there."""
        ...

    def put(self, index: int, core: Tensor) -> None: ...


class _Nothing:
    def get(self, index: int) -> Tensor | None:
        return None

    def put(self, index: int, core: Tensor) -> None:
        return None


async def upscale(
    models: Models,
    image: Tensor,
    scale: int,
    deadline: Deadline,
    priority: Priority = Priority.INTERACTIVE,
    *,
    model: str | None = None,
    region: Box | None = None,
    kept: Kept | None = None,
) -> Tensor:
    """uint8 [H, W, 3] -> uint8 [scale*H, scale*W, 3], or of `region` alone.

    Tiles are counted from the corner of the whole picture, whatever region is asked for: so two
    regions of one picture share them, and a region comes out as a part of the whole would. A tile
    that shows nothing but an even background is enlarged by Lanczos, if the network says that it is
    `noise_tolerance` there.

    Args:
        model: another network than the role's.
        region: the part that is wanted, inside the picture.
        kept: where tiles may be found, and those that were made are put.

    Raises:
        InvalidParameter: no network enlarges by `scale`.
        ModelMissing, ModelUnavailable, ModelContractBroken, DeadlineExceeded: from the models.
    """
    name = model or model_for(scale)
    spec = models.spec(name)
    side = check_upscaler(spec, scale)
    source, target = spec.inputs[0].name, spec.outputs[0].name
    size, tile_cache = size_of(image, name), kept or _Nothing()
    tiling = Tiling(size, side, spec.overlap)
    wanted = region or Box(0, 0, size.width, size.height)
    canvas = np.empty((wanted.size.height * scale, wanted.size.width * scale, 3), np.uint8)

    async def enlarge(indices: Sequence[int]) -> None:
        tiles = tiling.batch(image, indices)
        answer = await models.infer(name, {source: tiles}, deadline=deadline, priority=priority)
        for index, tile in zip(indices, answer[target], strict=True):
            core = tile[tiling.kept(index, scale)]
            tile_cache.put(index, core)
            tiling.show(canvas, index, core, wanted, scale)

    def show(cores: dict[int, Tensor]) -> None:
        for index, core in cores.items():
            tiling.show(canvas, index, core, wanted, scale)

    def resample(indices: Sequence[int], levels: int) -> list[int]:
        """Shows those that are calm; answers the others."""
        tiles = {index: tiling.cut(image, index) for index in indices}
        noise_tolerance = {index: tile for index, tile in tiles.items() if is_even(tile, levels)}
        show(
            {i: lanczos(tile, scale)[tiling.kept(i, scale)] for i, tile in noise_tolerance.items()}
        )
        return [index for index in indices if index not in noise_tolerance]

    found = {index: tile_cache.get(index) for index in tiling.meeting(wanted)}
    missing = [index for index, core in found.items() if core is None]
    held = {index: core for index, core in found.items() if core is not None}
    if held:
        await asyncio.to_thread(show, held)  # up to 20 MB, which the event loop should not copy
    if missing and spec.noise_tolerance is not None:
        missing = await asyncio.to_thread(resample, missing, spec.noise_tolerance)
    most = min(TILES_PER_REQUEST, spec.max_batch_size)
    groups = [missing[start : start + most] for start in range(0, len(missing), most)]
    await each(groups, enlarge, at_once=REQUESTS_IN_FLIGHT)
    return canvas


def is_even(tile: Tensor, levels: int) -> bool:
    """Whether a tile, uint8 [H, W, 3], shows an even background alone, plain or graduated: no pixel
    is more `levels` off the mean of those around it."""
    image = Image.fromarray(tile)
    around = image.filter(ImageFilter.BoxBlur(_AROUND))
    return bool(np.asarray(ImageChops.difference(image, around)).max() <= levels)


def lanczos(tile: Tensor, scale: int) -> Tensor:
    """uint8 [H, W, 3] -> uint8 [scale*H, scale*W, 3], without a network."""
    height, width = tile.shape[:2]
    larger = Image.fromarray(tile).resize((scale * width, scale * height), Image.Resampling.LANCZOS)
    return np.asarray(larger)


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


def tile_count(models: Models, size: Size, scale: int) -> int:
    """How many tiles a picture of that size costs. Raises `ModelMissing`, `ModelContractBroken`."""
    spec = models.spec(model_for(scale))
    return Tiling(size, check_upscaler(spec, scale), spec.overlap).count
