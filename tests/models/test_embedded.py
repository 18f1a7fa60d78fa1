"""ONNX Runtime behind the interface of models."""

import asyncio
import threading
from pathlib import Path

import numpy as np
import pytest

from edge.deadline import Deadline
from edge.errors import DeadlineExceeded, ModelContractBroken, ModelMissing
from edge.models.base import Priority
from edge.models.embedded import EmbeddedModels
from tests.models import networks
from tests.models.conftest import noise


async def test_a_batch_is_answered_piece_by_piece(
    embedded: EmbeddedModels, deadline: Deadline
) -> None:
    tiles = np.stack([noise(32, 32, seed=i) for i in range(3)])
    answer = await embedded.infer("upscale_x2", {"image": tiles}, deadline=deadline)
    assert np.array_equal(answer["enlarged"], tiles.repeat(2, 1).repeat(2, 2))


async def test_a_batch_over_the_largest_is_run_in_pieces(
    embedded: EmbeddedModels, deadline: Deadline
) -> None:
    tiles = np.stack([noise(32, 32, seed=i) for i in range(19)])
    assert embedded.spec("upscale_x2").max_batch_size == 8
    answer = await embedded.infer("upscale_x2", {"image": tiles}, deadline=deadline)
    assert np.array_equal(answer["enlarged"], tiles.repeat(2, 1).repeat(2, 2))


@pytest.mark.parametrize(
    "inputs",
    [
        {},
        {"picture": noise(32, 32)[None]},
        {"image": noise(32, 32)},
        {"image": noise(31, 32)[None]},
        {"image": noise(32, 32)[None].astype(np.float32)},
        {"image": noise(32, 32)[None][:0]},
        {"image": noise(32, 32)[None], "alpha": noise(32, 32, 1)[None]},
    ],
    ids=["nothing", "name", "no batch", "size", "type", "empty batch", "one too many"],
)
async def test_tensors_that_the_model_does_not_take_are_refused(
    embedded: EmbeddedModels, deadline: Deadline, inputs: dict[str, np.ndarray]
) -> None:
    with pytest.raises(ModelContractBroken) as caught:
        await embedded.infer("upscale_x2", inputs, deadline=deadline)
    assert caught.value.param == "upscale_x2"


async def test_inputs_that_disagree_about_the_batch_are_refused(
    embedded: EmbeddedModels, deadline: Deadline
) -> None:
    inputs = {"image": noise(256, 256)[None], "alpha": np.zeros((2, 256, 256, 1), np.uint8)}
    with pytest.raises(ModelContractBroken, match="batches of"):
        await embedded.infer("of_two", inputs, deadline=deadline)


async def test_a_missing_model_is_named(embedded: EmbeddedModels, deadline: Deadline) -> None:
    with pytest.raises(ModelMissing, match="'upscale_x16'"):
        await embedded.infer("upscale_x16", {}, deadline=deadline)


async def test_a_network_that_contradicts_its_config_is_refused(
    tmp_path: Path, deadline: Deadline
) -> None:
    networks.nearest(tmp_path, "m", 16, 2)
    config = tmp_path / "m/config.pbtxt"
    config.write_text(config.read_text().replace("[32, 32, 3]", "[48, 48, 3]"))
    models = EmbeddedModels(tmp_path)
    with pytest.raises(ModelContractBroken, match=r"config\.pbtxt says"):
        await models.infer("m", {"image": noise(16, 16)[None]}, deadline=deadline)
    await models.close()


async def test_a_damaged_network_is_refused(tmp_path: Path, deadline: Deadline) -> None:
    networks.nearest(tmp_path, "m", 16, 2)
    (tmp_path / "m/1/model.onnx").write_bytes(b"not a network")
    models = EmbeddedModels(tmp_path)
    with pytest.raises(ModelContractBroken, match="cannot be loaded"):
        await models.infer("m", {"image": noise(16, 16)[None]}, deadline=deadline)
    await models.close()


async def test_nothing_runs_after_the_deadline(embedded: EmbeddedModels) -> None:
    with pytest.raises(DeadlineExceeded):
        await embedded.infer(
            "upscale_x2", {"image": noise(32, 32)[None]}, deadline=Deadline.after(0)
        )


