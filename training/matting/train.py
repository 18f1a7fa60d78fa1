"""Teach the served matting network what larger ones answer, for so many minutes, on a GPU.

    python -m training.matting.train --packs DIR --teacher NPZ [NPZ ...] --minutes 12 --out DIR

Processes draw views (`views`) without end; the teachers (`teacher`) answer them as they come, and a
ring of the newest views with their targets stays in the GPU's memory, of which the student's
batches are drawn, cut and lit anew each time: it sees what the teacher saw (Beyer et al. 2022,
"Knowledge distillation: a good teacher is patient and consistent"). Where the alpha is known,
that is the target, but for what the teachers deny altogether.

`--out` keeps ema.pt, the averaged weights, and ema-MINUTE.pt. A number in the file `minutes`
there replaces `--minutes` while it runs; teachers whose files come later are taken when they do.
"""

import argparse
import copy
import math
import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader

from training.matting.losses import losses
from training.matting.network import SIDE, Matting
from training.matting.teacher import Teacher
from training.matting.views import Material, Views
from training.upscaling.muon import Muon

DENIED = 0.4
"""Overlap (intersection over union) of answer and known alpha, below which the teachers deny it."""

MIXED = 0.1
"""Share of the views that are two of them, one seen through the other: the teachers say what that
is."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packs", type=Path, required=True, help="of training.matting.gather")
    parser.add_argument("--teacher", type=Path, nargs="+", required=True, help="packs of teacher")
    parser.add_argument("--weight", type=float, nargs="*", default=[], help="of each; else equal")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--init", type=Path, help="ema.pt to start from")
    parser.add_argument(
        "--side", type=int, nargs="+", default=[224, SIDE], help="one after another"
    )
    parser.add_argument("--turn", type=float, default=0.35, help="share of time at the first side")
    parser.add_argument("--minutes", type=float, default=12)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--fresh", type=int, default=64, help="views that are drawn at a time")
    parser.add_argument("--pause", type=int, default=3, help="steps from one of these to the next")
    parser.add_argument("--ring", type=int, default=24000, help="views kept")
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--muon", type=float, default=0.02)
    parser.add_argument("--every", type=float, default=1.0, help="minutes between measurings")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--workers", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def share_of_rate(progress: float) -> float:
    """A short rise, level for a third of the time, then a cosine to 1 %."""
    rise = min(1.0, progress / 0.02 + 0.02)
    fall = min(1.0, max(0.0, (progress - 0.33) / 0.67))
    return rise * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * fall)))


class Ring:
    """The newest views and their targets, uint8, on the device."""

    def __init__(self, count: int, device: str) -> None:
        self.pictures = torch.zeros(count, 3, SIDE, SIDE, dtype=torch.uint8, device=device)
        self.targets = torch.zeros(count, 1, SIDE, SIDE, dtype=torch.uint8, device=device)
        self.count, self.made = count, 0

    def put(self, pictures: Tensor, targets: Tensor) -> None:
        places = torch.arange(self.made, self.made + len(pictures), device=pictures.device)
        self.pictures[places % self.count] = to_bytes(pictures)
        self.targets[places % self.count] = to_bytes(targets)
        self.made += len(pictures)

    def draw(self, count: int, side: int) -> tuple[Tensor, Tensor]:
        """Pictures [N, 3, side, side] and targets [N, 1, side, side], float in [0, 1]."""
        device = self.pictures.device
        chosen = torch.randint(min(self.made, self.count), (count,), device=device)
        both = torch.cat([self.pictures[chosen], self.targets[chosen]], 1).float().div_(255)
        turned = functional.grid_sample(both, windows(count, side, device), align_corners=False)
        return lit(turned[:, :3]), turned[:, 3:]


def to_bytes(values: Tensor) -> Tensor:
    return (values * 255 + 0.5).clamp_(0, 255).byte()


def windows(count: int, side: int, device: torch.device) -> Tensor:
    """Grids [N, side, side, 2]: half of them a part of at least 0.75, half of them mirrored."""
    whole = (torch.rand(count, 1, device=device) < 0.5).float()
    part = 0.75 + 0.25 * torch.rand(count, 2, device=device)
    part = whole + (1 - whole) * part
    shift = (2 * torch.rand(count, 2, device=device) - 1) * (1 - part)
    flip = torch.where(torch.rand(count, device=device) < 0.5, -1.0, 1.0)
    turn = torch.zeros(count, 2, 3, device=device)
    turn[:, 0, 0], turn[:, 1, 1], turn[:, :, 2] = flip * part[:, 0], part[:, 1], shift
    return functional.affine_grid(turn, [count, 1, side, side], align_corners=False)


def lit(pictures: Tensor) -> Tensor:
    """Another exposure, balance and contrast for each picture."""
    count, device = len(pictures), pictures.device
    gains = 1 + 0.06 * torch.randn(count, 3, 1, 1, device=device)
    bend = torch.exp(0.12 * torch.randn(count, 1, 1, 1, device=device))
    return (pictures.clamp_min(1e-4) ** bend * gains).clamp(0, 1)


def mixed(pictures: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Some of the pictures seen through others, nothing of which is known."""
    count, device = len(pictures), pictures.device
    chosen = (torch.rand(count, 1, 1, 1, device=device) < MIXED).float()
    share = 0.5 + 0.4 * torch.rand(count, 1, 1, 1, device=device)
    other = pictures * share + pictures.flip(0) * (1 - share)
    return pictures + chosen * (other - pictures), known * (1 - chosen)


