"""Every parameter of the URL in one table: parsing, OpenAPI, playground and docs are made of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from edge.kinds import FLAG, Kind, decimal, matching, whole
from edge.variants import words
from edge.variants.transform import WORDS


class Group(StrEnum):
    """Where a parameter stands in the docs."""

    REQUEST = "Preset and format"
    SIZE = "Size and frame"
    CHANGE = "Changes"
    SUBJECT = "Subject and background"
    FILE = "File"
    DELIVERY = "Delivery"
    SIGNATURE = "Signature"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One word of the URL.

    `default` is what counts when it is absent, as text for people. `example` is a value that the
    kind accepts. A parameter with a `field` sets that field of a Transform.
    """

    name: str
    kind: Kind
    group: Group
    help: str
    default: str
    example: str
    aliases: tuple[str, ...] = ()

    @property
    def field(self) -> str | None:
        return WORDS.get(self.name)

    def read(self, text: str) -> Any:
        """The value of the text; raises `InvalidParameter`."""
        return self.kind.value(text, self.name)


_PRESET = matching(r"[A-Za-z0-9.@_-]{1,80}", "the name of a preset")
_FMT = matching(r"[A-Za-z0-9,. -]{1,80}", "a preset, a format, auto, or preset,format")

# only `signing` judges a signature: a server without keys must take any service's old `s=...`
_SIGNATURE = matching(r"[!-~]{1,200}", "64 lower-case hexadecimal digits")

