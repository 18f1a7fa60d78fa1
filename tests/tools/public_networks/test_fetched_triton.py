"""Fetched networks serve on the real Triton over the shipped ones, as they do embedded."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.deadline import Deadline
from edge.models import roles
from edge.models.embedded import EmbeddedModels
from edge.models.matting import coarse_matte
from edge.models.repository import in_one_folder
from edge.models.selftest import picture
from edge.models.triton import TritonModels
from edge.tools import catalogue
from tests.models.servers import TritonServer, installation

pytestmark = pytest.mark.slow

SHIPPED = Path(__file__).parents[3] / "triton_models"


@pytest.fixture(scope="module")
def layers(public_networks: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The fetched folder over two of the shipped networks, one of which it has, too."""
    under = tmp_path_factory.mktemp("shipped")
    for name in ("matting", "upscale_x2"):
        shutil.copytree(SHIPPED / name, under / name)
    return public_networks, under


@pytest.fixture(scope="module")
def server(
    layers: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TritonServer]:
    with in_one_folder(layers) as folder:
        log = tmp_path_factory.mktemp("log") / "log"
        running = TritonServer(installation(), folder, log).start()
        yield running
        assert running.stop() == 0


async def test_triton_serves_the_fetched_network_in_the_shipped_ones_place(
    server: TritonServer, layers: tuple[Path, Path], deadline: Deadline
) -> None:
    there, here = TritonModels(server.url, layers), EmbeddedModels(layers, threads=1)
    assert roles.side_of(there.spec("matting")) == 320
    rows = await catalogue.check(there, layers)
    assert {row.name for row in rows} >= {*roles.MASKS, "upscale_x2"} - {*roles.MATTERS[1:]}
    assert all(row.ready for row in rows), rows
    image = picture((200, 300, 3))
    one, other = [await coarse_matte(door, image, deadline) for door in (here, there)]
    assert np.abs(one.astype(int) - other).max() <= 2
    assert np.ptp(one) > 100
    for door in (here, there):
        await door.close()
