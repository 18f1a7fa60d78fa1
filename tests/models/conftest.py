"""A repository of tiny networks, and the embedded runtime on it."""

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from edge.arrays import Tensor
from edge.deadline import Deadline
from edge.models.embedded import EmbeddedModels
from tests.models import networks


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All roles: 32 pixel upscalers and a matte of the luminance; and a network of two inputs."""
    folder = tmp_path_factory.mktemp("triton_models")
    networks.nearest(folder, "upscale_x2", 32, 2, overlap=4)
    networks.nearest(folder, "upscale_x4", 32, 4, overlap=4)
    networks.luminance_matte(folder)
    networks.of_two(folder)
    return folder


@pytest.fixture
async def embedded(tiny: Path) -> AsyncIterator[EmbeddedModels]:
    models = EmbeddedModels(tiny, threads=1)
    yield models
    await models.close()


@pytest.fixture
def deadline() -> Deadline:
    return Deadline.after(300)


def noise(height: int, width: int, channels: int = 3, *, seed: int = 0) -> Tensor:
    """uint8 [H, W, C], every pixel different: any mistake of a tile shows."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)