PARAMETERS = (
    Parameter(
        "fmt", _FMT, Group.REQUEST,
        "A preset or a format, or both; `auto` lets the browser's Accept header choose.",
        "the path's extension and Accept", "amazon,webp",
    ),
    Parameter(
        "preset", _PRESET, Group.REQUEST,
        "The preset, where `fmt` is not wanted for it.", "none", "shopify", ("p",),
    ),
    Parameter(
        "fm", words.FORMAT, Group.REQUEST,
        "The output format; wins over `fmt`.", "auto", "webp",
        ("format", "output", "ext", "f"),
    ),
    Parameter(
        "w", words.PIXELS, Group.SIZE,
        "Width in pixels before `dpr`. Never enlarges unless `up` allows it.",
        "the original's", "800", ("width", "wid"),
    ),
    Parameter(
        "h", words.PIXELS, Group.SIZE,
        "Height in pixels before `dpr`. Never enlarges unless `up` allows it.",
        "the original's", "600", ("height", "hei"),
    ),
    Parameter(
        "dpr", words.DPR, Group.SIZE,
        "Device pixels per pixel of the page: multiplies `w`, `h` and `size`. `auto`: as the "
        "browser's client hints say, where the server uses them.",
        "1", "2",
    ),
    Parameter(
        "ar", words.RATIO, Group.SIZE,
        "Aspect ratio of the canvas; with neither `w` and `h` both set. Without `fit`: `cover`.",
        "the original's", "4:3", ("aspect", "aspect_ratio"),
    ),
    Parameter(
        "size", words.SIZE, Group.SIZE,
        "Length of the long side: a tier or pixels. `w` and `h` win over it.", "none", "2k",
    ),
    Parameter(
        "fit", words.FIT, Group.SIZE,
        "How the picture goes into the canvas: whole (`inside`), filling it (`cover`), whole with "
        "background added (`pad`), stretched (`fill`), never enlarged (`max`), or the subject "
        "framed (`product`).",
        "inside; cover with ar; product with frame", "pad",
    ),
    Parameter(
        "g", words.GRAVITY, Group.SIZE,
        "What stays in view when something must be cut or space is left: the subject, a side or "
        "corner, or a focal point.",
        "center", "subject", ("gravity", "position"),
    ),
    Parameter(
        "frame", decimal(0.1, 1, 3), Group.SIZE,
        "Share of the canvas that the subject fills; for `fit=product`.", "0.85", "0.9",
    ),
    Parameter(
        "crop", words.CROP, Group.CHANGE,
        "The region of the original to start from.", "all of it", "0.1,0.1,0.8,0.8", ("rect",),
    ),
    Parameter(
        "trim", words.TRIM, Group.CHANGE,
        "Cut away a uniform border, within a tolerance in 8-bit steps.", "off", "auto",
    ),
    Parameter(
        "rot", words.ROTATE, Group.CHANGE,
        "Turn clockwise by degrees, after the camera's orientation.", "0", "90", ("rotate",),
    ),
    Parameter(
        "flip", words.FLIP, Group.CHANGE,
        "Mirror left to right (`h`), top to bottom (`v`), or both, after `rot`.", "off", "h",
    ),
    Parameter(
        "sharp", words.SHARPEN, Group.CHANGE,
        "Sharpen after the reduction: strength in percent, or by the scale (`auto`).",
        "off", "auto", ("sharpen",),
    ),
    Parameter(
        "blur", decimal(0, 100, 1), Group.CHANGE,
        "Blur by a radius (sigma) in pixels of the output.", "0", "8",
    ),
    Parameter(
        "bg", words.BACKGROUND, Group.SUBJECT,
        "The background: behind a cut-out subject, in added space, under transparency.",
        "as shot", "ffffff", ("background", "pad_color"),
    ),
    Parameter(
        "matte", words.MATTE, Group.SUBJECT,
        "Cut the subject out: `auto` only where the requested background needs it. `on` without "
        "`bg` gives a transparent background.",
        "off; auto with a scene", "on", ("bg-remove", "segment"),
    ),
    Parameter(
        "up", words.UPSCALE, Group.SUBJECT,
        "Enlarge by a network: `auto` where the output needs more pixels than there are.",
        "off", "auto", ("upscale",),
    ),
    Parameter(
        "shadow", FLAG, Group.SUBJECT,
        "Draw a contact shadow under a cut-out subject.", "0", "1",
    ),
    Parameter(
        "harmonize", FLAG, Group.SUBJECT,
        "Match the light at the subject's edge to the new background.", "0", "1",
    ),
    Parameter(
        "swatch", words.SWATCH, Group.SUBJECT,
        "A brand's colour: `X-Edge-Colour` reports how far the product's is from it (CIEDE2000).",
        "none", "c8102e",
    ),
    Parameter(
        "q", words.QUALITY, Group.FILE,
        "Quality of a lossy format, or `auto`: as high as the picture needs.",
        "auto", "80", ("quality",),
    ),
    Parameter(
        "maxbytes", words.BYTES, Group.FILE,
        "The largest file; quality is searched to fit it.", "none", "200k", ("max_bytes",),
    ),
    Parameter(
        "dl", words.FILE_NAME, Group.DELIVERY,
        "Offer the picture as a download under this name.", "shown in place", "chair.jpg",
    ),
    Parameter(
        "v", matching(r"[A-Za-z0-9._-]{1,64}", "1 to 64 letters, digits, . _ -"), Group.DELIVERY,
        "Version of the original; a URL that carries it may be kept for ever.", "none", "7",
    ),
    Parameter(
        "wait", whole(0, 600_000), Group.DELIVERY,
        "Most milliseconds to wait for the networks before a fallback rendition is taken.",
        "the server's", "800",
    ),
    Parameter(
        "strict", FLAG, Group.DELIVERY,
        "Refuse a rendition that breaks a rule of its preset.", "0", "1",
    ),
    Parameter(
        "exp", whole(0, 99_999_999_999), Group.SIGNATURE,
        "When the signature expires, in seconds of Unix time.", "never", "1893456000",
        ("expires",),
    ),
    Parameter(
        "kid", matching(r"[A-Za-z0-9._-]{1,64}", "1 to 64 letters, digits, . _ -"),
        Group.SIGNATURE, "Id of the key that signed.", "every key is tried", "2026",
    ),
    Parameter(
        "sig", _SIGNATURE, Group.SIGNATURE,
        "HMAC-SHA256 of the canonical path and query.", "none", "0" * 64, ("s",),
    ),
)  # fmt: skip


def _names() -> dict[str, Parameter]:
    named: dict[str, Parameter] = {}
    for parameter in PARAMETERS:
        for name in (parameter.name, *parameter.aliases):
            if name in named:
                raise RuntimeError(f"the word {name!r} names two parameters")
            named[name] = parameter
    return named


BY_NAME: Mapping[str, Parameter] = MappingProxyType(_names())
"""Every parameter by its name and each of its aliases."""

PICTURE = frozenset(p.name for p in PARAMETERS if p.field and p.name != "preset")
"""The words that describe a picture: what a preset may set."""
