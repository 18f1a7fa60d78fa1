"""OpenVINO behind the interface of models: ONNX Runtime's answers, and no run that waits for ever.

`python -m tests.models.openvino_stress --seconds 900` is the longer run.
"""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from edge.deadline import Deadline
from edge.models import compiled, roles, runtimes
from edge.models.compiled import FULL, HALF, SIZES_KEPT, CompiledNetwork
from edge.models.embedded import EmbeddedModels
from edge.models.runtimes import Choice, Choices, Runtime
from tests.models import networks
from tests.models.conftest import noise
from tests.models.openvino_stress import MODELS, Stress
from tests.models.openvino_stress import networks as shipped

pytest.importorskip("openvino")


@pytest.fixture
def tile():
    return {"image": noise(104, 224)[None]}


def network(name: str = "upscale_x2") -> Path:
    return MODELS / name / "1" / "model.onnx"


@pytest.mark.parametrize("name", [*roles.UPSCALE.values(), *roles.UPSCALE_DEGRADED.values()])
def test_its_answer_is_onnx_runtimes_within_a_level(name, tile):
    here = runtimes.open_onnxruntime(network(name), 1).run(["enlarged"], tile)
    there = CompiledNetwork(network(name), FULL, 1, 1).run(["enlarged"], tile)
    assert np.abs(here[0].astype(int) - there[0]).max() <= 1


def test_a_cell_comes_out_alike_whatever_tile_it_is_in():
    """So what was kept of another request shows nowhere."""
    image = noise(224, 224)
    for precision in (FULL, HALF):
        one = CompiledNetwork(network(), precision, 1, 1)
        (whole,) = one.run(["enlarged"], {"image": image[None]})
        (part,) = one.run(
            ["enlarged"], {"image": np.ascontiguousarray(image[None, 40:144, 80:184])}
        )
        inside = np.s_[24:-24, 24:-24]
        assert np.array_equal(whole[0, 80:288, 160:368][inside], part[0][inside])


def test_a_batch_is_answered_piece_by_piece_and_answers_stay_as_they_are(tile):
    one = CompiledNetwork(network(), FULL, 1, 2)
    three = {"image": np.concatenate([noise(104, 224, seed=seed)[None] for seed in range(3)])}
    (answer,) = one.run(["enlarged"], three)
    before = answer.copy()
    one.run(["enlarged"], tile)
    assert np.array_equal(answer, before), "the next run writes elsewhere"
    for place in range(3):
        (alone,) = one.run(["enlarged"], {"image": three["image"][place : place + 1]})
        assert np.array_equal(alone[0], answer[place])


def test_it_keeps_only_the_sizes_that_it_was_last_asked_in():
    one = CompiledNetwork(network(), FULL, 1, 1)
    for side in range(32, 32 + 8 * (SIZES_KEPT + 3), 8):
        one.run(["enlarged"], {"image": noise(side, 40)[None]})
    assert len(one._sizes) == SIZES_KEPT


def test_many_threads_run_and_compile_at_a_time_and_none_waits_for_ever():
    stress = Stress(shipped(at_once=2), (32, 48, 64))
    assert stress.run(4, 6), stress.wrong
    assert stress.asked >= 6, "each of them at least once"


async def test_the_process_serves_by_it_where_it_is_named(tmp_path: Path, deadline: Deadline):
    networks.nearest(tmp_path, "upscale_x2", 32, 2, overlap=4)
    networks.luminance_matte(tmp_path)
    models = EmbeddedModels(tmp_path, threads=2, backend="openvino")
    tiles = np.stack([noise(32, 32, seed=seed) for seed in range(3)])
    answers = await asyncio.gather(
        *(models.infer("upscale_x2", {"image": tiles}, deadline=deadline) for _ in range(8))
    )
    for answer in answers:
        assert np.array_equal(answer["enlarged"], tiles.repeat(2, 1).repeat(2, 2))
    assert (await models.choice()).tile.full.name == "openvino"
    assert all([state.ready for state in await models.states()])
    await models.close()


async def test_its_failures_are_the_models_and_the_next_request_runs(
    tmp_path: Path, deadline: Deadline, monkeypatch: pytest.MonkeyPatch
):
    from edge.errors import ModelUnavailable

    networks.nearest(tmp_path, "upscale_x2", 32, 2, overlap=4)
    models = EmbeddedModels(tmp_path, threads=1, backend="openvino")
    one = {"image": noise(32, 32)[None]}

    def out_of_memory(*_: object) -> None:
        raise RuntimeError("bad allocation")

    with monkeypatch.context() as patch:
        patch.setattr(CompiledNetwork, "_compiled", out_of_memory)
        named = Choice(Runtime("openvino"), Runtime("openvino"))
        patch.setattr(models, "_choice", lambda: Choices(named))
        with pytest.raises(ModelUnavailable, match="bad allocation"):
            await models.infer("upscale_x2", one, deadline=deadline)
    await models.infer("upscale_x2", one, deadline=deadline)
    await models.close()


def test_bfloat16_moves_the_upscalers_by_little_where_it_is_kept(tile):
    if not compiled.halves():
        pytest.skip("this processor has no bfloat16")
    for name in roles.UPSCALE_DEGRADED.values():
        full, half = (
            CompiledNetwork(network(name), precision, 1, 1).run(["enlarged"], photo())[0]
            for precision in (FULL, HALF)
        )
        inside = np.s_[:, 48:-48, 48:-48]
        off = np.abs(full[inside].astype(int) - half[inside])
        assert off.mean() < 0.15
        assert (off > 2).mean() < 1e-4


def photo() -> dict[str, np.ndarray]:
    from PIL import Image

    sneaker = Image.open(MODELS.parent / "edge" / "samples" / "sneaker.jpg").convert("RGB")
    return {"image": np.asarray(sneaker)[None, 300:524, 200:424].copy()}
