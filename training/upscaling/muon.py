"""Muon (Jordan et al. 2024): momentum whose step is made orthogonal, for matrix-like weights."""

from collections.abc import Iterable

import torch
from torch import Tensor


def orthogonal(matrix: Tensor, rounds: int = 5) -> Tensor:
    """The nearest semi-orthogonal matrices, roughly, by a quintic Newton-Schulz iteration.

    float32 [..., M, N] with M <= N, each for itself; in bfloat16 where a GPU does it.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrix / (matrix.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    x = x.bfloat16() if x.is_cuda else x
    for _ in range(rounds):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.to(matrix.dtype)


class Muon(torch.optim.Optimizer):
    """For weights of two or more dimensions with fewer rows than columns.

    Weights of one shape take their step together. `lr` may be a tensor, so that a recorded graph
    of the step can be given another.
    """

    def __init__(
        self, weights: Iterable[Tensor], lr: float | Tensor, momentum: float = 0.95
    ) -> None:
        super().__init__(weights, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        for group in self.param_groups:
            alike: dict[torch.Size, list[Tensor]] = {}
            for weight in group["params"]:
                alike.setdefault(weight.shape, []).append(weight)
            for weights in alike.values():
                self._together(weights, group["lr"], group["momentum"])

    def _together(self, weights: list[Tensor], rate: float | Tensor, momentum: float) -> None:
        ahead = []
        for weight in weights:
            state = self.state[weight]
            if not state:
                state["speed"] = torch.zeros_like(weight)
            speed = state["speed"].lerp_(weight.grad, 1 - momentum)
            ahead.append(weight.grad.lerp(speed, momentum).flatten(1))
        for weight, turned in zip(weights, orthogonal(torch.stack(ahead)), strict=True):
            weight.sub_(rate * turned.view(weight.shape))
