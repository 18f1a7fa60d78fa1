"""Train an upscaler on a GPU: pictures in its memory, a whole step recorded as one graph.

    python -m training.upscaling.fast --data DIR [DIR ...] --scale 4 --minutes 3 --out DIR
        [--init ema.pt or model.onnx] [--worst 1]

The same network, loss, patches and degradation as `train`; degraded versions of every whole picture
are made beforehand by `--processes`, so that a step draws its patches by arithmetic alone. `--out`
keeps ema.pt, the averaged weights, to export.
"""

import argparse
import copy
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from training.upscaling import data
from training.upscaling.muon import Muon
from training.upscaling.network import Upscaler
from training.upscaling.train import cells, loss, quality, rate, start

WARM = 5
"""Steps before one is recorded: libraries choose their ways, optimisers make their states."""

CLEAN = 1 / 3
"""Share of the patches that are not degraded."""

STRETCH = 25
"""Steps between two looks at the clock."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--check", type=Path, help="folder measured at the end, never trained")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--init", type=Path, help="ema.pt or an exported model to start from")
    parser.add_argument("--scale", type=int, choices=(2, 4), default=4)
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--patch", type=int, default=48, help="side at source resolution")
    parser.add_argument("--depth", type=int, default=10)
    parser.add_argument("--middle", type=int, default=64)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--muon", type=float, default=0.01)
    parser.add_argument("--decay", type=float, default=0.6, help="last share of the time")
    parser.add_argument("--worst", type=float, default=0.0, help="strongest degradation, 0 to 1")
    parser.add_argument("--versions", type=int, default=24, help="degraded ones of each picture")
    parser.add_argument("--share", type=float, default=1.0, help="of the time that the GPU is used")
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def degraded(given: tuple[np.ndarray, float, int, int]) -> np.ndarray:
    """Worn versions of one picture, each as bad as chance has it: uint8 [N, H, W, 3]."""
    small, worst, count, seed = given
    rng = np.random.default_rng(seed)
    made = [data.degrade(small, float(rng.uniform(0, worst)), rng) for _ in range(count)]
    return np.stack(made) if made else np.zeros((0, *small.shape), np.uint8)


class Store:
    """All pictures: one row of pixels each for the large, the small and their degraded versions."""

    def __init__(self, pictures: list[np.ndarray], options: argparse.Namespace) -> None:
        scale, self.side = options.scale, options.patch
        large = [data.whole(p, scale) for p in pictures]
        large = [p for p in large if min(p.shape[:2]) >= scale * self.side]
        small = [data.shrink(p, scale) for p in large]
        self.versions = options.versions if options.worst > 0 else 0
        tasks = [(p, options.worst, self.versions, i) for i, p in enumerate(small)]
        with ProcessPoolExecutor(options.processes, get_context("fork")) as pool:
            bad = list(pool.map(degraded, tasks, chunksize=2))
        device, self.scale = options.device, scale
        self.large = torch.from_numpy(np.concatenate([p.reshape(-1, 3) for p in large]))
        rows = [np.concatenate([s[None], b]).reshape(self.versions + 1, -1, 3)
                for s, b in zip(small, bad, strict=True)]  # fmt: skip
        self.small = torch.from_numpy(np.concatenate(rows, 1).reshape(-1, 3))
        shapes = torch.tensor([p.shape[:2] for p in small])
        areas = shapes.prod(1)
        self.total = int(areas.sum())
        self.first = (areas.cumsum(0) - areas).to(device)
        self.shapes = shapes.to(device)
        self.shares = (areas.cumsum(0) / self.total).float().to(device)
        self.large, self.small = self.large.to(device), self.small.to(device)

    def places(self, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Pictures and upper left corners (y, x) of random patches, each int64 [count]."""
        device = self.shares.device
        chosen = torch.searchsorted(self.shares, torch.rand(count, device=device))
        chosen = chosen.clamp(max=len(self.shares) - 1)
        room = self.shapes[chosen] - self.side + 1
        corner = (torch.rand(count, 2, device=device) * room).long().minimum(room - 1)
        return chosen, corner[:, 0], corner[:, 1]

    def patches(
        self, place: tuple[Tensor, Tensor, Tensor], turn: Tensor, factor: int, version: Tensor
    ) -> Tensor:
        """uint8 [N, 3, side, side]; `turn` [N, 3]: swapped axes, upside down, mirrored."""
        chosen, y, x = place
        side = factor * self.side
        i, j = torch.meshgrid(*[torch.arange(side, device=y.device)] * 2, indexing="ij")
        swap, up, over = turn.view(-1, 3, 1, 1).unbind(1)
        down, along = torch.where(swap, j, i), torch.where(swap, i, j)
        down = torch.where(up, side - 1 - down, down)
        along = torch.where(over, side - 1 - along, along)
        wide = factor * self.shapes[chosen, 1].view(-1, 1, 1)
        base = (factor * factor * self.first[chosen] + version * self.total).view(-1, 1, 1)
        row = factor * y.view(-1, 1, 1) + down
        pixels = self.small if factor == 1 else self.large
        return pixels[base + row * wide + factor * x.view(-1, 1, 1) + along].permute(0, 3, 1, 2)

    def batch(self, count: int) -> tuple[Tensor, Tensor]:
        """Small [N, 3, P, P] and large [N, 3, sP, sP], float in [0, 1]: the busier of two each."""
        device = self.shares.device
        two = self.places(2 * count)
        still = torch.zeros(2 * count, 3, dtype=torch.bool, device=device)
        seen = self.patches(two, still, 1, torch.zeros_like(two[0]))[:, 1].float()
        busy = seen.diff(dim=1).abs().mean((1, 2)) + seen.diff(dim=2).abs().mean((1, 2))
        better = (busy[:count] < busy[count:]).long() * count + torch.arange(count, device=device)
        place = two[0][better], two[1][better], two[2][better]
        turn = torch.rand(count, 3, device=device) < 0.5
        version = torch.zeros(count, dtype=torch.long, device=device)
        if self.versions:
            drawn = (torch.rand(count, device=device) * self.versions).long() + 1
            version = torch.where(torch.rand(count, device=device) < CLEAN, version, drawn)
            version = version.clamp(max=self.versions)
        small = self.patches(place, turn, 1, version)
        large = self.patches(place, turn, self.scale, torch.zeros_like(version))
        return small.float() / 255, large.float() / 255


