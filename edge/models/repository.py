"""Reads a Triton model repository: a folder per model, config.pbtxt and N/model.onnx in each."""

import hashlib
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from edge.errors import ModelContractBroken, ModelMissing
from edge.models.base import ModelSpec, TensorSpec
from edge.models.roles import CHAIN

_DIGEST_DIGITS = 16

DIGEST = "digest"
"""The parameter of config.pbtxt that says of which network it is, for Triton tells of that none
itself."""

_STATED = re.compile(r'^parameters \{ key: "digest" .*\n', re.MULTILINE)

FITS = ("letterbox", "stretch")
"""How a picture comes into the square of a network that looks at it whole: in its shape, with bars
beside it, or stretched."""


Folders = Path | str | Sequence[Path | str]
"""One model repository, or several: of a model that more than one has, the first one's counts."""


class Repository:
    """Folders of models. Specs are read once, so what a process says of a model stays true."""

    def __init__(self, folders: Folders) -> None:
        many = (folders,) if isinstance(folders, Path | str) else folders
        self.folders = tuple(Path(folder) for folder in many)
        self._specs: dict[str, ModelSpec] = {}
        self._listed: tuple[tuple[float, ...], str] = ((), "")
        self._absent: dict[str, tuple[float, ...]] = {}

    def names(self) -> tuple[str, ...]:
        """The networks that are there whole: a config and a model.onnx."""
        there = (folder for folder in self.folders if folder.is_dir())
        found = {e.name for folder in there for e in folder.iterdir() if self._whole(e)}
        return tuple(sorted(name for name in found if not name.startswith(CHAIN)))

    def chain(self) -> tuple[Path, ...]:
        """The folders of the product chain and its graphs, of the first folder that has them."""
        for folder in self.folders:
            if (folder / CHAIN / "config.pbtxt").is_file():
                return tuple(sorted(folder.glob(f"{CHAIN}*")))
        return ()

    def place(self, name: str) -> Path:
        """The model's own folder. Raises `ModelMissing`."""
        changed = self._changed()
        if _plain(name) and self._absent.get(name) != changed:
            places = [folder / name for folder in self.folders]
            for place in places:
                if self._whole(place):
                    return place
            if not any(place.exists() for place in places):
                self._absent[name] = changed
        raise self._missing(name)

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
        path = self._newest(self.place(name))
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

    def state_digest(self, name: str) -> None:
        """Write the digest of the network that is there now into its config.pbtxt."""
        path = self.place(name) / "config.pbtxt"
        value = f'value {{ string_value: "{digest_of(self.network(name))}" }}'
        text = _STATED.sub("", path.read_text(encoding="utf-8")).rstrip("\n")
        path.write_text(f'{text}\nparameters {{ key: "{DIGEST}" {value} }}\n', encoding="utf-8")

    def _read(self, name: str) -> ModelSpec:
        network = self.network(name)
        text = (self.place(name) / "config.pbtxt").read_text(encoding="utf-8")
        return parse_config(text, name=name, digest=digest_of(network))

    def _whole(self, entry: Path) -> bool:
        return (entry / "config.pbtxt").is_file() and self._newest(entry) is not None

    @staticmethod
    def _newest(entry: Path) -> Path | None:
        """Triton's own choice by default: the highest version number."""
        versions = [path for path in entry.glob("*/model.onnx") if path.parent.name.isdecimal()]
        return max(versions, key=lambda path: int(path.parent.name), default=None)

    def _missing(self, name: str) -> ModelMissing:
        there = self._there() or "no model at all"
        where = " + ".join(folder.name for folder in self.folders)
        return ModelMissing(
            f"the model repository {where} has no whole model {name!r} (config.pbtxt "
            f"and 1/model.onnx); it has {there}",
            param=name,
        )

    def _changed(self) -> tuple[float, ...]:
        """When a network was last put into each folder, or taken out of it."""
        return tuple(f.stat().st_mtime if f.is_dir() else 0.0 for f in self.folders)

    def _there(self) -> str:
        """What is there, in words; read anew where a folder changed, for every picture asks for
        networks that it can do without."""
        changed = self._changed()
        if changed != self._listed[0]:
            self._listed = changed, ", ".join(self.names())
        return self._listed[1]


@contextmanager
def in_one_folder(folders: Folders) -> Iterator[Path]:
    """All models of the folders in one, for a server that refuses a name in two of them.

    A single folder is given as it is; of several one is made of links, which lasts as long as the
    context.
    """
    repository = Repository(folders)
    whole = [folder for folder in repository.folders if Repository(folder).names()]
    if len(whole) == 1:
        yield whole[0]
        return
    with tempfile.TemporaryDirectory(prefix="edge-models-") as links:
        for place in (*map(repository.place, repository.names()), *repository.chain()):
            Path(links, place.name).symlink_to(place.resolve())
        yield Path(links)


def digest_of(network: Path) -> str:
    """The first 16 hexadecimal digits of the file's SHA-256."""
    with network.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:_DIGEST_DIGITS]


def parse_config(text: str, *, name: str, digest: str) -> ModelSpec:
    """config.pbtxt (protobuf text of Triton's ModelConfig) as a spec.

    Raises:
        ModelContractBroken: not such a text, another model's name, a type other than TYPE_UINT8,
            a size that is not fixed, no batching, an overlap, tolerance or small side that is no
            whole number, or a fit that is not one of `FITS`.
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
        noise_tolerance=_number(name, config, "noise_tolerance", "levels"),
        overshoot=_number(name, config, "overshoot", "levels"),
        stretched=_stretched(name, config),
        small=_number(name, config, "small", "pixels") or 0,
        stated=config.parameters[DIGEST].string_value if DIGEST in config.parameters else "",
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


def _stretched(model: str, config: Any) -> bool:
    if "fit" not in config.parameters:
        return False
    text = config.parameters["fit"].string_value
    if text not in FITS:
        raise _broken(model, f"parameter fit is {text!r}, must be one of {', '.join(FITS)}")
    return bool(text == "stretch")


def _broken(model: str, what: str) -> ModelContractBroken:
    return ModelContractBroken(f"{model}: {what}", param=model)


def _plain(name: str) -> bool:
    return name not in ("", ".", "..") and "/" not in name and "\0" not in name
