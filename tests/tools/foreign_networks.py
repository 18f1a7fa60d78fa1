"""Small networks in the layouts in which public ones are exported: floats, NCHW, own numbers.

They are no nonsense: the mattes are of what is dark, the enlargements of what is there.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Shape = list[int | str]

FREE: Shape = ["batch", 3, "height", "width"]


def square(side: int, batch: int | str = "batch") -> Shape:
    return [batch, 3, side, side]


def save(
    path: Path,
    nodes: list[onnx.NodeProto],
    outputs: dict[str, Shape],
    constants: dict[str, np.ndarray],
    shape: Shape,
    *,
    kind: int = TensorProto.FLOAT,
    given: int | None = None,
    opset: int = 17,
    taken: str = "input.1",
) -> Path:
    """A checked .onnx file with one input, named as an exporter names it."""
    graph = helper.make_graph(
        nodes, "main_graph",
        [helper.make_tensor_value_info(taken, kind, shape)],
        [helper.make_tensor_value_info(k, given or kind, s) for k, s in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )  # fmt: skip
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=7,
        producer_name="an exporter",
    )  # fmt: skip
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path


def darkness(
    path: Path, shape: Shape, *, mean: tuple[float, ...] = (0.485, 0.456, 0.406),
    std: tuple[float, ...] = (0.229, 0.224, 0.225), sigmoid: bool = False, extra: int = 0,
    half: bool = False, opset: int = 17, taken: str = "input.1", middle: float = 0.65,
) -> Path:  # fmt: skip
    """A matting network: logits (or their sigmoid) of how dark a soft neighbourhood is.

    `mean` and `std` are those of the pictures that it was made for; `extra` further outputs come
    after the first, at half its size, as in U2-Net.
    """
    real = np.float16 if half else np.float32
    # The mean colour, 0 to 1, out of numbers that are (colour - mean) / std; 12 * (middle - it).
    weight = np.zeros((1, 3, 3, 3), real)
    for channel, deviation in enumerate(std):
        weight[0, channel] = -12 * deviation / 3 / 9
    bias = np.array([12 * (middle - np.mean(mean))], real)
    named = "logits" if sigmoid else "d0"
    pads = [1, 1, 1, 1]
    nodes = [helper.make_node("Conv", [taken, "weight", "bias"], [named], pads=pads)]
    if sigmoid:
        nodes.append(helper.make_node("Sigmoid", ["logits"], ["d0"]))
    for i in range(extra):
        pool = helper.make_node("AveragePool", ["d0"], [f"d{i + 1}"], kernel_shape=[2, 2],
                                strides=[2, 2])  # fmt: skip
        nodes.append(pool)
    size = shape[2]
    outputs: dict[str, Shape] = {"d0": [shape[0], 1, size, shape[3]]}
    small = size // 2 if isinstance(size, int) else "half"
    outputs |= {f"d{i + 1}": [shape[0], 1, small, small] for i in range(extra)}
    kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    return save(
        path, nodes, outputs, {"weight": weight, "bias": bias}, shape,
        kind=kind, opset=opset, taken=taken,
    )  # fmt: skip


def enlarger(
    path: Path, shape: Shape, scale: int, *, top: float = 1.0, low: float = 0.0,
    radius: int = 2, batch_one: bool = False,
) -> Path:  # fmt: skip
    """Sharpens a little and repeats pixels, with numbers from `low` to `top`, clipped to these."""
    size = 2 * radius + 1
    weight = np.zeros((3, 3, size, size), np.float32)
    for channel in range(3):
        weight[channel, channel] = -0.1 / (size * size - 1)
        weight[channel, channel, radius, radius] = 1.1
    spread = np.zeros((3 * scale * scale, 3, 1, 1), np.float32)
    for channel in range(3):
        spread[channel * scale * scale : (channel + 1) * scale * scale, channel] = 1
    source, nodes = "input.1", []
    constants = {
        "weight": weight, "spread": spread,
        "low": np.array(low, np.float32), "top": np.array(top, np.float32),
    }  # fmt: skip
    if batch_one:  # as exports do that were traced with one picture
        nodes.append(helper.make_node("Reshape", ["input.1", "traced"], ["one"]))
        constants["traced"] = np.array([1, 3, shape[2], shape[3]], np.int64)
        source = "one"
    nodes += [
        helper.make_node("Conv", [source, "weight"], ["sharp"], pads=[radius] * 4),
        helper.make_node("Clip", ["sharp", "low", "top"], ["clipped"]),
        helper.make_node("Conv", ["clipped", "spread"], ["cells"]),
        helper.make_node("DepthToSpace", ["cells"], ["output"], blocksize=scale, mode="CRD"),
    ]
    sides = [scale * s if isinstance(s, int) else f"large_{s}" for s in shape[2:]]
    return save(path, nodes, {"output": [shape[0], 3, *sides]}, constants, shape)


def outside(path: Path, into: Path) -> Path:
    """The same network with its weights in a file beside it."""
    model = onnx.load(str(path))
    onnx.save_model(
        model, str(into), save_as_external_data=True, location=f"{into.stem}.data",
        size_threshold=0,
    )  # fmt: skip
    return into


def shuffled(path: Path, into: Path, *, branch: bool = False) -> Path:
    """The same network with its nodes in reverse order, on request those of a branch too."""
    model = onnx.load(str(path))
    if branch:
        _branch(model.graph)
    for graph in (model.graph, *_inner(model.graph)):
        nodes = list(graph.node)[::-1]
        del graph.node[:]
        graph.node.extend(nodes)
    onnx.save(model, str(into))
    return into


def _branch(graph: onnx.GraphProto) -> None:
    """Put two nodes that change nothing behind the first output, inside an If."""
    output = graph.output[0].name
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = ["inner" if name == output else name for name in names]
    ends = [helper.make_tensor_value_info("twice", TensorProto.FLOAT, None)]
    steps = [
        helper.make_node("Neg", ["inner"], ["once"]),
        helper.make_node("Neg", ["once"], ["twice"]),
    ]
    same = helper.make_graph(steps, "same", [], ends)
    choice = helper.make_node("If", ["always"], [output], then_branch=same, else_branch=same)
    graph.node.append(choice)
    graph.initializer.append(numpy_helper.from_array(np.array(True), "always"))


def _inner(graph: onnx.GraphProto) -> list[onnx.GraphProto]:
    return [a.g for node in graph.node for a in node.attribute if a.HasField("g")]