def targets(said: Tensor, alpha: Tensor, known: Tensor) -> Tensor:
    """The known alpha where there is one; half of it where the teachers deny it."""
    both = (torch.minimum(said, alpha) * known).sum((1, 2, 3), keepdim=True)
    either = (torch.maximum(said, alpha) * known).sum((1, 2, 3), keepdim=True)
    share = torch.where((both + 1) / (either + 1) < DENIED, 0.6, 1.0)
    return said + known * share * (alpha - said)


class Teachers(nn.Module):
    """The weighted mean of those whose files are there; one of weight 0 fills in for others."""

    def __init__(self, paths: list[Path], weights: list[float], device: str) -> None:
        super().__init__()
        self.waited = dict(zip(paths, weights or [1.0] * len(paths), strict=True))
        self.device, self.there, self.weights = device, nn.ModuleList(), []
        self.load_new()

    def load_new(self) -> None:
        for path, weight in list(self.waited.items()):
            if path.exists():
                one = Teacher(path).to(self.device, memory_format=torch.channels_last)
                self.there.append(one.bfloat16() if self.device != "cpu" else one)
                self.weights.append(weight)
                del self.waited[path]
                print(f"teacher {path.name}", flush=True)

    @torch.no_grad()
    def forward(self, pictures: Tensor) -> Tensor:
        inputs = pictures.contiguous(memory_format=torch.channels_last)
        weights = self.weights if sum(self.weights) else [1.0] * len(self.weights)
        used = [(one, w) for one, w in zip(self.there, weights, strict=True) if w]
        return sum(w * one(inputs) for one, w in used) / sum(w for _, w in used)


class Run:
    """Network, average, optimisers and clock of one training."""

    def __init__(self, options: argparse.Namespace) -> None:
        torch.manual_seed(options.seed)
        self.options = options
        self.network = Matting().to(options.device, memory_format=torch.channels_last)
        if options.init:
            self.network.load_state_dict(torch.load(options.init, options.device)["weights"])
        self.average = copy.deepcopy(self.network).eval()
        weights = list(self.network.parameters())
        wide = [w for w in weights if w.dim() == 4 and 16 <= len(w) <= w[0].numel() > 27]
        rest = [w for w in weights if not any(w is other for other in wide)]
        self.optimisers = [
            torch.optim.AdamW(rest, options.rate, weight_decay=1e-3),
            Muon(wide, options.muon),
        ]
        self.peaks = [options.rate, options.muon]
        self.steps, self.begun, self.minutes = 0, time.monotonic(), options.minutes

    @property
    def progress(self) -> float:
        return (time.monotonic() - self.begun) / (60 * self.minutes)

    def side(self) -> int:
        first, last = self.options.side[0], self.options.side[-1]
        return first if self.progress < self.options.turn else last

    def step(self, pictures: Tensor, target: Tensor) -> Tensor:
        share = share_of_rate(min(1.0, self.progress))
        for optimiser, peak in zip(self.optimisers, self.peaks, strict=True):
            optimiser.param_groups[0]["lr"] = peak * share
        self.network.train()
        inputs = pictures.contiguous(memory_format=torch.channels_last)
        half = self.options.device != "cpu"
        with torch.autocast(torch.device(self.options.device).type, torch.bfloat16, enabled=half):
            guesses = self.network(inputs)
        wrong = losses(guesses, target, torch.ones_like(target))
        wrong.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad()
        self.steps += 1
        self.follow()
        return wrong.detach()

    @torch.no_grad()
    def follow(self) -> None:
        keep = min(0.998, (1 + self.steps) / (10 + self.steps))
        mine, theirs = (
            [v for v in network.state_dict().values() if v.dtype.is_floating_point]
            for network in (self.average, self.network)
        )
        torch._foreach_lerp_(mine, theirs, 1 - keep)

    def save(self) -> None:
        """Kernels in half precision, as they are shipped."""
        state = {
            name: value.half() if value.dim() > 1 else value
            for name, value in self.average.state_dict().items()
        }
        minute = f"ema-{round((time.monotonic() - self.begun) / 60)}.pt"
        for name in ("ema.pt", minute):
            torch.save({"weights": state}, self.options.out / f".{name}")
            (self.options.out / f".{name}").replace(self.options.out / name)

    @torch.no_grad()
    def measured(self, pictures: Tensor, target: Tensor) -> float:
        """Mean distance from the targets of held-back views, by the averaged weights."""
        parts = zip(pictures.split(32), target.split(32), strict=True)
        wrong = [(self.average(p)[-1].sigmoid() - t).abs().mean() for p, t in parts]
        return float(torch.stack(wrong).mean())


