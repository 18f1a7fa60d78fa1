"""IPX, the image server of Nuxt: `/_ipx/{modifiers}/{path}`.

Source: https://github.com/unjs/ipx (README, November 2026).
"""

import re
from urllib.parse import unquote

from edge.dialects.base import (
    AUTO_OR_FORMATS,
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

name = "ipx"
title = "IPX"
shape = "`/_ipx/w_400,h_300,fit_cover,f_webp/{path}`"
recognisable = True

_URL = re.compile(r"^/_ipx/(?P<modifiers>[^/]+)/(?P<path>.+)$")
_FITS = {
    "contain": {"fit": "pad"}, "cover": {"fit": "cover"}, "fill": {"fit": "fill"},
    "inside": {"fit": "inside"},
}  # fmt: skip
_POSITIONS = {
    "top": "north", "right top": "northeast", "right": "east", "right bottom": "southeast",
    "bottom": "south", "left bottom": "southwest", "left": "west", "left top": "northwest",
    "entropy": "subject", "attention": "subject",
}  # fmt: skip


def _size(reading: Reading, value: str) -> None:
    wide, _, high = value.lower().partition("x")
    reading.set(w=wide or None, h=high or wide or None)


def _position(reading: Reading, value: str) -> None:
    word = value.replace("+", " ").replace("%20", " ")
    reading.set(g=_POSITIONS.get(word, word))


_ROWS = {
    "width": renamed("w"),
    "height": renamed("h"),
    "resize": Word(_size, "`w` and `h`, covered where no `fit` is named"),
    "fit": chosen("fit", _FITS),
    "position": Word(_position, "`g`"),
    "format": chosen("format", AUTO_OR_FORMATS),
    "quality": renamed("q"),
    "background": renamed("bg"),
    "rotate": renamed("rot"),
    "flip": setting(flip="v"),
    "flop": setting(flip="h"),
    "sharpen": setting(sharp="auto"),
    "trim": setting(trim="auto"),
    "animated": passed("pictures are stills"),
    "kernel": passed("pictures are resized by Lanczos"),
    "enlarge": setting(up="auto"),
    "blur": renamed("blur"),
    "extract": lacking("extract", "crop=x,y,width,height"),
    "grayscale": lacking("grayscale"),
    "tint": lacking("tint"),
    "gamma": lacking("gamma"),
}
_SHORT = {
    "w": "width", "h": "height", "s": "resize", "f": "format", "q": "quality", "b": "background",
    "pos": "position", "a": "animated",
}  # fmt: skip
words = table(_ROWS, _SHORT)


def translate(path: str, query: str, *, strict: bool, certain: bool) -> Translation | None:
    url = _URL.match(path)
    if url is None:
        return None
    reading = Reading(title, strict)
    for modifier in re.split("[,&]", unquote(url["modifiers"])):
        word, _, value = modifier.partition("_")
        word, _, value = (word, "", value) if "=" not in modifier else modifier.partition("=")
        if word:
            reading.read(words, word, value, modifier)
    if {"w", "h"} <= reading.words.keys():
        reading.default(fit="cover")
    own_words(reading, query)
    return reading.done(source(url["path"]))
