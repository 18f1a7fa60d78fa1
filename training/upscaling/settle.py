"""Make a trained upscaler exact on even colours, in closed form.

    python -m training.upscaling.settle --weights ema.pt --data DIR --out settled.pt

Long training lets saturated even colours drift by some levels, which patches of photographs hardly
punish. The last convolution's taps are shifted together: for each of its outputs, the weights of a
mean over 3x3 features are solved for so that even colours give no residual and the features of
photographs change as little as can be (least squares).
"""

import argparse
import itertools
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from training.upscaling import data
from training.upscaling.network import SLOPE, Upscaler

LEVELS = (0, 32, 64, 96, 128, 160, 192, 224, 255)
"""Of each colour, whose even squares are asked for."""

EVEN, SIDE = 30_000.0, 96
"""Weight of an even colour beside a pixel of a photograph, and the side of the patches of those."""


def features(network: Upscaler, pictures: Tensor) -> Tensor:
    """What the last convolution reads: [N, width, H, W]."""
    first = functional.leaky_relu(network.head(pictures), SLOPE)
    found = first
    for block in network.body:
        found = functional.leaky_relu(block(found), SLOPE)
    return found + first


def even_colours(network: Upscaler) -> tuple[Tensor, Tensor]:
    """Features [C, width] and residuals [C, outputs] in the middle of even squares."""
    middle = network.radius + 1
    colours = torch.tensor(list(itertools.product(LEVELS, repeat=3)), dtype=torch.float32) / 255
    found, wrong = [], []
    for part in colours.split(81):
        around = part[:, :, None, None].expand(-1, -1, 2 * middle + 1, 2 * middle + 1)
        seen = features(network, around)[:, :, middle - 1 : middle + 2, middle - 1 : middle + 2]
        found.append(seen[:, :, 1, 1])
        wrong.append(network.tail(seen)[:, :, 1, 1])
    return torch.cat(found), torch.cat(wrong)


def photographed(network: Upscaler, folder: Path) -> Tensor:
    """Means over 3x3 features of patches of photographs [N, width]."""
    found = []
    for picture in data.load(folder, 400)[:: data.HELD_BACK // 4]:
        small = data.shrink(data.whole(picture, network.scale), network.scale)[:SIDE, :SIDE]
        seen = torch.from_numpy(small.copy()).permute(2, 0, 1)[None].float() / 255
        inner = functional.avg_pool2d(features(network, seen), 3, 1)[0, :, 12:-12, 12:-12]
        found.append(inner.flatten(1).T[::7])
    return torch.cat(found)


@torch.no_grad()
def settle(network: Upscaler, folder: Path) -> float:
    """Change the last convolution in place; the largest residual that is left, in levels."""

    def more(rows: Tensor) -> Tensor:
        return torch.cat([rows, torch.ones(len(rows), 1)], 1).double()

    even, wrong = even_colours(network)
    even, seen = more(even), more(photographed(network, folder))
    weighed = EVEN * even.T
    change = torch.linalg.solve(weighed @ even + seen.T @ seen, -weighed @ wrong.double()).float()
    taps = change[:-1].T[:, :, None, None] / 9
    network.tail.plain += taps
    network.tail.bias += change[-1]
    return float(255 * even_colours(network)[1].abs().max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, required=True, help="ema.pt of a training")
    parser.add_argument("--data", type=Path, required=True, help="photographs")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    saved = torch.load(options.weights)
    network = Upscaler(**saved["options"])
    network.load_state_dict(saved["weights"])
    left = settle(network, options.data)
    torch.save({"weights": network.state_dict(), "options": network.options()}, options.out)
    print(f"{options.out}: even colours off by at most {left:.2f} levels before rounding")


if __name__ == "__main__":
    main()
