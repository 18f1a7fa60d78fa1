"""What each network is for: its name in the repository and the shapes that the code counts on.

Tensors are found by place, not by name: first input the picture, second the alpha, one output.
"""

from collections.abc import Mapping
from types import MappingProxyType

from edge.errors import ModelContractBroken
from edge.models.base import ModelSpec

MATTING = "matting"
MATTING_SECOND = "matting_second"
"""A larger network for the pictures that the first one doubts; a repository may do without."""

MATTING_THIRD = "matting_third"
"""One that sees gaps and thin parts, for what the second one leaves doubted; a repository may do
without."""

TEXT_DETECTION = "text_detection"
"""Where letters stand in a picture; a repository may do without."""

UPSCALE: Mapping[int, str] = MappingProxyType({2: "upscale_x2", 4: "upscale_x4"})
"""Scale -> model."""

UPSCALE_DEGRADED: Mapping[int, str] = MappingProxyType(
    {2: "upscale_x2_photo", 4: "upscale_x4_photo"}
)
"""Scale -> model for sources that compression or a small sensor has degraded; a repository may do
without."""

FACE_DETECTION = "face_detection"
"""Where faces are in a picture; a repository may do without."""

MATTERS = (MATTING, MATTING_SECOND, MATTING_THIRD)
"""Those that may be asked where the subject is."""

MASKS = (*MATTERS, TEXT_DETECTION, FACE_DETECTION)
"""Roles that look at a whole picture in a square of their own size and answer a mask of it."""

MASK_SIDES = (64, 4096)
"""Smallest and largest square of such a network, in pixels."""

MATTING_SIDE = 512
"""The square of a network for mattes whose graph leaves its size free, in pixels."""

CHAIN = "product_chain"
"""No network: the model that does the pixel work of a whole picture on Triton. Folders whose names
begin like this are its parts, graphs of pixel work."""

ROLES = (*UPSCALE.values(), MATTING)

HALVED = frozenset({*UPSCALE.values(), *UPSCALE_DEGRADED.values(), FACE_DETECTION, MATTING})
"""Roles whose networks may compute in bfloat16. It moves the shipped upscalers' mean on Set5 by at
most 0.006 dB, CenterFace by at most 5 levels of 255, and U2-Net-p by 1.5 in the mean (its own
answer for the mirror image differs by 5.3), which moves a cut's error by less than 0.0005. PP-OCR's
detector is moved by up to 90 levels, so letters keep all of their precision."""


def check(spec: ModelSpec) -> None:
    """Hold a model's shapes against what its role needs; a model without a role passes.

    Raises:
        ModelContractBroken: names the model, what its config says, and what it must be.
    """
    for scale, name in (*UPSCALE.items(), *UPSCALE_DEGRADED.items()):
        if spec.name == name:
            check_upscaler(spec, scale)
    if spec.name in MASKS:
        side_of(spec)


def side_of(spec: ModelSpec) -> int:
    """The side of the square that a network of `MASKS` looks at, in pixels.

    Raises:
        ModelContractBroken: it does not map [S,S,3] to [S,S,1], or S is not within `MASK_SIDES`.
    """
    low, high = MASK_SIDES
    given = spec.inputs[0].shape[0] if spec.inputs[0].shape else 0
    side = min(max(given, low), high)
    _check_shapes(spec, ((side, side, 3),), (side, side, 1))
    return side


def check_upscaler(spec: ModelSpec, scale: int) -> int:
    """The side of the tiles of an upscaler by `scale`.

    Raises:
        ModelContractBroken: it does not map [T,T,3] to [sT,sT,3], or its overlap eats the tile.
    """
    side = spec.inputs[0].shape[0] if spec.inputs[0].shape else 0
    _check_shapes(spec, ((side, side, 3),), (side * scale, side * scale, 3))
    if not 0 <= 2 * spec.overlap < side:
        raise ModelContractBroken(
            f"{spec.name}: an overlap of {spec.overlap} leaves nothing of a {side} pixel tile",
            param=spec.name,
        )
    return side


def _check_shapes(
    spec: ModelSpec, inputs: tuple[tuple[int, ...], ...], output: tuple[int, ...]
) -> None:
    found = tuple(t.shape for t in spec.inputs), tuple(t.shape for t in spec.outputs)
    if found != (inputs, (output,)):
        raise ModelContractBroken(
            f"{spec.name}: takes {found[0]} and gives {found[1]}, "
            f"but must take {inputs} and give {(output,)}",
            param=spec.name,
        )
