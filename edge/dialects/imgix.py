"""imgix: words in the query, `fit=fill` pads.

Source: https://docs.imgix.com/en-US/apis/rendering (November 2026).
"""

from edge.dialects.base import (
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

name = "imgix"
title = "imgix"
shape = "`/imgix/{path}?w=400&h=300&fit=crop&crop=faces&auto=format,compress`"
recognisable = False

_FITS = {
    "clip": {"fit": "inside"},
    "crop": {"fit": "cover"},
    "fill": {"fit": "pad"},
    "fillmax": {"fit": "pad"},
    "max": {"fit": "max"},
    "min": {"fit": "cover"},
    "scale": {"fit": "fill"},
    "facearea": {"fit": "cover", "g": "subject"},
}
_FORMATS = {
    format: {"fm": ours}
    for format, ours in (
        ("jpg", "jpg"), ("jpeg", "jpg"), ("pjpg", "jpg"), ("png", "png"), ("png8", "png"),
        ("png32", "png"), ("webp", "webp"), ("avif", "avif"),
    )
}  # fmt: skip
_SIDES = {"top": "north", "bottom": "south", "left": "west", "right": "east"}
_SMART = frozenset({"faces", "edges", "entropy"})


def _crop(reading: Reading, value: str) -> None:
    """A list by falling priority: the first that we know decides, two sides make a corner."""
    modes = [mode for mode in value.lower().split(",") if mode]
    sides = [_SIDES[mode] for mode in modes if mode in _SIDES]
    if "focalpoint" in modes:
        reading.default(g="0.5,0.5")
    elif _SMART & set(modes):
        reading.set(g="subject")
    elif sides:
        reading.set(g="".join(sorted(sides, key=("north", "south", "west", "east").index)))
    else:
        reading.without_equal(f"crop={value}", "g=subject")


def _focal(axis: int) -> Word:
    def read(reading: Reading, value: str) -> None:
        point = reading.words.get("g", "")
        at = point.split(",") if point.count(",") == 1 else ["0.5", "0.5"]
        at[axis] = value
        reading.set(g=",".join(at))

    return Word(read, f"`g`, its {'xy'[axis]}")


def _auto(reading: Reading, value: str) -> None:
    for mode in value.lower().split(","):
        if mode not in ("format", "compress", ""):  # both are so without being asked
            reading.without_equal(f"auto={mode}")


def _fill(reading: Reading, value: str) -> None:
    if value in ("blur", "gen"):
        reading.set(bg="blur" if value == "blur" else None)
    elif value != "solid":
        reading.without_equal(f"fill={value}", "bg=blur")


def _side(word: str) -> Word:
    def read(reading: Reading, value: str) -> None:
        if value.startswith("0.") or value == "auto":
            reading.without_equal(f"{word}={value}", f"{word}=800")
        else:
            reading.set(**{word: value})

    return Word(read, f"`{word}`; shares of the original have no equal")


def _flag(word: str, on: str) -> Word:
    def read(reading: Reading, value: str) -> None:
        reading.set(**{word: on if value.lower() in ("true", "1") else None})

    return Word(read, f"`true`: `{word}={on}`")


words = table(
    {
        "w": _side("w"),
        "h": _side("h"),
        "dpr": renamed("dpr"),
        "ar": renamed("ar"),
        "fit": chosen("fit", _FITS),
        "crop": Word(_crop, "sides and corners: `g`; `faces`, `edges`, `entropy`: `g=subject`"),
        "fp-x": _focal(0),
        "fp-y": _focal(1),
        "fp-z": lacking("fp-z", "crop"),
        "rect": renamed("crop"),
        "auto": Word(_auto, "`format` and `compress` are so anyway; others have no equal"),
        "fm": chosen("fm", _FORMATS),
        "q": renamed("q"),
        "bg": renamed("bg"),
        "fill": Word(_fill, "`blur`: `bg=blur`; `solid`: the colour of `bg` or `fill-color`"),
        "fill-color": renamed("bg"),
        "rot": renamed("rot"),
        "flip": renamed("flip"),
        "sharp": renamed("sharp"),
        "trim": setting(trim="auto"),
        "trim-tol": renamed("trim"),
        "bg-remove": _flag("matte", "on"),
        "upscale": _flag("up", "auto"),
        "dl": renamed("dl"),
        "blur": lacking("blur", "blur=4"),
        "cs": passed("pictures are sRGB anyway"),
        "ch": passed("client hints are a setting of the server"),
        "lossless": lacking("lossless", "fm=png"),
        "ixlib": passed("names the client"),
        "ixid": passed("names the client"),
        "s": passed("imgix's own signature is not checked; sign with `sig`"),
    }
)


def translate(path: str, query: str, *, strict: bool, certain: bool) -> Translation:
    reading = Reading(title, strict)
    given = sorted(pairs(query), key=lambda pair: pair[0].startswith("fp-"))  # points after modes
    read_pairs(reading, iter(given), words)
    if "ar" in reading.words and reading.words.get("fit") != "cover":
        del reading.words["ar"]  # imgix hears it with fit=crop alone
    if reading.words.get("fit") != "pad" and not reading.words.get("matte"):
        reading.words.pop("bg", None) if reading.words.get("bg") == "blur" else None
    return reading.done(path)