def seen_by(teachers: Teachers, batch: Tensor, mix: bool = True) -> tuple[Tensor, Tensor]:
    """uint8 [N, S, S, 5] on the device -> pictures and targets, float in [0, 1]."""
    whole = batch.permute(0, 3, 1, 2).float().div_(255)
    pictures, alpha, known = whole[:, :3], whole[:, 3:4], whole[:, 4:]
    if mix:
        pictures, known = mixed(pictures, known)
    return pictures, targets(teachers(pictures), alpha, known)


def fetched(source: Iterator[Tensor]) -> queue.Queue:
    """Batches as they come, read by a thread of their own."""
    ready: queue.Queue = queue.Queue(8)

    def read() -> None:
        for batch in source:
            ready.put(batch)

    threading.Thread(target=read, daemon=True).start()
    return ready


def new_minutes(options: argparse.Namespace, minutes: float) -> float:
    path = options.out / "minutes"
    try:
        return float(path.read_text())
    except (OSError, ValueError):
        return minutes


def loader(views: Views, workers: int, device: str) -> DataLoader:
    kept = {"prefetch_factor": 2, "multiprocessing_context": "fork"} if workers else {}
    return DataLoader(views, None, num_workers=workers, pin_memory=device != "cpu", **kept)


def main() -> None:
    options = arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.backends.cudnn.benchmark = True
    threads = max(1, options.workers)
    material = Material.read(options.packs, threads)
    twin = Material.read(options.packs, threads, twin=True)
    print(f"{len(material.photos)} photographs, {len(material.stock.cutouts)} cut-outs, "
          f"{len(material.stock.photos)} backgrounds", flush=True)  # fmt: skip
    held_views = next(iter(Views(twin, 4 * options.fresh, SIDE, 7)))
    views = Views(material, options.fresh, SIDE, options.seed)
    # Its processes start here, before the GPU is touched.
    ready = fetched(iter(loader(views, options.workers, options.device)))
    run, ring = Run(options), Ring(options.ring, options.device)
    teachers = Teachers(options.teacher, options.weight, options.device)
    checked = reported = time.monotonic()
    held: tuple[Tensor, Tensor] | None = None
    recent: list[Tensor] = []
    while run.progress < 1:
        due = run.steps % options.pause == 0 and not ready.empty()
        if due or ring.made < options.batch:
            ring.put(*seen_by(teachers, ready.get().to(options.device, non_blocking=True)))
        if ring.made < options.batch:
            continue
        recent.append(run.step(*ring.draw(options.batch, run.side())))
        if run.steps % 20 == 0:
            torch.cuda.synchronize() if options.device != "cpu" else None
        now = time.monotonic()
        if now - checked > 4:
            waited, checked = len(teachers.waited), now
            teachers.load_new()
            if len(teachers.waited) < waited:
                held = None
            run.minutes = new_minutes(options, run.minutes)
        if now - reported > 60 * options.every or run.progress >= 1:
            if held is None:
                parts = held_views.to(options.device).split(32)
                both = [seen_by(teachers, part, mix=False) for part in parts]
                held = torch.cat([p for p, _ in both]), torch.cat([t for _, t in both])
            run.save()
            report(run, ring, recent, held)
            recent, reported = [], time.monotonic()
    run.save()


def report(run: Run, ring: Ring, recent: list[Tensor], held: tuple[Tensor, Tensor]) -> None:
    loss = float(torch.stack(recent).mean()) if recent else math.nan
    print(
        f"{(time.monotonic() - run.begun) / 60:6.1f} min  step {run.steps}  side {run.side()}  "
        f"fresh views {ring.made}  loss {loss:.4f}  held {run.measured(*held):.4f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
