"""Train an upscaler for so many minutes; the schedule follows the clock, not a count of steps.

    python -m training.upscaling.train --data DIR [DIR ...] --scale 4 --minutes 60 --out DIR

`--out` keeps last.pt (everything, for `--resume`) and ema.pt (the averaged weights, to export).
"""

import argparse
import copy
import functools
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from training.upscaling import data, measure
from training.upscaling.muon import Muon
from training.upscaling.network import Upscaler

RIM = 4  # source pixels


@functools.cache
def luma(device: torch.device) -> Tensor:
    """What red, green and blue weigh in BT.601's luma, float32 [3, 1, 1]."""
    return (torch.tensor([65.481, 128.553, 24.966]).view(3, 1, 1) / 255.0).to(device)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument(
        "--check", type=Path, help="folder measured with the progress, never trained"
    )
    parser.add_argument("--fonts", type=Path, help="folder of .ttf files for made-up labels")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--init", type=Path, help="ema.pt to start from; a tail of another scale is left"
    )
    parser.add_argument("--resume", action="store_true", help="go on from --out/last.pt")
    parser.add_argument("--scale", type=int, choices=(2, 4), default=4)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--patch", type=int, default=48, help="side at source resolution")
    parser.add_argument("--depth", type=int, default=8)
    parser.add_argument(
        "--middle", type=int, default=64, help="width of the branch that is collapsed"
    )
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument(
        "--muon", type=float, default=0.0, help="rate of Muon for the body; 0: Adam"
    )
    parser.add_argument(
        "--decay", type=float, default=0.5, help="last share of the time: rate falls"
    )
    parser.add_argument("--worst", type=float, default=0.0, help="strongest degradation, 0 to 1")
    parser.add_argument("--square", action="store_true", help="squared error while the rate falls")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def rate(progress: float, decay: float) -> float:
    """Share of the peak rate: a short rise, level, then a cosine to 1 % over the last `decay`."""
    rise = min(1.0, progress / 0.01 + 0.05)
    fall = max(0.0, (progress - 1 + decay) / decay)
    return rise * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, fall))))


