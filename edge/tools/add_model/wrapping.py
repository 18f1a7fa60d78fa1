"""Writes nodes around a foreign graph, so that it takes and gives uint8 NHWC as ours do."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper, version_converter

from edge.tools.add_model import graphs
from edge.tools.add_model import request as said
from edge.tools.add_model.foreign import Foreign
from edge.tools.add_model.probing import ProbedNetwork
from edge.tools.add_model.request import AddOptions

OLDEST_OPSET = 11
"""From here on Clip and Resize take what these nodes give them."""
NEWER_OPSET = 17
MOST_BYTES = 2**31 - 2**20
"""Protobuf holds no more in one file, and one file is what a digest names."""


def wrapped(
    foreign: Foreign, options: AddOptions, found: ProbedNetwork
) -> tuple[bytes, tuple[str, str]]:
    """The whole network behind our contract, its external data inside: a file's bytes.

    Also says what its input and its output are called.

    Raises:
        ModelContractBroken: its data is missing or too large, or its opset cannot be raised.
    """
    model = _loaded(foreign)
    graph = model.graph
    nodes = _Nodes(graph, model)
    source, target = nodes.free("image"), nodes.free("enlarged" if options.scale else "alpha")
    _before(nodes, source, foreign, options, found)
    shapes = shapes_of(options, found)
    output = (_picture if options.scale else _alpha)(nodes, foreign, options, found)
    _finish(nodes, output, source, target)
    needed = _needed(graph.node, found.output)
    kept = [*nodes.first, *needed, *nodes.last]
    _replace(graph.node, kept)
    _replace(graph.input, [_tensor(source, shapes[0])])
    _replace(graph.output, [_tensor(target, shapes[1])])
    _replace(graph.initializer, [*_used(graph.initializer, kept), *nodes.constants])
    graph.ClearField("value_info")  # its sizes would speak of the old batch
    model.ir_version = max(model.ir_version, 8)
    return model.SerializeToString(), (source, target)


def shapes_of(
    options: AddOptions, found: ProbedNetwork
) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """[H, W, C] of what the wrapped network takes and gives."""
    if options.scale:
        large = options.scale * found.side
        return (found.side, found.side, 3), (large, large, 3)
    return (found.side, found.side, 3), (found.side, found.side, 1)


def _loaded(foreign: Foreign) -> Any:
    try:
        model = graphs.sorted_model(foreign.path)
        if foreign.free:
            graphs.free_sizes(model.graph)
        opset = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
        if opset < OLDEST_OPSET:
            model = version_converter.convert_version(model, NEWER_OPSET)
    except Exception as error:  # onnx raises its own kinds, protobuf's and the file system's
        raise foreign.refused(
            f"cannot be read whole: {error}",
            f"opset {OLDEST_OPSET} or newer, with the files of its external data beside it",
        ) from error
    size = sum(len(tensor.raw_data) for tensor in model.graph.initializer)
    if size > MOST_BYTES:
        raise foreign.refused(f"has {size / 1e9:.1f} GB of weights", "less than 2 GB in all")
    return model


class _Nodes:
    """New nodes before and after the graph, with names that it does not have."""

    def __init__(self, graph: Any, model: Any) -> None:
        self.first: list[Any] = []
        self.last: list[Any] = []
        self.constants: list[Any] = []
        self.into = self.first
        self.opset = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
        self._taken = set(graphs.names(graph))

    def free(self, name: str) -> str:
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    def constant(self, name: str, value: Any, kind: Any = np.float32) -> str:
        name = self.free(name)
        self.constants.append(numpy_helper.from_array(np.asarray(value, kind), name))
        return name

    def add(self, kind: str, *inputs: str, named: str = "", **attributes: Any) -> str:
        """One node; its output is called `named`, or something free."""
        output = named or self.free(f"edge_{kind.lower()}")
        name = self.free(f"edge_node_{kind.lower()}")
        self.into.append(helper.make_node(kind, list(inputs), [output], name, **attributes))
        return output

    def cast(self, value: str, kind: int, named: str = "") -> str:
        return self.add("Cast", value, named=named, to=kind)

    def resize(self, value: str, old: int, new: int) -> str:
        """Bilinear, pixel middles on pixel middles; NCHW, square."""
        if old == new:
            return value
        none = self.constant("edge_no_roi", [])
        factor = _factor(old, new)
        scales = self.constant("edge_scales", [1, 1, factor, factor])
        return self.add(
            "Resize", value, none, scales,
            mode="linear", coordinate_transformation_mode="half_pixel",
        )  # fmt: skip

    def extreme(self, kind: str, value: str) -> str:
        """ReduceMin or ReduceMax over all but the batch."""
        if self.opset < 18:
            return self.add(kind, value, axes=[1, 2, 3], keepdims=1)
        return self.add(kind, value, self.constant("edge_axes", [1, 2, 3], np.int64), keepdims=1)

    def clip(self, value: str, high: float) -> str:
        low, high_name = self.constant("edge_low", 0), self.constant("edge_high", high)
        return self.add("Clip", value, low, high_name)


def _factor(old: int, new: int) -> np.float32:
    """ONNX rounds old times factor down, in float32: so the factor must not be a hair too small."""
    factor = np.float32(new / old)
    while np.floor(np.float32(old) * factor) < new:
        factor = np.nextafter(factor, np.float32(np.inf))
    return factor


def _before(
    nodes: _Nodes, source: str, foreign: Foreign, options: AddOptions, found: ProbedNetwork
) -> None:
    """uint8 [N,H,W,3] RGB -> the network's own input."""
    value = nodes.cast(source, TensorProto.FLOAT)
    scaling = found.scaling
    mean = nodes.constant("edge_mean", np.multiply(scaling.mean, 255))
    steps = nodes.constant("edge_steps", 1 / np.multiply(scaling.std, 255))
    value = nodes.add("Mul", nodes.add("Sub", value, mean), steps)
    value = _swapped(nodes, value, 3, options)
    value = nodes.add("Transpose", value, perm=[0, 3, 1, 2])
    if foreign.layout == "nhwc":
        value = nodes.add("Transpose", value, perm=[0, 2, 3, 1])
    kind = TensorProto.FLOAT16 if foreign.half else TensorProto.FLOAT
    nodes.cast(value, kind, named=foreign.input)
    nodes.into = nodes.last


