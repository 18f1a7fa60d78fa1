"""Tiny networks made on the spot, in the layout of a Triton model repository."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17

CONFIG = """
name: "{name}"
backend: "onnxruntime"
max_batch_size: {batch}
{inputs}
{outputs}
parameters {{ key: "overlap" value {{ string_value: "{overlap}" }} }}
dynamic_batching {{
  preferred_batch_size: [ {batch} ]
  max_queue_delay_microseconds: {delay}
  priority_levels: 3
  default_priority_level: 2
  default_queue_policy {{
    timeout_action: REJECT
    default_timeout_microseconds: 120000000
    allow_timeout_override: true
    max_queue_size: {queue}
  }}
}}
instance_group [ {{ kind: KIND_AUTO }} ]
{extra}
"""


def add_model(
    folder: Path,
    name: str,
    nodes: list[onnx.NodeProto],
    constants: list[onnx.TensorProto],
    inputs: dict[str, tuple[int, ...]],
    outputs: dict[str, tuple[int, ...]],
    *,
    overlap: int = 0,
    batch: int = 8,
    delay: int = 2000,
    queue: int = 64,
    extra: str = "",
) -> Path:
    """Write config.pbtxt and 1/model.onnx; shapes are without the batch dimension."""
    graph = helper.make_graph(
        nodes,
        name,
        [_value(key, shape) for key, shape in inputs.items()],
        [_value(key, shape) for key, shape in outputs.items()],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    onnx.checker.check_model(model)
    version = folder / name / "1"
    version.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(version / "model.onnx"))
    text = CONFIG.format(
        name=name,
        batch=batch,
        overlap=overlap,
        delay=delay,
        queue=queue,
        extra=extra,
        inputs=_tensors("input", inputs),
        outputs=_tensors("output", outputs),
    )
    (folder / name / "config.pbtxt").write_text(text, "utf-8")
    return folder / name


def nearest(folder: Path, name: str, side: int, scale: int, **config: object) -> Path:
    """Each pixel becomes scale x scale equal ones."""
    nodes = [
        helper.make_node("Unsqueeze", ["image", "axes"], ["spread"]),
        helper.make_node("Tile", ["spread", "repeats"], ["repeated"]),
        helper.make_node("Reshape", ["repeated", "shape"], ["enlarged"]),
    ]
    constants = [
        _ints("axes", [2, 4]),
        _ints("repeats", [1, 1, scale, 1, scale, 1]),
        _ints("shape", [-1, side * scale, side * scale, 3]),
    ]
    return add_model(
        folder, name, nodes, constants,
        {"image": (side, side, 3)}, {"enlarged": (side * scale, side * scale, 3)}, **config,
    )  # fmt: skip


def convolved(
    folder: Path, name: str, side: int, *, radius: int, overlap: int, scale: int = 1,
    repeats: int = 1, **config: object,
) -> Path:  # fmt: skip
    """Random convolutions (radius pixels of reach in all), then nearest enlargement.

    Whole weights and sums below 2**24, so the result is exact in any order of summing.
    """
    random = np.random.default_rng(7)
    size = 2 * radius + 1
    weight = random.integers(-3, 4, (3, 3, size, size)).astype(np.float32)
    nodes = [
        helper.make_node("Transpose", ["image"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["planes"], ["x0"], to=TensorProto.FLOAT),
    ]
    for i in range(repeats):
        nodes += [
            helper.make_node("Conv", [f"x{i}", "weight"], [f"y{i}"], pads=[radius] * 4),
            helper.make_node("Mod", [f"y{i}", "levels"], [f"x{i + 1}"], fmod=1),
        ]
    nodes += [
        helper.make_node("Abs", [f"x{repeats}"], ["positive"]),
        helper.make_node("Cast", ["positive"], ["bytes"], to=TensorProto.UINT8),
        helper.make_node("Transpose", ["bytes"], ["deep"], perm=[0, 2, 3, 1]),
        helper.make_node("Unsqueeze", ["deep", "axes"], ["spread"]),
        helper.make_node("Tile", ["spread", "repeats"], ["repeated"]),
        helper.make_node("Reshape", ["repeated", "shape"], ["enlarged"]),
    ]
    constants = [
        numpy_helper.from_array(weight, "weight"),
        numpy_helper.from_array(np.array(256, np.float32), "levels"),
        _ints("axes", [2, 4]),
        _ints("repeats", [1, 1, scale, 1, scale, 1]),
        _ints("shape", [-1, side * scale, side * scale, 3]),
    ]
    return add_model(
        folder, name, nodes, constants,
        {"image": (side, side, 3)}, {"enlarged": (side * scale, side * scale, 3)},
        overlap=overlap, **config,
    )  # fmt: skip


def luminance_matte(folder: Path, name: str = "matting", side: int = 512, **config: object) -> Path:
    """Alpha is the darkness of the picture: 255 minus the mean of the channels."""
    nodes = [
        helper.make_node("Cast", ["image"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["levels"], ["mean"], axes=[3], keepdims=1),
        helper.make_node("Sub", ["white", "mean"], ["dark"]),
        helper.make_node("Cast", ["dark"], ["alpha"], to=TensorProto.UINT8),
    ]
    constants = [numpy_helper.from_array(np.array(255, np.float32), "white")]
    return add_model(
        folder, name, nodes, constants,
        {"image": (side, side, 3)}, {"alpha": (side, side, 1)}, **config,
    )  # fmt: skip


def of_two(folder: Path, name: str = "of_two", side: int = 256, *, overlap: int = 16) -> Path:
    """A network of two inputs: 255 where the picture is dark, whatever the alpha says."""
    nodes = [
        helper.make_node("Cast", ["image"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["levels"], ["mean"], axes=[3], keepdims=1),
        helper.make_node("Less", ["mean", "middle"], ["dark"]),
        helper.make_node("Cast", ["alpha"], ["coarse"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["coarse", "nothing"], ["none"]),
        helper.make_node("Where", ["dark", "white", "none"], ["chosen"]),
        helper.make_node("Cast", ["chosen"], ["refined"], to=TensorProto.UINT8),
    ]
    constants = [
        numpy_helper.from_array(np.array(value, np.float32), key)
        for key, value in (("middle", 128), ("nothing", 0), ("white", 255))
    ]
    return add_model(
        folder, name, nodes, constants,
        {"image": (side, side, 3), "alpha": (side, side, 1)}, {"refined": (side, side, 1)},
        overlap=overlap,
    )  # fmt: skip


def _ints(name: str, values: list[int]) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(values, np.int64), name)


def _value(name: str, shape: tuple[int, ...]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.UINT8, ["batch", *shape])


def _tensors(kind: str, tensors: dict[str, tuple[int, ...]]) -> str:
    return "\n".join(
        f'{kind} [ {{ name: "{name}" data_type: TYPE_UINT8 dims: {list(shape)} }} ]'
        for name, shape in tensors.items()
    )
