"""Takes a batch apart into pieces that a model accepts, and puts their answers together."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from edge.models.base import Tensor


def pieces(inputs: Mapping[str, Tensor], largest: int) -> Iterator[Mapping[str, Tensor]]:
    """The inputs in order, at most `largest` of the batch at a time."""
    batch = len(next(iter(inputs.values())))
    if batch <= largest:
        yield inputs
        return
    for start in range(0, batch, largest):
        yield {name: array[start : start + largest] for name, array in inputs.items()}


def joined(answers: Sequence[Mapping[str, Tensor]]) -> Mapping[str, Tensor]:
    if len(answers) == 1:
        return answers[0]
    return {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}
