"""Reads a Triton model repository: a folder per model, config.pbtxt and N/model.onnx in each."""

import hashlib
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from edge.errors import ModelContractBroken, ModelMissing
from edge.models.base import ModelSpec, TensorSpec

_DIGEST_DIGITS = 16


class Repository:
    """A folder of models. Specs are read once, so what a process says of a model stays true."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self._specs: dict[str, ModelSpec] = {}

    def names(self) -> tuple[str, ...]:
        """The models that are there whole: a config and a network."""
        if not self.folder.is_dir():
            return ()
        found = (entry.name for entry in self.folder.iterdir() if self._whole(entry))
        return tuple(sorted(found))

    def spec(self, name: str) -> ModelSpec:
        """What the repository says of a model.

        Raises:
            ModelMissing: names the model, the folder, and what is there instead.
            ModelContractBroken: config.pbtxt cannot be read or is not what we serve.
        """
        spec = self._specs.get(name)
        if spec is None:
            spec = self._specs[name] = self._read(name)
        return spec

    def network(self, name: str) -> Path:
        """The newest version's model.onnx. Raises `ModelMissing`."""
        path = self._newest(self.folder / name) if _plain(name) else None
        if path is None:
            raise self._missing(name)
        return path

    def unchanged_network(self, name: str) -> Path:
        """`network`, after making sure that it still is the one whose digest `spec` gave out.

        Raises:
            ModelContractBroken: the file was replaced; cache keys would name the old one.
        """
        path = self.network(name)
        if digest_of(path) != self.spec(name).digest:
            raise ModelContractBroken(
                f"{name}: model.onnx was replaced while the server runs; restart it", param=name
            )
        return path

    def _read(self, name: str) -> ModelSpec:
        network = self.network(name)
        config = self.folder / name / "config.pbtxt"
        try:
            text = config.read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise self._missing(name) from error
        return parse_config(text, name=name, digest=digest_of(network))

    def _whole(self, entry: Path) -> bool:
        return (entry / "config.pbtxt").is_file() and self._newest(entry) is not None

    @staticmethod
    def _newest(entry: Path) -> Path | None:
        """Triton's own choice by default: the highest version number."""
        versions = [path for path in entry.glob("*/model.onnx") if path.parent.name.isdecimal()]
        return max(versions, key=lambda path: int(path.parent.name), default=None)

    def _missing(self, name: str) -> ModelMissing:
        there = ", ".join(self.names()) or "no model at all"
        return ModelMissing(
            f"the model repository {self.folder.name} has no whole model {name!r} (config.pbtxt "
            f"and 1/model.onnx); it has {there}",
            param=name,
        )


def digest_of(network: Path) -> str:
    """The first 16 hexadecimal digits of the file's SHA-256."""
    with network.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:_DIGEST_DIGITS]


def parse_config(text: str, *, name: str, digest: str) -> ModelSpec:
    """config.pbtxt (protobuf text of Triton's ModelConfig) as a spec.

    Raises:
        ModelContractBroken: not such a text, another model's name, a type other than TYPE_UINT8,
            a size that is not fixed, no batching, or an overlap or calm that is no whole number.
    """
    config = _message(text, name)
    if config.name and config.name != name:
        raise _broken(name, f"config.pbtxt is that of {config.name!r}")
    if config.max_batch_size < 1:
        raise _broken(name, f"max_batch_size is {config.max_batch_size}, must be 1 or more")
    return ModelSpec(
        name=name,
        inputs=tuple(_tensor(name, tensor) for tensor in config.input),
        outputs=tuple(_tensor(name, tensor) for tensor in config.output),
        max_batch_size=config.max_batch_size,
        digest=digest,
        overlap=_number(name, config, "overlap", "pixels") or 0,
        calm=_number(name, config, "calm", "levels"),
    )


def _message(text: str, name: str) -> Any:
    try:
        config = text_format.Parse(text, model_config_pb2.ModelConfig())
    except text_format.ParseError as error:
        raise _broken(name, f"config.pbtxt cannot be read: {error}") from error
    if not config.input or not config.output:
        raise _broken(name, "config.pbtxt names no input or no output")
    return config


def _tensor(model: str, tensor: Any) -> TensorSpec:
    if tensor.data_type != model_config_pb2.TYPE_UINT8:
        found = model_config_pb2.DataType.Name(tensor.data_type)
        raise _broken(model, f"tensor {tensor.name!r} is {found}, must be TYPE_UINT8")
    shape = tuple(tensor.dims)
    if len(shape) != 3 or any(size < 1 for size in shape):
        raise _broken(model, f"tensor {tensor.name!r} has dims {shape}, must be fixed H, W, C")
    return TensorSpec(tensor.name, shape)


def _number(model: str, config: Any, parameter: str, unit: str) -> int | None:
    if parameter not in config.parameters:
        return None
    text = config.parameters[parameter].string_value
    if not text.isdecimal():
        raise _broken(model, f"parameter {parameter} is {text!r}, must be a whole number of {unit}")
    return int(text)


def _broken(model: str, what: str) -> ModelContractBroken:
    return ModelContractBroken(f"{model}: {what}", param=model)


def _plain(name: str) -> bool:
    return name not in ("", ".", "..") and "/" not in name and "\0" not in name
