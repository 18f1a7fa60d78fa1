"""URLs as clients write them: sorted words, percent-encoded.

The clients in `clients/` build the same text in their languages; `clients/vectors.json` holds them
to it.
"""

from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from edge.variants import paths, signing
from edge.variants.paths import encoded
from edge.variants.presets import Presets
from edge.variants.query import read


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


def _pair(name: str, value: object) -> tuple[str, str]:
    return quote(name, safe=""), quote(text_of(value), safe="")


def text_of(value: object) -> str:
    """A value as it stands in a URL, before it is percent-encoded."""
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
