"""imgproxy: `/imgproxy/{signature}/{options}/plain/{path}@{extension}`, or the path in Base64.

Source: https://docs.imgproxy.net/usage/processing (November 2026).
"""

import base64
import binascii
import re
from urllib.parse import unquote

from edge.dialects.base import (
    FORMATS,
    Reading,
    Translation,
    Word,
    chosen,
    lacking,
    own_words,
    passed,
    renamed,
    setting,
    source,
    table,
)
from edge.errors import InvalidParameter, InvalidPath

name = "imgproxy"
title = "imgproxy"
shape = "`/imgproxy/{signature}/rs:fill:400:300/q:80/plain/{path}@webp`"
recognisable = False

_TYPES = {
    "fit": {"fit": "inside"}, "fill": {"fit": "cover"}, "fill-down": {"fit": "cover"},
    "force": {"fit": "fill"}, "auto": {"fit": "cover"},
}  # fmt: skip
_GRAVITIES = {
    "no": "north", "so": "south", "ea": "east", "we": "west", "noea": "northeast",
    "nowe": "northwest", "soea": "southeast", "sowe": "southwest", "ce": "center",
    "sm": "subject", "obj": "subject",
}  # fmt: skip
_OPTION = re.compile(r"[a-z_]+:.*")
_TRUE = ("1", "t", "true")


def _resize(reading: Reading, value: str) -> None:
    kind, *rest = value.split(":")
    if kind:
        reading.choose("resize", kind, _TYPES)
    _size(reading, ":".join(rest))


def _size(reading: Reading, value: str) -> None:
    wide, high, enlarge, extend, *_ = [*value.split(":"), "", "", "", ""]
    _width(reading, wide)
    _height(reading, high)
    _enlarge(reading, enlarge)
    _extend(reading, extend)


def _width(reading: Reading, value: str) -> None:
    reading.set(w=value if value not in ("", "0") else None)


def _height(reading: Reading, value: str) -> None:
    reading.set(h=value if value not in ("", "0") else None)


def _enlarge(reading: Reading, value: str) -> None:
    reading.set(up="auto" if value in _TRUE else None)


def _extend(reading: Reading, value: str) -> None:
    reading.set(fit="pad" if value.partition(":")[0] in _TRUE else None)


def _gravity(reading: Reading, value: str) -> None:
    kind, *point = value.split(":")
    if kind == "fp" and len(point) >= 2:
        reading.set(g=",".join(point[:2]))
    elif kind in _GRAVITIES:
        reading.set(g=_GRAVITIES[kind])
    else:
        reading.without_equal(f"gravity:{value}", "g=subject")


def _background(reading: Reading, value: str) -> None:
    levels = value.split(":")
    if len(levels) == 3 and all(level.isdigit() and int(level) < 256 for level in levels):
        reading.set(bg="".join(f"{int(level):02x}" for level in levels))
    else:
        reading.set(bg=value or None)


def _trim(reading: Reading, value: str) -> None:
    tolerance = value.partition(":")[0]
    reading.set(trim=tolerance if tolerance.isdigit() else "auto")


def _crop(reading: Reading, value: str) -> None:
    reading.without_equal(f"crop:{value}", "crop=x,y,width,height")


_ROWS = {
    "resize": Word(_resize, "`fit`, `w`, `h`, and what `enlarge` and `extend` mean"),
    "size": Word(_size, "`w`, `h`, and what `enlarge` and `extend` mean"),
    "resizing_type": chosen("resizing_type", _TYPES),
    "width": Word(_width, "`w`"),
    "height": Word(_height, "`h`"),
    "enlarge": Word(_enlarge, "`up=auto`"),
    "extend": Word(_extend, "`fit=pad`"),
    "dpr": renamed("dpr"),
    "gravity": Word(_gravity, "`g`; `sm` and `obj`: `g=subject`; `fp:x:y`"),
    "quality": Word(lambda reading, value: reading.set(q=value if value != "0" else None), "`q`"),
    "max_bytes": Word(
        lambda reading, value: reading.set(maxbytes=value if value != "0" else None), "`maxbytes`"
    ),
    "format": chosen("format", FORMATS),
    "background": Word(_background, "`bg`: hexadecimal digits or `r:g:b`"),
    "blur": renamed("blur"),
    "sharpen": setting(sharp="auto"),
    "trim": Word(_trim, "`trim`"),
    "crop": Word(_crop, "has no equal: it has no place; nearest `crop=x,y,width,height`"),
    "rotate": renamed("rot"),
    "preset": renamed("preset"),
    "cachebuster": renamed("v"),
    "expires": passed("imgproxy's own lifetime is not checked; sign with `exp` and `sig`"),
    "filename": Word(lambda reading, value: reading.set(dl=value.partition(":")[0]), "`dl`"),
    "strip_metadata": passed("no metadata of the original is kept"),
    "strip_color_profile": passed("pictures are sRGB"),
    "auto_rotate": passed("pictures are upright anyway"),
    "watermark": lacking("watermark"),
    "pixelate": lacking("pixelate"),
}
_SHORT = {
    "rs": "resize", "s": "size", "rt": "resizing_type", "w": "width", "h": "height",
    "el": "enlarge", "ex": "extend", "g": "gravity", "q": "quality", "mb": "max_bytes",
    "f": "format", "ext": "format", "bg": "background", "bl": "blur", "sh": "sharpen", "t": "trim",
    "c": "crop", "rot": "rotate", "pr": "preset", "cb": "cachebuster", "exp": "expires",
    "fn": "filename", "sm": "strip_metadata", "scp": "strip_color_profile", "ar": "auto_rotate",
    "wm": "watermark", "pix": "pixelate",
}  # fmt: skip
words = table(_ROWS, _SHORT)


def translate(path: str, query: str, *, strict: bool, certain: bool) -> Translation:
    _, _, *parts = path.split("/")  # a signature of imgproxy's own, or `insecure`
    reading = Reading(title, strict)
    at = 0
    while at < len(parts) and parts[at] != "plain" and _OPTION.fullmatch(unquote(parts[at])):
        word, _, value = unquote(parts[at]).partition(":")
        reading.read(words, word, value, parts[at])
        at += 1
    named, extension = _source(parts[at:])
    if extension:
        reading.choose("format", extension, FORMATS)
    own_words(reading, query)
    return reading.done(source(named))


def _source(parts: list[str]) -> tuple[str, str]:
    """The path of the original, and the format that stands behind it."""
    if parts[:1] == ["plain"]:
        named, _, extension = "/".join(parts[1:]).partition("@")
        return _local(unquote(named)), extension
    text, _, extension = "".join(parts).partition(".")
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise InvalidParameter(
            "the source is neither plain/{path} nor Base64", param="source", allowed="plain/{path}"
        ) from error
    if not raw:
        raise InvalidPath("the URL names no original")
    return _local(raw), extension


def _local(named: str) -> str:
    """imgproxy's own scheme for its folder, taken off."""
    return named.removeprefix("local://")
