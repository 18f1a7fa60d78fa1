"""Optimisers of web frameworks that name the picture in the query: Next.js, Vercel, Netlify, Astro.

Sources, November 2026: https://nextjs.org/docs/app/api-reference/components/image,
https://vercel.com/docs/image-optimization, https://docs.netlify.com/image-cdn/overview/,
https://docs.astro.build/en/guides/images/
"""

from edge.dialects.base import (
    FORMATS,
    Reading,
    Translation,
    Word,
    chosen,
    pairs,
    passed,
    read_pairs,
    renamed,
    source,
    table,
)
from edge.errors import InvalidParameter

name = "next"
title = "Next.js"
shape = (
    "`/_next/image?url=%2Fsku%2F123.jpg&w=640&q=75`; `/_vercel/image`, `/.netlify/images`, "
    "`/_image`"
)
recognisable = True

_PATHS = frozenset({"/_next/image", "/_vercel/image", "/.netlify/images", "/_image"})
_FITS = {
    "contain": {"fit": "inside"}, "cover": {"fit": "cover"}, "fill": {"fit": "fill"},
    "inside": {"fit": "inside"}, "scale-down": {"fit": "max"},
}  # fmt: skip
_POSITIONS = {
    side: {"g": ours}
    for side, ours in (
        ("top", "north"), ("bottom", "south"), ("left", "west"), ("right", "east"),
        ("center", "center"), ("entropy", "subject"), ("attention", "subject"),
    )
}  # fmt: skip

words = table(
    {
        "url": Word(lambda reading, value: None, "the path of the original"),
        "href": Word(lambda reading, value: None, "the same, in Astro"),
        "w": renamed("w"),
        "h": renamed("h"),
        "q": renamed("q"),
        "fit": chosen("fit", _FITS),
        "position": chosen("position", _POSITIONS),
        "fm": chosen("fm", FORMATS),
        "f": chosen("f", FORMATS),
        "dpl": passed("names the deployment"),
    }
)


def translate(path: str, query: str, *, strict: bool, certain: bool) -> Translation | None:
    if path not in _PATHS:
        return None
    given = dict(pairs(query))
    named = given.get("url", given.get("href"))
    if named is None:
        raise InvalidParameter(f"{path} needs url", param="url", allowed="the path of an original")
    reading = Reading(title, strict)
    read_pairs(reading, iter(given.items()), words)
    if {"w", "h"} <= reading.words.keys():
        reading.default(fit="cover")
    return reading.done(source(named))
