"""Enlarging tile by tile: the same picture as in one piece, whatever its size."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from edge.arrays import Tensor
from edge.deadline import Deadline
from edge.errors import InvalidParameter, ModelContractBroken, ModelMissing
from edge.images import Box
from edge.models.base import Priority
from edge.models.embedded import EmbeddedModels
from edge.models.upscaling import REQUESTS_IN_FLIGHT
from tests.models import networks
from tests.models.conftest import noise
from tests.models.enlarging import upscale

SHIPPED = Path(__file__).parents[2] / "triton_models"
TILES = 81
"""Of 24 pixels in a picture of 200x200."""


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("size", [(1, 1), (5, 24), (24, 24), (25, 23), (90, 61), (7, 200)], ids=str)
async def test_every_pixel_is_enlarged_in_its_place(
    embedded: EmbeddedModels, deadline: Deadline, scale: int, size: tuple[int, int]
) -> None:
    image = noise(*size)
    enlarged = await upscale(embedded, image, scale, deadline)
    assert np.array_equal(enlarged, image.repeat(scale, 0).repeat(scale, 1))


async def test_tiles_equal_the_untiled_network_away_from_the_borders(
    tmp_path: Path, deadline: Deadline
) -> None:
    """Bit for bit, for a deep network whose radius is the overlap that its config names."""
    radius, height, width = 6, 100, 140
    networks.convolved(tmp_path, "upscale_x2", 32, radius=2, repeats=3, overlap=radius, scale=2)
    networks.convolved(tmp_path, "upscale_x4", 160, radius=2, repeats=3, overlap=0, scale=4)
    models = EmbeddedModels(tmp_path, threads=1)
    image = noise(height, width)
    tiled = await upscale(models, image, 2, deadline)
    padded = np.pad(image, ((0, 160 - height), (0, 160 - width), (0, 0)))
    answer = await models.infer("upscale_x4", {"image": padded[None]}, deadline=deadline)
    whole = answer["enlarged"][0, ::2, ::2]
    inside = slice(2 * radius, 2 * (height - radius)), slice(2 * radius, 2 * (width - radius))
    assert len(np.unique(tiled)) > 200, "the network must not be a constant"
    assert np.array_equal(tiled[inside], whole[: 2 * height, : 2 * width][inside])
    await models.close()


async def test_too_small_an_overlap_would_show(tmp_path: Path, deadline: Deadline) -> None:
    """The property above has teeth: with less context than the radius, seams appear."""
    networks.convolved(tmp_path, "upscale_x2", 32, radius=2, repeats=3, overlap=3, scale=2)
    networks.convolved(tmp_path, "upscale_x4", 96, radius=2, repeats=3, overlap=0, scale=4)
    models = EmbeddedModels(tmp_path, threads=1)
    image = noise(96, 96)
    tiled = await upscale(models, image, 2, deadline)
    answer = await models.infer("upscale_x4", {"image": image[None]}, deadline=deadline)
    assert not np.array_equal(
        tiled[12:-12, 12:-12], answer["enlarged"][0, ::2, ::2][12:-12, 12:-12]
    )
    await models.close()


async def test_a_picture_keeps_only_a_few_requests_in_flight(
    tiny: Path, deadline: Deadline
) -> None:
    models = Counting(tiny, threads=1)
    await upscale(models, noise(200, 200), 2, deadline, Priority.PREWARM)
    assert 1 < models.most <= REQUESTS_IN_FLIGHT
    assert models.tiles == TILES
    assert models.priorities == {Priority.PREWARM}
    await models.close()


async def test_an_even_background_asks_no_network_that_tolerates_noise(
    tmp_path: Path, tiny: Path, deadline: Deadline
) -> None:
    """What shows something is the network's, and what shows nothing comes out even as it was."""
    noise_tolerance = 'parameters { key: "noise_tolerance" value { string_value: "4" } }'
    networks.nearest(tmp_path, "upscale_x2", 32, 2, overlap=4, extra=noise_tolerance)
    models = Counting(tmp_path, threads=1)
    image = np.full((200, 200, 3), 180, np.uint8)
    image += np.linspace(0, 40, 200).astype(np.uint8)[:, None, None]
    even = await upscale(models, image, 2, deadline)
    assert models.tiles == 0
    assert np.abs(even.astype(int) - image.repeat(2, 0).repeat(2, 1)).max() <= 1
    image[90:100, 90:100] = 60
    drawn = await upscale(models, image, 2, deadline)
    assert 0 < models.tiles < 10 < TILES
    assert np.array_equal(drawn[180:200, 180:200], image[90:100, 90:100].repeat(2, 0).repeat(2, 1))
    await models.close()
    another = Counting(tiny, threads=1)
    await upscale(another, image, 2, deadline)
    assert another.tiles == TILES, "it may shift colours"
    await another.close()


