"""The interface of the networks: a model's inputs and outputs, and the runtimes that serve it.
Tensors are checked against a model's spec here, before and after each call.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Protocol, TypeVar

import numpy as np

from edge.arrays import Arrays, Tensor
from edge.deadline import Deadline
from edge.errors import ModelContractBroken, ModelMissing
from edge.images import Size

T = TypeVar("T")


def joined(parts: Sequence[Tensor]) -> Tensor:
    """uint8 arrays one after the other as one tensor [1, length]; a byte where there are none."""
    return np.concatenate([part.reshape(-1) for part in parts] or [np.zeros(1, np.uint8)])[None]


class Run(Protocol):
    """Does a piece of work on a thread."""

    async def __call__(self, job: Callable[..., T], /, *args: Any) -> T: ...


class Priority(IntEnum):
    """The priority of a call; the numbers are Triton's priority levels."""

    INTERACTIVE = 1
    PREWARM = 3


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output: uint8, `shape` without the batch dimension."""

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model as its config.pbtxt describes it.

    `digest` is the first 16 hexadecimal digits of the SHA-256 of model.onnx; `overlap` is how many
    pixels of context each side of a tile needs (0 for models that see the whole picture).
    `noise_tolerance` is said by upscalers that leave an even background as Lanczos would: in tiles
    where no pixel is more levels off the mean of its neighbours they need not be asked; None: they
    always are. `overshoot` is said by upscalers that draw what the source shows and no more: levels
    that a pixel may leave the range of the source's 3x3 around it by, beside half of that range;
    None: the network is not held to anything. `stretched` says that a network that looks at a whole
    picture takes it stretched to its square; else it is letterboxed. `small` is said by upscalers
    that take smaller tiles as well, where no server batches them: a side in pixels, 0 for none.
    `stated` is the digest that config.pbtxt gives, "" for none.
    """

    name: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    max_batch_size: int
    digest: str
    overlap: int = 0
    noise_tolerance: int | None = None
    overshoot: int | None = None
    stretched: bool = False
    small: int = 0
    stated: str = ""

    @property
    def scale(self) -> int:
        """How many times as large the answer is, 1 for a mask."""
        return self.outputs[0].shape[0] // self.inputs[0].shape[0]


@dataclass(frozen=True, slots=True)
class ModelState:
    """Whether one model answers, for readiness and `edge models list`."""

    name: str
    ready: bool
    detail: str = ""
    facts: Mapping[str, Any] | None = None


class Graphs(Protocol):
    """Runs graphs of pixel work, which are no networks: their shapes are free."""

    async def run(self, name: str, inputs: Arrays) -> Arrays:
        """What a graph makes of arrays [...] of any shape and dtype: its outputs by name.

        Raises:
            ModelUnavailable: it is not served, or failed.
        """
        ...


class Chain(Protocol):
    """One model that does a whole picture's pixel work, on a server."""

    async def ask(
        self,
        message: bytes,
        photo: Sequence[Tensor],
        room: int,
        *,
        deadline: Deadline,
        priority: Priority = Priority.INTERACTIVE,
    ) -> tuple[bytes, Tensor]:
        """What is told of the picture, and its bytes (uint8 [length]).

        Args:
            message: what is wanted, in the words of both sides.
            photo: the bytes that belong to it, one array after the other.
            room: most bytes of the answer; it may be padded to fewer.

        Raises: as `Models.infer`.
        """
        ...


