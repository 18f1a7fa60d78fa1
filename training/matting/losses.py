"""What a guessed alpha is punished for: doubt, distance, lost overlap, a wrong outline."""

import torch
from torch import Tensor
from torch.nn import functional

WEIGHTS = (0.15, 0.2, 0.3, 0.5, 1.0)
"""Of the guesses from the coarsest to the full size."""


def losses(guesses: list[Tensor], alpha: Tensor, trust: Tensor) -> Tensor:
    """`guesses`: logits [N, 1, h, w]; `alpha`, `trust`: [N, 1, H, W] in [0, 1]."""
    total = torch.zeros((), device=alpha.device)
    for weight, guess in zip(WEIGHTS, guesses, strict=True):
        size = guess.shape[-2:]
        whole = functional.interpolate(alpha * trust, size, mode="area")
        sure = functional.interpolate(trust, size, mode="area")
        total = total + weight * loss(guess.float(), whole / sure.clamp_min(1e-3), sure)
    return total


def loss(logits: Tensor, alpha: Tensor, trust: Tensor) -> Tensor:
    """Cross entropy and distance, twice as heavy near the outline, and soft overlap."""
    made = logits.sigmoid()
    near = functional.max_pool2d(alpha, 5, 1, 2) + functional.max_pool2d(-alpha, 5, 1, 2)
    weight = trust * (1 + near)
    doubt = (
        functional.binary_cross_entropy_with_logits(logits, alpha, weight)
        + (weight * (made - alpha).abs()).mean()
    )
    return doubt + 0.5 * overlap(made, alpha, trust) + slopes(made, alpha, trust)


def overlap(made: Tensor, alpha: Tensor, trust: Tensor) -> Tensor:
    """1 - intersection over union, of each picture, for soft masks."""
    both = (torch.minimum(made, alpha) * trust).sum((1, 2, 3))
    either = (torch.maximum(made, alpha) * trust).sum((1, 2, 3))
    return (1 - (both + 1) / (either + 1)).mean()


def slopes(made: Tensor, alpha: Tensor, trust: Tensor) -> Tensor:
    """Distance of the differences between neighbours: one sharp line, not two soft ones."""
    wrong = made - alpha
    across = ((wrong[..., 1:] - wrong[..., :-1]).abs() * trust[..., 1:]).mean()
    down = ((wrong[..., 1:, :] - wrong[..., :-1, :]).abs() * trust[..., 1:, :]).mean()
    return across + down