async def test_one_network_is_loaded_once_for_all_callers(
    embedded: EmbeddedModels, deadline: Deadline, monkeypatch: pytest.MonkeyPatch
) -> None:
    import edge.models.embedded as module

    opened: list[str] = []
    real = module.open_session
    monkeypatch.setattr(
        module, "open_session", lambda spec, *rest: opened.append(spec.name) or real(spec, *rest)
    )
    tile = {"image": noise(32, 32)[None]}
    await asyncio.gather(
        *(
            embedded.infer(name, tile, deadline=deadline)
            for name in ["upscale_x2", "upscale_x4"] * 8
        )
    )
    assert sorted(opened) == ["upscale_x2", "upscale_x4"]


async def test_the_loop_stays_free_while_a_network_runs(tmp_path: Path) -> None:
    networks.convolved(tmp_path, "m", 256, radius=4, overlap=0, repeats=12)
    models = EmbeddedModels(tmp_path, threads=1)
    run = asyncio.create_task(
        models.infer("m", {"image": noise(256, 256)[None]}, deadline=Deadline.after(30))
    )
    beats = 0
    while not run.done():
        await asyncio.sleep(0.001)
        beats += 1
    assert beats > 5
    await models.close()


async def test_a_cancelled_run_stops_early_and_gives_its_place_free(tmp_path: Path) -> None:
    networks.convolved(tmp_path, "m", 256, radius=4, overlap=0, repeats=40, batch=8)
    models = EmbeddedModels(tmp_path, threads=1)
    one = {"image": noise(256, 256)[None]}
    loop = asyncio.get_running_loop()
    await models.infer("m", one, deadline=Deadline.after(30))
    start = loop.time()
    await models.infer("m", one, deadline=Deadline.after(30))
    full = loop.time() - start
    many = {"image": np.repeat(one["image"], 8, 0)}
    runs = [
        asyncio.create_task(models.infer("m", many, deadline=Deadline.after(60))) for _ in range(4)
    ]
    await asyncio.sleep(full)
    for run in runs:
        run.cancel()
    await asyncio.wait(runs)
    start = loop.time()
    await models.infer("m", one, deadline=Deadline.after(30))
    assert loop.time() - start < 16 * full, "four cancelled runs of 8 would have taken 32"
    await models.close()


async def test_the_urgent_overtake_those_who_wait(tmp_path: Path) -> None:
    networks.convolved(tmp_path, "m", 128, radius=4, overlap=0, repeats=12)
    models = EmbeddedModels(tmp_path, threads=1)
    one, order = {"image": noise(128, 128)[None]}, []

    async def ask(priority: Priority) -> None:
        await models.infer("m", one, deadline=Deadline.after(30), priority=priority)
        order.append(priority)

    await asyncio.gather(*(ask(p) for p in [Priority.PREWARM] * 6 + [Priority.INTERACTIVE] * 2))
    assert Priority.INTERACTIVE not in order[-2:]
    await models.close()


async def test_a_network_that_fails_is_unavailable_and_the_next_request_runs(
    embedded: EmbeddedModels, deadline: Deadline, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edge.errors import ModelUnavailable

    tile = {"image": noise(32, 32)[None]}
    await embedded.infer("upscale_x2", tile, deadline=deadline)
    good = embedded._sessions["upscale_x2"]

    class OutOfMemory:
        def run(self, *_: object) -> None:
            raise RuntimeError("bad allocation")

    for _ in range(5):
        embedded._sessions["upscale_x2"] = OutOfMemory()
        with pytest.raises(ModelUnavailable, match="bad allocation"):
            await embedded.infer("upscale_x2", tile, deadline=deadline)
    embedded._sessions["upscale_x2"] = good
    await embedded.infer("upscale_x2", tile, deadline=deadline)


async def test_closing_ends_its_threads(tiny: Path, deadline: Deadline) -> None:
    models = EmbeddedModels(tiny, threads=1)
    await models.infer("upscale_x2", {"image": noise(32, 32)[None]}, deadline=deadline)
    assert any(t.name.startswith("network") for t in threading.enumerate())
    await models.close()
    for thread in threading.enumerate():
        if thread.name.startswith("network"):
            thread.join(120)
            assert not thread.is_alive()
