"""The headers of a rendition, for browsers and CDNs."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from urllib.parse import quote

from edge.images import FORMAT_WORDS, Format, Rendition
from edge.rendering.render import RENDER_VERSION
from edge.settings import HttpSettings
from edge.variants.variant import renderer_tag
from edge.web import reported

Headers = list[tuple[bytes, bytes]]

SAFE: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'"),
)
"""Headers of every answer; the page at `/` has a policy of its own."""

ALWAYS: tuple[tuple[bytes, bytes], ...] = (
    *SAFE,
    (b"access-control-allow-origin", b"*"),
    (b"timing-allow-origin", b"*"),
    (b"cross-origin-resource-policy", b"cross-origin"),
)
"""Headers of every picture, and of errors in its place."""

RENDERER = renderer_tag(RENDER_VERSION)
"""The renderer's cache tag on every answer: keys name RENDER_VERSION, so none is of another."""

_YEAR = 31_536_000


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long browsers and the CDN keep a rendition.

    Browsers revalidate a fallback each time, and a CDN drops it as soon as it expires.
    """

    browser: bytes
    versioned: bytes
    cdn: bytes
    brief_browser: bytes
    brief_cdn: bytes
    http: HttpSettings

    @classmethod
    def of(cls, http: HttpSettings) -> "Lifetimes":
        stale = (
            f"stale-while-revalidate={http.stale_while_revalidate}, "
            f"stale-if-error={http.stale_if_error}"
        )
        base = f"public, max-age={http.max_age}, {stale}, no-transform"
        versioned = f"public, max-age={_YEAR}, {stale}, no-transform, immutable"
        cdn = f"public, max-age={http.cdn_max_age}, {stale}"
        age = http.fallback_max_age
        brief, brief_cdn = _brief_browser(age).encode(), _brief_cdn(age).encode()
        return cls(base.encode(), versioned.encode(), cdn.encode(), brief, brief_cdn, http)

    def fields(self, left: int | None, *, versioned: bool, lasting: bool) -> Headers:
        """`Cache-Control` and `CDN-Cache-Control`.

        Args:
            left: seconds for which the URL holds (`exp`), None: for ever. No cache keeps the
                picture longer, neither fresh nor stale.
            versioned: the URL names a version of the original; browsers never need to ask again.
            lasting: not a fallback, nor of an original that was written just now.
        """
        if lasting:
            whole = self.versioned if versioned else self.browser, self.cdn
            ages = _YEAR if versioned else self.http.max_age, self.http.cdn_max_age
            reach = max(self.http.stale_while_revalidate, self.http.stale_if_error)
        else:
            whole, reach = (self.brief_browser, self.brief_cdn), 0
            ages = (self.http.fallback_max_age,) * 2
        browser, cdn = whole
        if left is not None and left <= 0:
            browser = cdn = b"no-store"
        elif left is not None:
            if ages[0] + reach > left:
                age = min(ages[0], left)
                ending = f"public, max-age={age}, must-revalidate, no-transform"
                browser = (ending if lasting else _brief_browser(age)).encode()
            if ages[1] + reach > left:
                cdn = _brief_cdn(min(ages[1], left)).encode()
        return [(b"cache-control", browser), (b"cdn-cache-control", cdn)]


def _brief_browser(age: int) -> str:
    return f"public, max-age=0, s-maxage={age}, must-revalidate, no-transform"


def _brief_cdn(age: int) -> str:
    return f"public, max-age={age}, must-revalidate"


def validators(
    etag: str,
    lifetimes: Lifetimes,
    *,
    versioned: bool,
    vary: Sequence[str],
    lasting: bool = True,
    left: int | None = None,
) -> Headers:
    """The headers of a 200 that a 304 must repeat (RFC 9110 section 15.4.5)."""
    headers = [
        (b"etag", f'"{etag}"'.encode()),
        *lifetimes.fields(left, versioned=versioned, lasting=lasting),
    ]
    if vary:
        headers.append((b"vary", ", ".join(vary).encode()))
    return headers


def describing(rendition: Rendition, download: str | None) -> Headers:
    """The media type of the bytes, and the cache tags by which a CDN purges them."""
    tags = (*rendition.tags, RENDERER)
    headers = [
        (b"content-type", rendition.content_type.encode()),
        (b"content-length", str(len(rendition.body)).encode()),
        (b"cache-tag", ",".join(tags).encode("latin-1")),
        (b"surrogate-key", " ".join(tags).encode("latin-1")),
        (b"x-edge-size", str(rendition.size).encode()),
    ]
    headers += reported.headers(rendition.reported)
    if download:
        headers.append((b"content-disposition", disposition(download, rendition.format)))
    return headers


def disposition(name: str, format: Format) -> bytes:
    """`Content-Disposition` of a download: the name with its format's extension, and where it goes
    beyond ASCII, in both forms that RFC 6266 section 5 advises."""
    name = _with_extension(name, format)
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = "".join("_" if letter in _UNQUOTED else letter for letter in plain)
    if plain == name:
        return f'attachment; filename="{name}"'.encode()
    if plain.startswith("."):
        plain = f"picture{plain}"
    encoded = quote(name, safe="!#$&+-.^_`|~")  # attr-char of RFC 8187 section 3.2.1
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}".encode()


_UNQUOTED = frozenset('"\\/%;:*?<>|')


def _with_extension(name: str, format: Format) -> str:
    stem, dot, end = name.rpartition(".")
    if dot and FORMAT_WORDS.get(end.lower()) is format:
        return name
    known = dot and stem and end.lower() in _PICTURES
    return f"{stem if known else name}.{format.value}"


_PICTURES = frozenset(FORMAT_WORDS) | {"gif", "tif", "tiff", "heic", "heif", "bmp", "jfif", "jpe"}


@cache
def cache_status(source: str, *, joined: bool = False) -> tuple[bytes, bytes]:
    """`Cache-Status` (RFC 9211): a hit names its tier; a miss whether it waited for another's."""
    if source == "render":
        value = "edge; fwd=uri-miss; stored" + ("; collapsed" if joined else "")
    elif source == "fallback":
        value = "edge; fwd=uri-miss"
    else:
        value = f"edge; hit; detail={source}"
    return (b"cache-status", value.encode())


def server_timing(stages: Iterable[tuple[str, float]]) -> Headers:
    """`Server-Timing` in milliseconds, in the order in which the stages began; none on a hit."""
    shown = ", ".join(f"{name};dur={seconds * 1000:.1f}" for name, seconds in stages)
    return [(b"server-timing", shown.encode())] if shown else []


_CONTROLS = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


def lines(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Headers as they go over the wire, each with its line's end.

    Raises:
        ValueError: a value has a control character in it (RFC 9110 section 5.5).
    """
    encoded = []
    for name, value in fields:
        if _CONTROLS.search(value):
            raise ValueError(f"a control character in {name!r}: {value!r}")
        encoded.append(b"%b: %b\r\n" % (name, value))
    return b"".join(encoded)


def find(raw: Sequence[tuple[bytes, bytes]], name: bytes) -> str | None:
    """One request header, its repeated lines joined; None where there is none."""
    value = gathered(raw).get(name)
    return None if value is None else value.decode("latin-1")


def gathered(raw: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """All request headers by name, repeated lines joined (RFC 9110 section 5.3)."""
    given = dict(raw)
    if len(given) == len(raw):
        return given
    values: dict[bytes, list[bytes]] = {}
    for name, value in raw:
        values.setdefault(name, []).append(value)
    return {name: b", ".join(several) for name, several in values.items()}
