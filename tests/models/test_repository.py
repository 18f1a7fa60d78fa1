"""What the folder says of a model, and how it says that something is wrong."""

import hashlib
from pathlib import Path

import pytest

from edge.errors import ModelContractBroken, ModelMissing
from edge.models.base import TensorSpec
from edge.models.repository import Repository, in_one_folder, parse_config
from tests.models import networks

GOOD = """
name: "m" backend: "onnxruntime" max_batch_size: 4
input [ { name: "image" data_type: TYPE_UINT8 dims: [ 8, 8, 3 ] } ]
output [ { name: "alpha" data_type: TYPE_UINT8 dims: [ 8, 8, 1 ] } ]
"""


def test_a_spec_says_what_config_and_network_say(tmp_path: Path) -> None:
    networks.nearest(tmp_path, "upscale_x2", 16, 2, overlap=3, batch=5)
    spec = Repository(tmp_path).spec("upscale_x2")
    assert spec.inputs == (TensorSpec("image", (16, 16, 3)),)
    assert spec.outputs == (TensorSpec("enlarged", (32, 32, 3)),)
    assert (spec.max_batch_size, spec.overlap) == (5, 3)
    body = (tmp_path / "upscale_x2/1/model.onnx").read_bytes()
    assert spec.digest == hashlib.sha256(body).hexdigest()[:16]


def test_the_newest_version_is_the_one(tmp_path: Path) -> None:
    networks.nearest(tmp_path, "m", 8, 2)
    for version in ("2", "10", "old"):
        (tmp_path / "m" / version).mkdir()
        (tmp_path / "m" / version / "model.onnx").write_text(version)
    assert Repository(tmp_path).network("m") == tmp_path / "m/10/model.onnx"


def test_a_missing_model_is_named_with_the_folder_and_what_is_there(tiny: Path) -> None:
    with pytest.raises(ModelMissing) as caught:
        Repository(tiny).spec("upscale_x8")
    assert caught.value.param == "upscale_x8"
    for word in ("upscale_x8", tiny.name, "matting, of_two, upscale_x2, upscale_x4"):
        assert word in caught.value.detail


@pytest.mark.parametrize("lost", ["config.pbtxt", "1/model.onnx"])
def test_half_a_model_is_a_missing_one(tmp_path: Path, lost: str) -> None:
    networks.nearest(tmp_path, "m", 8, 2)
    (tmp_path / "m" / lost).unlink()
    assert Repository(tmp_path).names() == ()
    with pytest.raises(ModelMissing, match="no model at all"):
        Repository(tmp_path).spec("m")


def test_a_folder_that_is_not_there_has_no_models(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "nowhere")
    assert repository.names() == ()
    with pytest.raises(ModelMissing):
        repository.spec("upscale_x2")


@pytest.mark.parametrize("name", ["", ".", "..", "../m", "/etc", "a\0b"])
def test_a_name_never_leaves_the_folder(tmp_path: Path, name: str) -> None:
    networks.nearest(tmp_path, "m", 8, 2)
    with pytest.raises(ModelMissing):
        Repository(tmp_path / "m").spec(name)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("TYPE_UINT8", "TYPE_FP32", "'image' is TYPE_FP32, must be TYPE_UINT8"),
        ("[ 8, 8, 3 ]", "[ -1, -1, 3 ]", "must be fixed"),
        ("[ 8, 8, 3 ]", "[ 8, 3 ]", "must be fixed"),
        ("max_batch_size: 4", "", "max_batch_size is 0"),
        ('name: "m"', 'name: "n"', "that of 'n'"),
        ("input [", "input (", "cannot be read"),
        ("output [", "instance_group [] unknown [", "cannot be read"),
    ],
)
def test_a_broken_config_is_named_with_its_reason(old: str, new: str, reason: str) -> None:
    assert old in GOOD
    with pytest.raises(ModelContractBroken, match=reason) as caught:
        parse_config(GOOD.replace(old, new), name="m", digest="")
    assert caught.value.param == "m"


def test_a_config_without_tensors_is_broken() -> None:
    with pytest.raises(ModelContractBroken, match="no input or no output"):
        parse_config('name: "m" max_batch_size: 4', name="m", digest="")


@pytest.mark.parametrize("parameter", ["overlap", "noise_tolerance", "overshoot", "fit"])
def test_a_parameter_that_is_no_number_is_broken(parameter: str) -> None:
    text = GOOD + f'parameters {{ key: "{parameter}" value {{ string_value: "-3" }} }}'
    with pytest.raises(ModelContractBroken, match=f"{parameter} is '-3'"):
        parse_config(text, name="m", digest="")


def test_only_a_network_that_says_so_tolerates_noise() -> None:
    assert parse_config(GOOD, name="m", digest="").noise_tolerance is None
    text = GOOD + 'parameters { key: "noise_tolerance" value { string_value: "4" } }'
    assert parse_config(text, name="m", digest="").noise_tolerance == 4


def test_only_a_network_that_says_so_is_held_to_its_source() -> None:
    assert parse_config(GOOD, name="m", digest="").overshoot is None
    text = GOOD + 'parameters { key: "overshoot" value { string_value: "16" } }'
    assert parse_config(text, name="m", digest="").overshoot == 16


def test_a_network_replaced_while_running_is_noticed(tmp_path: Path) -> None:
    """A cache key names the digest that was read first; another network must not answer for it."""
    networks.nearest(tmp_path, "m", 8, 2)
    repository = Repository(tmp_path)
    repository.spec("m")
    assert repository.unchanged_network("m").name == "model.onnx"
    networks.nearest(tmp_path, "m", 8, 4)
    with pytest.raises(ModelContractBroken, match="replaced"):
        repository.unchanged_network("m")


def test_of_several_folders_the_first_that_has_a_model_counts(tmp_path: Path) -> None:
    over, under = tmp_path / "over", tmp_path / "under"
    networks.nearest(over, "upscale_x2", 16, 2)
    networks.nearest(under, "upscale_x2", 32, 2)
    networks.nearest(under, "upscale_x4", 16, 4)
    both = Repository((over, under, tmp_path / "nowhere"))
    assert both.names() == ("upscale_x2", "upscale_x4")
    assert both.spec("upscale_x2") == Repository(over).spec("upscale_x2")
    assert both.spec("upscale_x4") == Repository(under).spec("upscale_x4")
    assert both.network("upscale_x2") == over / "upscale_x2/1/model.onnx"
    with pytest.raises(ModelMissing, match=r"over \+ under \+ nowhere"):
        both.spec("matting")


def test_half_a_model_hides_no_whole_one(tmp_path: Path) -> None:
    networks.nearest(tmp_path / "under", "m", 16, 2)
    networks.nearest(tmp_path / "over", "m", 32, 2)
    (tmp_path / "over/m/config.pbtxt").unlink()
    both = Repository((tmp_path / "over", tmp_path / "under"))
    assert both.spec("m").inputs[0].shape == (16, 16, 3)


def test_several_folders_become_one_for_a_server_that_takes_one(tmp_path: Path) -> None:
    over, under = tmp_path / "over", tmp_path / "under"
    networks.nearest(over, "a", 16, 2)
    networks.nearest(under, "a", 32, 2)
    networks.nearest(under, "b", 32, 2)
    with in_one_folder((over, under)) as folder:
        seen, both = Repository(folder), Repository((over, under))
        assert seen.names() == ("a", "b")
        assert [seen.spec(n) for n in "ab"] == [both.spec(n) for n in "ab"]
    assert not folder.exists()
    with in_one_folder((tmp_path / "nowhere", under)) as folder:
        assert folder == under
