"""What runs the networks of this process, in which precision: chosen by milliseconds.

ONNX Runtime always can. Where OpenVINO is installed, each enlarges a tile and segments a
picture, and the quicker one serves: either may gain by one and lose by the other. In bfloat16 only
those networks run whose answers that does not move.
"""

import functools
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from edge.arrays import Tensor
from edge.models import compiled, roles
from edge.models.base import ModelSpec
from edge.models.compiled import FULL, HALF, CompiledNetwork

_log = logging.getLogger(__name__)

AUTO, ONNXRUNTIME, OPENVINO = "auto", "onnxruntime", "openvino"

GAIN = 0.95
"""Of ONNX Runtime's milliseconds: another has to be at most there, for a start is a noisy moment
and ONNX Runtime needs the least memory."""

MOVED_MOST, MOVED_MEAN = 8, 0.5
"""Levels by which bfloat16 may move an answer to a known picture: anywhere, and in the mean."""

MASK_MOVED = 1.0
"""The same in the mean of a mask, whose outlines may move more: U2-Net-p's moves by 0.13."""

_RUNS = {"tile": 4, "mask": 2}
"""Of which the quickest counts; the first one makes its memory as well."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """What runs a network, and in which precision."""

    name: str = ONNXRUNTIME
    precision: str = FULL

    def __str__(self) -> str:
        return f"{self.name} {self.precision}"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which runtime serves networks that need all of their precision, and which the others; `ms` is
    what one run took by each."""

    full: Runtime = Runtime()
    halved: Runtime = Runtime()
    ms: Mapping[str, float] | None = None

    def of(self, spec: ModelSpec) -> Runtime:
        return self.halved if spec.name in roles.HALVED else self.full

    def __str__(self) -> str:
        """`openvino bf16 and f32 (onnxruntime f32 88.1 ms, openvino bf16 16.2 ms)`"""
        text = str(self.halved)
        if self.full != self.halved:
            same = self.full.name == self.halved.name
            text += f" and {self.full.precision if same else self.full}"
        taken = ", ".join(f"{name} {spent:.1f} ms" for name, spent in (self.ms or {}).items())
        return f"{text} ({taken})" if taken else text


@dataclass(frozen=True, slots=True)
class Choices:
    """Which runtime serves upscalers, and which the networks that answer a mask."""

    tile: Choice = Choice()
    mask: Choice = Choice()

    def of_kind(self, spec: ModelSpec) -> Choice:
        return self.tile if spec.scale > 1 else self.mask

    def __str__(self) -> str:
        """`a tile: ...; a mask: ...`, or once what serves both by one measurement."""
        if self.tile == self.mask:
            return str(self.tile)
        return f"a tile: {self.tile}; a mask: {self.mask}"


def choose(wanted: str, precision: str, spec: ModelSpec, network: Path, threads: int) -> Choice:
    """What serves networks of a kind: as it is wanted, or the quickest at one of them.

    Args:
        wanted: `AUTO`, `ONNXRUNTIME` or `OPENVINO`.
        precision: `AUTO`, or `FULL` for no bfloat16 anywhere.
        spec, network: the one and its file.
        threads: for one run of it.
    """
    if wanted == ONNXRUNTIME:
        return Choice()
    if compiled.version() is None:
        if wanted == OPENVINO:
            _log.warning("OpenVINO is not installed (edge[openvino]): ONNX Runtime serves")
        return Choice()
    return _measured(wanted, precision, spec, network, threads)


@functools.lru_cache(maxsize=8)  # one measurement a process
def _measured(wanted: str, precision: str, spec: ModelSpec, network: Path, threads: int) -> Choice:
    return _chosen(wanted, _times(spec, network, threads, halves=precision != FULL))


