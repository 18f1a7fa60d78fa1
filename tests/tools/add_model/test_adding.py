"""Networks made elsewhere behind our contract: the numbers are those of the network run by hand."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

from edge.deadline import Deadline
from edge.errors import (
    ModelContractBroken,
)
from edge.models import roles, selftest
from edge.models.embedded import EmbeddedModels
from edge.models.matting import coarse_matte
from edge.tools import catalogue
from edge.tools.add_model import adding
from edge.tools.add_model import request as said
from edge.tools.add_model.request import AddOptions
from tests.models.conftest import noise
from tests.models.enlarging import upscale
from tests.tools import foreign_networks as foreign

IMAGENET = said.IMAGENET
HALVES = (0.5, 0.5, 0.5)
ONES = (1.0, 1.0, 1.0)


def resized(planes: np.ndarray, side: int) -> np.ndarray:
    """float [H, H] -> [side, side]: bilinear, pixel middles on pixel middles."""
    old = planes.shape[0]
    place = np.clip((np.arange(side) + 0.5) * old / side - 0.5, 0, old - 1)
    low = np.floor(place).astype(int)
    high, part = np.minimum(low + 1, old - 1), place - low
    rows = planes[low] * (1 - part)[:, None] + planes[high] * part[:, None]
    return rows[:, low] * (1 - part) + rows[:, high] * part


def run(file: Path, planes: np.ndarray) -> np.ndarray:
    """The first output of the network as its maker would run it: [3, H, W] -> [C, h, w]."""
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    taken = session.get_inputs()[0]
    kind = np.float16 if "16" in taken.type else np.float32
    answer = session.run(None, {taken.name: planes[None].astype(kind)})[0]
    return np.asarray(answer[0], np.float64)


def matte_by_hand(
    file: Path, image: np.ndarray, side: int, mean: tuple, std: tuple, squash: bool
) -> np.ndarray:
    """uint8 [side, side, 3] -> float [side, side, 1], levels."""
    assert image.shape == (side, side, 3)
    alpha = run(file, ((image / 255 - mean) / std).transpose(2, 0, 1))[0]
    if squash:
        alpha = 1 / (1 + np.exp(-alpha))
    return 255 * resized(np.clip(alpha, 0, 1), side)[..., None]


MATTES: dict[str, tuple[Callable[[Path], Path], AddOptions, dict]] = {
    "320 fixed, one at a time, sigmoid, seven outputs": (
        lambda p: foreign.darkness(p, foreign.square(320, 1), sigmoid=True, extra=6),
        AddOptions("matting"),
        {"side": 320, "mean": IMAGENET.mean, "std": IMAGENET.std, "squash": False},
    ),
    "1024, free sizes, logits": (
        lambda p: foreign.darkness(p, foreign.FREE),
        AddOptions("matting", side=1024),
        {"side": 1024, "mean": IMAGENET.mean, "std": IMAGENET.std, "squash": True},
    ),
    "512, mean 0.5 and deviation 1": (
        lambda p: foreign.darkness(p, foreign.square(512), mean=HALVES, std=ONES, sigmoid=True),
        AddOptions("matting", scaling=said.CENTRED),
        {"side": 512, "mean": HALVES, "std": ONES, "squash": False},
    ),
    "own numbers": (
        lambda p: foreign.darkness(p, foreign.FREE, mean=(0.4, 0.5, 0.6), std=(0.3, 0.25, 0.2)),
        AddOptions("matting", scaling=said.scaling_of(None, (0.4, 0.5, 0.6), (0.3, 0.25, 0.2))),
        {"side": 512, "mean": (0.4, 0.5, 0.6), "std": (0.3, 0.25, 0.2), "squash": True},
    ),
    "float16, an odd size": (
        lambda p: foreign.darkness(p, foreign.square(322), half=True),
        AddOptions("matting"),
        {"side": 322, "mean": IMAGENET.mean, "std": IMAGENET.std, "squash": True},
    ),
    "an old opset, an input called image": (
        lambda p: foreign.darkness(p, foreign.FREE, opset=11, taken="image"),
        AddOptions("matting"),
        {"side": 512, "mean": IMAGENET.mean, "std": IMAGENET.std, "squash": True},
    ),
}


@pytest.mark.parametrize("layout", MATTES)
async def test_a_matte_is_that_of_the_network_run_by_hand(
    layout: str, tmp_path: Path, deadline: Deadline
) -> None:
    make, options, hand = MATTES[layout]
    file = make(tmp_path / "theirs.onnx")
    folder = tmp_path / "models"
    added = await adding.add(file, folder, options)
    side = hand["side"]
    assert [t.shape for t in (*added.spec.inputs, *added.spec.outputs)] == [
        (side, side, 3), (side, side, 1),
    ]  # fmt: skip
    image = selftest.picture((side, side, 3)) // 4 * 3 + noise(side, side) // 5
    models = EmbeddedModels(folder, threads=1)
    source, target = added.spec.inputs[0].name, added.spec.outputs[0].name
    answer = (await models.infer("matting", {source: image[None]}, deadline=deadline))[target][0]
    wanted = matte_by_hand(file, image, **hand)
    assert np.ptp(wanted) > 100, "a flat answer would prove nothing"
    assert np.abs(answer - wanted).max() <= (2 if "float16" in layout else 1)
    matte = await coarse_matte(models, noise(300, 400) // 2, deadline)
    assert matte.shape == (300, 400)
    await models.close()


ENLARGERS: dict[str, tuple[int, dict, AddOptions]] = {
    "x4, 0 to 1, free sizes": (4, {"shape": foreign.FREE}, AddOptions("upscale_x4", side=48)),
    "x2, 0 to 255, traced with one picture": (
        2,
        {"shape": foreign.square(64, 1), "top": 255.0, "batch_one": True},
        AddOptions("upscale_x2"),
    ),
    "x2, -1 to 1, fixed": (2, {"shape": foreign.square(48), "low": -1.0},
        AddOptions("upscale_x2", scaling=said.SIGNED)),
    "x4, three pixels of reach": (
        4, {"shape": foreign.square(40, 1), "radius": 3}, AddOptions("upscale_x4", name="bigger"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("layout", ENLARGERS)
async def test_a_picture_is_enlarged_as_by_hand_and_without_seams(
    layout: str, tmp_path: Path, deadline: Deadline
) -> None:
    scale, given, options = ENLARGERS[layout]
    file = foreign.enlarger(tmp_path / "theirs.onnx", scale=scale, **given)
    folder = tmp_path / "models"
    added = await adding.add(file, folder, options)
    assert added.spec.overlap == given.get("radius", 2), "no more context than it uses"
    free = foreign.enlarger(
        tmp_path / "free.onnx", scale=scale,
        **given | {"shape": foreign.FREE, "batch_one": False},
    )  # fmt: skip
    image = noise(90, 130)
    low, top = given.get("low", 0.0), given.get("top", 1.0)
    whole = np.pad(image, ((8, 8), (8, 8), (0, 0)), mode="edge") / 255 * (top - low) + low
    wanted = (run(free, whole.transpose(2, 0, 1)) - low) / (top - low) * 255
    wanted = wanted.transpose(1, 2, 0)[8 * scale : -8 * scale, 8 * scale : -8 * scale]
    models = EmbeddedModels(folder, threads=1)
    made = await upscale(models, image, scale, deadline, model=options.model)
    assert made.shape == (90 * scale, 130 * scale, 3)
    assert np.abs(made - wanted).max() <= 0.51
    await models.close()


async def test_channels_in_the_other_order_come_back_in_ours(
    tmp_path: Path, deadline: Deadline
) -> None:
    """A network that reddens what it takes for blue: only with the right order ours is right."""
    nodes = [
        helper.make_node("Mul", ["input.1", "tint"], ["tinted"]),
        helper.make_node("Conv", ["tinted", "spread"], ["cells"]),
        helper.make_node("DepthToSpace", ["cells"], ["output"], blocksize=2, mode="CRD"),
    ]
    spread = np.kron(np.eye(3), np.ones((4, 1))).reshape(12, 3, 1, 1).astype(np.float32)
    tint = np.array([0.97, 1, 1], np.float32).reshape(1, 3, 1, 1)
    file = foreign.save(
        tmp_path / "bgr.onnx", nodes, {"output": ["batch", 3, 64, 64]},
        {"spread": spread, "tint": tint}, foreign.square(32),
    )  # fmt: skip
    await adding.add(
        file,
        tmp_path / "m",
        AddOptions("upscale_x2", scaling=said.UNIT, answer="unit", order="bgr"),
    )
    models = EmbeddedModels(tmp_path / "m", threads=1)
    image = noise(32, 32)
    made = await upscale(models, image, 2, deadline)
    wanted = (image * np.array([1, 1, 0.97])).repeat(2, 0).repeat(2, 1)
    assert np.abs(made - wanted).max() <= 0.51
    await models.close()


async def test_other_numbers_are_found_where_imagenets_cannot_be_meant(tmp_path: Path) -> None:
    file = foreign.darkness(
        tmp_path / "levels.onnx", foreign.FREE, mean=(0.0, 0.0, 0.0), std=(1 / 255,) * 3
    )
    added = await adding.add(file, tmp_path / "m", AddOptions("matting"))
    assert added.found.scaling == said.LEVELS
    assert added.found.answer == "sigmoid"
    assert "--normalise" in " ".join(added.notes), "a guess says that it is one"


async def test_an_upscaler_made_for_levels_is_told_from_one_for_0_to_1(
    tmp_path: Path, deadline: Deadline
) -> None:
    """It has a foot at 8 of 255: in numbers of 0 to 1 all colours would lie below that."""
    nodes = [
        helper.make_node("Max", ["input.1", "foot"], ["kept"]),
        helper.make_node("Conv", ["kept", "spread"], ["cells"]),
        helper.make_node("DepthToSpace", ["cells"], ["output"], blocksize=2, mode="CRD"),
    ]
    spread = np.kron(np.eye(3), np.ones((4, 1))).reshape(12, 3, 1, 1).astype(np.float32)
    file = foreign.save(
        tmp_path / "levels.onnx", nodes, {"output": ["batch", 3, 64, 64]},
        {"spread": spread, "foot": np.array(8, np.float32)}, foreign.square(32),
    )  # fmt: skip
    added = await adding.add(file, tmp_path / "m", AddOptions("upscale_x2"))
    assert (added.found.scaling, added.found.answer) == (said.LEVELS, "levels")
    models = EmbeddedModels(tmp_path / "m", threads=1)
    image = noise(32, 32)
    made = await upscale(models, image, 2, deadline)
    assert np.array_equal(made, np.maximum(image, 8).repeat(2, 0).repeat(2, 1))
    await models.close()


async def test_weights_among_the_inputs_as_old_exporters_have_it(
    tmp_path: Path, deadline: Deadline
) -> None:
    file = foreign.enlarger(tmp_path / "theirs.onnx", foreign.square(32), 2)
    model = onnx.load(str(file))
    for tensor in model.graph.initializer:
        model.graph.input.append(
            helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        )
    model.ir_version = 3
    onnx.save(model, str(file))
    added = await adding.add(file, tmp_path / "m", AddOptions("upscale_x2"))
    assert len(onnx.load(str(added.folder / "1/model.onnx")).graph.input) == 1
    models = EmbeddedModels(tmp_path / "m", threads=1)
    assert (await upscale(models, noise(40, 40), 2, deadline)).shape == (80, 80, 3)
    await models.close()


async def test_stretching_is_done_picture_by_picture(tmp_path: Path, deadline: Deadline) -> None:
    file = foreign.darkness(tmp_path / "faint.onnx", foreign.square(256), sigmoid=True, middle=0.4)
    await adding.add(file, tmp_path / "m", AddOptions("matting", answer="minmax"))
    models = EmbeddedModels(tmp_path / "m", threads=1)
    bright = selftest.picture((256, 256, 3)) // 3 + 160
    images = np.stack([bright, selftest.picture((256, 256, 3))])
    answer = (await models.infer("matting", {"image": images}, deadline=deadline))["alpha"]
    assert [(alpha.min(), alpha.max()) for alpha in answer] == [(0, 255), (0, 255)]
    await models.close()


@pytest.mark.parametrize("layout", ["sorted at the top only", "also inside a branch"])
async def test_nodes_in_any_order_are_sorted(
    layout: str, tmp_path: Path, deadline: Deadline
) -> None:
    """Converters to half precision append their casts, which breaks what ONNX demands."""
    whole = foreign.darkness(tmp_path / "whole.onnx", foreign.square(96), sigmoid=True, extra=2)
    shuffled = foreign.shuffled(whole, tmp_path / "shuffled.onnx", branch="branch" in layout)
    with pytest.raises(onnx.checker.ValidationError, match="topologically sorted"):
        onnx.checker.check_model(str(shuffled))
    models = []
    for file, folder in ((whole, tmp_path / "a"), (shuffled, tmp_path / "b")):
        added = await adding.add(file, folder, AddOptions("matting"))
        onnx.checker.check_model(str(added.folder / "1/model.onnx"))
        models.append(EmbeddedModels(folder, threads=1))
    image = selftest.picture((120, 90, 3))
    one, other = [await coarse_matte(door, image, deadline) for door in models]
    assert np.array_equal(one, other)
    assert np.ptp(one) > 100
    for door in models:
        await door.close()


async def test_the_second_matting_network_has_a_size_of_its_own(
    tmp_path: Path, deadline: Deadline
) -> None:
    """Each role is asked in its own square, and answers for the whole picture."""
    folder = tmp_path / "m"
    for role, side in ((roles.MATTING, 96), (roles.MATTING_SECOND, 640)):
        file = foreign.darkness(tmp_path / f"{side}.onnx", foreign.square(side), sigmoid=True)
        await adding.add(file, folder, AddOptions(role))
    models = EmbeddedModels(folder, threads=1)
    image = selftest.picture((700, 500, 3))
    small = await coarse_matte(models, image, deadline)
    large = await coarse_matte(models, image, deadline, role=roles.MATTING_SECOND)
    assert small.shape == large.shape == (700, 500)
    soft = [np.count_nonzero((alpha > 40) & (alpha < 215)) for alpha in (small, large)]
    assert soft[0] > 2 * soft[1], "the larger square draws the finer outline"
    assert abs(float(small.mean()) - float(large.mean())) < 5
    await models.close()


async def test_external_data_comes_along(tmp_path: Path, deadline: Deadline) -> None:
    whole = foreign.enlarger(tmp_path / "whole.onnx", foreign.square(32), 2)
    parts = foreign.outside(whole, tmp_path / "parts.onnx")
    assert (tmp_path / "parts.data").stat().st_size > 0
    await adding.add(parts, tmp_path / "m", AddOptions("upscale_x2"))
    (tmp_path / "parts.data").unlink()
    assert sorted(p.name for p in (tmp_path / "m/upscale_x2/1").iterdir()) == ["model.onnx"]
    models = EmbeddedModels(tmp_path / "m", threads=1)
    assert (await upscale(models, noise(40, 40), 2, deadline)).shape == (80, 80, 3)
    await models.close()
    with pytest.raises(ModelContractBroken) as caught:
        await adding.add(parts, tmp_path / "m", AddOptions("upscale_x2", name="again"))
    assert "external data beside it" in str(caught.value.allowed)


async def test_further_outputs_are_left_out(tmp_path: Path) -> None:
    """Of seven the first is taken, another one by its name; what leads to no output is dropped."""
    file = foreign.darkness(tmp_path / "u2.onnx", foreign.square(64), sigmoid=True, extra=6)
    first = await adding.add(file, tmp_path / "m", AddOptions("matting"))
    other = await adding.add(file, tmp_path / "m", AddOptions("matting", name="b", output="d3"))
    assert (first.found.output, first.found.given) == ("d0", 64)
    assert (other.found.output, other.found.given) == ("d3", 32)
    graph = onnx.load(str(first.folder / "1/model.onnx")).graph
    assert len(graph.output) == 1
    assert "AveragePool" not in {node.op_type for node in graph.node}


async def test_the_folder_is_whole_and_the_catalogue_agrees(tmp_path: Path) -> None:
    file = foreign.darkness(tmp_path / "theirs.onnx", foreign.FREE)
    folder = tmp_path / "models"
    added = await adding.add(file, folder, AddOptions("matting"))
    assert [p.name for p in folder.iterdir()] == ["matting"]
    names = sorted(str(p.relative_to(added.folder)) for p in added.folder.rglob("*"))
    assert names == ["1", "1/model.onnx", "README.md", "config.pbtxt", "reference.json"]
    card = (added.folder / "README.md").read_text()
    assert hashlib.sha256(file.read_bytes()).hexdigest() in card
    assert "imagenet" in card
    assert json.loads((added.folder / "reference.json").read_text())["digest"] == added.spec.digest
    listed = {row.name: row for row in catalogue.list(folder)}
    assert listed["matting"].problem == ""
    models = EmbeddedModels(folder, threads=1)
    [checked] = await catalogue.check(models, folder)
    assert (checked.ready, checked.detail) == (True, "equals its stored answer")
    await models.close()
