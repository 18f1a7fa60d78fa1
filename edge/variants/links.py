"""URLs as clients write them: sorted words, percent-encoded; a `srcset` of them, and its `sizes`.

The clients in `clients/` build the same text in their languages; `clients/vectors.json` holds them
to it.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlsplit

from edge.variants import paths, signing
from edge.variants.paths import encoded
from edge.variants.presets import Presets
from edge.variants.query import read

WIDTHS = (320, 480, 640, 828, 1080, 1280, 1668, 2048, 2560)
"""Widths in pixels of a `srcset`: those of common phones, tablets and desktops, each at most 1.5
times the one before, so that a browser never loads over 2.25 times the pixels that it shows."""

DENSITIES = (1, 2, 3)
"""Device pixels per pixel of the page of a `srcset` for a picture of fixed size."""


def link(base: str, path: str, words: Mapping[str, object]) -> str:
    """The URL of one picture.

    Args:
        base: scheme and host, with or without a slash at its end; empty for a path alone.
        path: of the original, decoded.
        words: parameters of the URL; True and False are written 1 and 0, None is left out.
    """
    pairs = sorted(_pair(name, value) for name, value in words.items() if value is not None)
    query = "&".join(f"{name}={value}" for name, value in pairs)
    return f"{base.rstrip('/')}{encoded(path.lstrip('/'))}{'?' if query else ''}{query}"


def srcset(
    base: str, path: str, words: Mapping[str, object], widths: Sequence[int] = WIDTHS
) -> str:
    """A `srcset` with `w` descriptors: one URL per width in pixels.

    A height among the words keeps its proportion to the width among them, rounded to whole pixels.
    """
    return ", ".join(f"{link(base, path, _wide(words, width))} {width}w" for width in widths)


def density_srcset(
    base: str, path: str, words: Mapping[str, object], densities: Sequence[float] = DENSITIES
) -> str:
    """A `srcset` with `x` descriptors for a picture of a fixed size on the page."""
    return ", ".join(
        f"{link(base, path, {**words, 'dpr': _text(density) if density != 1 else None})} "
        f"{_text(density)}x"
        for density in densities
    )


def _wide(words: Mapping[str, object], width: int) -> Mapping[str, object]:
    own, high = words.get("w"), words.get("h")
    if own is None or high is None:
        return {**words, "w": width}
    return {
        **words,
        "w": width,
        "h": max(1, int(float(_text(high)) * width / float(_text(own)) + 0.5)),
    }


def _pair(name: str, value: object) -> tuple[str, str]:
    return quote(name, safe=""), quote(_text(value), safe="")


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def signed(url: str, keys: signing.SigningKeys, presets: Presets, until: int | None) -> str:
    """The URL with key id, expiry (`until`, Unix time in seconds) and signature by the first key;
    host and scheme are kept.

    Raises:
        SettingsError: there is no key to sign with.
        RequestError: the URL cannot be signed, or the key may not sign it.
    """
    parts = urlsplit(url)
    path = paths.read(parts.path)
    query = signing.sign(path, parts.query, keys, until)
    if keys[0].presets or keys[0].paths:
        signing.check_scope(keys[:1], path, read(query, presets).transform.preset)
    return parts._replace(query=query).geturl()
