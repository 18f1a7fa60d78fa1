"""The kinds of value in the URL: every word of a merchant's that we understand, and its meaning."""

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from edge.errors import InvalidParameter
from edge.images import FORMAT_WORDS, NAMED_COLORS, Color, Format
from edge.kinds import OFF, ON, Kind, byte_count, choice, decimal, either, number, whole
from edge.variants.values import (
    AUTO,
    BLURRED,
    COMPASS,
    RATIOS,
    SCENE_NAME,
    SUBJECT,
    TIERS,
    TRANSPARENT,
    Background,
    BackgroundKind,
    CropRegion,
    Fit,
    FlipMode,
    Gravity,
    MatteMode,
    Ratio,
    UpscaleMode,
)

MAX_SIDE = 65_535
"""Longest side that the grammar can name, in pixels: the most that a JPEG holds. A server's own
caps are lower."""


def _each(words: tuple[str, ...], value: Any) -> dict[str, Any]:
    return dict.fromkeys(words, value)


def _enum(kind: type[StrEnum]) -> dict[str, Any]:
    return {member.value: member for member in kind}


def _pixels(text: str) -> int:
    requested = number(text)
    value = int(
        requested + 0.5
    )  # a layout's 333.5 px is a fair request, half a pixel is a share misread
    if requested < 1 or value > MAX_SIDE:
        raise ValueError
    return value


PIXELS = Kind(_pixels, f"pixels, 1 to {MAX_SIDE:,}", "number", low=1, high=MAX_SIDE)

FIT_WORDS = MappingProxyType(
    {
        **_enum(Fit),
        # imgix
        "clip": Fit.INSIDE,
        "crop": Fit.COVER,
        "min": Fit.COVER,
        "scale": Fit.FILL,
        "fillmax": Fit.PAD,
        # Cloudflare
        "scale-down": Fit.MAX,
        "contain": Fit.INSIDE,
        "aspect-crop": Fit.COVER,
        "squeeze": Fit.FILL,
        # Fastly, and what people type
        "bounds": Fit.INSIDE,
        "stretch": Fit.FILL,
    }
)
"""Where services disagree, the safer reading wins: `contain` adds no bars (as in Cloudflare, not
sharp), `fill` is the CSS and sharp word for stretching (imgix pads: say `pad`). What we have no
equal for (`outside`, `clamp`, `facearea`) is refused rather than bent."""

FIT = choice(FIT_WORDS, tuple(Fit), " (imgix, Cloudflare and Fastly words are understood)")

FLIP = choice(
    {
        **_enum(FlipMode),
        **_each(OFF, FlipMode.NONE),
        **_each(("horizontal", "x", "1"), FlipMode.HORIZONTAL),
        **_each(("vertical", "y"), FlipMode.VERTICAL),
        **_each(("vh", "both", "xy"), FlipMode.BOTH),
    },
    tuple(FlipMode),
)
MATTE = choice(
    {**_enum(MatteMode), **_each(OFF, MatteMode.OFF), **_each(ON, MatteMode.ON)}, tuple(MatteMode)
)
UPSCALE = choice(
    {
        **_enum(UpscaleMode),
        **_each(OFF, UpscaleMode.OFF),
        **_each(("on", "true", "yes"), UpscaleMode.AUTO),
        **_each(("2x", "x2"), UpscaleMode.X2),
        **_each(("4x", "x4"), UpscaleMode.X4),
    },
    tuple(UpscaleMode),
)
ROTATE = choice(
    {"0": 0, "90": 90, "180": 180, "270": 270, "-90": 270, "-180": 180, "-270": 90, "360": 0},
    ("0", "90", "180", "270"),
)

TRIM_TOLERANCE = 10
"""What `trim=auto` tolerates, in 8-bit steps: JPEG noise on a white border stays below it."""

TRIM = either(
    {**_each(OFF, 0), **_each((*ON, "auto"), TRIM_TOLERANCE)}, whole(2, 100), ("off", "auto")
)
SHARPEN = either({**_each(OFF, 0), **_each((*ON, "auto"), AUTO)}, whole(2, 100), ("off", "auto"))
DPR = either({"auto": AUTO}, decimal(0.5, 5, 2), ("auto",))
QUALITY = either({"auto": AUTO}, whole(1, 100), ("auto",))

FORMAT = choice({**FORMAT_WORDS, "auto": None}, ("auto", *Format))


def _size(text: str) -> int:
    return TIERS[text.lower()] if text.lower() in TIERS else _pixels(text)


SIZE = Kind(
    _size,
    f"{' | '.join(TIERS)} | pixels of the long side, 1 to {MAX_SIDE:,}",
    choices=tuple(TIERS),
    accepts=frozenset(TIERS),
)