def shipped(path: Path, network: Upscaler) -> dict[str, Tensor]:
    """State that makes `network` the exported model: kernels as they are, branches that add none.

    Undoes what `export` folds in: levels, the nearest pixel is a kernel of its own there.
    """
    stored = {t.name: numpy_helper.to_array(t) for t in onnx.load(str(path)).graph.initializer}
    state = {name: value.clone() for name, value in network.state_dict().items()}
    layers = ["head", *(f"body{i}" for i in range(network.depth)), "tail"]
    for layer in layers:
        own = layer.replace("body", "body.")
        half = 0.5 if layer == "tail" else 0.0
        state[f"{own}.plain"] = torch.from_numpy(stored[f"{layer}.weight"].copy())
        state[f"{own}.bias"] = torch.from_numpy((stored[f"{layer}.bias"] - half) / 255)
        state[f"{own}.expand"].zero_()
        state[f"{own}.mix"].zero_()
    return state


class Run:
    """Network, average, optimisers and the recorded step."""

    def __init__(self, options: argparse.Namespace, store: Store) -> None:
        torch.manual_seed(options.seed)
        self.options, self.store = options, store
        self.network = Upscaler(options.scale, depth=options.depth, middle=options.middle)
        if options.init and options.init.suffix == ".onnx":
            self.network.load_state_dict(shipped(options.init, self.network))
        elif options.init:
            start(self.network, torch.load(options.init, "cpu")["weights"])
        self.network.to(options.device, memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.network)
        body = [block.plain for block in self.network.body]
        rest = [p for p in self.network.parameters() if not any(p is b for b in body)]
        self.rates = [torch.zeros((), device=options.device) for _ in range(2)]
        gpu = options.device != "cpu"
        how = {"capturable": gpu, "fused": True, "betas": (0.9, 0.99)}
        self.optimisers = [
            torch.optim.Adam(rest, self.rates[0] if gpu else 1e-4, **how),
            Muon(body, self.rates[1]),
        ]
        self.wrong = torch.zeros((), device=options.device)
        self.steps = 0

    def step(self) -> None:
        small, large = self.store.batch(self.options.batch)
        kind = torch.device(self.options.device).type
        with torch.autocast(kind, torch.bfloat16):
            made = self.network.cells(small.contiguous(memory_format=torch.channels_last))
        wrong = loss(made, cells(large, self.options.scale), square=False)
        wrong.backward()
        for optimiser in self.optimisers:
            optimiser.step()
        self.wrong.lerp_(wrong.detach(), 0.01)
        with torch.no_grad():
            pairs = [list(n.parameters()) for n in (self.average, self.network)]
            torch._foreach_lerp_(*pairs, 0.001)

    def record(self) -> torch.cuda.CUDAGraph | None:
        """The step as a graph, where there is a GPU."""
        aside = torch.cuda.Stream() if self.options.device != "cpu" else None
        with torch.cuda.stream(aside):
            for _ in range(WARM):
                self.step()
                self.forget()
        if aside is None:
            return None
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.step()
        return graph

    def forget(self) -> None:
        for optimiser in self.optimisers:
            optimiser.zero_grad(set_to_none=True)

    def stretch(self, graph: torch.cuda.CUDAGraph | None, progress: float) -> None:
        """Some steps at one rate."""
        share = rate(progress, self.options.decay)
        for held, peak in zip(self.rates, (self.options.rate, self.options.muon), strict=True):
            held.fill_(peak * share)
        for _ in range(STRETCH if graph else 1):
            if graph:
                graph.replay()
            else:
                self.step()
                self.forget()
            self.steps += 1
        if graph:
            torch.cuda.synchronize()

    def save(self) -> None:
        state = {
            name: value.cpu().contiguous() for name, value in self.average.state_dict().items()
        }
        torch.save(
            {"weights": state, "options": self.average.options()}, self.options.out / ".ema.pt"
        )
        (self.options.out / ".ema.pt").replace(self.options.out / "ema.pt")


