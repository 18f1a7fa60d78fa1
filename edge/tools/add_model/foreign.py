"""A network made elsewhere, as it is: float pictures in, floats out. Runs, and tells its shapes."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from edge.arrays import Floats
from edge.errors import ModelContractBroken, ModelMissing

_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
ALLOWED = "one input, float32 or float16, [N,3,H,W] or [N,H,W,3] with H = W, fixed or free"


class Foreign:
    """A .onnx file of others, opened with ONNX Runtime.

    Attributes:
        free: the sizes in the file are taken for those of an example.
        side: of the square that it takes, or None where that is free.
        layout: `nchw` or `nhwc`.
        half: whether it counts in float16.
        outputs: their names, in order.
        producer: what the file says of the program that wrote it.

    Raises:
        ModelMissing: there is no such file.
        ModelContractBroken: it cannot be loaded, or takes something else than `ALLOWED`.
    """

    def __init__(self, path: Path, layout: str | None = None, *, free: bool = False) -> None:
        self.path = path
        self.free = free
        if not path.is_file():
            raise ModelMissing(f"there is no file {path}", param=path.name)
        self._session = _opened(path, free)
        taken = self._session.get_inputs()
        if len(taken) != 1:
            raise self.refused(f"takes {len(taken)} inputs: {', '.join(t.name for t in taken)}")
        self.input: str = taken[0].name
        self.half = taken[0].type == "tensor(float16)"
        if taken[0].type not in _TYPES:
            raise self.refused(f"its input {self.input!r} is {taken[0].type}")
        self.layout, self.side = self._form(taken[0].shape, layout)
        metadata = self._session.get_modelmeta()
        self.producer: str = f"{metadata.producer_name} {metadata.graph_name}".strip()
        self.outputs: tuple[str, ...] = tuple(t.name for t in self._session.get_outputs())

    def run(self, pictures: Floats) -> Mapping[str, Any]:
        """Float32 [N,3,H,W], already in the network's numbers -> every output in its own
        dtype and range.

        Raises:
            ModelContractBroken: it does not run on pictures of this size.
        """
        moved = pictures if self.layout == "nchw" else pictures.transpose(0, 2, 3, 1)
        given = np.ascontiguousarray(moved, np.float16 if self.half else np.float32)
        try:
            answers = self._session.run(None, {self.input: given})
        except Exception as error:  # ONNX Runtime has no common base for what it raises
            size = f"{pictures.shape[3]}x{pictures.shape[2]}"
            raise self.refused(
                f"does not run on {size} pixels: {error}", "another --side"
            ) from error
        return dict(zip(self.outputs, answers, strict=True))

    def digest(self) -> str:
        """The file's SHA-256; tensors that lie in files of their own are not in it."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def refused(self, what: str, allowed: str = ALLOWED) -> ModelContractBroken:
        """The error for a network that cannot be taken."""
        return ModelContractBroken(
            f"{self.path.name}: {what}", param=self.path.name, allowed=allowed
        )

    def _form(self, shape: list[Any], layout: str | None) -> tuple[str, int | None]:
        if len(shape) != 4:
            raise self.refused(f"its input {self.input!r} has the shape {shape}")
        if layout is None:
            layout = "nhwc" if shape[3] == 3 and shape[1] != 3 else "nchw"
        channels, sides = (shape[1], shape[2:]) if layout == "nchw" else (shape[3], shape[1:3])
        if isinstance(channels, int) and channels != 3:
            raise self.refused(f"its input {self.input!r} has {channels} channels: {shape}")
        fixed = {side for side in sides if isinstance(side, int) and side > 0}
        if len(fixed) > 1:
            raise self.refused(f"its input {self.input!r} is not square: {shape}")
        return layout, fixed.pop() if fixed else None


def _opened(path: Path, free: bool) -> Any:
    options = onnxruntime.SessionOptions()
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    try:
        source = _freed(path) if free else str(path)
        return onnxruntime.InferenceSession(source, options, ["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has no common base for what it raises
        raise ModelContractBroken(
            f"{path.name}: cannot be loaded: {error}",
            param=path.name,
            allowed="an ONNX file, with its external data beside it, of an opset that ONNX Runtime "
            f"{onnxruntime.__version__} knows, without operators of others",
        ) from error


def _freed(path: Path) -> bytes:
    from edge.tools.add_model import graphs  # needs onnx, which is an extra

    model = graphs.sorted_model(path)
    graphs.free_sizes(model.graph)
    body: bytes = model.SerializeToString()
    return body