def _times(spec: ModelSpec, network: Path, threads: int, *, halves: bool) -> dict[Runtime, float]:
    """Milliseconds of one run, the least of a few; bfloat16 only where it hardly moves what is kept
    of a tile, and for a mask only if the network's role may compute in it (`halvable` decides)."""
    tile = spec.scale > 1
    draw, runs = (_tile, _RUNS["tile"]) if tile else (_product, _RUNS["mask"])
    inputs = {tensor.name: draw(tensor.shape)[None] for tensor in spec.inputs}
    names = [tensor.name for tensor in spec.outputs]

    def timed(session: Any) -> tuple[float, Tensor]:
        return _timed(session, names, inputs, runs)

    times = {Runtime(): timed(open_onnxruntime(network, threads))[0]}
    times[Runtime(OPENVINO, FULL)], answer = timed(CompiledNetwork(network, FULL, threads, 1))
    if halves and spec.name in roles.HALVED and compiled.halves():
        spent, moved = timed(CompiledNetwork(network, HALF, threads, 1))
        off = np.abs(_core(spec, moved).astype(np.int16) - _core(spec, answer))
        if not tile or (off.max() <= MOVED_MOST and off.mean() <= MOVED_MEAN):
            times[Runtime(OPENVINO, HALF)] = spent
    return times


def halvable(spec: ModelSpec, whole: Any, half: Any) -> bool:
    """Whether bfloat16 leaves a network's mask as it is: judged by a drawn picture, for the weights
    may be anybody's, and there are networks that it moves by 17 levels.

    Args:
        whole, half: the network in 32-bit floats and in bfloat16; both have `run`.
    """
    picture = {tensor.name: _product(tensor.shape)[None] for tensor in spec.inputs}
    names = [tensor.name for tensor in spec.outputs]
    one, other = (
        session.run(names, picture, None)[0].astype(np.int16) for session in (whole, half)
    )
    moved = float(np.abs(one - other).mean())
    if moved > MASK_MOVED:
        _log.info("%s computes in f32: bfloat16 moves its answer by %.1f levels", spec.name, moved)
    return moved <= MASK_MOVED


def _timed(
    session: Any, names: list[str], inputs: Mapping[str, Tensor], runs: int
) -> tuple[float, Tensor]:
    """The least milliseconds of some runs, and the first output."""
    spent = []
    for _ in range(runs):
        start = time.perf_counter()
        answer = session.run(names, inputs, None)
        spent.append((time.perf_counter() - start) * 1000)
    return min(spent), answer[0]


def _chosen(wanted: str, times: Mapping[Runtime, float]) -> Choice:
    onnx = Runtime()
    least = times[onnx] * GAIN

    def quickest(*precisions: str) -> Runtime:
        others = {r: ms for r, ms in times.items() if r != onnx and r.precision in precisions}
        best = min(others, key=others.__getitem__)
        return best if wanted == OPENVINO or others[best] <= least else onnx

    rounded = {str(runtime): round(ms, 1) for runtime, ms in times.items()}
    return Choice(quickest(FULL), quickest(FULL, HALF), rounded)


def _core(spec: ModelSpec, answer: Tensor) -> Tensor:
    """What is kept of an enlarged tile [1, H, W, 3]: along its edges networks make things up."""
    rim = spec.overlap * spec.scale
    return answer[:, rim : answer.shape[1] - rim, rim : answer.shape[2] - rim]


def _tile(shape: tuple[int, ...]) -> Tensor:
    """Waves of several lengths with some hard edges, drawn in whole numbers."""
    height, width, channels = shape
    y, x, c = np.mgrid[:height, :width, :channels]
    waves = np.abs((x * (3 + c) + y * 5) % 256 - 128) + 60 * ((x // 23 + y // 31) % 2)
    tile: Tensor = waves.astype(np.uint8)
    return tile


def _product(shape: tuple[int, ...]) -> Tensor:
    """A striped ellipse before an even background."""
    height, width, channels = shape
    y, x, c = np.mgrid[:height, :width, :channels]
    within = np.hypot((2 * x - width) / width, (2 * y - height) / height) < 0.65
    stripes = 30 + 40 * c + 60 * ((x + 2 * y) * 12 // (width + height) % 2)
    drawn: Tensor = np.where(within, stripes, 200 + 20 * y // height).astype(np.uint8)
    return drawn


def open_onnxruntime(network: Path, threads: int) -> Any:
    """An ONNX Runtime session. Raises whatever ONNX Runtime does."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # The arena keeps its largest batch for ever; without it memory falls back after each run.
    options.enable_cpu_mem_arena = False
    # Threads that spin between runs take the cores from decoding and encoding.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(network), options, providers=["CPUExecutionProvider"])