def pictures(options: argparse.Namespace) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """To train on and held back: as `train` splits and multiplies them."""
    every = [p for folder in options.data for p in data.load(folder, 400)]
    held = [p[:640, :640] for p in every[:: data.HELD_BACK]]
    kept = [p for i, p in enumerate(every) if i % data.HELD_BACK]
    kept += [data.graphics(seed, []) for seed in range(len(kept) // 4)]
    return kept + [data.shrink(p, 1.5) for p in kept if min(p.shape[:2]) >= 900], held


def main() -> None:
    options = arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.backends.cudnn.benchmark = True
    begun = time.monotonic()
    kept, held = pictures(options)
    store = Store(kept, options)
    print(f"{len(store.shares)} pictures, {len(held)} held back, "
          f"{time.monotonic() - begun:.0f} s", flush=True)  # fmt: skip
    run = Run(options, store)
    graph = run.record()
    begun = saved = time.monotonic()
    progress = 0.0
    while progress < 1:
        stretch = time.monotonic()
        run.stretch(graph, progress)
        busy = time.monotonic() - stretch
        time.sleep(busy * (1 / options.share - 1))
        now = time.monotonic()
        progress = (now - begun) / (60 * options.minutes)
        if now - saved > 30 or progress >= 1:
            run.save()
            saved = now
            print(f"{(now - begun) / 60:6.2f} min  step {run.steps}  {1000 * busy / STRETCH:.2f} ms"
                  f"  loss {float(run.wrong):.4f}", flush=True)  # fmt: skip
    run.average.cpu()
    check = data.load(options.check) if options.check else []
    figures = [quality(run.average, p) for p in (held[:4], check) if p]
    print("dB " + "  ".join(f"{f:.3f}" for f in figures), flush=True)


if __name__ == "__main__":
    main()
