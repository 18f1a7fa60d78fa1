"""Cloudinary: components of `name_value` words in the path, chained by slashes.

Source: https://cloudinary.com/documentation/transformation_reference (November 2026). One
crop before one resize is read, and effects and delivery options in any component.
"""

import re

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
    table,
)
from edge.errors import InvalidParameter
from edge.kinds import integer

name = "cloudinary"
title = "Cloudinary"
shape = "`/{cloud}/image/upload/c_fill,w_400,h_400,g_auto/f_auto,q_auto/v1/{path}`"
recognisable = True

_DELIVERY = re.compile(r"^(?:/[\w-]+)?/image/(?:upload|private|authenticated)/(?P<rest>.+)$")
_COMPONENT = re.compile(r"[a-z]{1,3}_[^/]+|t_[\w-]+")
_VERSION = re.compile(r"v\d+")
_NATIVE_SIGNATURE = re.compile(r"s--[\w-]+--")
_WORD = re.compile(r"(?P<name>[a-z]{1,4})_(?P<value>.+)")

_MODES = {
    "scale": {"fit": "fill"},
    "fit": {"fit": "inside"},
    "limit": {"fit": "max"},
    "mfit": {"fit": "inside"},
    "fill": {"fit": "cover"},
    "lfill": {"fit": "cover"},
    "thumb": {"fit": "cover"},
    "auto": {"fit": "cover", "g": "subject"},
    "pad": {"fit": "pad"},
    "lpad": {"fit": "pad"},
    "mpad": {"fit": "pad"},
}
_COMPASS = {
    "center": "center", "north": "north", "north_east": "northeast", "east": "east",
    "south_east": "southeast", "south": "south", "south_west": "southwest", "west": "west",
    "north_west": "northwest",
}  # fmt: skip


def _gravity(reading: Reading, value: str) -> None:
    kind = value.partition(":")[0]
    if kind in ("auto", "face", "faces", "body", "object", "adv_face", "adv_faces", "custom"):
        reading.set(g="subject")
    elif value in _COMPASS:
        reading.set(g=_COMPASS[value])
    else:
        reading.without_equal(f"g_{value}", "g=subject")


def _quality(reading: Reading, value: str) -> None:
    reading.set(q="auto" if value.startswith("auto") else value)


def _colour(reading: Reading, value: str) -> None:
    kind, _, rest = value.partition(":")
    if kind == "rgb":
        reading.set(bg=rest)
    elif kind == "blurred":
        reading.set(bg="blur")
    elif kind == "auto":
        reading.without_equal(f"b_{value}", "bg=ffffff")
    else:
        reading.set(bg=kind)


def _effect(reading: Reading, value: str) -> None:
    kind = value.partition(":")[0]
    if kind in ("background_removal", "bgremoval", "make_transparent"):
        reading.set(matte="on")
    elif kind == "upscale":
        reading.set(up="auto")
    elif kind == "trim":
        reading.set(trim="auto")
    elif kind in ("sharpen", "unsharp_mask"):
        reading.set(sharp="auto")
    elif kind == "dropshadow":
        reading.set(shadow="1")
    else:
        reading.without_equal(f"e_{value}", "blur=4" if kind == "blur" else None)


def _flag(reading: Reading, value: str) -> None:
    for flag in value.split("."):
        kind, _, rest = flag.partition(":")
        if kind == "attachment":
            reading.set(dl=rest or None)
        elif kind not in (
            "progressive",
            "lossy",
            "immutable_cache",
            "strip_profile",
            "force_strip",
        ):
            reading.without_equal(f"fl_{flag}")


def _side(word: str) -> Word:
    def read(reading: Reading, value: str) -> None:
        if re.fullmatch(r"\d+", value):
            reading.set(**{word: value})
        else:
            reading.without_equal(f"{word}_{value}", f"{word}=800")

    return Word(read, f"`{word}` in pixels; shares, `auto` and arithmetic have no equal")


def _dpr(reading: Reading, value: str) -> None:
    reading.set(dpr=None if value == "auto" else value)


