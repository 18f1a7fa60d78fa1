"""Write a trained matting network as ONNX: uint8 pictures in, uint8 alpha out, all else inside.

python -m training.matting.export --weights ema.pt --out model.onnx

What the network says at half of what it saw is brought to the full picture by guided filters (He,
Sun, Tang: Guided Image Filtering, PAMI 2013): near an outline the alpha becomes a linear function
of the colours there, so that it turns where they do.
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

from training.matting.network import Matting, enlarge, mean

OPSET = 17
SIDE = 512

FIRST, SECOND = 128, 256
"""Sides at which the answer is filtered, and at which the last filter finds its coefficients."""

REACH_FIRST, REACH_SECOND = 3, 8
"""Pixels of those: the half window of each filter."""

TRACE = 0.05
"""What is left of a doubt that is made steep: a few levels still tell that there was one."""

CALM = 1e-4
"""Variance of colours in [0, 1] that counts as none: the filters' epsilon."""


class Served(nn.Module):
    """uint8 [N, 512, 512, 3] -> uint8 [N, 512, 512, 1]

    The network looks at the picture and at its mirror image, reduced to each of `sides`; the mean
    of all answers, made `sharper`, is led along the picture's own edges to its full size and made
    `steeper`. Small sides see what the subject is, large ones its thin parts. The mean errs towards
    grey: `sharper` is chosen on held-back composites. Without `detail` the branch of that name,
    which sees twice a side, is left out.
    """

    def __init__(
        self,
        network: Matting,
        sides: Sequence[int] = (SIDE // 2,),
        sharper: float = 1,
        detail: bool = True,
        steeper: float = 3,
    ) -> None:
        super().__init__()
        self.network, self.sides, self.sharper, self.detail = network, sides, sharper, detail
        self.steeper = steeper

    def forward(self, image: Tensor) -> Tensor:
        planes = image.permute(0, 3, 1, 2).float() * (1 / 255)
        logits = sum(self.both(planes, side) for side in self.sides)
        factor = self.sharper / (2 * len(self.sides))
        alpha = led(planes, (logits * factor).sigmoid()).clamp(0, 1)
        steep = ((alpha - 0.5) * self.steeper + 0.5).clamp(0, 1)
        alpha = torch.maximum(torch.minimum(steep, 1 - TRACE * (1 - alpha)), TRACE * alpha)
        return (alpha * 255 + 0.5).to(torch.uint8).permute(0, 2, 3, 1)

    def both(self, planes: Tensor, side: int) -> Tensor:
        if self.detail:
            seen = reduced(planes, 2 * side)
            logits = self.network(seen)[-1] + self.network(seen.flip(3))[-1].flip(3)
        else:
            seen = reduced(planes, side)
            ways = [self.network.coarse(way)[1][-1] for way in (seen, seen.flip(3))]
            logits = ways[0] + ways[1].flip(3)
        return enlarge(logits, (SECOND, SECOND))


def led(planes: Tensor, alpha: Tensor) -> Tensor:
    """Alpha [N, 1, 256, 256] along the edges of the picture [N, 3, 512, 512], at its size."""
    small, middle = (functional.avg_pool2d(planes, SIDE // side) for side in (FIRST, SECOND))
    slopes, rest = coefficients(small, functional.avg_pool2d(alpha, SECOND // FIRST), REACH_FIRST)
    alpha = (slopes * small).sum(1, keepdim=True) + rest
    slopes, rest = coefficients(middle, enlarge(alpha, (SECOND, SECOND)), REACH_SECOND)
    size = (SIDE, SIDE)
    return (enlarge(slopes, size) * planes).sum(1, keepdim=True) + enlarge(rest, size)


def coefficients(guide: Tensor, alpha: Tensor, reach: int) -> tuple[Tensor, Tensor]:
    """Slopes [N, 3, S, S] and rest [N, 1, S, S]: alpha as a linear function of the guide's colours
    in the window around each place; means over the windows that hold it."""
    r, g, b = guide.split(1, 1)
    known = torch.cat([guide, alpha, guide * alpha, r * r, r * g, r * b, g * g, g * b, b * b], 1)
    mean, level, both, *squares = means(known, reach).split([3, 1, 3, 1, 1, 1, 1, 1, 1], 1)
    x, y, z = mean.split(1, 1)
    rr, rg, rb = squares[0] - x * x + CALM, squares[1] - x * y, squares[2] - x * z
    gg, gb, bb = squares[3] - y * y + CALM, squares[4] - y * z, squares[5] - z * z + CALM
    s, t, u = (both - mean * level).split(1, 1)
    first, second, third = gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb
    fourth, fifth, sixth = rr * bb - rb * rb, rb * rg - rr * gb, rr * gg - rg * rg
    rows = (first * s + second * t + third * u, second * s + fourth * t + fifth * u,
            third * s + fifth * t + sixth * u)  # fmt: skip
    slopes = torch.cat(rows, 1) / (rr * first + rg * second + rb * third)
    rest = level - (slopes * mean).sum(1, keepdim=True)
    made = means(torch.cat([slopes, rest], 1), reach)
    return made[:, :3], made[:, 3:]


def means(planes: Tensor, reach: int) -> Tensor:
    """Over windows of 2 `reach` + 1; the picture's edge is repeated beyond it."""
    wide, padded = 2 * reach + 1, functional.pad(planes, (reach,) * 4, mode="replicate")
    return functional.avg_pool2d(functional.avg_pool2d(padded, (wide, 1), 1), (1, wide), 1)


def reduced(planes: Tensor, side: int) -> Tensor:
    """Means of whole blocks as long as they fit, so that nothing aliases; the rest bilinear."""
    block = max(1, SIDE // side)
    means = functional.avg_pool2d(planes, block) if block > 1 else planes
    return means if side * block == SIDE else enlarge(means, (side, side))


def load(*weights: Path) -> Matting:
    """The network with the mean of these states, each of which may be named more than once."""
    state = mean(*weights)
    network = Matting(state["reduce"])
    network.load_state_dict(state["weights"])
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
    parser.add_argument(
        "--weights", type=Path, nargs="+", required=True, help="ema.pt; of several, the mean"
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sides", type=int, nargs="+", default=[256], help="as trained on")
    parser.add_argument("--sharper", type=float, default=1.0, help="factor of the answer's logits")
    parser.add_argument("--steeper", type=float, default=3.0, help="factor of the filtered answer")
    parser.add_argument("--no-detail", action="store_true", help="where that branch is untrained")
    options = parser.parse_args()
    network, detail = load(*options.weights), not options.no_detail
    served = Served(network, options.sides, options.sharper, detail, options.steeper).eval()
    export(served, {"image": (SIDE, SIDE, 3)}, options.out)


if __name__ == "__main__":
    main()
