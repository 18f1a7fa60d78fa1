"""The networks on a Triton Inference Server: in turn, and by the nearest way that it allows.

Its product chain does a whole picture at once, so that a photo crosses once.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import tritonclient.grpc.aio as grpc

from edge.arrays import Tensor
from edge.deadline import Deadline
from edge.errors import ModelContractBroken, ModelUnavailable, SettingsError
from edge.models.base import ModelSpec, ModelState, Priority, TensorSpec, joined
from edge.models.meter import Meter
from edge.models.repository import Folders
from edge.models.roles import CHAIN
from edge.models.scheduling import PrioritySemaphore, RepositoryModels
from edge.models.selftest import Examiner
from edge.models.triton_channel import Channel, InferenceCall, Unanswered
from edge.models.triton_shm import PICTURE_SLOTS, SharedMemory, Slot
from edge.telemetry import Metrics

_ANSWER_BYTES = 256 * 1024
"""Most bytes of a message beside the pixels."""


class TritonChain:
    """Hands pictures to `product_chain`, by the connection of the networks."""

    def __init__(self, models: "TritonModels") -> None:
        self._models = models

    async def ask(
        self,
        message: bytes,
        photo: Sequence[Tensor],
        room: int,
        *,
        deadline: Deadline,
        priority: Priority = Priority.INTERACTIVE,
    ) -> tuple[bytes, Tensor]:
        """As `base.Chain` has it; the picture is uint8 [length]."""
        inputs = {
            "message": np.frombuffer(message, np.uint8)[None],
            "photo": joined(photo),
        }
        answer = await self._models.exchange(
            CHAIN,
            inputs,
            {"answer": _ANSWER_BYTES, "picture": room},
            deadline=deadline,
            priority=priority,
        )
        return answer["answer"].tobytes(), answer["picture"].reshape(-1)


_LEFT_ALONE = "the model server does not answer; it is left alone until it does"


class TritonModels(RepositoryModels):
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
        self._channel = Channel(parts.netloc)
        super().__init__(folders)
        self._examiner = Examiner(self, self._repository)
        self._places = PrioritySemaphore(in_flight)
        registry = self._channel.register, self._channel.unregister
        self._memory = SharedMemory(*registry) if shared_memory else None
        self._pictures = SharedMemory(*registry, *PICTURE_SLOTS) if shared_memory else None
        self.breaker, self.alive = self._channel.breaker, self._channel.alive
        self._meter = Meter(metrics, self.runtime)
        self._meter.metrics.breaker_open.set_function(lambda: float(self.breaker.open))

    async def served_digest(self, name: str) -> str | None:
        """What Triton's own config.pbtxt of the model says, as far as it says so and tells it."""
        return await self._channel.served_digest(name)

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
        await self._channel.close()

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
                if not self._channel.breaker.allows():
                    raise ModelUnavailable(_LEFT_ALONE, param=spec.name)
                deadline.check(f"{spec.name} could run")
                left = deadline.remaining
                call = InferenceCall(spec, inputs, batch, deadline, priority, left, room)
                return await self._by_the_nearest_way(call)
            except Unanswered as unanswered:
                raise unanswered.error from unanswered.__cause__
            finally:
                self._places.release()

    async def _by_the_nearest_way(self, call: InferenceCall) -> Mapping[str, Tensor]:
        slot = await self._slot(call)
        if slot is None:
            return await self._inline(call)
        try:
            return await self._shared(call, slot)
        except Unanswered as unanswered:
            if not unanswered.refused:
                raise
        answer = await self._inline(call)
        if memory := self._memory_for(call):
            memory.lost()  # the same went well inline, so Triton has forgotten the region
        return answer

    async def _inline(self, call: InferenceCall) -> Mapping[str, Tensor]:
        inputs = [_input(name, array) for name, array in call.inputs.items()]
        for tensor, array in zip(inputs, call.inputs.values(), strict=True):
            tensor.set_data_from_numpy(array)
        outputs = [grpc.InferRequestedOutput(tensor.name) for tensor in call.spec.outputs]
        result = await self._channel.ask(call, inputs, outputs)
        try:
            return {tensor.name: result.as_numpy(tensor.name) for tensor in call.spec.outputs}
        except ValueError as error:  # bytes and shape do not agree: empty tensors, for instance
            raise ModelContractBroken(
                f"{call.spec.name}: Triton's answer is not whole: {error}",
                param=call.spec.name,
            ) from error

    async def _shared(self, call: InferenceCall, slot: Slot) -> Mapping[str, Tensor]:
        over = False
        try:
            answer = await self._through(slot, call)
            over = True
            return answer
        except Unanswered as unanswered:
            over = unanswered.refused
            raise
        finally:
            if over:
                slot.give_back()
            elif memory := self._memory_for(call):
                memory.rest(slot)

    async def _through(self, slot: Slot, call: InferenceCall) -> Mapping[str, Tensor]:
        inputs = [_input(name, array) for name, array in call.inputs.items()]
        outputs = [grpc.InferRequestedOutput(tensor.name) for tensor in call.spec.outputs]
        for tensor, place in zip((*inputs, *outputs), slot.places, strict=True):
            tensor.set_shared_memory(slot.region.name, place.length, place.offset)
        for index, array in enumerate(call.inputs.values()):
            slot.write(index, array)
        result = await self._channel.ask(call, inputs, outputs)
        answer = {}
        for index, tensor in enumerate(call.spec.outputs, len(inputs)):
            output, shape = result.get_output(tensor.name), (call.batch, *tensor.shape)
            if call.room and output is not None:
                shape = tuple(output.shape)
            _check_shape(call.spec, output, shape)
            answer[tensor.name] = slot.read(index, shape)
        return answer

    def _memory_for(self, call: InferenceCall) -> SharedMemory | None:
        return self._pictures if call.room else self._memory

    async def _slot(self, call: InferenceCall) -> Slot | None:
        memory = self._memory_for(call)
        if memory is None:
            return None
        sizes = [array.nbytes for array in call.inputs.values()]
        sizes += call.room or [call.batch * math.prod(tensor.shape) for tensor in call.spec.outputs]
        return await memory.slot(sizes)


def _input(name: str, array: Tensor) -> Any:
    return grpc.InferInput(name, array.shape, "UINT8")


def _check_shape(spec: ModelSpec, output: Any, wanted: tuple[int, ...]) -> None:
    found = tuple(output.shape) if output is not None else None
    if found != wanted:
        raise ModelContractBroken(
            f"{spec.name}: Triton's answer has shape {found}, must be {wanted}", param=spec.name
        )
