"""The coarse matte of a whole picture."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from edge.arrays import Tensor
from edge.deadline import Deadline
from edge.errors import ModelContractBroken, ModelMissing
from edge.images import Size
from edge.models.base import Priority
from edge.models.embedded import EmbeddedModels
from edge.models.matting import BAR_LEVEL, Letterbox, coarse_matte
from tests.models import networks
from tests.models.conftest import noise


def disc(width: int, height: int) -> tuple[Tensor, Tensor]:
    """A black disc on white, and its exact alpha."""
    y, x = np.mgrid[:height, :width]
    inside = (x - width * 0.4) ** 2 + (y - height / 2) ** 2 < (min(width, height) * 0.3) ** 2
    alpha = np.where(inside, 255, 0).astype(np.uint8)
    return np.repeat(255 - alpha[..., None], 3, 2), alpha


@pytest.mark.parametrize(
    "size", [(512, 512), (900, 600), (300, 1400), (64, 48), (1, 1), (3, 2000)], ids=str
)
async def test_the_matte_has_the_pictures_size_and_lies_where_the_subject_is(
    embedded: EmbeddedModels, deadline: Deadline, size: tuple[int, int]
) -> None:
    """The network of this test answers the darkness, so the bars would show as half alpha."""
    image, truth = disc(*size)
    alpha = await coarse_matte(embedded, image, deadline)
    assert alpha.dtype == np.uint8
    assert alpha.shape == truth.shape
    assert np.abs(alpha.astype(int) - truth).mean() < 3


@given(st.integers(1, 4000), st.integers(1, 4000))
def test_a_letterbox_keeps_the_shape_and_stays_in_the_square(width: int, height: int) -> None:
    box = Letterbox.of(Size(width, height)).box
    assert box.size.long == 512
    assert box.left >= 0 <= box.top
    assert box.right <= 512 >= box.bottom
    ideal = 512 * min(width, height) / max(width, height)
    assert abs(box.size.short - max(1.0, ideal)) <= 0.5


def test_the_bars_are_plain_and_the_picture_lies_between_them() -> None:
    letterbox = Letterbox.of(Size(200, 100))
    square = letterbox.put(Image.new("RGB", (200, 100), (7, 7, 7)))
    assert letterbox.box.as_tuple() == (0, 128, 512, 384)
    assert (square[128:384] == 7).all()
    assert (square[:128] == BAR_LEVEL).all()
    assert (square[384:] == BAR_LEVEL).all()


async def test_a_missing_network_is_named(tmp_path: Path, deadline: Deadline) -> None:
    models = EmbeddedModels(tmp_path)
    with pytest.raises(ModelMissing, match="'matting'"):
        await coarse_matte(models, noise(8, 8), deadline)
    await models.close()


@pytest.mark.parametrize("side", [96, 320, 1024])
async def test_a_network_is_asked_in_the_square_that_its_config_names(
    tmp_path: Path, deadline: Deadline, side: int
) -> None:
    networks.luminance_matte(tmp_path, side=side)
    models = EmbeddedModels(tmp_path, threads=1)
    image, truth = disc(900, 600)
    alpha = await coarse_matte(models, image, deadline)
    assert alpha.shape == truth.shape
    assert np.abs(alpha.astype(int) - truth).mean() < 2000 / side
    await models.close()


@pytest.mark.parametrize("size", [(900, 300), (40, 700), (1, 9)], ids=str)
async def test_a_network_that_asks_for_it_gets_the_picture_stretched(
    tmp_path: Path, deadline: Deadline, size: tuple[int, int]
) -> None:
    """Public matting networks are made for that; no bar is seen, and the matte fits."""
    parameter = 'parameters { key: "fit" value { string_value: "stretch" } }'
    networks.luminance_matte(tmp_path, side=320, extra=parameter)
    models = Seeing(tmp_path, threads=1)
    image, truth = disc(*size)
    image = image // 2  # no level of the picture is that of a bar
    alpha = await coarse_matte(models, image, deadline)
    assert alpha.shape == truth.shape
    assert (models.seen[0, [0, -1]] < BAR_LEVEL).all()
    assert (models.seen[0, :, [0, -1]] < BAR_LEVEL).all()
    assert np.abs(alpha.astype(int) - (255 - image[..., 0])).mean() < 5
    await models.close()


async def test_a_network_that_is_not_square_is_refused(tmp_path: Path, deadline: Deadline) -> None:
    networks.nearest(tmp_path, "matting", 128, 1)
    models = EmbeddedModels(tmp_path)
    with pytest.raises(ModelContractBroken, match="matting: takes"):
        await coarse_matte(models, noise(8, 8), deadline)
    await models.close()


class Seeing(EmbeddedModels):
    """Keeps the picture that the network saw."""

    async def infer(
        self,
        name: str,
        inputs: Mapping[str, Tensor],
        *,
        deadline: Deadline,
        priority: Priority = Priority.INTERACTIVE,
    ) -> Mapping[str, Tensor]:
        self.seen = inputs["image"]
        return await super().infer(name, inputs, deadline=deadline, priority=priority)


class Watched(EmbeddedModels):
    tiles = 0

    async def infer(
        self,
        name: str,
        inputs: Mapping[str, Tensor],
        *,
        deadline: Deadline,
        priority: Priority = Priority.INTERACTIVE,
    ) -> Mapping[str, Tensor]:
        self.tiles += len(inputs["image"])
        return await super().infer(name, inputs, deadline=deadline, priority=priority)
