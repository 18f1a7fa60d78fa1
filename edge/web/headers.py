"""The headers of a rendition, for browsers and CDNs."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from edge.images import Rendition
from edge.settings import Http

Headers = list[tuple[bytes, bytes]]

ALWAYS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'"),
    (b"access-control-allow-origin", b"*"),
    (b"timing-allow-origin", b"*"),
    (b"cross-origin-resource-policy", b"cross-origin"),
)
"""On every answer, whatever it is."""

_NOTE_HEADERS = {
    "compliance": b"x-edge-compliance",
    "made": b"x-edge-made",
    "original": b"x-edge-original",
    "models": b"x-edge-models",
    "preset": b"x-edge-preset",
}


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long browsers and the CDN keep a rendition, as header values.

    Of a stand-in, browsers keep nothing unasked, and a CDN not a second longer than it may.
    """

    browser: bytes
    versioned: bytes
    cdn: bytes
    brief_browser: bytes
    brief_cdn: bytes

    @classmethod
    def of(cls, http: Http) -> "Lifetimes":
        stale = (
            f"stale-while-revalidate={http.stale_while_revalidate}, "
            f"stale-if-error={http.stale_if_error}"
        )
        base = f"public, max-age={http.max_age}, {stale}, no-transform"
        versioned = f"public, max-age=31536000, {stale}, no-transform, immutable"
        cdn = f"public, max-age={http.cdn_max_age}, {stale}"
        age = http.fast_max_age
        brief = f"public, max-age=0, s-maxage={age}, must-revalidate, no-transform"
        brief_cdn = f"public, max-age={age}, must-revalidate"
        return cls(
            base.encode(), versioned.encode(), cdn.encode(), brief.encode(), brief_cdn.encode()
        )


def validators(
    etag: str, lifetimes: Lifetimes, *, versioned: bool, vary: Sequence[str], final: bool = True
) -> Headers:
    """What a 304 must repeat of the 200 (RFC 9110 section 15.4.5)."""
    lasting = lifetimes.versioned if versioned else lifetimes.browser
    headers = [
        (b"etag", f'"{etag}"'.encode()),
        (b"cache-control", lasting if final else lifetimes.brief_browser),
        (b"cdn-cache-control", lifetimes.cdn if final else lifetimes.brief_cdn),
    ]
    if vary:
        headers.append((b"vary", ", ".join(vary).encode()))
    return headers


def describing(rendition: Rendition, download: str | None) -> Headers:
    """What the bytes are, and the names by which a CDN purges them."""
    headers = [
        (b"content-type", rendition.content_type.encode()),
        (b"content-length", str(len(rendition.body)).encode()),
        (b"cache-tag", ",".join(rendition.tags).encode("latin-1")),
        (b"surrogate-key", " ".join(rendition.tags).encode("latin-1")),
        (b"x-edge-size", str(rendition.size).encode()),
    ]
    for name, value in rendition.notes:
        if header := _NOTE_HEADERS.get(name):
            headers.append((header, value.encode("latin-1", "replace")))
    if download:
        headers.append((b"content-disposition", f'attachment; filename="{download}"'.encode()))
    return headers


@cache
def cache_status(source: str, *, joined: bool = False) -> tuple[bytes, bytes]:
    """`Cache-Status` (RFC 9211): a hit names its tier; a miss whether it waited for another's."""
    if source == "render":
        value = "edge; fwd=uri-miss; stored" + ("; collapsed" if joined else "")
    elif source == "fast":
        value = "edge; fwd=uri-miss"
    else:
        value = f"edge; hit; detail={source}"
    return (b"cache-status", value.encode())


def server_timing(stages: Iterable[tuple[str, float]]) -> Headers:
    """`Server-Timing` in milliseconds, in the order in which the stages began; none on a hit."""
    shown = ", ".join(f"{name};dur={seconds * 1000:.1f}" for name, seconds in stages)
    return [(b"server-timing", shown.encode())] if shown else []


def matches(if_none_match: str, etag: str) -> bool:
    """Whether `If-None-Match` names this ETag: `*`, one or a list, weak or strong.

    The comparison is the weak one (RFC 9110 section 13.1.2): a CDN that has compressed or
    re-framed an answer sends our tag back as W/"...".
    """
    if if_none_match.strip() == "*":
        return True
    return any(_bare(tag) == etag for tag in if_none_match.split(","))


def _bare(tag: str) -> str:
    return tag.strip().removeprefix("W/").strip('"')


_CONTROLS = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


def lines(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Headers as they go over the wire, each with its line's end.

    Raises:
        ValueError: a value has a control character in it (RFC 9110 section 5.5).
    """
    told = []
    for name, value in fields:
        if _CONTROLS.search(value):
            raise ValueError(f"a control character in {name!r}: {value!r}")
        told.append(b"%b: %b\r\n" % (name, value))
    return b"".join(told)


def find(raw: Sequence[tuple[bytes, bytes]], name: bytes) -> str | None:
    """One request header, its repeated lines joined; None where there is none."""
    value = gathered(raw).get(name)
    return None if value is None else value.decode("latin-1")


def gathered(raw: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """All request headers by name, repeated lines joined (RFC 9110 section 5.3)."""
    given = dict(raw)
    if len(given) < len(raw):
        given.clear()
        for name, value in raw:
            given[name] = given[name] + b", " + value if name in given else value
    return given


_SIGNATURE = re.compile(r"(^|&)(sig|s)=[^&]*")


def without_signature(query: str) -> str:
    """A query string fit for a log."""
    return _SIGNATURE.sub(r"\1\2=(hidden)", query)
