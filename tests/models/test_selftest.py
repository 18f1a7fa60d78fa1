"""A model is ready when it answers a known question rightly, not when it says so."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from edge.arrays import Tensor
from edge.deadline import Deadline
from edge.models.base import Priority
from edge.models.embedded import EmbeddedModels
from edge.models.repository import Repository
from edge.models.selftest import FILE, Examiner, examine, picture, record
from tests.models import networks


class Lying(EmbeddedModels):
    """Answers of the right shape that are not the network's: what a broken server gives."""

    shift = 0
    calls = 0

    async def infer(
        self,
        name: str,
        inputs: Mapping[str, Tensor],
        *,
        deadline: Deadline,
        priority: Priority = Priority.INTERACTIVE,
    ) -> Mapping[str, Tensor]:
        self.calls += 1
        await asyncio.sleep(0.01)
        answer = await super().infer(name, inputs, deadline=deadline, priority=priority)
        if self.shift == 256:
            return {key: array[:0] for key, array in answer.items()}
        if self.shift == 255:
            return {key: np.zeros_like(array) for key, array in answer.items()}
        return {
            k: np.clip(a.astype(int) + self.shift, 0, 255).astype(np.uint8)
            for k, a in answer.items()
        }


async def test_every_model_of_the_repository_answers_for_itself(embedded: EmbeddedModels) -> None:
    states = await embedded.states()
    assert [state.name for state in states] == [
        "matting", "of_two", "upscale_x2", "upscale_x4",
    ]  # fmt: skip
    for state in states:
        assert state.ready, state.detail
        assert state.facts is not None
        assert state.facts["digest"] == embedded.spec(state.name).digest
        assert state.facts["runtime"] == "embedded"


@pytest.mark.parametrize("name", ["upscale_x2", "matting", "of_two"])
async def test_a_dead_answer_is_not_ready_even_without_a_stored_one(tiny: Path, name: str) -> None:
    models = Lying(tiny, threads=1)
    models.shift = 255
    state = await examine(models, Repository(tiny), name)
    assert not state.ready
    assert name in state.detail
    await models.close()


async def test_a_stored_answer_tells_small_differences_apart(tmp_path: Path) -> None:
    networks.luminance_matte(tmp_path)
    models, repository = Lying(tmp_path, threads=1), Repository(tmp_path)
    path = await record(models, repository, "matting")
    assert path == tmp_path / "matting" / FILE
    for shift, ready in ((0, True), (4, True), (9, False), (-9, False)):
        models.shift = shift
        state = await examine(models, repository, "matting")
        assert state.ready is ready, (shift, state.detail)
        assert "stored answer" in state.detail
    await models.close()


async def test_a_stored_answer_of_another_network_does_not_count(tmp_path: Path) -> None:
    networks.nearest(tmp_path, "m", 32, 2)
    models = EmbeddedModels(tmp_path, threads=1)
    await record(models, Repository(tmp_path), "m")
    await models.close()
    networks.nearest(tmp_path, "m", 32, 4)
    models = EmbeddedModels(tmp_path, threads=1)
    state = await examine(models, Repository(tmp_path), "m")
    assert state.ready
    assert "no answer of this network is stored" in state.detail
    await models.close()


async def test_a_broken_model_says_why(tmp_path: Path) -> None:
    networks.nearest(tmp_path, "m", 32, 2)
    (tmp_path / "m/1/model.onnx").write_bytes(b"rubbish")
    models = EmbeddedModels(tmp_path, threads=1)
    (state,) = await models.states()
    assert not state.ready
    assert "cannot be loaded" in state.detail
    await models.close()


async def test_good_news_is_remembered_bad_news_is_asked_again(tmp_path: Path) -> None:
    networks.nearest(tmp_path, "m", 32, 2)
    models = Lying(tmp_path, threads=1)
    examiner = Examiner(models, Repository(tmp_path), remember=60)
    models.shift = 255
    for calls in (1, 2):
        assert not (await examiner.states())[0].ready
        assert models.calls == calls
    models.shift = 0
    await asyncio.gather(*(examiner.states() for _ in range(10)))
    assert models.calls == 3
    await models.close()


def test_the_question_has_subject_and_background() -> None:
    shown, alpha = picture((512, 512, 3)), picture((512, 512, 1))
    assert shown.shape == (512, 512, 3)
    assert alpha[256, 256, 0] == 255 > alpha[5, 5, 0] == 0
    assert shown[5, 5].min() > 200 > shown[256, 256].max()
