"""The networks in this process, run by ONNX Runtime or OpenVINO."""

import asyncio
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import onnxruntime

from edge.arrays import Tensor
from edge.cores import cores
from edge.deadline import Deadline
from edge.errors import ModelContractBroken, ModelUnavailable
from edge.in_thread import in_thread
from edge.models import roles, runtimes
from edge.models.base import ModelSpec, ModelState, Priority
from edge.models.compiled import HALF, CompiledNetwork
from edge.models.meter import Meter
from edge.models.repository import Folders
from edge.models.runtimes import AUTO, ONNXRUNTIME, Choice, Choices, Runtime
from edge.models.scheduling import PrioritySemaphore, RepositoryModels
from edge.models.selftest import Examiner
from edge.telemetry import Metrics
from edge.thread_priority import behind_the_loop

_MOST_THREADS = 4
"""Of one network that looks at a whole picture: beyond, cores are better used by several."""

_READY_SECONDS = 60.0
"""How long a good self-test counts: each costs a run of every network, and nothing but the
process itself can break in between."""


class EmbeddedModels(RepositoryModels):
    """Runs the repository's networks on a few threads of its own, never more than there are cores.

    A tile takes one of them, so as many are enlarged at a time as there are; a network that looks
    at a whole picture takes several at once, for there is nothing to run beside it.

    Args:
        folders: a Triton model repository, or several: of two models of a name the first counts.
        threads: for all networks together; 0 means a core each that this process may use.
        metrics: where requests are counted.
        backend: `onnxruntime`, `openvino`, or `auto`: the quicker one, as `runtimes` measures it.
        precision: `auto`, or `f32` for no bfloat16.
    """

    runtime = "embedded"

    def __init__(
        self,
        folders: Folders,
        threads: int = 0,
        *,
        metrics: Metrics | None = None,
        backend: str = ONNXRUNTIME,
        precision: str = AUTO,
    ) -> None:
        super().__init__(folders)
        self._threads = threads or cores()
        self._backend = backend
        self._precision = precision
        self._chosen: Choices | None = None
        self._sessions: dict[str, Any] = {}
        self._making = threading.Lock()
        self._pool = ThreadPoolExecutor(
            self._threads, thread_name_prefix="network", initializer=behind_the_loop
        )
        self._places = PrioritySemaphore(self._threads)
        self._meter = Meter(metrics, self.runtime)
        self._examiner = Examiner(self, self._repository, remember=_READY_SECONDS)

    async def served_digest(self, name: str) -> str | None:
        """None: this process runs what the repository has."""
        return None

    async def states(self) -> tuple[ModelState, ...]:
        return await self._examiner.states()

    async def choice(self) -> Choices:
        """Which runtime runs the networks; measured on the first call."""
        return await in_thread(self._pool, self._choice)

    async def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._sessions.clear()

    async def _in_turn(
        self, spec: ModelSpec, deadline: Deadline, priority: Priority, inputs: Mapping[str, Tensor]
    ) -> Mapping[str, Tensor]:
        with self._meter.request(spec.name, len(next(iter(inputs.values())))) as lap:
            await self._places.acquire(priority, deadline, self._threads_of(spec))
            lap.begin()
            return await self._run(spec, inputs, deadline)

    async def _run(
        self, spec: ModelSpec, inputs: Mapping[str, Tensor], deadline: Deadline
    ) -> Mapping[str, Tensor]:
        options = onnxruntime.RunOptions()
        work = in_thread(self._pool, self._compute, spec, inputs, options, deadline)
        work.add_done_callback(partial(self._left, self._threads_of(spec)))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            options.terminate = True  # the thread stops at the next node and gives its place free
            raise

    def _left(self, places: int, work: asyncio.Future[Mapping[str, Tensor]]) -> None:
        self._places.release(places)
        if not work.cancelled():
            work.exception()  # whoever asked may be gone; then nobody else looks at it

    def _compute(
        self, spec: ModelSpec, inputs: Mapping[str, Tensor], options: Any, deadline: Deadline
    ) -> Mapping[str, Tensor]:
        deadline.check(f"{spec.name} could run")
        names = [tensor.name for tensor in spec.outputs]
        session = self._session(spec)
        try:
            return dict(zip(names, session.run(names, dict(inputs), options), strict=True))
        except Exception as error:  # ONNX Runtime has no common base for what it raises
            raise ModelUnavailable(f"{spec.name} failed: {error}", param=spec.name) from error

    def _session(self, spec: ModelSpec) -> Any:
        with self._making:
            session = self._sessions.get(spec.name)
            if session is None:
                path = self._repository.unchanged_network(spec.name)
                session = open_session(spec, path, self._threads_of(spec))
                runtime = self._choice().of_kind(spec).of(spec)
                if runtime.name != ONNXRUNTIME:
                    session = self._compiled(spec, path, runtime, session)
                self._sessions[spec.name] = session
            return session

    def _compiled(self, spec: ModelSpec, network: Path, runtime: Runtime, whole: Any) -> Any:
        """The network as `runtime` runs it; where bfloat16 moves a mask, in full precision, for
        which `whole` is ONNX Runtime's session."""
        threads = self._threads_of(spec)
        compiled = CompiledNetwork(network, runtime.precision, threads, self._threads // threads)
        mask = runtime.precision == HALF and spec.name in roles.MASKS
        if not mask or runtimes.halvable(spec, whole, compiled):
            return compiled
        full = self._choice().of_kind(spec).full
        return whole if full.name == ONNXRUNTIME else self._compiled(spec, network, full, whole)

    def _threads_of(self, spec: ModelSpec) -> int:
        return 1 if spec.scale > 1 else min(self._threads, _MOST_THREADS)

    def _choice(self) -> Choices:
        if self._chosen is None:
            tile, mask = self._chosen_by(*roles.UPSCALE.values()), self._chosen_by(roles.MATTING)
            self._chosen = Choices(tile or mask or Choice(), mask or tile or Choice())
        return self._chosen

    def _chosen_by(self, *names: str) -> Choice | None:
        """What serves networks like the last of these that is there; None where none is."""
        there = [name for name in names if name in self.names()]
        if not there:
            return None
        spec, network = self.spec(there[-1]), self._repository.network(there[-1])
        threads = self._threads_of(spec)
        return runtimes.choose(self._backend, self._precision, spec, network, threads)


def open_session(spec: ModelSpec, network: Path, threads: int) -> Any:
    """An ONNX Runtime session whose inputs and outputs agree with config.pbtxt.

    Raises:
        ModelContractBroken: the file cannot be loaded, or says something else than the config.
    """
    try:
        session = runtimes.open_onnxruntime(network, threads)
    except Exception as error:  # ONNX Runtime has no common base for what it raises
        raise ModelContractBroken(
            f"{spec.name}: {network.name} cannot be loaded: {error}", param=spec.name
        ) from error
    for tensors, found in (
        (spec.inputs, session.get_inputs()),
        (spec.outputs, session.get_outputs()),
    ):
        _check_agreement(spec, {t.name: t.shape for t in tensors}, found)
    return session


def _check_agreement(spec: ModelSpec, wanted: Mapping[str, tuple[int, ...]], found: Any) -> None:
    stated = {arg.name: (arg.type, arg.shape) for arg in found}
    agree = set(stated) == set(wanted) and all(
        kind == "tensor(uint8)" and _fits(shape, wanted[name])
        for name, (kind, shape) in stated.items()
    )
    if not agree:
        raise ModelContractBroken(
            f"{spec.name}: model.onnx has {stated}, config.pbtxt says uint8 {dict(wanted)}",
            param=spec.name,
        )


def _fits(shape: list[Any], wanted: tuple[int, ...]) -> bool:
    """Batch free, the rest equal; a size that the graph leaves open (a name) may be anything."""
    if len(shape) != len(wanted) + 1 or isinstance(shape[0], int):
        return False
    return all(
        not isinstance(size, int) or size == fixed
        for size, fixed in zip(shape[1:], wanted, strict=True)
    )