class Models(Protocol):
    """Runs networks by name.

    Raises: `ModelMissing`, `ModelUnavailable`, `ModelContractBroken`, `DeadlineExceeded`.
    """

    @property
    def runtime(self) -> str:
        """`embedded` or `triton`; for logs, headers and readiness."""
        ...

    def spec(self, name: str) -> ModelSpec:
        """What the repository says of a model; never asks a server. Raises `ModelMissing`."""
        ...

    async def infer(
        self,
        name: str,
        inputs: Mapping[str, Tensor],
        *,
        deadline: Deadline,
        priority: Priority = Priority.INTERACTIVE,
    ) -> Mapping[str, Tensor]:
        """Run one batch: arrays in and out are uint8 [N, *shape], N at least 1.

        More than `max_batch_size` goes in pieces. The answer's arrays may be read-only.
        """
        ...

    async def served_digest(self, name: str) -> str | None:
        """The digest in the config of whoever runs the model; None where he gives none, or is the
        repository itself.

        Raises:
            ModelUnavailable: he does not answer.
        """
        ...

    async def states(self) -> tuple[ModelState, ...]:
        """Each model of the repository answers for itself with a known inference."""
        ...

    async def close(self) -> None: ...


def digests(models: Models, names: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Name and digest of each of these networks that the repository has."""
    found = []
    for name in names:
        with suppress(ModelMissing):
            found.append((name, models.spec(name).digest))
    return tuple(found)


def batch_of(spec: ModelSpec, inputs: Mapping[str, Tensor]) -> int:
    """How many pieces the inputs, uint8 [N, *shape], carry: N, at least 1.

    Raises:
        ModelContractBroken: a name, shape or type is wrong, or the inputs disagree about N.
    """
    wanted = {tensor.name for tensor in spec.inputs}
    if set(inputs) != wanted:
        raise _broken(spec, f"takes inputs {sorted(wanted)}, was given {sorted(inputs)}")
    for tensor in spec.inputs:
        _check(spec, tensor, inputs[tensor.name])
    sizes = {len(array) for array in inputs.values()}
    if len(sizes) != 1 or 0 in sizes:
        raise _broken(spec, f"was given batches of {sorted(sizes)} pieces")
    return sizes.pop()


def answer_of(spec: ModelSpec, batch: int, outputs: Mapping[str, Any]) -> Mapping[str, Tensor]:
    """The outputs by name, once they are what the spec says: uint8 [batch, *shape].

    Raises:
        ModelContractBroken: an output is missing, empty, or of another shape or type.
    """
    for tensor in spec.outputs:
        array = outputs.get(tensor.name)
        if array is None:
            raise _broken(spec, f"answered without {tensor.name!r}")
        _check(spec, tensor, array)
        if len(array) != batch:
            raise _broken(spec, f"answered {len(array)} pieces of {tensor.name!r}, asked {batch}")
    return {tensor.name: outputs[tensor.name] for tensor in spec.outputs}


def size_of(image: Tensor, model: str) -> Size:
    """The size of a picture that a model shall see: uint8 [H, W, 3], not empty.

    Raises:
        ModelContractBroken: it is none.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ModelContractBroken(
            f"{model}: was given {image.dtype} {list(image.shape)}, takes uint8 [H, W, 3]",
            param=model,
        )
    return Size(image.shape[1], image.shape[0])


def _check(spec: ModelSpec, tensor: TensorSpec, array: Any) -> None:
    if array.dtype != np.uint8 or array.ndim < 2 or not _fits(spec, tensor, array.shape[1:]):
        raise _broken(
            spec,
            f"{tensor.name!r} is {array.dtype} {list(array.shape)}, "
            f"must be uint8 {['N', *tensor.shape]}",
        )


def _fits(spec: ModelSpec, tensor: TensorSpec, shape: tuple[int, ...]) -> bool:
    if shape == tensor.shape:
        return True
    if not spec.small or len(shape) != len(tensor.shape):
        return False
    times = tensor.shape[0] // spec.inputs[0].shape[0]
    sides = {spec.small * times, tensor.shape[0]}
    return shape[-1] == tensor.shape[-1] and sides.issuperset(shape[:-1])


def _broken(spec: ModelSpec, what: str) -> ModelContractBroken:
    return ModelContractBroken(f"{spec.name}: {what}", param=spec.name)