def _after(nodes: _Nodes, foreign: Foreign, found: ProbedNetwork, channels: int) -> str:
    """The network's own output as float32 NCHW."""
    value = nodes.cast(found.output, TensorProto.FLOAT)
    if found.planes:
        sizes = [-1, channels, found.given, found.given]
        return nodes.add("Reshape", value, nodes.constant("edge_shape", sizes, np.int64))
    return nodes.add("Transpose", value, perm=[0, 3, 1, 2]) if found.last else value


def _alpha(nodes: _Nodes, foreign: Foreign, options: AddOptions, found: ProbedNetwork) -> str:
    """Float32 [N,1,S,S] in the square of its input, 0 to 255."""
    value = _after(nodes, foreign, found, 1)
    if found.answer == "sigmoid":
        value = nodes.add("Sigmoid", value)
    elif found.answer == "levels":
        value = nodes.add("Mul", value, nodes.constant("edge_level", 1 / 255))
    elif found.answer == "minmax":
        low, high = nodes.extreme("ReduceMin", value), nodes.extreme("ReduceMax", value)
        range_ = nodes.add("Sub", high, low)
        range_ = nodes.add("Max", range_, nodes.constant("edge_least", 1e-6))
        value = nodes.add("Div", nodes.add("Sub", value, low), range_)
    value = nodes.resize(nodes.clip(value, 1), found.given, found.side)
    return nodes.add("Mul", value, nodes.constant("edge_white", 255))


def _picture(nodes: _Nodes, foreign: Foreign, options: AddOptions, found: ProbedNetwork) -> str:
    """Float32 [N,3,sT,sT] RGB, 0 to 255 and beyond."""
    value = _swapped(nodes, _after(nodes, foreign, found, 3), 1, options)
    back = said.SCALINGS[found.answer]
    value = nodes.add("Mul", value, nodes.constant("edge_range", 255 * back.std[0]))
    return nodes.add("Add", value, nodes.constant("edge_zero", 255 * back.mean[0]))


def _finish(nodes: _Nodes, value: str, source: str, target: str) -> None:
    """Float32 NCHW of levels -> uint8 NHWC, rounded, in a batch as large as the input's.

    Without the last node a graph that was traced with one picture would promise just one, and
    both runtimes would refuse it.
    """
    bytes_ = nodes.cast(nodes.add("Round", nodes.clip(value, 255)), TensorProto.UINT8)
    deep = nodes.add("Transpose", bytes_, perm=[0, 2, 3, 1])
    first = nodes.constant("edge_first", [0], np.int64)
    batch = nodes.add("Gather", nodes.add("Shape", source), first)
    whole = nodes.add("Concat", batch, nodes.constant("edge_ones", [1, 1, 1], np.int64), axis=0)
    nodes.add("Expand", deep, whole, named=target)


def _swapped(nodes: _Nodes, value: str, axis: int, options: AddOptions) -> str:
    if options.order == "rgb":
        return value
    order = nodes.constant("edge_order", [2, 1, 0], np.int64)
    return nodes.add("Gather", value, order, axis=axis)


def _needed(nodes: Iterable[Any], output: str) -> list[Any]:
    """The nodes that lead to the output, in their order."""
    wanted, kept = {output}, []
    for node in reversed(list(nodes)):
        if wanted.intersection(node.output):
            kept.append(node)
            wanted |= graphs.reads(node)
    return kept[::-1]


def _used(tensors: Iterable[Any], nodes: list[Any]) -> list[Any]:
    read = set().union(*(graphs.reads(node) for node in nodes))
    return [tensor for tensor in tensors if tensor.name in read]


def _replace(field: Any, values: list[Any]) -> None:
    kept = list(values)
    del field[:]
    field.extend(kept)


def _tensor(name: str, shape: tuple[int, int, int]) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.UINT8, ["batch", *shape])
