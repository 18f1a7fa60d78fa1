"""What was enlarged is not enlarged again, and comes out the same whoever asked first."""

import asyncio

import numpy as np
import pytest

from edge.arrays import Tensor
from edge.deadline import Deadline
from edge.errors import DeadlineExceeded
from edge.images import Box
from edge.models.base import ModelSpec, TensorSpec
from edge.rendering.tile_cache import TileCache, name_of
from edge.telemetry import Metrics
from tests.models.enlarging import upscale

LARGE, SMALL = Box(3, 5, 150, 120), Box(40, 30, 90, 100)
MODEL = "upscale_x2 0"


class Doubler:
    """A network of radius 1 that doubles; counts its tiles, and waits where told to."""

    runtime = "triton"

    def __init__(self) -> None:
        self.tiles = 0
        self.begun, self.go = asyncio.Event(), asyncio.Event()
        self.go.set()

    def spec(self, name: str) -> ModelSpec:
        small, large = TensorSpec("image", (32, 32, 3)), TensorSpec("large", (64, 64, 3))
        return ModelSpec(name, (small,), (large,), 8, "0", overlap=4)

    async def infer(self, name: str, inputs, **_):
        self.begun.set()
        await self.go.wait()
        image = inputs["image"].astype(np.uint16)
        self.tiles += len(image)
        beside = np.concatenate([image[:, :, 1:], image[:, :, -1:]], axis=2)
        return {"large": ((image + beside) // 2).astype(np.uint8).repeat(2, 1).repeat(2, 2)}


def picture(seed: int = 0) -> Tensor:
    return np.random.default_rng(seed).integers(0, 256, (130, 160, 3), np.uint8)


async def enlarged(
    tile_cache: TileCache, models: Doubler, pixels: Tensor, region: Box, *tags: str
) -> Tensor:
    deadline, size = Deadline.after(30), region.size
    async with tile_cache.picture_tiles(
        name_of(pixels), MODEL, size.pixels * 12, deadline, tags
    ) as picture_tiles:
        return await upscale(models, pixels, 2, deadline, region=region, kept=picture_tiles)


def metric(metrics: Metrics, source: str) -> float:
    return metrics.upscale_tiles.labels("upscale_x2", source)._value.get()


@pytest.mark.parametrize("order", [(LARGE, SMALL), (SMALL, LARGE)], ids=["larger first", "smaller"])
async def test_regions_of_one_picture_share_their_tiles(order) -> None:
    metrics, models, pixels = Metrics(), Doubler(), picture()
    tile_cache = TileCache(2**24, metrics)
    results = {region: await enlarged(tile_cache, models, pixels, region) for region in order}
    whole = await upscale(Doubler(), pixels, 2, Deadline.after(30))
    for region, result in results.items():
        part = whole[region.top * 2 : region.bottom * 2, region.left * 2 : region.right * 2]
        assert np.array_equal(result, part), "the same, whoever was first, and as from the whole"
    alone = Doubler()
    await upscale(alone, pixels, 2, Deadline.after(30), region=LARGE)
    assert models.tiles == alone.tiles == metric(metrics, "made")
    assert metric(metrics, "kept") > 0


async def test_at_a_time_too() -> None:
    models, pixels = Doubler(), picture()
    tile_cache = TileCache(2**24)
    results = await asyncio.gather(*(enlarged(tile_cache, models, pixels, LARGE) for _ in range(6)))
    alone = Doubler()
    await upscale(alone, pixels, 2, Deadline.after(30), region=LARGE)
    assert models.tiles == alone.tiles
    assert all(np.array_equal(result, results[0]) for result in results)


async def test_who_leaves_harms_nobody_and_leaves_its_tiles() -> None:
    models, pixels = Doubler(), picture()
    models.go.clear()
    tile_cache = TileCache(2**24)
    first = asyncio.create_task(enlarged(tile_cache, models, pixels, LARGE))
    await models.begun.wait()
    second = asyncio.create_task(enlarged(tile_cache, models, pixels, LARGE))
    await asyncio.sleep(0)
    first.cancel()
    models.go.set()
    assert (await second).shape == (230, 294, 3)


async def test_nobody_waits_for_another_beyond_their_deadline() -> None:
    tile_cache, pixels = TileCache(2**24), picture()
    async with tile_cache.picture_tiles(name_of(pixels), MODEL, 1, Deadline.after(30)):
        with pytest.raises(DeadlineExceeded):
            async with tile_cache.picture_tiles(name_of(pixels), MODEL, 1, Deadline.after(0.01)):
                pass


async def test_another_picture_or_network_shares_nothing() -> None:
    models, tile_cache = Doubler(), TileCache(2**24)
    await enlarged(tile_cache, models, picture(), SMALL)
    once = models.tiles
    await enlarged(tile_cache, models, picture(1), SMALL)
    assert models.tiles == 2 * once
    async with tile_cache.picture_tiles(
        name_of(picture()), "upscale_x2 other", 1, Deadline.after(1)
    ) as picture_tiles:
        assert all(picture_tiles.get(index) is None for index in range(100))


def test_a_picture_is_named_by_its_shape_as_well() -> None:
    pixels = np.zeros((6, 4, 3), np.uint8)
    assert name_of(pixels) != name_of(pixels.reshape(4, 6, 3))
    assert name_of(pixels) == name_of(np.asfortranarray(pixels))


async def test_it_never_holds_more_than_its_limit() -> None:
    tile_cache, models = TileCache(400_000), Doubler()
    for seed in range(6):
        await enlarged(tile_cache, models, picture(seed), SMALL)
        assert 0 < tile_cache.bytes <= 400_000


async def test_a_purge_forgets_what_was_made_for_that_picture_alone() -> None:
    tile_cache, models = TileCache(2**24), Doubler()
    await enlarged(tile_cache, models, picture(1), SMALL, "original:a.jpg")
    alone = tile_cache.bytes
    await enlarged(tile_cache, models, picture(2), SMALL, "original:b.jpg")
    tile_cache.put_cutout("b", np.zeros((8, 8, 4), np.uint8), ("original:b.jpg",))
    tile_cache.forget("original:c.jpg")
    assert tile_cache.bytes > alone
    tile_cache.forget("original:b.jpg")
    assert tile_cache.bytes == alone
    assert tile_cache.cutout("b") is None


async def test_nobody_waits_for_what_will_not_be_kept() -> None:
    tile_cache, name, now = TileCache(0), name_of(picture()), Deadline.after(0.01)
    async with (
        tile_cache.picture_tiles(name, MODEL, 1, now),
        tile_cache.picture_tiles(name, MODEL, 1, now) as second,
    ):
        assert second.get(0) is None


@pytest.mark.parametrize("limit", [0, 3_000, 100_000])
async def test_what_is_too_large_for_it_is_made_and_not_kept(limit: int) -> None:
    tile_cache, models = TileCache(limit), Doubler()
    result = await enlarged(tile_cache, models, picture(), LARGE)
    assert result.shape == (230, 294, 3)
    assert tile_cache.bytes == 0