async def test_only_what_is_wanted_of_a_region_is_asked_of_the_network(
    tiny: Path, deadline: Deadline
) -> None:
    """There it comes out as it does of the whole, and the rest is drawn smoothly."""
    models = Counting(tiny, threads=1)
    image, region = noise(200, 200), Box(30, 50, 180, 170)
    wanted = np.zeros((200, 200), np.bool_)
    wanted[60:70, 100:110] = True
    part = await upscale(models, image, 4, deadline, region=region, wanted=wanted)
    assert part.shape == (480, 600, 3)
    assert 1 <= models.tiles <= 4
    drawn = image.repeat(4, 0).repeat(4, 1)[200:680, 120:720]
    assert np.array_equal(part[40:80, 280:320], drawn[40:80, 280:320])
    assert not np.array_equal(part, drawn)
    away = np.abs(part[-80:].astype(int).mean() - drawn[-80:].mean())
    assert away < 2, "smooth, not empty"
    await models.close()


async def test_cells_that_are_kept_are_not_made_again_for_another_region(
    tiny: Path, deadline: Deadline
) -> None:
    models, image = Counting(tiny, threads=1), noise(200, 200)
    kept: dict[int, Tensor] = {}

    class Keeping:
        keeps = True
        get = staticmethod(kept.get)
        put = staticmethod(kept.update)

    whole = await upscale(models, image, 2, deadline, kept=Keeping())
    assert len(kept) == models.tiles
    models.tiles = 0
    again = await upscale(models, image, 2, deadline, region=Box(17, 40, 133, 99), kept=Keeping())
    assert models.tiles == 0
    assert np.array_equal(again, whole[80:198, 34:266])
    await models.close()


async def test_a_network_of_any_size_takes_small_tiles_in_this_process_and_whole_ones_elsewhere(
    deadline: Deadline,
) -> None:
    models, image = Counting(SHIPPED, threads=1), noise(120, 150)
    wanted = np.zeros((120, 150), np.bool_)
    wanted[50:60, 50:60] = True
    here = await upscale(models, image, 2, deadline, wanted=wanted)
    assert models.shapes == {(104, 104)}
    models.shapes.clear()
    models.runtime = "triton"
    there = await upscale(models, image, 2, deadline, wanted=wanted)
    assert models.shapes == {(224, 224)}
    cell = np.s_[80:160, 80:160]
    assert np.abs(here[cell].astype(int) - there[cell]).max() <= 1
    await models.close()


async def test_the_first_failure_stops_the_rest(tiny: Path, deadline: Deadline) -> None:
    models = Counting(tiny, threads=1, fail_after=5)
    with pytest.raises(ModelMissing):
        await upscale(models, noise(200, 200), 2, deadline)
    assert models.calls < 5 + REQUESTS_IN_FLIGHT
    await models.close()


async def test_an_unknown_scale_is_the_callers_fault(
    embedded: EmbeddedModels, deadline: Deadline
) -> None:
    with pytest.raises(InvalidParameter) as caught:
        await upscale(embedded, noise(4, 4), 3, deadline)
    assert caught.value.allowed == ["2", "4"]


async def test_pictures_of_another_type_are_refused(
    embedded: EmbeddedModels, deadline: Deadline
) -> None:
    for image in (noise(4, 4, 4), noise(4, 4)[..., 0], np.zeros((4, 4, 3)), noise(0, 4)):
        with pytest.raises(ModelContractBroken):
            await upscale(embedded, image, 2, deadline)


async def test_a_network_of_another_scale_is_refused(tmp_path: Path, deadline: Deadline) -> None:
    networks.nearest(tmp_path, "upscale_x4", 16, 2)
    models = EmbeddedModels(tmp_path)
    with pytest.raises(ModelContractBroken, match="upscale_x4: takes"):
        await upscale(models, noise(4, 4), 4, deadline)
    await models.close()


class Counting(EmbeddedModels):
    """The embedded runtime with a look at what passes through its door."""

    def __init__(self, folder: Path, threads: int, fail_after: int = 10**9) -> None:
        super().__init__(folder, threads)
        self.now = self.most = self.tiles = self.calls = 0
        self.priorities: set[Priority] = set()
        self.shapes: set[tuple[int, ...]] = set()
        self._fail_after = fail_after

    async def infer(
        self,
        name: str,
        inputs: Mapping[str, Tensor],
        *,
        deadline: Deadline,
        priority: Priority = Priority.INTERACTIVE,
    ) -> Mapping[str, Tensor]:
        self.calls += 1
        if self.calls > self._fail_after:
            raise ModelMissing("gone", param=name)
        self.now += 1
        self.most = max(self.most, self.now)
        self.tiles += len(inputs["image"])
        self.shapes.add(inputs["image"].shape[1:3])
        self.priorities.add(priority)
        try:
            return await super().infer(name, inputs, deadline=deadline, priority=priority)
        finally:
            self.now -= 1
