"""The model that does a whole picture at once, on a Triton that serves it: a photo crosses once."""

from collections.abc import Sequence

import numpy as np

from edge.deadline import Deadline
from edge.models.base import Priority, Tensor
from edge.models.roles import CHAIN
from edge.models.triton import TritonModels

_STEPS = 8
"""Sizes of a tensor from one power of two to the next: an eighth of it is padding at most."""

_TOLD_BYTES = 256 * 1024
"""Most bytes of what is told beside the pixels."""


class TritonChain:
    """Hands pictures to `product_chain`, by the connection of the networks.

    Triton joins to one run what has one shape. Photos hardly ever have, so their bytes are padded
    to one of a few lengths.
    """

    def __init__(self, models: TritonModels) -> None:
        self._models = models

    async def ask(
        self,
        asked: bytes,
        photo: Sequence[Tensor],
        room: int,
        *,
        deadline: Deadline,
        priority: Priority = Priority.INTERACTIVE,
    ) -> tuple[bytes, Tensor]:
        """As `base.Chain` has it."""
        inputs = {
            "asked": bucketed([np.frombuffer(asked, np.uint8)], filler=ord(" ")),
            "photo": bucketed(photo),
        }
        answer = await self._models.exchange(
            CHAIN,
            inputs,
            {"told": _TOLD_BYTES, "picture": room},
            deadline=deadline,
            priority=priority,
        )
        return answer["told"].tobytes(), answer["picture"].reshape(-1)


def bucket(length: int) -> int:
    """The least length that tensors have and that holds so many bytes: 1024 or more, in eighths
    between powers of two."""
    step = max(1024, 1 << max(0, (length - 1).bit_length() - 1)) // _STEPS
    return max(1024, -(-length // step) * step)


def bucketed(parts: Sequence[Tensor], filler: int = 0) -> Tensor:
    """uint8 arrays one after the other as one tensor [1, bucket]."""
    length = sum(part.nbytes for part in parts)
    whole = np.empty((1, bucket(length)), np.uint8)
    at = 0
    for part in parts:
        whole[0, at : at + part.nbytes] = part.reshape(-1)
        at += part.nbytes
    whole[0, at:] = filler
    return whole
