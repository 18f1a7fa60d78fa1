"""The networks on a Triton Inference Server, over gRPC. The only file that talks to Triton."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import tritonclient.grpc.aio as grpc
from tritonclient.utils import InferenceServerException

from edge import tracing
from edge.breaker import Breaker
from edge.deadline import Deadline
from edge.errors import (
    EdgeError,
    ModelContractBroken,
    ModelLate,
    ModelMissing,
    ModelUnavailable,
    SettingsError,
)
from edge.models.base import ModelSpec, ModelState, Priority, Tensor, TensorSpec
from edge.models.meter import Meter
from edge.models.repository import DIGEST, Folders, Repository
from edge.models.scheduling import PrioritySemaphore, in_batches
from edge.models.selftest import Examiner
from edge.models.triton_shm import PICTURE_SLOTS, SharedMemory, Slot
from edge.telemetry import Metrics, request_id

_CHANNEL = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # By default a channel that lost its server waits up to two minutes between attempts, and
    # twenty seconds for a host that swallows packets.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # By default all requests go to the first address of a name that has several.
    ("grpc.lb_policy_name", "round_robin"),
)

_FAILURES = 3
"""In a row, until Triton is left alone."""

_LEFT_ALONE = "the model server does not answer; it is left alone until it does"
_ALIVE_SECONDS = 1.0
_MANAGE_SECONDS = 2.0
_PATIENT_SECONDS = 1.0
"""A request that had less than this proves nothing about the server when its time is over."""


@dataclass(frozen=True, slots=True)
class _Request:
    spec: ModelSpec
    inputs: Mapping[str, Tensor]
    batch: int
    deadline: Deadline
    priority: Priority
    seconds: float
    room: tuple[int, ...] = ()
    """Most bytes of each output, where only the answer tells its shape."""


class _Unanswered(Exception):
    """A request without an answer, and why; `refused`: Triton surely did not run it."""

    def __init__(self, error: EdgeError, *, refused: bool = False) -> None:
        super().__init__(error.detail)
        self.error = error
        self.refused = refused


class TritonModels:
    """Runs the repository's networks on a Triton that serves the same repository.

    Args:
        url: grpc://host:port. Where the name has several addresses, requests go to each in turn.
        folders: the model repository, or several; specs are read here, and never asked of Triton.
        in_flight: requests at once; further ones wait, the more urgent first.
        shared_memory: hand tensors over through shared memory where Triton allows it.
        metrics: where requests are counted.

    Raises:
        SettingsError: the url is no grpc:// one.
    """

    runtime = "triton"

    def __init__(
        self,
        url: str,
        folders: Folders,
        in_flight: int = 32,
        shared_memory: bool = False,
        *,
        metrics: Metrics | None = None,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme != "grpc" or not parts.netloc:
            raise SettingsError(f"{url!r} names no Triton; allowed is grpc://host:port")
        self._address = parts.netloc
        self._repository = Repository(folders)
        self._examiner = Examiner(self, self._repository)
        self._places = PrioritySemaphore(in_flight)
        self._client: Any = None
        doors = self._register, self._unregister
        self._memory = SharedMemory(*doors) if shared_memory else None
        self._pictures = SharedMemory(*doors, *PICTURE_SLOTS) if shared_memory else None
        self._served: set[str] = set()
        self._answered = -math.inf
        self.breaker = Breaker(_FAILURES, probe=self.alive)
        self._meter = Meter(metrics, self.runtime)
        self._meter.metrics.breaker_open.set_function(lambda: float(self.breaker.open))

    def names(self) -> tuple[str, ...]:
        return self._repository.names()

    def spec(self, name: str) -> ModelSpec:
        return self._repository.spec(name)

    async def infer(
        self,
        name: str,
        inputs: Mapping[str, Tensor],
        *,
        deadline: Deadline,
        priority: Priority = Priority.INTERACTIVE,
    ) -> Mapping[str, Tensor]:
        """Run one batch; one larger than max_batch_size goes in pieces. Answers may be read-only.

        Raises:
            ModelMissing: the folder does not have the model, or Triton never served it.
            ModelContractBroken: the tensors, or Triton's answer, are not what the config says.
            ModelUnavailable: Triton is down, its queue full, or the network failed there.
            ModelLate, DeadlineExceeded: the time was over first.
        """
        spec = self.spec(name)
        return await in_batches(spec, inputs, partial(self._in_turn, spec, deadline, priority))

    async def served_digest(self, name: str) -> str | None:
        """What Triton's own config.pbtxt of the model says, as far as it says so and tells it."""
        try:
            answer = await self._connection().get_model_config(name, client_timeout=_MANAGE_SECONDS)
        except InferenceServerException as error:
            if error.status() in _TELLS_NOTHING:
                return None
            raise ModelUnavailable(
                f"{name}: Triton tells no config: {error.message()}", param=name
            ) from error
        return answer.config.parameters[DIGEST].string_value or None

    async def exchange(
        self,
        name: str,
        inputs: Mapping[str, Tensor],
        outputs: Mapping[str, int],
        *,
        deadline: Deadline,
        priority: Priority = Priority.INTERACTIVE,
    ) -> Mapping[str, Tensor]:
        """Ask a model of the server's whose tensors are bytes, uint8 [1, length] in and out.

        Args:
            outputs: their names, and the most bytes that each may have.

        Raises: as `infer`.
        """
        given, wanted = (
            tuple(TensorSpec(word, ()) for word in names) for names in (inputs, outputs)
        )
        spec = ModelSpec(name, given, wanted, max_batch_size=1, digest="")
        room = tuple(outputs.values())
        return await self._in_turn(spec, deadline, priority, inputs, room=room)

    async def states(self) -> tuple[ModelState, ...]:
        return await self._examiner.states()

    async def close(self) -> None:
        await self.breaker.close()
        for memory in (self._memory, self._pictures):
            if memory is not None:
                await memory.close()
        if self._client is not None:
            await self._client.close()

    async def _in_turn(
        self,
        spec: ModelSpec,
        deadline: Deadline,
        priority: Priority,
        inputs: Mapping[str, Tensor],
        *,
        room: tuple[int, ...] = (),
    ) -> Mapping[str, Tensor]:
        batch = len(next(iter(inputs.values())))
        with self._meter.request(spec.name, batch) as lap:
            await self._places.acquire(priority, deadline)
            lap.begin()
            try:
                if not self.breaker.allows():
                    raise ModelUnavailable(_LEFT_ALONE, param=spec.name)
                deadline.check(f"{spec.name} could run")
                left = deadline.remaining
                request = _Request(spec, inputs, batch, deadline, priority, left, room)
                return await self._by_the_nearest_way(request)
            except _Unanswered as unanswered:
                raise unanswered.error from unanswered.__cause__
            finally:
                self._places.release()

    async def _by_the_nearest_way(self, request: _Request) -> Mapping[str, Tensor]:
        slot = await self._slot(request)
        if slot is None:
            return await self._inline(request)
        try:
            return await self._shared(request, slot)
        except _Unanswered as unanswered:
            if not unanswered.refused:
                raise
        answer = await self._inline(request)
        if memory := self._memory_for(request):
            memory.lost()  # the same went well inline, so Triton has forgotten the region
        return answer

    async def _inline(self, request: _Request) -> Mapping[str, Tensor]:
        inputs = [_input(name, array) for name, array in request.inputs.items()]
        for tensor, array in zip(inputs, request.inputs.values(), strict=True):
            tensor.set_data_from_numpy(array)
        outputs = [grpc.InferRequestedOutput(tensor.name) for tensor in request.spec.outputs]
        result = await self._ask(request, inputs, outputs)
        try:
            return {tensor.name: result.as_numpy(tensor.name) for tensor in request.spec.outputs}
        except ValueError as error:  # bytes and shape do not agree: empty tensors, for instance
            raise ModelContractBroken(
                f"{request.spec.name}: Triton's answer is not whole: {error}",
                param=request.spec.name,
            ) from error

    async def _shared(self, request: _Request, slot: Slot) -> Mapping[str, Tensor]:
        over = False
        try:
            answer = await self._through(slot, request)
            over = True
            return answer
        except _Unanswered as unanswered:
            over = unanswered.refused
            raise
        finally:
            if over:
                slot.give_back()
            elif memory := self._memory_for(request):
                memory.rest(slot)

    async def _through(self, slot: Slot, request: _Request) -> Mapping[str, Tensor]:
        inputs = [_input(name, array) for name, array in request.inputs.items()]
        outputs = [grpc.InferRequestedOutput(tensor.name) for tensor in request.spec.outputs]
        for tensor, place in zip((*inputs, *outputs), slot.places, strict=True):
            tensor.set_shared_memory(slot.region.name, place.length, place.offset)
        for index, array in enumerate(request.inputs.values()):
            slot.write(index, array)
        result = await self._ask(request, inputs, outputs)
        answer = {}
        for index, tensor in enumerate(request.spec.outputs, len(inputs)):
            output, shape = result.get_output(tensor.name), (request.batch, *tensor.shape)
            if request.room and output is not None:
                shape = tuple(output.shape)
            _check_shape(request.spec, output, shape)
            answer[tensor.name] = slot.read(index, shape)
        return answer

    async def _ask(self, request: _Request, inputs: list[Any], outputs: list[Any]) -> Any:
        left = request.deadline.remaining
        try:
            result = await self._connection().infer(
                request.spec.name,
                inputs,
                outputs=outputs,
                request_id=request_id.get(),
                priority=int(request.priority),
                timeout=max(1, int(left * 1e6)),
                client_timeout=left,
                headers=tracing.outgoing(),
            )
        except InferenceServerException as error:
            raise await self._unanswered(request, error) from error
        self.breaker.succeeded()
        self._answered = time.monotonic()
        self._served.add(request.spec.name)
        return result

    async def _unanswered(self, request: _Request, error: InferenceServerException) -> _Unanswered:
        status, name = (error.status() or "").removeprefix("StatusCode."), request.spec.name
        late = ModelLate(
            f"the request ran out of time in the queue of {name} or while it ran", param=name
        )
        if status == "DEADLINE_EXCEEDED":
            begun = time.monotonic() - request.seconds
            if request.seconds >= _PATIENT_SECONDS and self._answered < begun:
                self.breaker.failed()  # while it answers others it has too much to do, no more
            return _Unanswered(late)
        if status == "UNAVAILABLE" and not await self.alive():
            self.breaker.failed()
            gone = ModelUnavailable(f"{name}: Triton at {self._address} is away", param=name)
            return _Unanswered(gone)
        self.breaker.succeeded()
        if status in ("UNAVAILABLE", "CANCELLED") and not request.deadline.remaining:
            return _Unanswered(late)
        said = f"{name}: Triton answers: {error.message()}"
        return _Unanswered(self._kind(status, name)(said, param=name), refused=status in _REFUSED)

    def _kind(self, status: str, name: str) -> type[EdgeError]:
        """What a status of a Triton that lives means."""
        if status == "NOT_FOUND" and name in self._served:
            return ModelUnavailable  # a Triton that stops or reloads unloads its models first
        return _REFUSED.get(status, ModelUnavailable)

    async def alive(self) -> bool:
        """Whether Triton can be reached; says nothing of its models."""
        try:
            return bool(await self._connection().is_server_live(client_timeout=_ALIVE_SECONDS))
        except InferenceServerException:
            return False

    def _memory_for(self, request: _Request) -> SharedMemory | None:
        return self._pictures if request.room else self._memory

    async def _slot(self, request: _Request) -> Slot | None:
        memory = self._memory_for(request)
        if memory is None:
            return None
        sizes = [array.nbytes for array in request.inputs.values()]
        sizes += request.room or [
            request.batch * math.prod(tensor.shape) for tensor in request.spec.outputs
        ]
        return await memory.slot(sizes)

    async def _register(self, region: str, size: int) -> None:
        try:
            await self._connection().register_system_shared_memory(
                region, f"/{region}", size, client_timeout=_MANAGE_SECONDS
            )
        except InferenceServerException as error:
            raise ModelUnavailable(f"Triton refused it: {error.message()}") from error

    async def _unregister(self, region: str) -> None:
        try:
            await self._connection().unregister_system_shared_memory(
                region, client_timeout=_MANAGE_SECONDS
            )
        except InferenceServerException as error:
            raise ModelUnavailable(f"Triton keeps it: {error.message()}") from error

    def _connection(self) -> Any:
        """The one channel of this process; made late, because it belongs to the running loop."""
        if self._client is None:
            self._client = grpc.InferenceServerClient(self._address, channel_args=_CHANNEL)
        return self._client


_REFUSED: Mapping[str, type[EdgeError]] = {
    "NOT_FOUND": ModelMissing,
    "INVALID_ARGUMENT": ModelContractBroken,
}
"""The only statuses after which Triton surely writes nothing more into shared memory."""


_TELLS_NOTHING = ("StatusCode.UNIMPLEMENTED", "StatusCode.PERMISSION_DENIED")
"""A server of the same protocol without this extension, or one that keeps it to itself."""


def _input(name: str, array: Tensor) -> Any:
    return grpc.InferInput(name, array.shape, "UINT8")


def _check_shape(spec: ModelSpec, output: Any, wanted: tuple[int, ...]) -> None:
    found = tuple(output.shape) if output is not None else None
    if found != wanted:
        raise ModelContractBroken(
            f"{spec.name}: Triton's answer has shape {found}, must be {wanted}", param=spec.name
        )
