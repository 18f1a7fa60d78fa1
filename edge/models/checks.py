"""Holds tensors against a model's spec, on the way in and on the way out."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from edge.errors import ModelContractBroken
from edge.images import Size
from edge.models.base import ModelSpec, Tensor, TensorSpec


def batch_of(spec: ModelSpec, inputs: Mapping[str, Tensor]) -> int:
    """How many pieces the inputs carry: N of [N, *shape], at least 1.

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
    """The outputs, once they are what the spec says, `batch` pieces each.

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
