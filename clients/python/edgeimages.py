"""URLs of an edge image server for Python sites: one picture, a `srcset`, `sizes`, a signature.

One file on the standard library, Python 3.9 and newer: copy it, or put its folder on the path.
`clients/vectors.json` holds it to what the server's own code writes.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

WIDTHS = (320, 480, 640, 828, 1080, 1280, 1668, 2048, 2560)


def url(base: str, path: str, params: Mapping[str, Any] | None = None) -> str:
    """The URL of one picture.

    Args:
        base: scheme and host; empty for a path alone.
        path: of the original, not encoded.
        params: words of the URL; True is written 1, None is left out.
    """
    words = _query(params or {})
    return base.rstrip("/") + _path(path) + ("?" + words if words else "")


def srcset(
    base: str,
    path: str,
    params: Mapping[str, Any] | None = None,
    widths: Sequence[int] = WIDTHS,
    densities: Sequence[float] = (),
) -> str:
    """A `srcset` with `w` descriptors, or with `x` descriptors where `densities` is given.

    With both `w` and `h` among the words, `h` keeps its proportion to `w`.
    """
    words = dict(params or {})
    if densities:
        made = ((d, {**words, "dpr": None if d == 1 else d}) for d in densities)
        return ", ".join(f"{url(base, path, w)} {_text(d)}x" for d, w in made)
    return ", ".join(f"{url(base, path, _wide(words, width))} {width}w" for width in widths)


def sizes(lengths: Mapping[str, str]) -> str:
    """The `sizes` attribute, from media conditions to lengths; `default` comes last."""
    parts = [
        f"{media if media.startswith('(') else f'({media})'} {length}"
        for media, length in lengths.items()
        if media != "default"
    ]
    return ", ".join([*parts, lengths.get("default", "100vw")])


def sign(unsigned: str, kid: str, secret: str, expires: int | None = None) -> str:
    """Signs a URL that `url` has made; `expires` is in seconds of Unix time.

    Raises:
        ValueError: a parameter comes twice, or it is signed already.
    """
    split = urlsplit(unsigned)
    pairs = parse_qsl(split.query, keep_blank_values=True)
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names) or {"sig", "s"} & set(names):
        raise ValueError("a parameter comes twice, or the URL is signed already")
    words = _query({**dict(pairs), "kid": kid, "exp": expires})
    path = _path(unquote(split.path))
    text = f"edge1\n{path}\n{words}".encode()
    signature = hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()
    host = f"{split.scheme}://{split.netloc}" if split.netloc else ""
    return f"{host}{path}?{words}&sig={signature}"


def _path(path: str) -> str:
    return "/" + quote(path.lstrip("/"), safe="/")


def _query(params: Mapping[str, Any]) -> str:
    # sorted by name alone: as whole texts, `bg-remove=on` would come before `bg=fff`
    pairs = sorted(
        (quote(name, safe=""), quote(_text(value), safe=""))
        for name, value in params.items()
        if value is not None
    )
    return "&".join(f"{name}={value}" for name, value in pairs)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _wide(words: Mapping[str, Any], width: int) -> Mapping[str, Any]:
    if words.get("w") is None or words.get("h") is None:
        return {**words, "w": width}
    return {
        **words,
        "w": width,
        "h": max(1, int(float(words["h"]) * width / float(words["w"]) + 0.5)),
    }
