"""Readiness notices the weights of another network in a model's place, of the same shape as well:
the shipped upscalers and their twins for worn photographs."""

import re
import shutil
from pathlib import Path

import pytest

from edge.models.base import ModelState
from edge.models.embedded import EmbeddedModels
from edge.models.repository import Repository, digest_of
from edge.models.selftest import FILE
from edge.models.triton import TritonModels
from tests.models import networks
from tests.models.servers import TritonServer, installation

SHIPPED = Path(__file__).parents[2] / "triton_models"
TWINS = {"upscale_x2": "upscale_x2_photo", "upscale_x4": "upscale_x4_photo"}


def copied(folder: Path, *names: str) -> Path:
    for name in names:
        shutil.copytree(SHIPPED / name, folder / name)
    return folder


def network(folder: Path, name: str) -> Path:
    return folder / name / "1/model.onnx"


def exchange(folder: Path, name: str, *, config: bool) -> None:
    """Put the twin's weights in a model's place, with the digest in its config or without."""
    shutil.copyfile(network(SHIPPED, TWINS[name]), network(folder, name))
    if config:
        Repository(folder).state_digest(name)


@pytest.mark.parametrize("name", Repository(SHIPPED).names())
def test_each_shipped_config_states_the_digest_of_its_network(name: str) -> None:
    assert Repository(SHIPPED).spec(name).stated == digest_of(network(SHIPPED, name))


async def state_of(folder: Path, name: str) -> ModelState:
    models = EmbeddedModels(folder, threads=1)
    (state,) = [state for state in await models.states() if state.name == name]
    await models.close()
    return state


async def test_weights_that_are_not_those_of_the_config_are_not_ready(tmp_path: Path) -> None:
    name = "upscale_x2"
    copied(tmp_path, name)
    assert (await state_of(tmp_path, name)).ready
    exchange(tmp_path, name, config=False)
    state = await state_of(tmp_path, name)
    assert not state.ready
    for there in (network(SHIPPED, name), network(tmp_path, name)):
        assert digest_of(there) in state.detail


async def test_a_config_that_states_none_asks_for_none(tmp_path: Path) -> None:
    name = "upscale_x2"
    copied(tmp_path, name)
    config = tmp_path / name / "config.pbtxt"
    config.write_text(re.sub(r'parameters \{ key: "digest".*\n', "", config.read_text()))
    exchange(tmp_path, name, config=False)
    assert (await state_of(tmp_path, name)).ready


async def test_an_answer_stored_to_the_question_of_before_is_held_against_that(
    tmp_path: Path,
) -> None:
    networks.nearest(tmp_path, "m", 32, 2)
    flat = {"enlarged": [[[9.0] * 3] * 8] * 8}
    told = {"digest": digest_of(network(tmp_path, "m")), "fields": flat}
    (tmp_path / "m" / FILE).write_text(str(told).replace("'", '"'))
    state = await state_of(tmp_path, "m")
    assert not state.ready
    assert "from the stored answer" in state.detail


@pytest.mark.slow
async def test_a_triton_that_serves_a_twin_is_not_ready_and_says_for_which_model(
    tmp_path: Path,
) -> None:
    """One by its answer alone, its config being the right one; one by what its config states."""
    names = ("upscale_x2", "upscale_x4", "upscale_x4_photo")
    served = copied(tmp_path / "served", *names)
    exchange(served, "upscale_x2", config=False)
    exchange(served, "upscale_x4", config=True)
    ours = copied(tmp_path / "ours", *names)
    server = TritonServer(installation(), served, tmp_path / "log")
    server.launch()
    models = TritonModels(server.url, ours)
    try:
        await server.ready()
        states = {state.name: state for state in await models.states()}
    finally:
        await models.close()
        assert server.stop() == 0
    assert states["upscale_x4_photo"].ready, states["upscale_x4_photo"].detail
    assert not states["upscale_x2"].ready
    assert "levels from the stored answer" in states["upscale_x2"].detail
    assert not states["upscale_x4"].ready
    assert digest_of(network(served, "upscale_x4")) in states["upscale_x4"].detail
