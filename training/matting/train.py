"""Train the coarse matting network for so many minutes; the schedule follows the clock.

    python -m training.matting.train --data NPY [NPY ...] --side 160 --minutes 30 --out DIR

`--side` is the side of the pictures as trained on: as the encoder sees them, or, where `--full`
trains the detail branch too, whole (the encoder then sees 1/`--reduce` of it). `--out` keeps
last.pt (everything, for `--resume`), ema.pt (the averaged weights, to export or to go on from with
`--init`) and ema-MINUTE.pt of every measuring, for means of several states.
"""

import argparse
import copy
import itertools
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, distributed
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from training.matting import dev
from training.matting.compose import resized
from training.matting.losses import losses
from training.matting.network import Matting, mean
from training.upscaling.muon import Muon

LONGEST_STEP = 30.0
"""Seconds that one step may count for: a process that was made to stand still does not age."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="of prepare")
    parser.add_argument("--dev", type=Path, help="folder measured with the progress, never trained")
    parser.add_argument("--held", type=Path, help="composites of held-back material, of prepare")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--init", type=Path, nargs="+", help="ema.pt to start from; of several, the mean"
    )
    parser.add_argument("--resume", action="store_true", help="go on from --out/last.pt")
    parser.add_argument("--side", type=int, nargs="+", default=[160], help="taken in turn")
    parser.add_argument("--reduce", type=int, default=2, help="the encoder sees 1/REDUCE of a side")
    parser.add_argument("--full", action="store_true", help="train the detail branch as well")
    parser.add_argument("--only-detail", action="store_true", help="leave all the rest as it is")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--muon", type=float, default=0.02, help="rate of Muon; 0: AdamW for all")
    parser.add_argument("--every", type=float, default=3.0, help="minutes between measurings")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workers", type=int, default=0, help="processes that read pictures")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def share_of_rate(progress: float) -> float:
    """A short rise, level for a third of the time, then a cosine to 1 %."""
    rise = min(1.0, progress / 0.02 + 0.02)
    fall = min(1.0, max(0.0, (progress - 0.33) / 0.67))
    return rise * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * fall)))


def half_is_fast(device: str) -> bool:
    """Whether bfloat16 saves time: where a processor has to emulate it, it takes 4 times longer."""
    return device != "cpu" or has_bfloat16()


def has_bfloat16() -> bool:
    info = Path("/proc/cpuinfo")
    return info.exists() and any(word in info.read_text() for word in ("avx512_bf16", "amx_bf16"))


class Pictures(IterableDataset):
    """Batches of random pictures of several .npy files, changed a little each time.

    A side takes them from the files that are no smaller, if there are any.

    Yields pictures [N, 3, S, S], alpha and trust [N, 1, S, S], float in [0, 1]; S as in `sides`,
    in turn. Without end; each worker draws its own.
    """

    def __init__(self, paths: list[Path], count: int, sides: list[int], seed: int) -> None:
        self.files = [np.load(path, mmap_mode="r") for path in paths]
        self.counts = np.array([len(file) for file in self.files])
        self.count, self.sides, self.seed = count, sides, seed

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        cv2.setNumThreads(1)
        worker = get_worker_info()
        rng = np.random.default_rng([self.seed, worker.id if worker else 0])
        for side in itertools.cycle(self.sides):
            yield self.batch(rng, side)

    def batch(self, rng: np.random.Generator, side: int) -> tuple[Tensor, Tensor, Tensor]:
        made = np.stack([self.one(rng, side) for _ in range(self.count)])
        whole = torch.from_numpy(made).permute(0, 3, 1, 2).float().div_(255)
        return lit(rng, whole[:, :3]), whole[:, 3:4], (whole[:, 4:] > 0.5).float()

    def one(self, rng: np.random.Generator, side: int) -> np.ndarray:
        fine = np.array([file.shape[1] >= side for file in self.files])
        counts = np.where(fine, self.counts, 0) if fine.any() else self.counts
        number = rng.integers(counts.sum())
        which = int(np.searchsorted(counts.cumsum(), number, side="right"))
        picture = self.files[which][number - counts[:which].sum()]
        whole = picture.shape[0]
        if rng.random() < 0.5:
            cut = int(whole * rng.uniform(0.75, 1.0))
            top, left = rng.integers(0, whole - cut + 1, 2)
            picture = picture[top : top + cut, left : left + cut]
        if picture.shape[0] != side:
            picture = resized(picture, (side, side))
        return picture[:, ::-1] if rng.random() < 0.5 else picture


def lit(rng: np.random.Generator, pictures: Tensor) -> Tensor:
    """Another exposure and balance for each picture."""
    gains = 1 + rng.normal(0, 0.08, (len(pictures), 3, 1, 1))
    lifts = rng.normal(0, 0.03, (len(pictures), 1, 1, 1))
    gains, lifts = (torch.from_numpy(v.astype(np.float32)) for v in (gains, lifts))
    return (pictures * gains + lifts).clamp_(0, 1)


class Run:
    """Network, average, optimisers and clock of one training."""

    def __init__(self, options: argparse.Namespace) -> None:
        torch.manual_seed(options.seed)
        torch.set_num_threads(options.threads)
        self.options = options
        self.network = Matting(options.reduce).to(memory_format=torch.channels_last)
        self.network.to(options.device)
        if options.init:
            self.network.load_state_dict(mean(*options.init)["weights"])
        if options.only_detail:
            self.network.encoder.requires_grad_(False), self.network.decoder.requires_grad_(False)
        self.average = copy.deepcopy(self.network).eval()
        self.optimisers, self.peaks = self.optimise()
        self.half = half_is_fast(options.device)
        self.steps, self.spent = 0, 0.0
        if options.resume:
            self.restore(torch.load(options.out / "last.pt", options.device))

    def optimise(self) -> tuple[list[torch.optim.Optimizer], list[float]]:
        """Muon for wide convolutions, AdamW for the rest."""
        learns = [self.network.detail] if self.options.full else []
        if not self.options.only_detail:
            learns += [self.network.encoder, self.network.decoder]
        weights = [w for part in learns for w in part.parameters()]
        wide = [
            w
            for w in weights
            if w.dim() == 4 and 16 <= w.shape[0] <= w[0].numel() and w.shape[1] > 3
        ]
        wide = wide if self.options.muon else []
        rest = [w for w in weights if not any(w is other for other in wide)]
        made = [torch.optim.AdamW(rest, self.options.rate, weight_decay=1e-3)]
        if wide:
            made.append(Muon(wide, self.options.muon))
        return made, [self.options.rate, self.options.muon][: len(made)]

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
        weights = {"weights": self.average.state_dict(), "reduce": self.network.reduce}
        minute = f"ema-{round(self.spent / 60)}.pt"
        for name, content in (("last.pt", everything), ("ema.pt", weights), (minute, weights)):
            torch.save(content, self.options.out / f".{name}")
            (self.options.out / f".{name}").replace(self.options.out / name)

    def guesses(self, pictures: Tensor) -> list[Tensor]:
        if not self.options.full:
            return self.network.coarse(pictures)[1]
        if self.options.only_detail:
            self.network.encoder.eval(), self.network.decoder.eval()
            return self.network(pictures)[-1:]
        return self.network(pictures)

    def step(self, pictures: Tensor, alpha: Tensor, trust: Tensor) -> float:
        share = share_of_rate(self.spent / (60 * self.options.minutes))
        for optimiser, peak in zip(self.optimisers, self.peaks, strict=True):
            optimiser.param_groups[0]["lr"] = peak * share
        self.network.train()
        device = self.options.device
        pictures = pictures.to(device, memory_format=torch.channels_last)
        with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=self.half):
            guesses = self.guesses(pictures)
        wrong = losses(guesses, alpha.to(device), trust.to(device))
        wrong.backward()
        self.agree()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad()
        self.steps += 1
        self.follow()
        return float(wrong.detach())

    def agree(self) -> None:
        """Mean of the gradients of all processes: on a crowded machine better than threads."""
        if not distributed.is_initialized():
            return
        found = [w.grad for o in self.optimisers for g in o.param_groups for w in g["params"]]
        flat = torch.cat([gradient.flatten() for gradient in found])
        distributed.all_reduce(flat)
        flat /= distributed.get_world_size()
        parts = flat.split([gradient.numel() for gradient in found])
        for gradient, part in zip(found, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    @torch.no_grad()
    def follow(self) -> None:
        keep = min(0.998, (1 + self.steps) / (10 + self.steps))
        pairs = zip(
            self.average.state_dict().values(), self.network.state_dict().values(), strict=True
        )
        for mine, theirs in pairs:
            if mine.dtype.is_floating_point:
                mine.lerp_(theirs, 1 - keep)

    @torch.no_grad()
    def matte(self, picture: np.ndarray) -> np.ndarray:
        """uint8 [S, S, 3] -> uint8 [S, S], by the averaged weights."""
        seen = torch.from_numpy(picture).permute(2, 0, 1)[None].float().div(255)
        seen = seen.to(self.options.device)
        made = self.average(seen)[-1] if self.options.full else self.average.coarse(seen)[1][-1]
        large = functional.interpolate(made.float(), picture.shape[:2], mode="bilinear")
        return large[0, 0].sigmoid().mul(255).round().byte().cpu().numpy()

    def report(self, loss: float, sets: dict[str, list[dev.Sample]]) -> None:
        side = max(self.options.side)
        figures = {name: dev.measured(self.matte, samples, side) for name, samples in sets.items()}
        text = "  ".join(f"{k} {v['mae']:.4f}/{v['max_f']:.3f}" for k, v in figures.items())
        line = f"{self.spent / 60:6.1f} min  step {self.steps}  loss {loss:.3f}  {text}"
        print(line, flush=True)


def agreed(seconds: float) -> float:
    """The first process's clock, for all of them: the rate must be the same everywhere."""
    if not distributed.is_initialized():
        return seconds
    said = torch.tensor([seconds])
    distributed.broadcast(said, 0)
    return float(said.item())


def join_others() -> int:
    """This process's number; there are several where `RANK` is set, as torchrun does it."""
    if "RANK" not in os.environ:
        return 0
    distributed.init_process_group("gloo")
    return distributed.get_rank()


def main() -> None:
    options = arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    rank = join_others()
    run = Run(options)
    seed = options.seed + run.steps + 7919 * rank
    pictures = Pictures(options.data, options.batch, options.side, seed)
    sets = dev.sets(options.dev) if options.dev else {}
    if options.held:
        sets["held"] = dev.composites(options.held, 100)
    if rank == 0 and not options.resume:
        run.save()
    clock, reported, recent = time.monotonic(), run.spent, []
    for batch in DataLoader(pictures, None, num_workers=options.workers):
        recent.append(run.step(*batch))
        now = time.monotonic()
        run.spent, clock = agreed(run.spent + min(LONGEST_STEP, now - clock)), now
        done = run.spent >= 60 * options.minutes
        if rank == 0 and (done or run.spent - reported >= 60 * options.every):
            run.save()
            run.report(float(np.mean(recent)), sets)
            reported, recent, clock = run.spent, [], time.monotonic()
        if done:
            return


if __name__ == "__main__":
    main()