words = table(
    {
        "c": chosen("c", _MODES),
        "w": _side("w"),
        "h": _side("h"),
        "ar": renamed("ar"),
        "g": Word(_gravity, "compass points, and `g=subject` for `auto`, `face`, `body`, `object`"),
        "f": chosen("f", AUTO_OR_FORMATS),
        "q": Word(_quality, "`q`; `auto:good` and its like are `q=auto`"),
        "dpr": Word(_dpr, "`dpr`; `auto` is 1"),
        "b": Word(_colour, "`bg`: a name, `rgb:…`, `blurred`"),
        "e": Word(
            _effect,
            "`background_removal` `matte=on`, `upscale` `up=auto`, `trim`, `sharpen`, `dropshadow`",
        ),
        "a": renamed("rot"),
        "fl": Word(_flag, "`attachment`: `dl`; `progressive` and its like are so anyway"),
        "t": renamed("preset"),
        "z": lacking("z", "frame=0.85", joined="_"),
        "r": lacking("r", joined="_"),
        "l": lacking("l", joined="_"),
        "u": lacking("u", joined="_"),
        "o": lacking("o", joined="_"),
        "bo": lacking("bo", joined="_"),
        "co": lacking("co", joined="_"),
        "cs": passed("pictures are sRGB anyway"),
        "d": lacking("d", joined="_"),
    }
)


def translate(path: str, query: str, *, strict: bool, certain: bool) -> Translation | None:
    delivery = _DELIVERY.match(path)
    if delivery is None:
        return None
    *before, last = delivery["rest"].split("/")
    components, folders = _split(before)
    if not (certain or components or folders != before):
        return None
    reading = Reading(title, strict)
    resized = False
    for component in components:
        resized = _read_component(reading, component, resized) or resized
    own_words(reading, query, frozenset({"_a", "_i", "_s"}))
    _settle(reading)
    return reading.done("/" + "/".join([*folders, last]))


def _split(parts: list[str]) -> tuple[list[str], list[str]]:
    """The components, and the folders of the picture behind them and behind a version."""
    at = 0
    components: list[str] = []
    while at < len(parts):
        part = parts[at]
        if _VERSION.fullmatch(part):
            return components, parts[at + 1 :]
        if _COMPONENT.fullmatch(part) and _WORD.match(part)["name"] in words:  # type: ignore[index]
            components.append(part)
        elif not _NATIVE_SIGNATURE.fullmatch(part):
            break
        at += 1
    return components, parts[at:]


def _read_component(reading: Reading, component: str, resized: bool) -> bool:
    """Whether it resizes."""
    given: dict[str, str] = {}
    for word in component.split(","):
        match = _WORD.fullmatch(word)
        if match is None:
            reading.without_equal(word)
        else:
            given[match["name"]] = match["value"]
    if given.get("c") == "crop":
        _crop(reading, given, resized)
        return False
    resizes = bool({"w", "h", "c", "ar"} & given.keys())
    if resizes and resized:
        raise InvalidParameter(
            "two resizes in a chain are not read here",
            param="c",
            allowed="one resize, after a crop",
        )
    for word, value in given.items():
        reading.read(words, word, value, f"{word}_{value}")
    return resizes


def _crop(reading: Reading, given: dict[str, str], resized: bool) -> None:
    """A region of the original in its own pixels."""
    if resized or not {"x", "y", "w", "h"} <= given.keys():
        reading.without_equal("c_crop", "crop=x,y,width,height")
        return
    share = any("." in given[side] for side in "xywh")
    reading.set(crop=",".join(given[s] if share else str(integer(given[s])) for s in "xywh"))


def _settle(reading: Reading) -> None:
    """Without a mode a picture is scaled, and one side alone keeps its ratio."""
    ours = reading.words
    if {"w", "h"} <= ours.keys():
        reading.default(fit="fill")
    elif ours.get("fit") == "fill" and "ar" not in ours:
        del ours["fit"]
    if ours.get("bg") == "blur" and ours.get("fit") != "pad":
        del ours["bg"]
