"""The options for adding a network made elsewhere."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from edge.errors import InvalidParameter
from edge.models.repository import FITS
from edge.models.roles import MASKS, MATTERS, UPSCALE

Triple = tuple[float, float, float]

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Scaling:
    """The numbers that stand for colours: (level / 255 - mean) / std, per channel R, G, B."""

    name: str
    mean: Triple
    std: Triple


def _even(name: str, mean: float, std: float) -> Scaling:
    return Scaling(name, (mean,) * 3, (std,) * 3)


UNIT = _even("unit", 0.0, 1.0)
LEVELS = _even("levels", 0.0, 1 / 255)
SIGNED = _even("signed", 0.5, 0.5)
CENTRED = _even("centred", 0.5, 1.0)
IMAGENET = Scaling("imagenet", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and deviation of the photographs of ImageNet, as torchvision has them."""

SCALINGS: Mapping[str, Scaling] = MappingProxyType(
    {each.name: each for each in (IMAGENET, UNIT, SIGNED, CENTRED, LEVELS)}
)
SCALES: Mapping[str, int] = MappingProxyType({name: scale for scale, name in UPSCALE.items()})
ROLES = (*MASKS, *SCALES)

ALPHAS = ("sigmoid", "unit", "levels", "minmax")
"""What an alpha's numbers are: logits, 0 to 1, 0 to 255, or in need of stretching to 0 to 1."""

PICTURES = ("unit", "levels", "signed")
"""What an enlarged picture's numbers are."""

LAYOUTS = ("nchw", "nhwc")
ORDERS = ("rgb", "bgr")


@dataclass(frozen=True, slots=True)
class AddOptions:
    """What shall become of a network; None: find out.

    `side` is that of its own square input, `output` the name of the output to take, `answer` one
    of `ALPHAS` or `PICTURES`, `fit` one of `FITS` (matting networks of others are made for
    stretched pictures, detectors for true shapes), `overlap` in pixels of source, `batch` the
    largest. `free` says that the sizes written in the file are those of an example: the network
    takes any. `unproven` takes a network whose answer to the known picture is flat, or far from
    its source.
    """

    role: str
    name: str = ""
    scaling: Scaling | None = None
    side: int | None = None
    layout: str | None = None
    order: str = "rgb"
    output: str | None = None
    answer: str | None = None
    fit: str | None = None
    overlap: int | None = None
    batch: int | None = None
    free: bool = False
    replace: bool = False
    unproven: bool = False

    @property
    def model(self) -> str:
        """The name in the repository: the role's, where no other one is given."""
        return self.name or self.role

    @property
    def stretched(self) -> bool:
        """Whether the network gets a picture stretched to its square, unless `fit` says else."""
        return self.fit == "stretch" if self.fit else self.role in MATTERS

    @property
    def scale(self) -> int:
        """How much it enlarges; 0 for a network that does not."""
        return SCALES.get(self.role, 0)

    def check(self) -> None:
        """Raises `InvalidParameter` for what may not be said."""
        _among("--as", self.role, ROLES)
        _among("--layout", self.layout, LAYOUTS)
        _among("--order", self.order, ORDERS)
        _among("--fit", self.fit, FITS)
        _among("--answer", self.answer, PICTURES if self.scale else ALPHAS)
        if not _NAME.fullmatch(self.model):
            allowed = "1 to 64 letters, digits, _ - and, not first, dots"
            raise InvalidParameter(f"a name {self.model!r}", param="--name", allowed=allowed)
        _within("--side", self.side, 16, 4096)
        _within("--overlap", self.overlap, 0, 1024)
        _within("--batch", self.batch, 1, 64)


def scaling_of(
    name: str | None, mean: Triple | None = None, std: Triple | None = None
) -> Scaling | None:
    """A named scaling, or one of the person's own numbers; None where nothing is said.

    Raises:
        InvalidParameter: no such name, both ways at once, half of one, or a deviation of zero.
    """
    if (mean is None) != (std is None) or (name is not None and mean is not None):
        raise InvalidParameter(
            "--mean and --std go together, without --normalise", param="--mean", allowed="both"
        )
    if mean is not None and std is not None:
        if min(std) <= 0:
            raise InvalidParameter("a deviation is above 0", param="--std", allowed="above 0")
        return Scaling(f"mean {_text(mean)}, std {_text(std)}", mean, std)
    _among("--normalise", name, tuple(SCALINGS))
    return SCALINGS[name] if name else None


def _text(numbers: Triple) -> str:
    return "/".join(f"{number:g}" for number in numbers)


def _among(option: str, value: str | None, allowed: tuple[str, ...]) -> None:
    if value is not None and value not in allowed:
        raise InvalidParameter(f"{option} {value}", param=option, allowed=list(allowed))


def _within(option: str, value: int | None, low: int, high: int) -> None:
    if value is not None and not low <= value <= high:
        raise InvalidParameter(f"{option} {value}", param=option, allowed=f"{low} to {high}")
