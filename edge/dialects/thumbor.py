"""thumbor: `/thumbor/unsafe/fit-in/400x300/smart/filters:quality(80)/{path}`.

Source: https://thumbor.readthedocs.io/en/latest/usage.html (November 2026).
"""

import re
from contextlib import suppress

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
from edge.errors import InvalidPath
from edge.kinds import integer, number

name = "thumbor"
title = "thumbor"
shape = "`/thumbor/{unsafe or signature}/{crop}/fit-in/400x300/left/top/smart/filters:…/{path}`"
recognisable = False

_URL = re.compile(
    r"^/(?P<signature>[^/]+)"
    r"(?:/(?P<meta>meta))?"
    r"(?:/(?P<trim>trim(?::[^/]*)?))?"
    r"(?:/(?P<crop>\d+(?:\.\d+)?x\d+(?:\.\d+)?:\d+(?:\.\d+)?x\d+(?:\.\d+)?))?"
    r"(?:/(?P<within>(?:adaptive-)?(?:full-)?fit-in))?"
    r"(?:/(?P<size>-?(?:\d*|orig)x-?(?:\d*|orig)))?"
    r"(?:/(?P<across>left|center|right))?"
    r"(?:/(?P<down>top|middle|bottom))?"
    r"(?:/(?P<smart>smart))?"
    r"(?:/filters:(?P<filters>[^/]*(?:\([^)]*\)[^/]*)*))?"
    r"/(?P<path>.+)$"
)
_SIZE = re.compile(r"(?P<left>-?)(?P<w>\d*|orig)x(?P<top>-?)(?P<h>\d*|orig)")
_FILTER = re.compile(r"(?P<name>[a-z_]+)\((?P<value>[^)]*)\)")
_ACROSS, _DOWN = {"left": "west", "right": "east"}, {"top": "north", "bottom": "south"}


def _fill(reading: Reading, value: str) -> None:
    colour = value.partition(",")[0]
    if colour == "auto":
        reading.without_equal(f"fill({value})", "bg=blur")
    else:
        reading.set(bg="blur" if colour == "blur" else colour, fit="pad")


def _turned(value: str) -> str:
    with suppress(ValueError):
        back = value.startswith("-")
        return str((integer(value[1:]) if back else -integer(value)) % 360)
    return value


words = table(
    {
        "quality": renamed("q"),
        "format": chosen("format", FORMATS),
        "max_bytes": renamed("maxbytes"),
        "fill": Word(_fill, "`fit=pad` and `bg`"),
        "background_color": renamed("bg"),
        "rotate": Word(
            lambda reading, value: reading.set(rot=_turned(value)), "`rot`, the other way round"
        ),
        "blur": Word(lambda reading, value: reading.set(blur=value.partition(",")[0]), "`blur`"),
        "sharpen": setting(sharp="auto"),
        "upscale": setting(up="auto"),
        "no_upscale": passed("nothing is enlarged anyway"),
        "strip_exif": passed("no metadata of the original is kept"),
        "strip_icc": passed("pictures are sRGB"),
        "autojpg": passed("the format is negotiated"),
        "focal": lacking("focal", "g=0.5,0.5"),
        "grayscale": lacking("grayscale"),
        "watermark": lacking("watermark"),
        "round_corner": lacking("round_corner"),
    }
)


def translate(path: str, query: str, *, strict: bool, certain: bool) -> Translation:
    url = _URL.match(path)
    if url is None:
        raise InvalidPath(f"this is no path of thumbor's: {shape}")
    reading = Reading(title, strict)
    _read_region(reading, url)
    _read_size(reading, url)
    for found in _FILTER.finditer(url["filters"] or ""):
        reading.read(words, found["name"], found["value"], found[0])
    own_words(reading, query)
    return reading.done(source(url["path"]))


def _read_region(reading: Reading, url: re.Match[str]) -> None:
    if url["meta"]:
        reading.without_equal("meta", "/-/explain")
    if url["trim"]:
        reading.set(trim="auto")
    if url["crop"]:
        left, top, right, bottom = (number(n) for n in re.split("[x:]", url["crop"]))
        share = "." in url["crop"]
        sides = (left, top, right - left, bottom - top)
        reading.set(crop=",".join(f"{n:.4f}" if share else str(int(n)) for n in sides))


def _read_size(reading: Reading, url: re.Match[str]) -> None:
    size = _SIZE.fullmatch(url["size"] or "x")
    assert size is not None
    if size["left"] or size["top"]:
        reading.set(flip=("h" if size["left"] else "") + ("v" if size["top"] else ""))
    for word in "wh":
        reading.set(**{word: size[word] if size[word] not in ("", "0", "orig") else None})
    if {"w", "h"} <= reading.words.keys():
        reading.set(fit="inside" if url["within"] else "cover")
    if url["smart"]:
        reading.set(g="subject")
    elif url["across"] or url["down"]:
        point = _DOWN.get(url["down"] or "", "") + _ACROSS.get(url["across"] or "", "")
        reading.set(g=point or "center")
