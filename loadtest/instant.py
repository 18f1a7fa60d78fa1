"""Networks that answer at once, with the shapes and configs of the shipped ones.

What remains of a render's time is edge's, Triton's and the network's between them: what a GPU
without any latency would leave. The pictures are plausible (each pixel of an upscaler's input
becomes several equal ones, alpha is the distance from the colour of the first rows), so that every
step has the usual work to do.
"""

import re
import shutil
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_OPSET, _IR = 17, 8
_TILE, _SQUARE = 224, 448
_STRIDE = 4


def instant(shipped: Path, folder: Path) -> Path:
    """A copy of the model repository whose networks are replaced."""
    shutil.copytree(shipped, folder)
    for place in folder.glob("upscale_x*"):
        _replace(place, _enlarging(int(place.name.removeprefix("upscale_x").partition("_")[0])))
    _replace(folder / "matting", _cutting())
    return folder


def _replace(place: Path, graph: onnx.GraphProto) -> None:
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR
    )
    onnx.checker.check_model(model)
    onnx.save(model, str(place / "1" / "model.onnx"))
    (place / "reference.json").unlink()  # the answer of the network that was there
    config = place / "config.pbtxt"
    stated = r'^parameters \{ key: "digest" .*\n'
    config.write_text(re.sub(stated, "", config.read_text(), flags=re.MULTILINE))


def _enlarging(scale: int) -> onnx.GraphProto:
    nodes = [
        helper.make_node("Unsqueeze", ["image", "axes"], ["spread"]),
        helper.make_node("Tile", ["spread", "repeats"], ["repeated"]),
        helper.make_node("Reshape", ["repeated", "shape"], ["enlarged"]),
    ]
    constants = [
        _ints("axes", 2, 4),
        _ints("repeats", 1, 1, scale, 1, scale, 1),
        _ints("shape", -1, _TILE * scale, _TILE * scale, 3),
    ]
    shapes = (_TILE, _TILE, 3), (_TILE * scale, _TILE * scale, 3)
    ends = [_bytes("image", *shapes[0])], [_bytes("enlarged", *shapes[1])]
    return helper.make_graph(nodes, "enlarging", *ends, constants)


def _cutting() -> onnx.GraphProto:
    """Looks at every fourth pixel of every fourth row."""
    few = _SQUARE // _STRIDE
    nodes = [
        helper.make_node("Slice", ["image", "starts", "ends", "axes", "strides"], ["few"]),
        helper.make_node("Cast", ["few"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("Slice", ["levels", "start", "end", "rows"], ["top"]),
        helper.make_node("ReduceMean", ["top"], ["background"], axes=[1, 2], keepdims=1),
        helper.make_node("Sub", ["levels", "background"], ["differences"]),
        helper.make_node("Abs", ["differences"], ["distances"]),
        helper.make_node("ReduceMax", ["distances"], ["distance"], axes=[3], keepdims=1),
        helper.make_node("Sub", ["distance", "least"], ["beyond"]),
        helper.make_node("Mul", ["beyond", "steepness"], ["steep"]),
        helper.make_node("Clip", ["steep", "zero", "white"], ["clipped"]),
        helper.make_node("Cast", ["clipped"], ["small"], to=TensorProto.UINT8),
        helper.make_node("Unsqueeze", ["small", "sides"], ["spread"]),
        helper.make_node("Tile", ["spread", "repeats"], ["repeated"]),
        helper.make_node("Reshape", ["repeated", "shape"], ["alpha"]),
    ]
    numbers = {"least": 10, "steepness": 12, "zero": 0, "white": 255}
    constants = [
        *(numpy_helper.from_array(np.array(v, np.float32), n) for n, v in numbers.items()),
        *(_ints("starts", 0, 0), _ints("ends", _SQUARE, _SQUARE), _ints("axes", 1, 2)),
        *(_ints("strides", _STRIDE, _STRIDE), _ints("start", 0), _ints("end", 2), _ints("rows", 1)),
        *(_ints("sides", 2, 4), _ints("repeats", 1, 1, _STRIDE, 1, _STRIDE, 1)),
        _ints("shape", -1, few * _STRIDE, few * _STRIDE, 1),
    ]
    ends = [_bytes("image", _SQUARE, _SQUARE, 3)], [_bytes("alpha", _SQUARE, _SQUARE, 1)]
    return helper.make_graph(nodes, "cutting", *ends, constants)


def _ints(name: str, *values: int) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(values, np.int64), name)


def _bytes(name: str, *shape: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.UINT8, ["batch", *shape])