def _ratio(text: str) -> Ratio:
    wide, separator, high = re.sub("[x/]", ":", text.lower()).partition(":")
    # a thousandth of a part is finer than a pixel of any output
    ratio = Ratio(round(number(wide) * 1000), round(number(high) * 1000) if separator else 1000)
    if not (ratio.wide and ratio.high and 0.05 <= ratio.value <= 20):
        raise ValueError
    return ratio


RATIO = Kind(_ratio, "a:b such as 16:9, from 1:20 to 20:1", choices=tuple(str(r) for r in RATIOS))

GRAVITY_WORDS: Mapping[str, Gravity] = MappingProxyType(
    {
        **COMPASS,
        **_each(("centre", "middle", "c"), COMPASS["center"]),
        **_each(("n", "top"), COMPASS["north"]),
        **_each(("e", "right"), COMPASS["east"]),
        **_each(("s", "bottom"), COMPASS["south"]),
        **_each(("w", "left"), COMPASS["west"]),
        **_each(("ne", "top-right", "right-top"), COMPASS["northeast"]),
        **_each(("se", "bottom-right", "right-bottom"), COMPASS["southeast"]),
        **_each(("sw", "bottom-left", "left-bottom"), COMPASS["southwest"]),
        **_each(("nw", "top-left", "left-top"), COMPASS["northwest"]),
        **_each(("subject", "auto", "smart", "attention"), SUBJECT),
    }
)


def _gravity(text: str) -> Gravity:
    known = GRAVITY_WORDS.get(re.sub("[ _]", "-", text.lower()))
    if known:
        return known
    x, _, y = text.lower().replace("x", ",").partition(",")
    point = Gravity(round(number(x), 3), round(number(y), 3))
    if not (point.x <= 1 and point.y <= 1):
        raise ValueError
    return point


GRAVITY = Kind(
    _gravity,
    "subject | " + " | ".join(COMPASS) + " | x,y as shares of the sides, 0 to 1",
    choices=("subject", *COMPASS),
    accepts=frozenset(GRAVITY_WORDS),
)


def _crop(text: str) -> CropRegion:
    parts = text.split(",")
    if len(parts) != 4:
        raise ValueError
    shares = "." in text
    x, y, width, height = (round(number(part), 4) for part in parts)
    right, bottom = (1, 1) if shares else (MAX_SIDE, MAX_SIDE)
    if min(width, height) <= 0 or round(x + width, 4) > right or round(y + height, 4) > bottom:
        raise ValueError
    return CropRegion(x, y, width, height, shares)


CROP = Kind(
    _crop,
    "x,y,width,height in pixels of the upright original, or with a decimal point in shares of it",
)


def _background(text: str) -> Background | None:
    kind, _, scene = text.partition(":")
    if kind.lower() == "scene":
        if not SCENE_NAME.fullmatch(scene):
            raise ValueError
        return Background(BackgroundKind.SCENE, scene=scene)
    if text.lower() == "original":
        return None
    if text.lower() in ("transparent", "none"):
        return TRANSPARENT
    if text.lower() == "blur":
        return BLURRED
    try:
        return Background.of(Color.parse(text))
    except InvalidParameter:
        raise ValueError from None


BACKGROUND = Kind(
    _background,
    "3, 4, 6 or 8 hexadecimal digits | a colour's name | transparent | blur | scene:<name> | "
    "original (as shot)",
    choices=("transparent", "blur", "original"),
    accepts=frozenset({"transparent", "blur", "original", "scene:", *NAMED_COLORS}),
)


def _swatch(text: str) -> Color | None:
    if text.lower() in OFF:
        return None
    try:
        color = Color.parse(text, param="swatch")
    except InvalidParameter:
        raise ValueError from None
    if not color.opaque:
        raise ValueError
    return color


SWATCH = Kind(
    _swatch,
    "3 or 6 hexadecimal digits | a colour's name | off",
    choices=("off",),
    accepts=frozenset({*OFF, *NAMED_COLORS}),
)

MIN_BYTES, MAX_BYTES = 256, 100_000_000


def _bytes(text: str) -> int:
    value = int(byte_count(text))
    if not MIN_BYTES <= value <= MAX_BYTES:
        raise ValueError
    return value


BYTES = Kind(_bytes, f"bytes, {MIN_BYTES} to {MAX_BYTES:,}, units as in 60k or 2MB")


def _file_name(text: str) -> str:
    bad = not text.isprintable() or set(text) & set('/\\:*?"<>|%;')
    if bad or len(text) > 120 or text[0] in ". " or text[-1] in ". ":
        raise ValueError
    return text


FILE_NAME = Kind(
    _file_name, 'a file name of at most 120 characters, without / \\ : * ? " < > | % ;'
)
