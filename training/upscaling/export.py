"""Write a trained upscaler as ONNX: uint8 tiles in, uint8 tiles out, everything else inside.

    python -m training.upscaling.export --weights ema.pt --out model.onnx

The graph is written node by node, so that ONNX Runtime fuses all of it into convolutions: levels
instead of [0, 1] (the leaky rectifier is homogeneous, so scaling the biases is enough), the nearest
pixel as a 1x1 convolution summed into the last one, rounding as half a level in its bias. Each
convolution answers only what needs nothing beyond its input, for the rim of a tile is never kept;
what misses at the end is the outermost cells, repeated.
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

from training.upscaling.network import SLOPE, Upscaler, collapse

OPSET = 17
INPUT = "image"
OUTPUT = "enlarged"  # ONNX allows no name twice, so not `image` again


class Graph:
    """Nodes and constants in the order of their making."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def add(self, kind: str, name: str, *inputs: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name, **attributes))
        return name

    def conv(self, name: str, source: str, weight: np.ndarray, bias: np.ndarray) -> str:
        weights = self.constant(f"{name}.weight", weight.astype(np.float32))
        biases = self.constant(f"{name}.bias", bias.astype(np.float32))
        return self.add("Conv", name, source, weights, biases)

    def cut(self, name: str, source: str, by: int) -> str:
        """Planes [N,C,H,W] without `by` pixels on each side."""
        start = self.constant(f"{name}.start", np.array([by, by]))
        end = self.constant(f"{name}.end", np.array([-by, -by]))
        return self.add("Slice", name, source, start, end, "axes")


def build(network: Upscaler) -> onnx.ModelProto:
    """uint8 [N,H,W,3] -> uint8 [N,sH,sW,3], where `radius` pixels of source on each side are no
    more than filled."""
    flat, scale, graph = collapse(network), network.scale, Graph()

    def conv(name: str, source: str, layer: torch.nn.Module, half: float = 0.0) -> str:
        weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
        return graph.conv(name, source, weight, 255 * bias + half)

    planes = graph.add("Transpose", "planes", INPUT, perm=[0, 3, 1, 2])
    levels = graph.add("Cast", "levels", planes, to=TensorProto.FLOAT)
    first = graph.add("LeakyRelu", "first", conv("head", levels, flat.head), alpha=SLOPE)
    features = first
    for i, block in enumerate(flat.body):
        made = conv(f"body{i}", features, block)
        features = graph.add("LeakyRelu", f"features{i}", made, alpha=SLOPE)
    graph.constant("axes", np.array([2, 3]))
    joined = graph.add("Add", "joined", features, graph.cut("kept", first, network.depth))
    repeat = np.tile(np.eye(3), (scale * scale, 1))[:, :, None, None]
    inner = graph.cut("inner", levels, network.radius)
    nearest = graph.conv("nearest", inner, repeat, np.zeros(3 * scale * scale))
    cells = graph.add("Add", "cells", conv("tail", joined, flat.tail, 0.5), nearest)
    ends = [graph.constant(n, np.array(v, np.float32)) for n, v in (("black", 0), ("white", 255))]
    clipped = graph.add("Clip", "clipped", cells, *ends)
    small = graph.add("Cast", "small", clipped, to=TensorProto.UINT8)
    rim = graph.constant("rim", np.array([0, 0, *[network.radius] * 2] * 2))
    padded = graph.add("Pad", "padded", small, rim, mode="edge")
    deep = graph.add("Transpose", "deep", padded, perm=[0, 2, 3, 1])
    # Pixels unfolded by the input's own shape, so that the graph takes tiles of any size.
    split = graph.constant("split", np.array([0, 0, 0, scale, 3 * scale]))
    rows = graph.add("Reshape", "rows", deep, split)
    turned = graph.add("Transpose", "turned", rows, perm=[0, 1, 3, 2, 4])
    sides = graph.add("Shape", "sides", INPUT, start=0, end=3)
    times = graph.constant("times", np.array([1, scale, scale]))
    larger = graph.add("Mul", "larger", sides, times)
    whole = graph.add("Concat", "whole", larger, graph.constant("colours", np.array([3])), axis=0)
    graph.add("Reshape", OUTPUT, turned, whole)
    return finish(graph, scale)


def finish(graph: Graph, scale: int) -> onnx.ModelProto:
    sides = {
        INPUT: ["batch", "height", "width", 3],
        OUTPUT: ["batch", "enlarged_height", "enlarged_width", 3],
    }
    ends = [
        helper.make_tensor_value_info(name, TensorProto.UINT8, shape)
        for name, shape in sides.items()
    ]
    whole = helper.make_graph(graph.nodes, f"upscale_x{scale}", ends[:1], ends[1:], graph.constants)
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def session(model: bytes | str, threads: int = 2) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])


def check(network: Upscaler, model: onnx.ModelProto, tile: int) -> int:
    """Largest difference in levels between the training graph and the model on awkward tiles, in
    what is kept of them."""
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 255, tile).astype(np.uint8)
    blocks = rng.integers(0, 256, (tile // 4, tile // 4, 3))
    tiles = np.stack([
        rng.integers(0, 256, (tile, tile, 3), np.uint8),
        np.full((tile, tile, 3), 255, np.uint8),
        np.zeros((tile, tile, 3), np.uint8),
        np.broadcast_to(ramp[:, None, None], (tile, tile, 3)),
        np.kron(blocks, np.ones((4, 4, 1))).astype(np.uint8),
    ])  # fmt: skip
    with torch.inference_mode():
        made = network(torch.from_numpy(tiles).permute(0, 3, 1, 2).float() / 255)
    truth = (255 * made).round().clamp(0, 255).permute(0, 2, 3, 1).numpy()
    ours = session(model.SerializeToString()).run(None, {INPUT: tiles})[0]
    rim = network.radius * network.scale
    off = np.abs(ours.astype(int) - truth.astype(int))
    return int(off[:, rim:-rim, rim:-rim].max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, required=True, help="ema.pt of a training")
    parser.add_argument(
        "--tile", type=int, default=224, help="side of the tiles it is checked with"
    )
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    saved = torch.load(options.weights)
    network = Upscaler(**saved["options"])
    network.load_state_dict(saved["weights"])
    model = build(network.eval())
    wrong = check(network, model, options.tile)
    if wrong > 1:
        raise SystemExit(f"the model differs from the network by {wrong} levels; nothing written")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, options.out)
    weights = sum(p.numel() for p in collapse(network).parameters())
    print(
        f"{options.out}: {weights} weights, radius {network.radius}, off by at most {wrong} level"
    )


if __name__ == "__main__":
    main()
