"""What cannot be added is refused by name, with what is allowed, and leaves no trace."""

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from edge.errors import (
    EdgeError,
    InvalidParameter,
    ModelContractBroken,
    ModelMissing,
    ModelUnavailable,
)
from edge.models.repository import Repository
from edge.tools.add_model import adding, wrapping
from edge.tools.add_model import request as said
from edge.tools.add_model.request import AddOptions
from tests.tools import foreign_networks as foreign

ONES = (1.0, 1.0, 1.0)


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


REFUSED: dict[str, tuple[Callable[[Path], Path], AddOptions, str, str]] = {
    "bytes": (lambda p: passing(p, foreign.FREE, TensorProto.UINT8), AddOptions("matting"),
              r"tensor\(uint8\)", "float32 or float16"),
    "four channels": (lambda p: passing(p, [1, 4, 64, 64]), AddOptions("matting"),
                      "4 channels", "[N,3,H,W]"),
    "not square": (lambda p: passing(p, [1, 3, 64, 96]), AddOptions("matting"),
        "not square", "H = W"),
    "no batch": (lambda p: passing(p, [3, 64, 64]), AddOptions("matting"), "shape", "[N,3,H,W]"),
    "two inputs": (two_inputs, AddOptions("matting"), "2 inputs: a, b", "one input"),
    "a picture for a matte": (lambda p: passing(p, foreign.FREE), AddOptions("matting"),
                              "nothing that matting can use", "[N,1,h,h]"),
    "a matte for a picture": (lambda p: foreign.darkness(p, foreign.FREE), AddOptions("upscale_x2"),
                              "nothing that upscale_x2 can use", "[N,3,2H,2W]"),
    "another scale": (lambda p: foreign.enlarger(p, foreign.FREE, 4), AddOptions("upscale_x2"),
                      "896", "[N,3,2H,2W]"),
    "another side": (lambda p: foreign.darkness(p, foreign.square(320)),
                     AddOptions("matting", side=512), "320 pixels, not 512", "320"),
    "no such output": (lambda p: foreign.darkness(p, foreign.FREE),
        AddOptions("matting", output="d9"),
                       "no output 'd9'", "d0"),
    "garbage": (garbage, AddOptions("matting"), "cannot be loaded", "ONNX"),
    "an operator of others": (
        unknown_operator, AddOptions("matting"), "cannot be loaded", "of others",
    ),
    "an opset of tomorrow": (of_tomorrow, AddOptions("matting"), "cannot be loaded", "opset"),
    "no batches": (lambda p: foreign.enlarger(p, foreign.square(32, 1), 2, batch_one=True),
                   AddOptions("upscale_x2", batch=4), "4 pictures at once", "--batch 1"),
    "an overlap that eats the tile": (lambda p: foreign.enlarger(p, foreign.square(32), 2),
                                      AddOptions("upscale_x2", overlap=16), "overlap", "0 to 15"),
    "unfaithful": (lambda p: foreign.enlarger(p, foreign.square(32), 2, low=0.9),
                   AddOptions("upscale_x2"), "not its source", "--normalise"),
    "a flat matte": (lambda p: foreign.darkness(p, foreign.FREE, middle=-5), AddOptions("matting"),
                     "nearly flat", "--unproven"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
async def test_what_does_not_fit_is_refused_by_name_and_leaves_nothing(
    what: str, tmp_path: Path
) -> None:
    make, options, said_, allowed = REFUSED[what]
    file, folder = make(tmp_path / "theirs.onnx"), tmp_path / "models"
    with pytest.raises(ModelContractBroken, match=said_) as caught:
        await adding.add(file, folder, options)
    assert allowed in str(caught.value.allowed)
    assert not folder.exists()


async def test_a_network_that_sees_no_disc_can_be_added_all_the_same(tmp_path: Path) -> None:
    file = foreign.darkness(tmp_path / "theirs.onnx", foreign.FREE, middle=-5)
    added = await adding.add(file, tmp_path / "m", AddOptions("matting", unproven=True))
    assert "flat" in added.notes[-1]
    assert (added.folder / "reference.json").is_file()


async def test_another_one_is_replaced_only_on_request_and_only_by_a_whole_one(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "models"
    one = foreign.enlarger(tmp_path / "one.onnx", foreign.square(32), 2)
    other = foreign.enlarger(tmp_path / "other.onnx", foreign.square(32), 2, radius=3)
    first = await adding.add(one, folder, AddOptions("upscale_x2"))
    with pytest.raises(InvalidParameter) as caught:
        await adding.add(other, folder, AddOptions("upscale_x2"))
    assert "--replace" in str(caught.value.allowed)
    broken = garbage(tmp_path / "broken.onnx")
    with pytest.raises(ModelContractBroken):
        await adding.add(broken, folder, AddOptions("upscale_x2", replace=True))
    assert Repository(folder).spec("upscale_x2").digest == first.spec.digest
    second = await adding.add(other, folder, AddOptions("upscale_x2", replace=True))
    assert Repository(folder).spec("upscale_x2").digest == second.spec.digest != first.spec.digest
    assert [p.name for p in folder.iterdir()] == ["upscale_x2"]


async def test_what_stood_there_comes_back_if_the_last_step_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "models"
    one = foreign.enlarger(tmp_path / "one.onnx", foreign.square(32), 2)
    first = await adding.add(one, folder, AddOptions("upscale_x2"))
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.parent.name.startswith(".adding-") and self.name != ".old":
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(EdgeError, match="No space left"):
        await adding.add(one, folder, AddOptions("upscale_x2", replace=True))
    assert [p.name for p in folder.iterdir()] == ["upscale_x2"]
    assert Repository(folder).spec("upscale_x2") == first.spec


async def test_a_missing_file_and_a_missing_package_say_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ModelMissing, match="no file"):
        await adding.add(tmp_path / "none.onnx", tmp_path / "m", AddOptions("matting"))
    monkeypatch.setattr(adding, "find_spec", lambda name: None)
    with pytest.raises(ModelUnavailable) as caught:
        await adding.add(tmp_path / "none.onnx", tmp_path / "m", AddOptions("matting"))
    assert "edge[models]" in str(caught.value.allowed)


@pytest.mark.parametrize(
    ("options", "option"),
    [
        (AddOptions("portrait"), "--as"),
        (AddOptions("matting", name="../up"), "--name"),
        (AddOptions("matting", name=".hidden"), "--name"),
        (AddOptions("matting", answer="signed"), "--answer"),
        (AddOptions("upscale_x2", answer="sigmoid"), "--answer"),
        (AddOptions("matting", side=4), "--side"),
        (AddOptions("matting", batch=0), "--batch"),
    ],
)
async def test_words_that_may_not_be_said(options: AddOptions, option: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter) as caught:
        await adding.add(tmp_path / "any.onnx", tmp_path, options)
    assert caught.value.param == option


def test_numbers_are_given_whole_or_by_name() -> None:
    assert said.scaling_of("unit") == said.UNIT
    for wrong in (("unit", ONES, ONES), (None, ONES, None), (None, ONES, (1.0, 0.0, 1.0))):
        with pytest.raises(InvalidParameter):
            said.scaling_of(*wrong)


async def test_what_is_too_large_for_one_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wrapping, "MOST_BYTES", 1000)
    file = foreign.enlarger(tmp_path / "theirs.onnx", foreign.square(32), 2)
    with pytest.raises(ModelContractBroken) as caught:
        await adding.add(file, tmp_path / "m", AddOptions("upscale_x2"))
    assert "2 GB" in str(caught.value.allowed)
