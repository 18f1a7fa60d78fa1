"""Write a trained matting network as ONNX: uint8 pictures in, uint8 alpha out, all else inside.

python -m training.matting.export --weights ema.pt --out model.onnx
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn
from torch.nn import functional

from training.matting.network import Matting, enlarge

OPSET = 17
SIDE = 512


class Served(nn.Module):
    """uint8 [N, 512, 512, 3] -> uint8 [N, 512, 512, 1]

    The network looks at the picture and at its mirror image, reduced to each of `sides`; the mean
    of all answers, made `sharper`, is enlarged again. Small sides see what the subject is, large
    ones its thin parts. The mean errs towards grey: `sharper` is chosen on held-back composites.
    Without `detail` the branch of that name, which sees twice a side, is left out.
    """

    def __init__(
        self,
        network: Matting,
        sides: Sequence[int] = (SIDE // 2,),
        sharper: float = 1,
        detail: bool = True,
    ) -> None:
        super().__init__()
        self.network, self.sides, self.sharper, self.detail = network, sides, sharper, detail

    def forward(self, image: Tensor) -> Tensor:
        planes = image.permute(0, 3, 1, 2).float() * (1 / 255)
        logits = sum(self.both(planes, side) for side in self.sides)
        factor = self.sharper / (2 * len(self.sides))
        alpha = (logits * factor).sigmoid() * 255 + 0.5
        return alpha.clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)

    def both(self, planes: Tensor, side: int) -> Tensor:
        if self.detail:
            seen = reduced(planes, 2 * side)
            logits = self.network(seen)[-1] + self.network(seen.flip(3))[-1].flip(3)
        else:
            seen = reduced(planes, side)
            ways = [self.network.coarse(way)[1][-1] for way in (seen, seen.flip(3))]
            logits = ways[0] + ways[1].flip(3)
        return enlarge(logits, (SIDE, SIDE))


def reduced(planes: Tensor, side: int) -> Tensor:
    """Means of whole blocks as long as they fit, so that nothing aliases; the rest bilinear."""
    block = max(1, SIDE // side)
    means = functional.avg_pool2d(planes, block) if block > 1 else planes
    return means if side * block == SIDE else enlarge(means, (side, side))


def load(weights: Path) -> Matting:
    saved = torch.load(weights, "cpu")
    network = Matting(saved["reduce"])
    network.load_state_dict(saved["weights"])
    return network.eval()


def write(served: nn.Module, example: dict[str, Tensor], path: Path) -> None:
    """`example`: input name -> a batch of one; the output is called `alpha` or `refined`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    out = "refined" if "alpha" in example else "alpha"
    torch.onnx.export(
        served,
        tuple(example.values()),
        path,
        input_names=list(example),
        output_names=[out],
        dynamic_axes={name: {0: "batch"} for name in (*example, out)},
        opset_version=OPSET,
        dynamo=False,
    )
    onnx.checker.check_model(onnx.load(path), full_check=True)


def session(path: Path, threads: int = 2) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])


def difference(served: nn.Module, path: Path, shapes: dict[str, tuple[int, ...]]) -> int:
    """Largest difference in levels between the training graph and the model, on two pictures."""
    rng = np.random.default_rng(0)
    cells = {k: rng.integers(0, 256, (2, s[0] // 32, s[1] // 32, s[2])) for k, s in shapes.items()}
    given = {k: np.kron(v, np.ones((1, 32, 32, 1))).astype(np.uint8) for k, v in cells.items()}
    with torch.inference_mode():
        truth = served(*(torch.from_numpy(v) for v in given.values())).numpy()
    ours = session(path).run(None, given)[0]
    return int(np.abs(ours.astype(int) - truth.astype(int)).max())


def milliseconds(path: Path, shapes: dict[str, tuple[int, ...]], rounds: int = 12) -> float:
    """The fastest of some runs of one picture on two threads."""
    run, given = session(path), {k: np.zeros((1, *s), np.uint8) for k, s in shapes.items()}
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        run.run(None, given)
        times.append(time.perf_counter() - begun)
    return 1000 * min(times)


def export(served: nn.Module, shapes: dict[str, tuple[int, ...]], path: Path) -> None:
    """Write, compare, time; refuses a model that is not the network."""
    write(served, {k: torch.zeros(1, *s, dtype=torch.uint8) for k, s in shapes.items()}, path)
    wrong = difference(served, path, shapes)
    if wrong > 1:
        path.unlink()
        raise SystemExit(f"the model differs from the network by {wrong} levels; nothing written")
    weights = sum(p.numel() for p in served.parameters())
    took = milliseconds(path, shapes)
    print(f"{path}: {weights} weights, off by at most {wrong} level, {took:.0f} ms on two threads")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, required=True, help="ema.pt of a training")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sides", type=int, nargs="+", default=[256], help="as trained on")
    parser.add_argument("--sharper", type=float, default=1.0, help="factor of the answer's logits")
    parser.add_argument("--no-detail", action="store_true", help="where that branch is untrained")
    options = parser.parse_args()
    network, detail = load(options.weights), not options.no_detail
    served = Served(network, options.sides, options.sharper, detail).eval()
    export(served, {"image": (SIDE, SIDE, 3)}, options.out)


if __name__ == "__main__":
    main()
