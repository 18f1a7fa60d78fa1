"""Train the refining network on tiles of composites whose alpha was spoilt on purpose.

    python -m training.matting.train_refine --data NPY --minutes 15 --out DIR [--export model.onnx]

Prints, on tiles held back from the same file, the error of the spoilt alpha and of the answer.
"""

import argparse
import copy
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from training.matting.export import export
from training.matting.refine import (
    SIDE,
    Refining,
    crop,
    holes,
    refined_loss,
    spoilt,
    unknown,
)
from training.matting.train import half_is_fast, share_of_rate

HELD = 40
"""Composites at the start of the file that are only measured."""

OWN = 0.67
"""Share of the tiles whose coarse alpha is the network's own answer."""

UNKNOWN = 0.4
"""Share of the tiles in which some places are not said at all; holes are not in half of them."""

Tiles = tuple[Tensor, Tensor, Tensor, Tensor]
"""picture, true alpha, spoilt alpha, trust"""


class Served(nn.Module):
    """uint8 [N, 256, 256, 3] and [N, 256, 256, 1] -> uint8 [N, 256, 256, 1]"""

    def __init__(self, network: Refining) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, alpha: Tensor) -> Tensor:
        picture, coarse = (t.permute(0, 3, 1, 2).float() * (1 / 255) for t in (image, alpha))
        made = self.network(picture, coarse) * 255 + 0.5
        return made.clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


class Composites:
    """Composites [N, S, S, 5], and what the coarse network says of each [N, S, S] if that is known.

    A tile's coarse alpha is then in two of three cases the network's own, else the truth spoilt.
    """

    def __init__(self, data: Path, coarse: Path | None) -> None:
        self.stored = np.load(data, mmap_mode="r")
        self.coarse = np.load(coarse, mmap_mode="r") if coarse else None

    def tile(self, rng: np.random.Generator, number: int) -> np.ndarray:
        """uint8 [256, 256, 6]: colours, alpha, trust, coarse alpha."""
        whole = self.stored[number]
        own = self.coarse is not None and rng.random() < OWN
        said = self.coarse[number] if own else whole[..., 3]
        cut = crop(rng, np.dstack([whole, said]))
        cut = np.ascontiguousarray(cut[:, ::-1] if rng.random() < 0.5 else cut)
        alpha = np.ascontiguousarray(cut[..., 3])
        if not own:
            cut[..., 5] = spoilt(rng, alpha)
        if rng.random() < UNKNOWN:
            cut[..., 5] = unknown(rng, np.ascontiguousarray(cut[..., 5]))
        if rng.random() < 0.5:
            cut[..., 5][holes(alpha) > 0] = 128
        return cut

    def tiles(self, rng: np.random.Generator, numbers: list[int]) -> Tiles:
        whole = np.stack([self.tile(rng, number) for number in numbers])
        planes = torch.from_numpy(whole).permute(0, 3, 1, 2).float().div_(255)
        return planes[:, :3], planes[:, 3:4], planes[:, 5:], planes[:, 4:5].round()


def error(made: Tensor, alpha: Tensor, coarse: Tensor) -> float:
    """Mean absolute error where the coarse alpha is neither 0 nor 1."""
    band = (coarse > 0.02) & (coarse < 0.98)
    return float((made.clamp(0, 1) - alpha).abs()[band].mean())


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="of prepare, with --side 512")
    parser.add_argument("--coarse", type=Path, help="of answers, for the same composites")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--init", type=Path, help="ema.pt to start from")
    parser.add_argument("--export", type=Path, help="write model.onnx here at the end")
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def step(network: Refining, given: Tiles, device: str) -> Tensor:
    picture, alpha, coarse, trust = (t.to(device) for t in given)
    half = half_is_fast(device)
    with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=half):
        change = network(picture, coarse) - coarse
    return refined_loss(coarse + change.float(), alpha, coarse, trust)


@torch.no_grad()
def follow(average: Refining, network: Refining, steps: int) -> None:
    keep = min(0.998, (1 + steps) / (10 + steps))
    states = (average.state_dict().values(), network.state_dict().values())
    for mine, theirs in zip(*states, strict=True):
        if mine.dtype.is_floating_point:
            mine.lerp_(theirs, 1 - keep)


def main() -> None:
    options = arguments()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    stored, rng = Composites(options.data, options.coarse), np.random.default_rng(options.seed)
    held = stored.tiles(np.random.default_rng(99), list(range(HELD)))
    network = Refining().to(options.device, memory_format=torch.channels_last)
    if options.init:
        network.load_state_dict(torch.load(options.init, options.device)["weights"])
    average = copy.deepcopy(network).eval()
    optimiser = torch.optim.AdamW(network.parameters(), options.rate, weight_decay=1e-3)
    begun = reported = time.monotonic()
    progress, steps = 0.0, 0
    while progress < 1:
        numbers = rng.integers(HELD, len(stored.stored), options.batch).tolist()
        optimiser.param_groups[0]["lr"] = options.rate * share_of_rate(progress)
        loss = step(network, stored.tiles(rng, numbers), options.device)
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        steps += 1
        follow(average, network, steps)
        progress = (time.monotonic() - begun) / (60 * options.minutes)
        if time.monotonic() - reported > 120 or progress >= 1:
            reported = time.monotonic()
            with torch.inference_mode():
                made = average(held[0].to(options.device), held[2].to(options.device)).cpu()
            before, after = error(held[2], held[1], held[2]), error(made, held[1], held[2])
            torch.save({"weights": average.state_dict()}, options.out / "ema.pt")
            print(f"{progress:.2f}  step {steps}  band {before:.4f} -> {after:.4f}", flush=True)
    if options.export:
        shapes = {"image": (SIDE, SIDE, 3), "alpha": (SIDE, SIDE, 1)}
        export(Served(average.cpu()).eval(), shapes, options.export)


if __name__ == "__main__":
    main()
