"""The values that travel through every room: formats, sizes, colours, originals, renditions."""

import hashlib
import re
import time
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from edge.errors import InvalidParameter
from edge.reported import Reported


class Format(StrEnum):
    """An output format; the value is the word used in the URL."""

    JPEG = "jpg"
    PNG = "png"
    WEBP = "webp"
    AVIF = "avif"

    @property
    def content_type(self) -> str:
        return f"image/{'jpeg' if self is Format.JPEG else self.value}"

    @property
    def has_alpha(self) -> bool:
        return self is not Format.JPEG

    @property
    def lossy(self) -> bool:
        return self is not Format.PNG


FORMAT_WORDS = MappingProxyType(
    {
        "jpg": Format.JPEG,
        "jpeg": Format.JPEG,
        "pjpg": Format.JPEG,
        "png": Format.PNG,
        "webp": Format.WEBP,
        "avif": Format.AVIF,
    }
)
"""Words and path extensions that mean an output format."""


@dataclass(frozen=True, slots=True, order=True)
class Size:
    """Width and height in pixels."""

    width: int
    height: int

    @property
    def pixels(self) -> int:
        return self.width * self.height

    @property
    def long(self) -> int:
        return max(self.width, self.height)

    @property
    def short(self) -> int:
        return min(self.width, self.height)

    @property
    def ratio(self) -> float:
        return self.width / self.height

    def scaled(self, factor: float) -> "Size":
        return Size(max(1, round(self.width * factor)), max(1, round(self.height * factor)))

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels: left and top inside, right and bottom outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> Size:
        return Size(self.right - self.left, self.bottom - self.top)

    def grown(self, by: int) -> "Box":
        """So many pixels more on every side; it may reach outside the picture then."""
        return Box(self.left - by, self.top - by, self.right + by, self.bottom + by)

    def clamped(self, within: Size) -> "Box":
        """The part inside a picture of that size; at least one pixel."""
        left = min(max(0, self.left), within.width - 1)
        top = min(max(0, self.top), within.height - 1)
        return Box(
            left,
            top,
            min(max(left + 1, self.right), within.width),
            min(max(top + 1, self.bottom), within.height),
        )

    def met(self, other: "Box") -> "Box":
        """What both have in common, where they meet."""
        return Box(
            max(self.left, other.left),
            max(self.top, other.top),
            min(self.right, other.right),
            min(self.bottom, other.bottom),
        )

    def as_tuple(self) -> tuple[int, int, int, int]:
        return (self.left, self.top, self.right, self.bottom)


_HEX = re.compile(r"#?([0-9a-f]{3}|[0-9a-f]{4}|[0-9a-f]{6}|[0-9a-f]{8})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Color:
    """8-bit sRGB with alpha, each 0 to 255."""

    red: int
    green: int
    blue: int
    alpha: int = 255

    @classmethod
    def parse(cls, text: str, *, param: str = "bg") -> "Color":
        """`fff`, `fffa`, `ffffff`, `ffffffaa` (a leading # is fine) or a CSS basic colour name.

        Raises:
            InvalidParameter: the text is none of these.
        """
        named = NAMED_COLORS.get(text.lower())
        if named is not None:
            return named
        match = _HEX.fullmatch(text)
        if not match:
            raise InvalidParameter(
                f"{text!r} is not a colour",
                param=param,
                allowed="3, 4, 6 or 8 hexadecimal digits, or one of "
                + ", ".join(sorted(NAMED_COLORS)),
            )
        digits = match[1]
        if len(digits) < 6:
            digits = "".join(d * 2 for d in digits)
        values = [int(digits[i : i + 2], 16) for i in range(0, len(digits), 2)]
        return cls(*values)

    @property
    def rgb(self) -> tuple[int, int, int]:
        return (self.red, self.green, self.blue)

    @property
    def opaque(self) -> bool:
        return self.alpha == 255

    def __str__(self) -> str:
        text = f"{self.red:02x}{self.green:02x}{self.blue:02x}"
        return text if self.opaque else f"{text}{self.alpha:02x}"


_NAMED = {
    "white": "ffffff", "black": "000000", "gray": "808080", "grey": "808080", "silver": "c0c0c0",
    "red": "ff0000", "maroon": "800000", "orange": "ffa500", "yellow": "ffff00",
    "olive": "808000", "lime": "00ff00", "green": "008000", "aqua": "00ffff", "cyan": "00ffff",
    "teal": "008080", "blue": "0000ff", "navy": "000080", "fuchsia": "ff00ff",
    "magenta": "ff00ff", "purple": "800080", "pink": "ffc0cb", "beige": "f5f5dc",
    "ivory": "fffff0", "brown": "a52a2a",
}  # fmt: skip
NAMED_COLORS = MappingProxyType(
    {name: Color(*bytes.fromhex(digits)) for name, digits in _NAMED.items()}
)
"""The CSS 2.1 basic colours and a few that shops use; values from CSS Color Module Level 4."""

WHITE = NAMED_COLORS["white"]


@dataclass(frozen=True, slots=True)
class Stamp:
    """What an origin says of one original without sending it.

    `version` changes whenever the bytes do: an ETag, or modification time and size. It is not
    `settled` where it may be another in a moment: the original was written just now, or this is
    what is remembered of an original whose origin does not answer.
    """

    version: str
    length: int | None = None
    settled: bool = True


@dataclass(frozen=True, slots=True)
class Original:
    """The merchant's file, never changed."""

    path: str
    body: bytes = field(repr=False)
    stamp: Stamp


_NOTHING = Reported()


@dataclass(frozen=True, slots=True)
class Rendition:
    """The bytes for one variant, as served and as stored.

    `etag` is the hash of the body without quotes; `tags` are what a purge names it by;
    `created` is Unix time in seconds; `reported` is what clients and jobs receive beside the bytes;
    `notes` are short texts that the server keeps with them for itself, by name.
    """

    body: bytes = field(repr=False)
    format: Format
    size: Size
    etag: str
    tags: tuple[str, ...] = ()
    created: float = 0.0
    notes: tuple[tuple[str, str], ...] = ()
    reported: Reported = _NOTHING

    @classmethod
    def of(
        cls,
        body: bytes,
        format: Format,
        size: Size,
        *,
        tags: tuple[str, ...] = (),
        notes: tuple[tuple[str, str], ...] = (),
        reported: Reported = _NOTHING,
    ) -> "Rendition":
        return cls(body, format, size, digest(body), tags, time.time(), notes, reported)

    @property
    def content_type(self) -> str:
        return self.format.content_type

    def note(self, name: str) -> str | None:
        return dict(self.notes).get(name)


def digest(body: bytes) -> str:
    """The strong validator of some bytes: 32 hexadecimal digits of BLAKE2b."""
    return hashlib.blake2b(body, digest_size=16).hexdigest()
