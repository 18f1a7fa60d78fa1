"""Write the served matting network as ONNX: uint8 pictures in, uint8 alpha out, all else inside.

    python -m training.matting.export --weights ema.pt --out model.onnx

Kernels are stored in half precision, each with a cast beside it, which runtimes fold away when they
load the graph: half the file, the same speed.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from training.matting.network import SIDE, Matting, enlarge, load

OPSET = 17

SMALLEST = 256
"""Weights: what has fewer stays in single precision."""


class Served(nn.Module):
    """uint8 [N, S, S, 3] -> uint8 [N, S, S, 1]: the mean of the logits of several passes.

    `sides`: the side of each in pixels, negative where it is at the mirror image; S is the largest.
    """

    def __init__(
        self, network: Matting, sides: Sequence[int] = (SIDE,), sharper: float = 1
    ) -> None:
        super().__init__()
        self.network, self.sides, self.sharper = network, sides, sharper
        self.side = max(abs(side) for side in sides)

    def forward(self, image: Tensor) -> Tensor:
        planes = image.permute(0, 3, 1, 2).float() * (1 / 255)
        logits = sum(self.logits(planes, side) for side in self.sides) / len(self.sides)
        alpha = (logits * self.sharper).sigmoid()
        return (alpha * 255 + 0.5).to(torch.uint8).permute(0, 2, 3, 1)

    def logits(self, planes: Tensor, side: int) -> Tensor:
        inputs = planes if abs(side) == self.side else enlarge(planes, (abs(side), abs(side)))
        logits = self.network(inputs.flip(3) if side < 0 else inputs)[-1]
        logits = logits.flip(3) if side < 0 else logits
        return logits if abs(side) == self.side else enlarge(logits, (self.side, self.side))


def write(served: Served, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        served,
        (torch.zeros(1, served.side, served.side, 3, dtype=torch.uint8),),
        path,
        input_names=["image"],
        output_names=["alpha"],
        dynamic_axes={name: {0: "batch"} for name in ("image", "alpha")},
        opset_version=OPSET,
        dynamo=False,
    )
    model = onnx.load(path)
    halve(model.graph)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def halve(graph: onnx.GraphProto) -> None:
    """Keep the larger weights in half precision, with a cast in front of whoever reads them."""
    casts = []
    for weight in graph.initializer:
        value = numpy_helper.to_array(weight)
        if value.dtype != np.float32 or value.size < SMALLEST:
            continue
        name, stored = weight.name, f"{weight.name}.half"
        weight.CopyFrom(numpy_helper.from_array(value.astype(np.float16), stored))
        casts.append(helper.make_node("Cast", [stored], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def session(path: Path, threads: int = 2) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])


def difference(served: Served, path: Path) -> int:
    """Largest difference in levels between the training graph and the model, on two pictures."""
    cells = np.random.default_rng(0).integers(0, 256, (2, served.side // 32, served.side // 32, 3))
    given = np.kron(cells, np.ones((1, 32, 32, 1))).astype(np.uint8)
    with torch.inference_mode():
        truth = served(torch.from_numpy(given)).numpy()
    ours = session(path).run(None, {"image": given})[0]
    return int(np.abs(ours.astype(int) - truth.astype(int)).max())


def seconds(path: Path, side: int, rounds: int = 12) -> float:
    """Processor's seconds of one picture on one thread: the fastest of some runs."""
    run, given = session(path, 1), {"image": np.zeros((1, side, side, 3), np.uint8)}
    times = []
    for _ in range(rounds):
        begun = time.thread_time()
        run.run(None, given)
        times.append(time.thread_time() - begun)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--weights", type=Path, nargs="+", required=True, help="ema.pt; of several, the mean"
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--sides", type=int, nargs="+", default=[SIDE], help="sides; negative: the mirror image"
    )
    parser.add_argument("--sharper", type=float, default=1.0, help="factor of the answer's logits")
    options = parser.parse_args()
    served = Served(load(*options.weights), options.sides, options.sharper).eval()
    write(served, options.out)
    wrong = difference(served, options.out)
    if wrong > 1:
        options.out.unlink()
        raise SystemExit(f"the model differs from the network by {wrong} levels; nothing written")
    weights, took = sum(p.numel() for p in served.parameters()), seconds(options.out, served.side)
    size = options.out.stat().st_size / 1e6
    print(f"{options.out}: {weights} weights, {size:.1f} MB, off by at most {wrong} level, "
          f"{took:.3f} s on one thread")  # fmt: skip


if __name__ == "__main__":
    main()
