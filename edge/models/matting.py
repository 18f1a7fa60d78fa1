"""Finds the subject: a coarse matte from one pass over the picture."""

import asyncio
from dataclasses import dataclass

import numpy as np
from PIL import Image

from edge.arrays import Tensor
from edge.deadline import Deadline
from edge.images import Box, Size
from edge.models.base import Models, Priority, Run, size_of
from edge.models.roles import MATTING, MATTING_SIDE, side_of

BAR_LEVEL = 128
"""Level of the bars beside a picture that is not square: neither the white nor the black of a
studio, and the network is trained with the same."""


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Where a picture of `size` lies in the square of `side` pixels that a network sees.

    Stretched, it fills the square.
    """

    size: Size
    box: Box
    side: int = MATTING_SIDE

    @classmethod
    def of(cls, size: Size, side: int = MATTING_SIDE, *, stretched: bool = False) -> "Letterbox":
        """In its middle, as large as its shape allows; `stretched` over all of it, as networks of
        the U2-Net family were trained: bars beside the picture cost them more than its shape."""
        if stretched:
            return cls(size, Box(0, 0, side, side), side)
        factor = side / size.long
        inner = Size(max(1, round(size.width * factor)), max(1, round(size.height * factor)))
        left, top = (side - inner.width) // 2, (side - inner.height) // 2
        return cls(size, Box(left, top, left + inner.width, top + inner.height), side)

    def put(self, image: Image.Image, part: Box | None = None) -> Tensor:
        """RGB, or some pixels of it -> uint8 [side, side, 3], bars of `BAR_LEVEL` beside it."""
        inner, shown = self.box.size, part.as_tuple() if part else None
        small = image.resize((inner.width, inner.height), Image.Resampling.BICUBIC, shown)
        canvas = np.full((self.side, self.side, 3), BAR_LEVEL, np.uint8)
        canvas[self.box.top : self.box.bottom, self.box.left : self.box.right] = np.asarray(small)
        return canvas

    def part(self, alpha: Tensor) -> Tensor:
        """uint8 [side, side] -> uint8 [h, w]: the picture's part of the answer, as it is."""
        inner = alpha[self.box.top : self.box.bottom, self.box.left : self.box.right]
        return np.ascontiguousarray(inner)

    def take(self, alpha: Tensor) -> Tensor:
        """uint8 [side, side] -> uint8 [H, W]: the picture's part of the answer, at full size."""
        return enlarged(self.part(alpha), self.size)


def enlarged(alpha: Tensor, size: Size) -> Tensor:
    """uint8 [h, w] -> uint8 [H, W]."""
    # Bilinear: a sharper filter rings, and would draw a faint line around every subject.
    full = Image.fromarray(alpha).resize((size.width, size.height), Image.Resampling.BILINEAR)
    return np.asarray(full)


async def small_matte(
    models: Models,
    image: Image.Image,
    deadline: Deadline,
    priority: Priority = Priority.INTERACTIVE,
    *,
    role: str = MATTING,
    part: Box | None = None,
    run: Run = asyncio.to_thread,
) -> Tensor:
    """The alpha of the subject as the network gives it: RGB -> uint8 [h, w].

    Args:
        role: one of `MATTERS`. Each looks at the picture in a square of its own size, which its
            config.pbtxt says.
        part: pixels of the picture that alone are looked at, and that the answer covers.
        run: does pixel work on a thread.

    Raises:
        ModelMissing, ModelUnavailable, ModelContractBroken, DeadlineExceeded: from the models.
    """
    spec = models.spec(role)
    part = part or Box(0, 0, *image.size)
    letterbox = Letterbox.of(part.size, side_of(spec), stretched=spec.stretched)
    small = await run(letterbox.put, image, part)
    answer = await models.infer(
        role, {spec.inputs[0].name: small[None]}, deadline=deadline, priority=priority
    )
    return letterbox.part(answer[spec.outputs[0].name][0, :, :, 0])


async def coarse_matte(
    models: Models,
    image: Tensor,
    deadline: Deadline,
    priority: Priority = Priority.INTERACTIVE,
    *,
    role: str = MATTING,
    run: Run = asyncio.to_thread,
) -> Tensor:
    """`small_matte` at the size of the picture: uint8 [H, W, 3] -> uint8 [H, W]."""
    size = size_of(image, role)
    picture = Image.fromarray(image)
    alpha = await small_matte(models, picture, deadline, priority, role=role, run=run)
    return await run(enlarged, alpha, size)
