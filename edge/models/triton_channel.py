"""The channel to one Triton Inference Server, over gRPC: requests, and the meaning of its statuses.

Nobody else but the tools that start a server talks to Triton.
"""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tritonclient.grpc.aio as grpc
from tritonclient.utils import InferenceServerException

from edge import tracing
from edge.arrays import Tensor
from edge.breaker import Breaker
from edge.deadline import Deadline
from edge.errors import EdgeError, ModelContractBroken, ModelLate, ModelMissing, ModelUnavailable
from edge.models.base import ModelSpec, Priority
from edge.models.repository import DIGEST
from edge.telemetry import request_id

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

_ALIVE_SECONDS = 1.0
_MANAGE_SECONDS = 2.0
_EVIDENCE_SECONDS = 1.0
"""Only a request that had at least this long counts as a failure of the server when it times
out."""


_REFUSED: Mapping[str, type[EdgeError]] = {
    "NOT_FOUND": ModelMissing,
    "INVALID_ARGUMENT": ModelContractBroken,
}
"""The only statuses after which Triton surely writes nothing more into shared memory."""


_NOT_OFFERED = ("StatusCode.UNIMPLEMENTED", "StatusCode.PERMISSION_DENIED")
"""Statuses of a server of the same protocol without this extension, or that forbids it."""


@dataclass(frozen=True, slots=True)
class InferenceCall:
    spec: ModelSpec
    inputs: Mapping[str, Tensor]
    batch: int
    deadline: Deadline
    priority: Priority
    seconds: float
    room: tuple[int, ...] = ()
    """Most bytes of each output, where only the answer tells its shape."""


class Unanswered(Exception):
    """A request without an answer, and why; `refused`: Triton surely did not run it."""

    def __init__(self, error: EdgeError, *, refused: bool = False) -> None:
        super().__init__(error.detail)
        self.error = error
        self.refused = refused


class Channel:
    """One channel, and the breaker that leaves a server alone which does not answer.

    Args:
        address: host:port; where the name has several addresses, requests go to each in turn.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._client: Any = None
        self._served: set[str] = set()
        self._answered = -math.inf
        self.breaker = Breaker(_FAILURES, probe=self.alive)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    async def ask(self, call: InferenceCall, inputs: list[Any], outputs: list[Any]) -> Any:
        """Triton's answer to tensors that say where their bytes are. Raises: Unanswered."""
        left = call.deadline.remaining
        try:
            result = await self._connection().infer(
                call.spec.name,
                inputs,
                outputs=outputs,
                request_id=request_id.get(),
                priority=int(call.priority),
                timeout=max(1, int(left * 1e6)),
                client_timeout=left,
                headers=tracing.outgoing(),
            )
        except InferenceServerException as error:
            raise await self._unanswered(call, error) from error
        self.breaker.succeeded()
        self._answered = time.monotonic()
        self._served.add(call.spec.name)
        return result

    async def _unanswered(self, call: InferenceCall, error: InferenceServerException) -> Unanswered:
        status, name = (error.status() or "").removeprefix("StatusCode."), call.spec.name
        late = ModelLate(
            f"the request ran out of time in the queue of {name} or while it ran", param=name
        )
        if status == "DEADLINE_EXCEEDED":
            begun = time.monotonic() - call.seconds
            if call.seconds >= _EVIDENCE_SECONDS and self._answered < begun:
                self.breaker.failed()  # while it answers others it has too much to do, no more
            return Unanswered(late)
        if status == "UNAVAILABLE" and not await self.alive():
            self.breaker.failed()
            gone = ModelUnavailable(f"{name}: Triton at {self._address} is away", param=name)
            return Unanswered(gone)
        self.breaker.succeeded()
        if status in ("UNAVAILABLE", "CANCELLED") and not call.deadline.remaining:
            return Unanswered(late)
        detail = f"{name}: Triton answers: {error.message()}"
        return Unanswered(self._kind(status, name)(detail, param=name), refused=status in _REFUSED)

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

    async def served_digest(self, name: str) -> str | None:
        """What the server's own config.pbtxt of a model says, as far as it says so and tells it."""
        try:
            answer = await self._connection().get_model_config(name, client_timeout=_MANAGE_SECONDS)
        except InferenceServerException as error:
            if error.status() in _NOT_OFFERED:
                return None
            raise ModelUnavailable(
                f"{name}: Triton gives no config: {error.message()}", param=name
            ) from error
        return answer.config.parameters[DIGEST].string_value or None

    async def register(self, region: str, size: int) -> None:
        """Let the server read and write a region of shared memory of so many bytes."""
        try:
            await self._connection().register_system_shared_memory(
                region, f"/{region}", size, client_timeout=_MANAGE_SECONDS
            )
        except InferenceServerException as error:
            raise ModelUnavailable(f"Triton refused it: {error.message()}") from error

    async def unregister(self, region: str) -> None:
        """The server forgets a region."""
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
