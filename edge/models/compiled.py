"""Networks compiled by OpenVINO, where that extra is installed: for processors that it uses better.

OpenVINO compiles a network anew for every size of picture, so a network keeps the few that it was
last asked in. Pictures run through its asynchronous requests alone, on the threads that OpenVINO
keeps for them: Python waits outside of its own lock, and no thread of ours ever works in OpenVINO's
task arenas, where one that compiles could wait for one that runs.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import metadata, util
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np

from edge.arrays import Tensor

FULL, HALF = "f32", "bf16"
"""Precisions: 32-bit floats, and bfloat16, which some processors multiply several times as fast."""

SIZES_KEPT = 6
"""Of one network: every size takes 10 to 50 MB, and 50 ms to compile again."""

_compiling = threading.Lock()
_core: Any = None


def version() -> str | None:
    """OpenVINO's version, None where it is not installed."""
    if util.find_spec("openvino") is None:
        return None
    return metadata.version("openvino")


def halves() -> bool:
    """Whether OpenVINO says that this processor multiplies bfloat16."""
    return "BF16" in _opened_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class CompiledNetwork:
    """One network in one precision; `run` may be called by several threads at a time.

    Args:
        network: model.onnx.
        precision: `FULL` or `HALF`.
        threads: for one run.
        at_once: runs at a time, each on threads of its own.
    """

    def __init__(self, network: Path, precision: str, threads: int, at_once: int) -> None:
        self._network = network
        self._at_once = at_once
        self._config = {
            "INFERENCE_PRECISION_HINT": precision,
            "INFERENCE_NUM_THREADS": threads * at_once,
            "NUM_STREAMS": at_once,
            # Pinned, the threads of two networks would share one core and leave another idle.
            "ENABLE_CPU_PINNING": False,
        }
        self._sizes: OrderedDict[tuple[int, ...], SimpleQueue[Any]] = OrderedDict()
        self._lock = threading.Lock()

    def run(
        self, names: Sequence[str], inputs: Mapping[str, Tensor], options: Any = None
    ) -> list[Tensor]:
        """The outputs of these names for a batch, uint8 [N, ...] each, in order.

        The pieces of a batch run one by one. `options` are ONNX Runtime's and are passed over.
        """
        batch = len(next(iter(inputs.values())))
        answers: list[Tensor] = []
        for place in range(batch):
            piece = {name: array[place : place + 1] for name, array in inputs.items()}
            with self._inferred(piece) as request:
                # The next run writes into the request's own memory.
                found = [request.get_tensor(name).data for name in names]
                answers = answers or [np.empty((batch, *a.shape[1:]), a.dtype) for a in found]
                for answer, one in zip(answers, found, strict=True):
                    answer[place] = one[0]
        return answers

    @contextmanager
    def _inferred(self, inputs: Mapping[str, Tensor]) -> Iterator[Any]:
        """A request that has run."""
        requests = self._requests(inputs)
        request = requests.get()
        try:
            whole = {name: np.ascontiguousarray(array) for name, array in inputs.items()}
            request.start_async(whole, share_inputs=True)
            request.wait()
            yield request
        finally:
            requests.put(request)

    def _requests(self, inputs: Mapping[str, Tensor]) -> "SimpleQueue[Any]":
        size = tuple(side for array in inputs.values() for side in array.shape)
        with self._lock:
            found = self._sizes.get(size)
            if found is None:
                found = self._sizes[size] = self._compiled(inputs)
                while len(self._sizes) > SIZES_KEPT:
                    self._sizes.popitem(last=False)
            self._sizes.move_to_end(size)
            return found

    def _compiled(self, inputs: Mapping[str, Tensor]) -> "SimpleQueue[Any]":
        with _compiling:
            core = _opened_core()
            model = core.read_model(str(self._network))
            model.reshape({name: list(array.shape) for name, array in inputs.items()})
            compiled = core.compile_model(model, "CPU", self._config)
        requests: SimpleQueue[Any] = SimpleQueue()
        for _ in range(self._at_once):
            requests.put(compiled.create_infer_request())
        return requests


def _opened_core() -> Any:
    global _core
    if _core is None:
        import openvino  # an extra, and a third of a second

        _core = openvino.Core()
    return _core