def tensor(pictures: np.ndarray) -> Tensor:
    """uint8 [N,H,W,3] -> float [N,3,H,W] in [0, 1], channels last in memory."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float().div_(255)


def cells(large: Tensor, scale: int) -> Tensor:
    """[N,3,sH,sW] -> [N, row, column, 3, H, W]"""
    n, _, h, w = large.shape
    split = large.reshape(n, 3, h // scale, scale, w // scale, scale)
    return split.permute(0, 3, 5, 1, 2, 4)


def loss(made: Tensor, truth: Tensor, square: bool) -> Tensor:
    """Half colour, half luma: the eye, and every benchmark, weighs luma more.

    The rim, spoilt by zero padding, is left out: a server pads pictures with their edge instead.
    """
    wrong = (made - truth)[..., RIM:-RIM, RIM:-RIM]
    light = (wrong * luma(wrong.device)).sum(-3)
    if square:
        return 20 * (wrong.square().mean() + light.square().mean())
    return wrong.abs().mean() + light.abs().mean()


def enlarge(network: Upscaler, picture: np.ndarray) -> np.ndarray:
    around, rim = network.radius, network.radius * network.scale
    padded = np.pad(picture, ((around, around), (around, around), (0, 0)), mode="edge")
    with torch.inference_mode():
        made = network(tensor(padded[None]))[0].mul(255).round().clamp(0, 255)
    return made[:, rim:-rim, rim:-rim].permute(1, 2, 0).byte().numpy()


def quality(network: Upscaler, pictures: list[np.ndarray]) -> float:
    """Mean PSNR-Y in dB on bicubic reductions."""
    scale, figures = network.scale, []
    for truth in (data.whole(p, network.scale) for p in pictures):
        made = enlarge(network, data.shrink(truth, scale))
        figures.append(measure.psnr(made, truth, scale))
    return float(np.mean(figures))


def start(network: Upscaler, weights: dict[str, Tensor]) -> None:
    """Take over what fits: everything, or all but the tail of another scale."""
    own = network.state_dict()
    own.update({k: v for k, v in weights.items() if k in own and own[k].shape == v.shape})
    network.load_state_dict(own)


class Run:
    """Network, average, optimisers and clock of one training."""

    def __init__(self, options: argparse.Namespace) -> None:
        torch.manual_seed(options.seed)
        torch.set_num_threads(options.threads)
        self.options = options
        self.network = Upscaler(options.scale, depth=options.depth, middle=options.middle)
        self.network.to(memory_format=torch.channels_last)
        if options.init:
            start(self.network, torch.load(options.init)["weights"])
        self.average = copy.deepcopy(self.network)
        body = [b.plain for b in self.network.body] if options.muon else []
        rest = [p for p in self.network.parameters() if p.numel() and not any(p is b for b in body)]
        self.optimisers = [torch.optim.Adam(rest, options.rate, betas=(0.9, 0.99), fused=True)]
        if body:
            self.optimisers.append(Muon(body, options.muon))
        self.steps, self.spent = 0, 0.0
        if options.resume:
            self.restore(torch.load(options.out / "last.pt"))

    def restore(self, saved: dict) -> None:
        self.network.load_state_dict(saved["network"])
        self.average.load_state_dict(saved["average"])
        for optimiser, state in zip(self.optimisers, saved["optimisers"], strict=True):
            optimiser.load_state_dict(state)
        self.steps, self.spent = saved["steps"], saved["spent"]

    def save(self) -> None:
        everything = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimisers": [o.state_dict() for o in self.optimisers],
            "steps": self.steps,
            "spent": self.spent,
        }
        weights = {"weights": self.average.state_dict(), "options": self.network.options()}
        for name, content in (("last.pt", everything), ("ema.pt", weights)):
            torch.save(content, self.options.out / f".{name}")
            (self.options.out / f".{name}").replace(self.options.out / name)

    def step(self, small: Tensor, large: Tensor) -> float:
        progress = self.spent / (60 * self.options.minutes)
        share = rate(progress, self.options.decay)
        peaks = (self.options.rate, self.options.muon)
        for optimiser, peak in zip(self.optimisers, peaks, strict=False):
            optimiser.param_groups[0]["lr"] = peak * share
        with torch.autocast("cpu", torch.bfloat16):
            made = self.network.cells(small)
        square = self.options.square and progress > 1 - self.options.decay
        wrong = loss(made, cells(large, self.options.scale), square)
        wrong.backward()
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad()
        self.steps += 1
        self.follow()
        return float(wrong.detach())

    def follow(self) -> None:
        keep = min(0.999, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            torch._foreach_lerp_(
                list(self.average.parameters()), list(self.network.parameters()), 1 - keep
            )


def main() -> None:
    options = arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    run = Run(options)
    pictures = [p for folder in options.data for p in data.load(folder, 400)]
    held = [p[:640, :640] for p in pictures[:: data.HELD_BACK]]
    check = data.load(options.check) if options.check else []
    pictures = [p for i, p in enumerate(pictures) if i % data.HELD_BACK]
    fonts = sorted(options.fonts.rglob("*.ttf")) if options.fonts else []
    pictures += [data.graphics(seed, fonts) for seed in range(len(pictures) // 4)]
    pictures += [data.shrink(p, 1.5) for p in pictures if min(p.shape[:2]) >= 900]
    source = data.Patches(pictures, options.scale, options.patch, options.seed + run.steps)
    del pictures
    print(f"{len(source.pairs)} pictures, {len(held)} held back", flush=True)
    clock, reported, total = time.monotonic(), run.spent, 0.0
    for small, large, _ in source.batches(options.batch, options.worst):
        total += run.step(tensor(small), tensor(large))
        now = time.monotonic()
        run.spent, clock = run.spent + now - clock, now
        done = run.spent >= 60 * options.minutes
        if done or (run.steps % 50 == 0 and run.spent - reported >= 60):
            run.save()
            figures = [quality(run.average, p) for p in (held, check) if p]
            named = "  ".join(f"{f:.3f}" for f in figures)
            print(
                f"{run.spent / 60:6.1f} min  step {run.steps}  loss {total:.2f}  dB {named}",
                flush=True,
            )
            reported, total = run.spent, 0.0
        if done:
            return


if __name__ == "__main__":
    main()
