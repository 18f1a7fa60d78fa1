"""What runs the networks is chosen by milliseconds, and only where answers stay what they are."""

from pathlib import Path

import numpy as np
import pytest

from edge.models import compiled, embedded, roles, runtimes
from edge.models.base import ModelSpec, TensorSpec
from edge.models.compiled import FULL, HALF
from edge.models.runtimes import AUTO, ONNXRUNTIME, OPENVINO, Choice, Choices, Runtime, choose

TILE = TensorSpec("image", (32, 32, 3))
NETWORK = Path("nowhere.onnx")
MODELS = Path(__file__).parents[2] / "triton_models"
ONNX, WHOLE, HALVED = Runtime(), Runtime(OPENVINO, FULL), Runtime(OPENVINO, HALF)


def spec(name: str = "upscale_x4") -> ModelSpec:
    return ModelSpec(name, (TILE,), (TensorSpec("enlarged", (128, 128, 3)),), 8, "d", overlap=4)


@pytest.mark.parametrize(
    ("wanted", "times", "full", "halved"),
    [
        (AUTO, {ONNX: 90, WHOLE: 67, HALVED: 16}, WHOLE, HALVED),
        (AUTO, {ONNX: 90, WHOLE: 88, HALVED: 16}, ONNX, HALVED),
        (AUTO, {ONNX: 90, WHOLE: 67, HALVED: 80}, WHOLE, WHOLE),
        (AUTO, {ONNX: 90, WHOLE: 100}, ONNX, ONNX),
        (AUTO, {ONNX: 90, WHOLE: 67}, WHOLE, WHOLE),
        (OPENVINO, {ONNX: 50, WHOLE: 67, HALVED: 60}, WHOLE, HALVED),
    ],
    ids=["all gain", "only half gains", "half is slow", "none gains", "no bfloat16", "named"],
)
def test_the_quicker_one_serves_where_it_gains_enough(wanted, times, full, halved):
    choice = runtimes._chosen(wanted, times)
    assert (choice.full, choice.halved) == (full, halved)


def test_only_networks_that_bfloat16_hardly_moves_run_in_it():
    choice = Choice(WHOLE, HALVED)
    upscalers = (*roles.UPSCALE.values(), *roles.UPSCALE_DEGRADED.values())
    for name in (*upscalers, roles.FACE_DETECTION, roles.MATTING):
        assert choice.of(spec(name)) == HALVED
    for name in (roles.MATTING_SECOND, roles.TEXT_DETECTION, "another"):
        assert choice.of(spec(name)) == WHOLE


def test_it_says_what_serves_and_why():
    times = {ONNX: 88.06, WHOLE: 67.0, HALVED: 16.2}
    assert str(runtimes._chosen(AUTO, times)) == (
        "openvino bf16 and f32 (onnxruntime f32 88.1 ms, openvino f32 67.0 ms, "
        "openvino bf16 16.2 ms)"
    )
    assert str(Choices()) == "onnxruntime f32"
    both = Choices(Choice(), Choice(WHOLE, WHOLE, {"openvino f32": 150.04}))
    assert str(both) == "a tile: onnxruntime f32; a mask: openvino f32 (openvino f32 150.0 ms)"


def test_tiles_and_looks_are_served_by_what_is_quicker_at_each(monkeypatch):
    """The choice is by a network of each kind, on as many threads as serve one run of it."""
    asked = []

    def choose(wanted, precision, spec, network, threads):
        asked.append((spec.name, threads))
        return Choice() if spec.scale > 1 else Choice(WHOLE, WHOLE)

    monkeypatch.setattr(runtimes, "choose", choose)
    models = embedded.EmbeddedModels((MODELS,), 2)
    kinds = {name: models._choice().of_kind(models.spec(name)) for name in models.names()
             if name in (*roles.UPSCALE.values(), roles.MATTING)}  # fmt: skip
    assert {kinds[name].full for name in roles.UPSCALE.values()} == {ONNX}
    assert kinds[roles.MATTING].full == WHOLE
    assert asked == [("upscale_x4", 1), ("matting", 2)]


def test_where_one_kind_of_network_is_missing_the_other_decides(monkeypatch, tmp_path):
    (tmp_path / "matting").symlink_to(MODELS / "matting")
    monkeypatch.setattr(runtimes, "choose", lambda *_: Choice(WHOLE, WHOLE))
    assert embedded.EmbeddedModels(tmp_path, 1)._choice() == Choices(*[Choice(WHOLE, WHOLE)] * 2)


def test_nothing_is_measured_where_there_is_nothing_to_choose(monkeypatch):
    def measured(*_: object, **__: object) -> None:
        raise AssertionError("measured")

    monkeypatch.setattr(runtimes, "_times", measured)
    assert choose(ONNXRUNTIME, AUTO, spec(), NETWORK, 1) == Choice()
    monkeypatch.setattr(compiled, "version", lambda: None)
    assert choose(AUTO, AUTO, spec(), NETWORK, 1) == Choice()


def test_who_names_what_is_not_installed_is_told_so(monkeypatch, caplog):
    monkeypatch.setattr(compiled, "version", lambda: None)
    assert choose(OPENVINO, AUTO, spec(), NETWORK, 1) == Choice()
    assert "edge[openvino]" in caplog.text


def test_f32_measures_no_bfloat16():
    pytest.importorskip("openvino")
    one = ModelSpec(
        "upscale_x2", (TILE,), (TensorSpec("enlarged", (64, 64, 3)),), 8, "d", overlap=12
    )
    times = runtimes._times(one, MODELS / "upscale_x2" / "1" / "model.onnx", 1, halves=False)
    assert set(times) == {ONNX, WHOLE}


class Answering:
    """A session that answers the same for every picture."""

    def __init__(self, level: int) -> None:
        self.level = level

    def run(self, names, inputs, options=None):
        return [np.full((1, 32, 32, 1), self.level, np.uint8)]


@pytest.mark.parametrize(("moved", "halvable"), [(0, True), (1, True), (17, False)])
def test_a_mask_that_bfloat16_moves_is_made_in_full_precision(moved, halvable, caplog):
    mask = ModelSpec("matting", (TILE,), (TensorSpec("alpha", (32, 32, 1)),), 8, "d")
    caplog.set_level("INFO")
    assert runtimes.halvable(mask, Answering(100), Answering(100 + moved)) == halvable
    assert ("matting computes in f32" in caplog.text) != halvable


def test_a_foreign_network_that_bfloat16_moves_is_asked_in_full_precision(monkeypatch):
    pytest.importorskip("openvino")
    made = []
    monkeypatch.setattr(runtimes, "choose", lambda *_: Choice(WHOLE, HALVED))
    monkeypatch.setattr(runtimes, "halvable", lambda *_: False)
    real = embedded.CompiledNetwork
    monkeypatch.setattr(
        embedded, "CompiledNetwork", lambda *given: made.append(given[1]) or real(*given)
    )
    models = embedded.EmbeddedModels((MODELS,), 1)
    models._session(models.spec("matting"))
    assert made == [HALF, FULL]
