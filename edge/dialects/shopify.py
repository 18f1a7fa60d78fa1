"""Shopify: `width`, `height` and `crop` in the query, or a suffix of the file name as before 2021.

Sources: https://shopify.dev/docs/api/liquid/filters/image_url and .../img_url (November 2026).
"""

import re

from edge.dialects.base import Reading, Translation, Word, chosen, pairs, read_pairs, renamed, table

name = "shopify"
title = "Shopify"
shape = "`/files/shoe.jpg?width=400&height=400&crop=top`, `/files/shoe_400x400_crop_top@2x.jpg`"
recognisable = True

_CROPS = {
    "center": {"fit": "cover"},
    "top": {"fit": "cover", "g": "north"},
    "bottom": {"fit": "cover", "g": "south"},
    "left": {"fit": "cover", "g": "west"},
    "right": {"fit": "cover", "g": "east"},
    "region": {},
}
_FORMATS = {
    "pjpg": {"fm": "jpg"},
    "jpg": {"fm": "jpg"},
    "webp": {"fm": "webp"},
    "png": {"fm": "png"},
}
_REGION = ("crop_left", "crop_top", "crop_width", "crop_height")
_NAMED = {
    "pico": 16, "icon": 32, "thumb": 50, "small": 100, "compact": 160, "medium": 240, "large": 480,
    "grande": 600,
}  # fmt: skip
_SUFFIX = re.compile(
    r"_(?:(?=\d|x\d)(?P<w>\d{1,4})?x(?P<h>\d{1,4})?|(?P<named>"
    + "|".join(_NAMED)
    + r"|original|master))"
    r"(?:_crop_(?P<crop>center|top|bottom|left|right))?"
    r"(?:@(?P<dpr>[23])x)?"
    r"(?:\.progressive)?(?P<ext>\.(?:jpe?g|png|gif|webp|tiff?|heic))$",
    re.IGNORECASE,
)


def _region(part: str) -> Word:
    def read(reading: Reading, value: str) -> None:
        parts = reading.words.get("crop", "0,0,0,0").split(",")
        parts[_REGION.index(part)] = value
        reading.set(crop=",".join(parts))

    return Word(read, f"its part of `crop` ({('x', 'y', 'width', 'height')[_REGION.index(part)]})")


words = table(
    {
        "width": renamed("w"),
        "height": renamed("h"),
        "crop": chosen("crop", _CROPS),
        **{part: _region(part) for part in _REGION},
        "pad_color": Word(
            lambda reading, value: reading.set(bg=value, fit="pad"), "`bg`, and `fit=pad`"
        ),
        "format": chosen("format", _FORMATS),
        "v": renamed("v"),
    }
)
_BETRAYING = frozenset({"crop", "pad_color", *_REGION})


def translate(path: str, query: str, *, strict: bool, certain: bool) -> Translation | None:
    given = list(pairs(query))
    suffix = _SUFFIX.search(path)
    if not (certain or suffix or any(_betrays(*pair) for pair in given)):
        return None
    reading = Reading(title, strict)
    if suffix:
        path = path[: suffix.start()] + suffix["ext"]
        _read_suffix(reading, suffix)
    read_pairs(reading, iter(given), words)
    if {"w", "h"} <= reading.words.keys():
        reading.default(fit="inside" if suffix else "cover")
    return reading.done(path)


def _betrays(name: str, value: str) -> bool:
    """`crop` is a word of ours, too, with numbers."""
    return value.lower() in _CROPS if name == "crop" else name in _BETRAYING


def _read_suffix(reading: Reading, suffix: re.Match[str]) -> None:
    if side := _NAMED.get((suffix["named"] or "").lower()):
        reading.set(w=str(side), h=str(side))
    reading.set(w=suffix["w"], h=suffix["h"], dpr=suffix["dpr"])
    if suffix["crop"]:
        reading.choose("crop", suffix["crop"], _CROPS)
