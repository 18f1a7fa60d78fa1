"""Cloudflare Images: `/cdn-cgi/image/{options}/{path}`.

Source, November 2026: https://developers.cloudflare.com/images/transform-images/transform-via-url/
"""

import re
from urllib.parse import unquote

from edge.dialects.base import (
    Reading,
    Translation,
    Word,
    chosen,
    lacking,
    own_words,
    passed,
    renamed,
    source,
    table,
)
from edge.kinds import number

name = "cloudflare"
title = "Cloudflare"
shape = "`/cdn-cgi/image/width=400,fit=cover,format=auto/{path}`"
recognisable = True

_URL = re.compile(r"^/cdn-cgi/image/(?P<options>[^/]*)/(?P<path>.+)$")
_FITS = {
    "scale-down": {"fit": "max"},
    "contain": {"fit": "inside"},
    "cover": {"fit": "cover"},
    "crop": {"fit": "cover"},
    "aspect-crop": {"fit": "cover"},
    "pad": {"fit": "pad"},
    "squeeze": {"fit": "fill"},
}
_FORMATS = {
    "auto": {}, "avif": {"fm": "avif"}, "webp": {"fm": "webp"}, "png": {"fm": "png"},
    "jpeg": {"fm": "jpg"}, "baseline-jpeg": {"fm": "jpg"},
}  # fmt: skip
_SIDES = {"left": "west", "right": "east", "top": "north", "bottom": "south", "center": "center"}
_SHORT = {"w": "width", "h": "height", "q": "quality", "f": "format", "g": "gravity"}
_QUALITIES = {"high": "90", "medium-high": "80", "medium-low": "70", "low": "60"}


def _gravity(reading: Reading, value: str) -> None:
    if value in ("auto", "face"):
        reading.set(g="subject")
    elif value in _SIDES:
        reading.set(g=_SIDES[value])
    else:
        reading.set(g=value.replace("x", ","))


def _width(reading: Reading, value: str) -> None:
    if value == "auto":
        reading.without_equal("width=auto", "dpr=auto")
    else:
        reading.set(w=value)


def _trim(reading: Reading, value: str) -> None:
    if value in ("border", "true"):
        reading.set(trim="auto")
    else:
        reading.without_equal(f"trim={value}", "crop=x,y,width,height")


def _sharpen(reading: Reading, value: str) -> None:
    reading.set(sharp="off" if number(value or "0") == 0 else "auto")


_ROWS = {
    "width": Word(_width, "`w`"),
    "height": renamed("h"),
    "fit": chosen("fit", _FITS),
    "gravity": Word(_gravity, "`g`: sides, `0.5x0.2`; `auto` and `face`: `g=subject`"),
    "quality": Word(lambda reading, value: reading.set(q=_QUALITIES.get(value, value)), "`q`"),
    "format": chosen("format", _FORMATS),
    "dpr": renamed("dpr"),
    "background": renamed("bg"),
    "rotate": renamed("rot"),
    "flip": renamed("flip"),
    "sharpen": Word(_sharpen, "`sharp=auto`"),
    "trim": Word(_trim, "`border`: `trim=auto`; sides have no equal"),
    "segment": chosen("segment", {"foreground": {"matte": "on"}}),
    "anim": passed("pictures are stills"),
    "metadata": passed("no metadata of the original is kept"),
    "onerror": passed("errors are a setting of the server"),
    "compression": passed("quality is searched for by the picture's need"),
    "blur": lacking("blur", "blur=4"),
    "border": lacking("border"),
    "brightness": lacking("brightness"),
    "contrast": lacking("contrast"),
    "gamma": lacking("gamma"),
    "saturation": lacking("saturation"),
}
words = table(_ROWS, _SHORT)


def translate(path: str, query: str, *, strict: bool, certain: bool) -> Translation | None:
    url = _URL.match(path)
    if url is None:
        return None
    reading = Reading(title, strict)
    for option in unquote(url["options"]).split(","):
        word, _, value = option.partition("=")
        if word:
            reading.read(words, word, value, option)
    if {"w", "h"} & reading.words.keys():
        reading.default(fit="max")
    own_words(reading, query)
    return reading.done(source(url["path"]))
