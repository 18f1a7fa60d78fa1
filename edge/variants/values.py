"""The small frozen values that a transform is made of. `str()` of each is its word in the URL."""

import re
from dataclasses import dataclass
from enum import Enum, StrEnum
from math import gcd
from types import MappingProxyType

from edge.images import Color, Size


class Auto(Enum):
    """The one value `AUTO`: the server chooses."""

    AUTO = "auto"

    def __str__(self) -> str:
        return self.value


AUTO = Auto.AUTO


class Fit(StrEnum):
    """How the picture goes into the canvas.

    `inside` keeps the whole picture and its ratio, so one side may come out shorter. `cover` fills
    the canvas and cuts what hangs over. `pad` keeps the whole picture and adds background around
    it. `fill` stretches. `product` scales the subject's box to `frame` of the canvas. `max` is
    `inside` that no `up` enlarges; a finished Transform never carries it, it folds into the two.
    """

    INSIDE = "inside"
    COVER = "cover"
    PAD = "pad"
    FILL = "fill"
    MAX = "max"
    PRODUCT = "product"


class FlipMode(StrEnum):
    """Mirroring, after the rotation."""

    NONE = "off"
    HORIZONTAL = "h"
    VERTICAL = "v"
    BOTH = "hv"


class MatteMode(StrEnum):
    """Whether the subject is cut out. `auto`: only where the background asked for needs it."""

    OFF = "off"
    AUTO = "auto"
    ON = "on"


class UpscaleMode(StrEnum):
    """Enlarging by a network. `auto`: where the output needs more pixels than there are."""

    OFF = "off"
    AUTO = "auto"
    X2 = "2"
    X4 = "4"

    @property
    def factor(self) -> int | None:
        """2 or 4 where the caller named it, else None."""
        return int(self.value) if self in (UpscaleMode.X2, UpscaleMode.X4) else None


@dataclass(frozen=True, slots=True)
class Ratio:
    """Width to height as whole numbers without a common divisor."""

    wide: int
    high: int

    def __post_init__(self) -> None:
        divisor = gcd(self.wide, self.high) or 1
        object.__setattr__(self, "wide", self.wide // divisor)
        object.__setattr__(self, "high", self.high // divisor)

    @property
    def value(self) -> float:
        return self.wide / self.high

    def height_of(self, width: int) -> int:
        """The height that goes with a width, in pixels, at least 1."""
        return _share(width, self.high, self.wide)

    def width_of(self, height: int) -> int:
        """The width that goes with a height, in pixels, at least 1."""
        return _share(height, self.wide, self.high)

    def size_of(self, long: int) -> Size:
        """The canvas of this ratio whose long side is `long` pixels."""
        if self.wide >= self.high:
            return Size(long, self.height_of(long))
        return Size(self.width_of(long), long)

    def __str__(self) -> str:
        return f"{self.wide}:{self.high}"


def _share(side: int, part: int, whole: int) -> int:
    return max(1, (2 * side * part + whole) // (2 * whole))


RATIOS = tuple(
    Ratio(wide, high)
    for wide, high in (
        (1, 1), (16, 9), (9, 16), (4, 3), (3, 4), (21, 9), (2, 3), (3, 2), (4, 5), (5, 4)
    )
)  # fmt: skip
"""The aspect ratios that shops, marketplaces and social feeds ask for; any other is allowed."""

TIERS = MappingProxyType({"1k": 1024, "2k": 2048, "4k": 4096})
"""Names for the length of the long side, in pixels."""


@dataclass(frozen=True, slots=True)
class Gravity:
    """What stays in view: the subject, or a point given as shares of width and height, 0 to 1.

    The compass points are such points: north is (0.5, 0). Where `subject` is set and no subject is
    found, the point counts.
    """

    x: float = 0.5
    y: float = 0.5
    subject: bool = False

    def __str__(self) -> str:
        if self.subject:
            return "subject"
        return _COMPASS_NAMES.get((self.x, self.y)) or f"{self.x:g},{self.y:g}"


CENTER = Gravity()
SUBJECT = Gravity(subject=True)
COMPASS = MappingProxyType(
    {
        "center": CENTER,
        "north": Gravity(0.5, 0.0),
        "northeast": Gravity(1.0, 0.0),
        "east": Gravity(1.0, 0.5),
        "southeast": Gravity(1.0, 1.0),
        "south": Gravity(0.5, 1.0),
        "southwest": Gravity(0.0, 1.0),
        "west": Gravity(0.0, 0.5),
        "northwest": Gravity(0.0, 0.0),
    }
)
_COMPASS_NAMES = {(point.x, point.y): name for name, point in COMPASS.items()}


@dataclass(frozen=True, slots=True)
class CropRegion:
    """A region of the upright original: in pixels, or (`shares`) in shares of its sides, 0 to 1."""

    x: float
    y: float
    width: float
    height: float
    shares: bool = False

    @property
    def whole(self) -> bool:
        """The region is surely the whole original."""
        return self.shares and (self.x, self.y, self.width, self.height) == (0, 0, 1, 1)

    def __str__(self) -> str:
        numbers = (self.x, self.y, self.width, self.height)
        return ",".join(f"{n:.4f}" if self.shares else str(int(n)) for n in numbers)


class BackgroundKind(StrEnum):
    """What kind of thing is behind the subject."""

    COLOR = "color"
    TRANSPARENT = "transparent"
    BLUR = "blur"
    SCENE = "scene"


@dataclass(frozen=True, slots=True)
class Background:
    """The background that is asked for; None in its place means the background as it was shot.

    `color` belongs to the kind COLOR (a colour without any opacity becomes TRANSPARENT), `scene`
    (the name of a background picture, without extension) to the kind SCENE.
    """

    kind: BackgroundKind
    color: Color | None = None
    scene: str = ""

    @classmethod
    def of(cls, color: Color) -> "Background":
        return TRANSPARENT if color.alpha == 0 else cls(BackgroundKind.COLOR, color)

    @property
    def opaque(self) -> bool:
        """No alpha is needed to show it."""
        return self.kind is not BackgroundKind.TRANSPARENT and (
            self.color is None or self.color.opaque
        )

    def __str__(self) -> str:
        if self.kind is BackgroundKind.COLOR:
            return str(self.color)
        return f"scene:{self.scene}" if self.kind is BackgroundKind.SCENE else self.kind.value


TRANSPARENT = Background(BackgroundKind.TRANSPARENT)
BLURRED = Background(BackgroundKind.BLUR)

SCENE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""A scene is named, never addressed: no dot, no slash."""
