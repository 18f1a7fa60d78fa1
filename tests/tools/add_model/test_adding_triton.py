"""Networks made elsewhere serve on the real Triton as they do embedded, through the same door."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.cli import main
from edge.deadline import Deadline
from edge.models.embedded import EmbeddedModels
from edge.models.matting import coarse_matte
from edge.models.selftest import picture
from edge.models.triton import TritonModels
from edge.tools import catalogue
from edge.tools.add_model import adding
from edge.tools.add_model import request as said
from edge.tools.add_model.request import AddOptions
from tests.models.conftest import noise
from tests.models.enlarging import upscale
from tests.models.servers import TritonServer, installation
from tests.tools import foreign_networks as foreign

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fixed and a free matting network, and two enlargers, one traced with one picture."""
    theirs, folder = tmp_path_factory.mktemp("theirs"), tmp_path_factory.mktemp("served")
    added = (
        (foreign.darkness(theirs / "u2.onnx", foreign.square(320, 1), sigmoid=True, extra=6),
         AddOptions("matting")),
        (foreign.darkness(theirs / "half.onnx", foreign.FREE, half=True),
         AddOptions("matting", name="matting_half", side=256, scaling=said.IMAGENET)),
        (foreign.enlarger(theirs / "x2.onnx", foreign.square(64, 1), 2, top=255, batch_one=True),
         AddOptions("upscale_x2")),
        (foreign.enlarger(theirs / "x4.onnx", foreign.FREE, 4), AddOptions("upscale_x4", side=48)),
    )  # fmt: skip
    for file, options in added:
        asyncio.run(adding.add(file, folder, options))
    return folder


@pytest.fixture(scope="module")
def server(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonServer]:
    log = tmp_path_factory.mktemp("log") / "log"
    server = TritonServer(installation(), repository, log).start()
    yield server
    assert server.stop() == 0


def test_the_real_server_loads_every_one_and_knows_its_answer(server: TritonServer) -> None:
    assert {state.name: state.detail for state in server.states} == dict.fromkeys(
        ("matting", "matting_half", "upscale_x2", "upscale_x4"), "equals its stored answer"
    )


async def test_both_runtimes_give_the_same_pictures(
    server: TritonServer, deadline: Deadline
) -> None:
    here = EmbeddedModels(server.repository, threads=1)
    there = TritonModels(server.url, server.repository)
    image = picture((150, 190, 3)) // 4 * 3 + noise(150, 190) // 5
    for scale in (2, 4):
        one, other = [await upscale(door, image, scale, deadline) for door in (here, there)]
        assert np.abs(one.astype(int) - other).max() <= 1
    mattes = [await coarse_matte(door, image, deadline) for door in (here, there)]
    assert np.abs(mattes[0].astype(int) - mattes[1]).max() <= 1
    assert np.ptp(mattes[0]) > 50
    assert all(row.ready for row in await catalogue.check(there, server.repository))
    for door in (here, there):
        await door.close()


def test_a_picture_is_made_of_them_on_either_runtime(
    server: TritonServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Enlarged and cut out by networks made elsewhere, as a server of either kind would do it."""
    background = noise(120, 160) // 3 + 150
    background[30:90, 40:120] = noise(60, 80, seed=1) // 5
    Image.fromarray(background).save(tmp_path / "scene.png")
    monkeypatch.setenv("EDGE_MODELS_FOLDER", str(server.repository))
    made = []
    for url in ("", server.url):
        monkeypatch.setenv("EDGE_TRITON_URL", url)
        out = tmp_path / "out.png"
        options = ["render", str(tmp_path / "scene.png"), "matte=on&up=2&w=320", "-o", str(out)]
        assert main.run(options) == main.DONE
        made.append(np.asarray(Image.open(out)).astype(int))
    assert made[0].shape == (240, 320, 4)
    assert np.ptp(made[0][..., 3]) > 200, "the subject is in, the background is out"
    assert np.abs(made[0] - made[1]).max() <= 2
