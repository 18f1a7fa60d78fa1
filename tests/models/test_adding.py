"""Networks made elsewhere behind our contract: the numbers are those of the network run by hand."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from edge.deadline import Deadline
from edge.errors import (
    EdgeError,
    InvalidParameter,
    ModelContractBroken,
    ModelMissing,
    ModelUnavailable,
)
from edge.models import adding, catalogue, selftest
from edge.models import wish as said
from edge.models.embedded import EmbeddedModels
from edge.models.matting import coarse_matte
from edge.models.repository import Repository
from edge.models.upscaling import upscale
from edge.models.wish import Wish
from tests.models import foreign_networks as foreign
from tests.models.conftest import noise

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
    """uint8 [512, 512, 3] -> float [512, 512, 1], levels."""
    scaled = (image / 255 - mean) / std
    planes = np.stack([resized(scaled[..., channel], side) for channel in range(3)])
    alpha = run(file, planes)[0]
    if squash:
        alpha = 1 / (1 + np.exp(-alpha))
    return 255 * resized(np.clip(alpha, 0, 1), 512)[..., None]


MATTES: dict[str, tuple[Callable[[Path], Path], Wish, dict]] = {
    "320 fixed, one at a time, sigmoid, seven outputs": (
        lambda p: foreign.darkness(p, foreign.square(320, 1), sigmoid=True, extra=6),
        Wish("matting"),
        {"side": 320, "mean": IMAGENET.mean, "std": IMAGENET.std, "squash": False},
    ),
    "1024, free sizes, logits": (
        lambda p: foreign.darkness(p, foreign.FREE),
        Wish("matting", side=1024),
        {"side": 1024, "mean": IMAGENET.mean, "std": IMAGENET.std, "squash": True},
    ),
    "512, mean 0.5 and deviation 1": (
        lambda p: foreign.darkness(p, foreign.square(512), mean=HALVES, std=ONES, sigmoid=True),
        Wish("matting", scaling=said.CENTRED),
        {"side": 512, "mean": HALVES, "std": ONES, "squash": False},
    ),
    "own numbers": (
        lambda p: foreign.darkness(p, foreign.FREE, mean=(0.4, 0.5, 0.6), std=(0.3, 0.25, 0.2)),
        Wish("matting", scaling=said.scaling_of(None, (0.4, 0.5, 0.6), (0.3, 0.25, 0.2))),
        {"side": 512, "mean": (0.4, 0.5, 0.6), "std": (0.3, 0.25, 0.2), "squash": True},
    ),
    "float16, an odd size": (
        lambda p: foreign.darkness(p, foreign.square(322), half=True),
        Wish("matting"),
        {"side": 322, "mean": IMAGENET.mean, "std": IMAGENET.std, "squash": True},
    ),
    "an old opset, an input called image": (
        lambda p: foreign.darkness(p, foreign.FREE, opset=11, taken="image"),
        Wish("matting"),
        {"side": 512, "mean": IMAGENET.mean, "std": IMAGENET.std, "squash": True},
    ),
}


@pytest.mark.parametrize("layout", MATTES)
async def test_a_matte_is_that_of_the_network_run_by_hand(
    layout: str, tmp_path: Path, deadline: Deadline
) -> None:
    make, wish, hand = MATTES[layout]
    file = make(tmp_path / "theirs.onnx")
    folder = tmp_path / "models"
    added = await adding.add(file, folder, wish)
    image = selftest.picture((512, 512, 3)) // 4 * 3 + noise(512, 512) // 5
    models = EmbeddedModels(folder, threads=1)
    source, target = added.spec.inputs[0].name, added.spec.outputs[0].name
    answer = (await models.infer("matting", {source: image[None]}, deadline=deadline))[target][0]
    wanted = matte_by_hand(file, image, **hand)
    assert np.ptp(wanted) > 100, "a flat answer would prove nothing"
    assert np.abs(answer - wanted).max() <= (2 if "float16" in layout else 1)
    matte = await coarse_matte(models, noise(300, 400) // 2, deadline)
    assert matte.shape == (300, 400)
    await models.close()


ENLARGERS: dict[str, tuple[int, dict, Wish]] = {
    "x4, 0 to 1, free sizes": (4, {"shape": foreign.FREE}, Wish("upscale_x4", side=48)),
    "x2, 0 to 255, traced with one picture": (
        2,
        {"shape": foreign.square(64, 1), "top": 255.0, "batch_one": True},
        Wish("upscale_x2"),
    ),
    "x2, -1 to 1, fixed": (2, {"shape": foreign.square(48), "low": -1.0}, Wish("upscale_x2")),
    "x4, three pixels of reach": (
        4, {"shape": foreign.square(40, 1), "radius": 3}, Wish("upscale_x4", name="bigger"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("layout", ENLARGERS)
async def test_a_picture_is_enlarged_as_by_hand_and_without_seams(
    layout: str, tmp_path: Path, deadline: Deadline
) -> None:
    scale, given, wish = ENLARGERS[layout]
    file = foreign.enlarger(tmp_path / "theirs.onnx", scale=scale, **given)
    folder = tmp_path / "models"
    added = await adding.add(file, folder, wish)
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
    made = await upscale(models, image, scale, deadline, model=wish.model)
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
        file, tmp_path / "m", Wish("upscale_x2", scaling=said.UNIT, answer="unit", order="bgr")
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
    added = await adding.add(file, tmp_path / "m", Wish("matting"))
    assert added.found.scaling == said.LEVELS
    assert added.found.answer == "sigmoid"
    assert "--normalise" in " ".join(added.notes), "a guess says that it is one"


async def test_stretching_is_done_picture_by_picture(tmp_path: Path, deadline: Deadline) -> None:
    file = foreign.darkness(tmp_path / "faint.onnx", foreign.square(256), sigmoid=True, middle=0.4)
    await adding.add(file, tmp_path / "m", Wish("matting", answer="minmax"))
    models = EmbeddedModels(tmp_path / "m", threads=1)
    bright = selftest.picture((512, 512, 3)) // 3 + 160
    images = np.stack([bright, selftest.picture((512, 512, 3))])
    answer = (await models.infer("matting", {"image": images}, deadline=deadline))["alpha"]
    assert [(alpha.min(), alpha.max()) for alpha in answer] == [(0, 255), (0, 255)]
    await models.close()


async def test_external_data_comes_along(tmp_path: Path, deadline: Deadline) -> None:
    whole = foreign.enlarger(tmp_path / "whole.onnx", foreign.square(32), 2)
    parts = foreign.outside(whole, tmp_path / "parts.onnx")
    assert (tmp_path / "parts.data").stat().st_size > 0
    await adding.add(parts, tmp_path / "m", Wish("upscale_x2"))
    (tmp_path / "parts.data").unlink()
    assert sorted(p.name for p in (tmp_path / "m/upscale_x2/1").iterdir()) == ["model.onnx"]
    models = EmbeddedModels(tmp_path / "m", threads=1)
    assert (await upscale(models, noise(40, 40), 2, deadline)).shape == (80, 80, 3)
    await models.close()
    with pytest.raises(ModelContractBroken) as caught:
        await adding.add(parts, tmp_path / "m", Wish("upscale_x2", name="again"))
    assert "external data beside it" in str(caught.value.allowed)


async def test_further_outputs_are_left_out(tmp_path: Path) -> None:
    """Of seven the first is taken, another one by its name; what leads to no output is dropped."""
    file = foreign.darkness(tmp_path / "u2.onnx", foreign.square(64), sigmoid=True, extra=6)
    first = await adding.add(file, tmp_path / "m", Wish("matting"))
    other = await adding.add(file, tmp_path / "m", Wish("matting", name="b", output="d3"))
    assert (first.found.output, first.found.given) == ("d0", 64)
    assert (other.found.output, other.found.given) == ("d3", 32)
    graph = onnx.load(str(first.folder / "1/model.onnx")).graph
    assert len(graph.output) == 1
    assert "AveragePool" not in {node.op_type for node in graph.node}


async def test_the_folder_is_whole_and_the_catalogue_agrees(tmp_path: Path) -> None:
    file = foreign.darkness(tmp_path / "theirs.onnx", foreign.FREE)
    folder = tmp_path / "models"
    added = await adding.add(file, folder, Wish("matting"))
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
    assert (checked.ok, checked.detail) == (True, "equals its stored answer")
    await models.close()


def two_inputs(path: Path) -> Path:
    nodes = [helper.make_node("Add", ["a", "b"], ["c"])]
    graph = helper.make_graph(
        nodes, "g",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, foreign.FREE) for n in "ab"],
        [helper.make_tensor_value_info("c", TensorProto.FLOAT, foreign.FREE)],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(path))
    return path


def passing(path: Path, shape: list, kind: int = TensorProto.FLOAT, op: str = "Identity") -> Path:
    """Gives back what it takes."""
    nodes = [helper.make_node(op, ["input.1"], ["output"])]
    return foreign.save(path, nodes, {"output": shape}, {}, shape, kind=kind)


def garbage(path: Path) -> Path:
    path.write_bytes(b"not a network")
    return path


def unknown_operator(path: Path) -> Path:
    graph = helper.make_graph(
        [helper.make_node("Dream", ["a"], ["b"], domain="of.others")], "g",
        [helper.make_tensor_value_info("a", TensorProto.FLOAT, foreign.FREE)],
        [helper.make_tensor_value_info("b", TensorProto.FLOAT, foreign.FREE)],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("of.others", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), str(path))
    return path


def of_tomorrow(path: Path) -> Path:
    model = onnx.load(str(passing(path, foreign.FREE)))
    model.opset_import[0].version = 999
    onnx.save(model, str(path))
    return path


REFUSED: dict[str, tuple[Callable[[Path], Path], Wish, str, str]] = {
    "bytes": (lambda p: passing(p, foreign.FREE, TensorProto.UINT8), Wish("matting"),
              r"tensor\(uint8\)", "float32 or float16"),
    "four channels": (lambda p: passing(p, [1, 4, 64, 64]), Wish("matting"),
                      "4 channels", "[N,3,H,W]"),
    "not square": (lambda p: passing(p, [1, 3, 64, 96]), Wish("matting"), "not square", "H = W"),
    "no batch": (lambda p: passing(p, [3, 64, 64]), Wish("matting"), "shape", "[N,3,H,W]"),
    "two inputs": (two_inputs, Wish("matting"), "2 inputs: a, b", "one input"),
    "a picture for a matte": (lambda p: passing(p, foreign.FREE), Wish("matting"),
                              "nothing that matting can use", "[N,1,h,h]"),
    "a matte for a picture": (lambda p: foreign.darkness(p, foreign.FREE), Wish("upscale_x2"),
                              "nothing that upscale_x2 can use", "[N,3,2H,2W]"),
    "another scale": (lambda p: foreign.enlarger(p, foreign.FREE, 4), Wish("upscale_x2"),
                      "896", "[N,3,2H,2W]"),
    "another side": (lambda p: foreign.darkness(p, foreign.square(320)),
                     Wish("matting", side=512), "320 pixels, not 512", "320"),
    "no such output": (lambda p: foreign.darkness(p, foreign.FREE), Wish("matting", output="d9"),
                       "no output 'd9'", "d0"),
    "garbage": (garbage, Wish("matting"), "cannot be loaded", "ONNX"),
    "an operator of others": (unknown_operator, Wish("matting"), "cannot be loaded", "of others"),
    "an opset of tomorrow": (of_tomorrow, Wish("matting"), "cannot be loaded", "opset"),
    "no batches": (lambda p: foreign.enlarger(p, foreign.square(32, 1), 2, batch_one=True),
                   Wish("upscale_x2", batch=4), "4 pictures at once", "--batch 1"),
    "an overlap that eats the tile": (lambda p: foreign.enlarger(p, foreign.square(32), 2),
                                      Wish("upscale_x2", overlap=16), "overlap", "0 to 15"),
    "unfaithful": (lambda p: foreign.enlarger(p, foreign.square(32), 2, low=0.9),
                   Wish("upscale_x2"), "not its source", "--normalise"),
    "a flat matte": (lambda p: foreign.darkness(p, foreign.FREE, middle=-5), Wish("matting"),
                     "nearly flat", "--unproven"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
async def test_what_does_not_fit_is_refused_by_name_and_leaves_nothing(
    what: str, tmp_path: Path
) -> None:
    make, wish, said_, allowed = REFUSED[what]
    file, folder = make(tmp_path / "theirs.onnx"), tmp_path / "models"
    with pytest.raises(ModelContractBroken, match=said_) as caught:
        await adding.add(file, folder, wish)
    assert allowed in str(caught.value.allowed)
    assert list(folder.iterdir()) == []


async def test_a_network_that_sees_no_disc_can_be_added_all_the_same(tmp_path: Path) -> None:
    file = foreign.darkness(tmp_path / "theirs.onnx", foreign.FREE, middle=-5)
    added = await adding.add(file, tmp_path / "m", Wish("matting", unproven=True))
    assert "flat" in added.notes[-1]
    assert (added.folder / "reference.json").is_file()


async def test_another_one_is_replaced_only_on_request_and_only_by_a_whole_one(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "models"
    one = foreign.enlarger(tmp_path / "one.onnx", foreign.square(32), 2)
    other = foreign.enlarger(tmp_path / "other.onnx", foreign.square(32), 2, radius=3)
    first = await adding.add(one, folder, Wish("upscale_x2"))
    with pytest.raises(InvalidParameter) as caught:
        await adding.add(other, folder, Wish("upscale_x2"))
    assert "--replace" in str(caught.value.allowed)
    broken = garbage(tmp_path / "broken.onnx")
    with pytest.raises(ModelContractBroken):
        await adding.add(broken, folder, Wish("upscale_x2", replace=True))
    assert Repository(folder).spec("upscale_x2").digest == first.spec.digest
    second = await adding.add(other, folder, Wish("upscale_x2", replace=True))
    assert Repository(folder).spec("upscale_x2").digest == second.spec.digest != first.spec.digest
    assert [p.name for p in folder.iterdir()] == ["upscale_x2"]


async def test_what_stood_there_comes_back_if_the_last_step_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "models"
    one = foreign.enlarger(tmp_path / "one.onnx", foreign.square(32), 2)
    first = await adding.add(one, folder, Wish("upscale_x2"))
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.parent.name.startswith(".adding-") and self.name != ".old":
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(EdgeError, match="No space left"):
        await adding.add(one, folder, Wish("upscale_x2", replace=True))
    assert [p.name for p in folder.iterdir()] == ["upscale_x2"]
    assert Repository(folder).spec("upscale_x2") == first.spec


async def test_a_missing_file_and_a_missing_package_say_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ModelMissing, match="no file"):
        await adding.add(tmp_path / "none.onnx", tmp_path / "m", Wish("matting"))
    monkeypatch.setattr(adding, "find_spec", lambda name: None)
    with pytest.raises(ModelUnavailable) as caught:
        await adding.add(tmp_path / "none.onnx", tmp_path / "m", Wish("matting"))
    assert "edge[models]" in str(caught.value.allowed)


@pytest.mark.parametrize(
    ("wish", "option"),
    [
        (Wish("portrait"), "--as"),
        (Wish("matting", name="../up"), "--name"),
        (Wish("matting", name=".hidden"), "--name"),
        (Wish("matting", answer="signed"), "--answer"),
        (Wish("upscale_x2", answer="sigmoid"), "--answer"),
        (Wish("matting", side=4), "--side"),
        (Wish("matting", batch=0), "--batch"),
    ],
)
async def test_words_that_may_not_be_said(wish: Wish, option: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter) as caught:
        await adding.add(tmp_path / "any.onnx", tmp_path, wish)
    assert caught.value.param == option


def test_numbers_are_given_whole_or_by_name() -> None:
    assert said.scaling_of("unit") == said.UNIT
    for wrong in (("unit", ONES, ONES), (None, ONES, None), (None, ONES, (1.0, 0.0, 1.0))):
        with pytest.raises(InvalidParameter):
            said.scaling_of(*wrong)
