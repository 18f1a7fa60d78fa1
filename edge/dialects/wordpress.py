"""WordPress.com and Jetpack (Photon): `/wordpress/{path}?resize=400,300`.

Source: https://developer.wordpress.com/docs/photon/api/ (November 2026).
"""

from edge.dialects.base import (
    AUTO_OR_FORMATS,
    Reading,
    Translation,
    Word,
    chosen,
    lacking,
    pairs,
    passed,
    read_pairs,
    renamed,
    setting,
    table,
)
from edge.errors import InvalidParameter
from edge.kinds import number, shown

name = "wordpress"
title = "WordPress"
shape = "`/wordpress/{path}?resize=400,300`"
recognisable = False


def _sides(word: str, fit: str) -> Word:
    def read(reading: Reading, value: str) -> None:
        wide, _, high = value.partition(",")
        if not (wide.isdigit() and high.partition(",")[0].isdigit()):
            raise InvalidParameter(
                f"{word}={shown(value)} is not possible", param=word, allowed="width,height"
            )
        reading.set(w=wide, h=high.partition(",")[0], fit=fit)

    return Word(read, f"`w`, `h`, `fit={fit}`")


def _crop(reading: Reading, value: str) -> None:
    """`1` covers; four numbers are a region in percent, or in pixels with `px`."""
    parts = value.split(",")
    if value in ("1", "true"):
        reading.set(fit="cover")
    elif len(parts) != 4:
        reading.without_equal(f"crop={value}", "crop=x,y,width,height")
    elif all(part.endswith("px") for part in parts):
        reading.set(crop=",".join(part.removesuffix("px") for part in parts))
    else:
        reading.set(crop=",".join(f"{number(part) / 100:.4f}" for part in parts))


words = table(
    {
        "w": renamed("w"),
        "h": renamed("h"),
        "resize": _sides("resize", "cover"),
        "fit": _sides("fit", "inside"),
        "lb": _sides("lb", "pad"),
        "crop": Word(_crop, "`1`: `fit=cover`; a region in percent: `crop` in shares"),
        "quality": renamed("q"),
        "zoom": renamed("dpr"),
        "strip": passed("no metadata of the original is kept"),
        "ssl": passed("where originals come from is a setting of the server"),
        "format": chosen("format", AUTO_OR_FORMATS),
        "unlb": setting(trim="auto"),
        "filter": lacking("filter"),
        "brightness": lacking("brightness"),
        "contrast": lacking("contrast"),
        "colorize": lacking("colorize"),
        "smooth": lacking("smooth"),
    }
)


def translate(path: str, query: str, *, strict: bool, certain: bool) -> Translation:
    reading = Reading(title, strict)
    read_pairs(reading, pairs(query), words)
    return reading.done(path)
