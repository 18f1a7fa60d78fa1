"""Which origin an original comes from, by the path of its URL.

`EDGE_ORIGIN_URL` is one origin, or several by path prefix, each with an optional template:

    /srv/photos
    s3://raw/catalogue
    /sku=s3://raw/catalogue/{stem}/main.tif,/media=https://cdn.example.com/files
"""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from unicodedata import normalize
from urllib.parse import unquote, urlsplit

from edge import tracing
from edge.admission import Admission, Cost
from edge.deadline import Deadline
from edge.errors import Busy, EdgeError, InvalidPath, OriginalNotFound, SettingsError
from edge.images import Original, Stamp
from edge.origins.base import Origin
from edge.telemetry import Metrics
from edge.variants.paths import clean

_BETWEEN_ROWS = re.compile(r",\s*(?=/[^=,]*=)")
_ROW = re.compile(r"(/[^=,]*)=(.*)", re.DOTALL)
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_PLACEHOLDERS = ("path", "stem", "ext")
_SCHEMES = ("folder", "s3", "http", "https")


@dataclass(frozen=True, slots=True)
class Route:
    """One row: paths below `prefix` are served from `target`.

    `prefix` is empty (everything) or starts with a slash; `scheme` is `folder`, `s3`, `http` or
    `https`; `target` is the folder's path, `bucket/prefix`, or the whole base URL; `template`
    makes the path inside the target out of the rest of the URL's path, None: that rest itself.
    """

    prefix: str
    scheme: str
    target: str
    template: str | None = None

    def inner_path(self, path: str) -> str | None:
        """The path inside the target for a URL's path (no leading slash); None: not of this row.

        Raises:
            InvalidPath: the template makes no safe path of it.
        """
        depth = self.prefix.count("/")
        *start, rest = path.split("/", depth)
        if len(start) < depth or not rest:
            return None
        if normalize("NFC", "/".join(start)) != normalize("NFC", self.prefix[1:]):
            return None
        return rest if self.template is None else _filled(self.template, rest)


def parse_routes(text: str, *, variable: str = "EDGE_ORIGIN_URL") -> tuple[Route, ...]:
    """The rows of the setting, longest prefix first.

    Raises:
        SettingsError: names the part that is wrong.
    """
    if not _ROW.fullmatch(text.strip()):
        return (_route("", text.strip(), variable),)
    routes = []
    for row in _BETWEEN_ROWS.split(text.strip()):
        match = _ROW.fullmatch(row)
        assert match, "rows are split where a row begins"
        routes.append(_route(_prefix(match[1], variable), match[2].strip(), variable))
    prefixes = [route.prefix for route in routes]
    if twice := {prefix or "/" for prefix in prefixes if prefixes.count(prefix) > 1}:
        raise SettingsError(f"{variable}: the prefix {twice.pop()} is given twice")
    return tuple(sorted(routes, key=lambda route: len(route.prefix), reverse=True))


class Origins:
    """All origins as one: the longest prefix that ends at a slash of the path decides.

    Args:
        rows: each origin by its row of the setting.
        admission: whose places for origins are held while one is asked; each origin has its own.
        metrics: count what admission control refuses.
    """

    name = "origins"

    def __init__(
        self,
        rows: Mapping[Route, Origin],
        admission: Admission | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self._rows = tuple(sorted(rows.items(), key=lambda row: len(row[0].prefix), reverse=True))
        self._admission = admission
        self._metrics = metrics

    async def stamp(self, path: str, deadline: Deadline) -> Stamp | Original:
        origin, inner = self._find(path)
        with tracing.span("origin stamp", {"edge.path": path}, client=True):
            async with self._place(origin, deadline):
                return await origin.stamp(inner, deadline)

    async def fetch(self, path: str, deadline: Deadline) -> Original:
        """See `Origin.fetch`; the original's path is the one inside its origin."""
        origin, inner = self._find(path)
        with tracing.span("origin fetch", {"edge.path": path}, client=True) as span:
            async with self._place(origin, deadline):
                original = await origin.fetch(inner, deadline)
            span.set("edge.bytes", len(original.body))
            return original

    async def ping(self) -> None:
        for _, origin in self._rows:
            await origin.ping()

    async def states(self) -> Mapping[str, str]:
        """Each origin's prefix, and what is wrong with it; empty where nothing is.

        Readiness tells them to whoever asks: no word of folders, buckets and hosts.
        """
        states = {}
        for route, origin in self._rows:
            try:
                await origin.ping()
                states[route.prefix or "/"] = ""
            except EdgeError as error:
                states[route.prefix or "/"] = error.detail
        return states

    async def close(self) -> None:
        for _, origin in self._rows:
            await origin.close()

    def _find(self, path: str) -> tuple[Origin, str]:
        clean(path)
        for route, origin in self._rows:
            inner = route.inner_path(path)
            if inner is not None:
                return origin, inner
        raise OriginalNotFound("no origin serves this path")

    @asynccontextmanager
    async def _place(self, origin: Origin, deadline: Deadline) -> AsyncIterator[None]:
        if self._admission is None:
            yield
            return
        try:
            async with self._admission.enter(Cost.ORIGIN, deadline, origin.name):
                yield
        except Busy:
            if self._metrics is not None:
                self._metrics.admission_refused.labels(Cost.ORIGIN).inc()
            raise


def _prefix(text: str, variable: str) -> str:
    prefix = text.strip().rstrip("/")
    if prefix and "//" in prefix:
        raise SettingsError(f"{variable}: {text!r} is not a prefix", allowed="/name or /a/b")
    return prefix


def _route(prefix: str, url: str, variable: str) -> Route:
    scheme, rest = _scheme(url, variable)
    base, template = _split_template(rest, variable)
    if scheme == "folder":
        return Route(prefix, scheme, _folder(base, url, variable), template)
    parts = urlsplit(f"{scheme}://{base}")
    if not parts.netloc or "{" in parts.netloc:
        raise SettingsError(f"{variable}: {url!r} names no {_place(scheme)}")
    asks = parts.query or parts.fragment or any(char in (template or "") for char in "?#")
    if "@" in parts.netloc or asks:
        raise SettingsError(
            f"{variable}: the URL of {parts.hostname} carries a user, a query or a fragment",
            allowed=f"{scheme}://{_place(scheme)}/prefix",
        )
    target = base.rstrip("/") if scheme == "s3" else f"{scheme}://{base.rstrip('/')}"
    if template and scheme != "s3":
        template = _decoded(template, variable)
    return Route(prefix, scheme, target, template)


def _decoded(template: str, variable: str) -> str:
    """A template as it stands in a URL, as a path: what is filled in is encoded once, with it."""
    try:
        return clean(unquote(template, errors="strict"))
    except (InvalidPath, UnicodeDecodeError) as error:
        raise SettingsError(f"{variable}: {template!r} is no path of a URL") from error


def _scheme(url: str, variable: str) -> tuple[str, str]:
    scheme, separator, rest = url.partition("://")
    if not separator:
        return "folder", url
    scheme = scheme.lower().replace("file", "folder")
    if scheme not in _SCHEMES:
        raise SettingsError(
            f"{variable}: {scheme}:// is not an origin",
            allowed="a folder, s3://bucket/prefix, https://host/prefix",
        )
    return scheme, unquote(rest) if scheme == "folder" else rest


def _split_template(rest: str, variable: str) -> tuple[str, str | None]:
    """What is before the first segment with a placeholder, and the template from there on."""
    unknown = [word for word in _PLACEHOLDER.findall(rest) if word not in _PLACEHOLDERS]
    if unknown or "{" in _PLACEHOLDER.sub("", rest) or "}" in _PLACEHOLDER.sub("", rest):
        raise SettingsError(
            f"{variable}: {{{unknown[0] if unknown else ''}}} in {rest!r} is not a placeholder",
            allowed="{path}, {stem}, {ext}",
        )
    if "{" not in rest:
        return rest, None
    segments = rest.split("/")
    first = next(place for place, segment in enumerate(segments) if "{" in segment)
    return "/".join(segments[:first]), "/".join(segments[first:])


def _folder(base: str, url: str, variable: str) -> str:
    if not base or "\0" in base:
        raise SettingsError(f"{variable}: {url!r} names no folder")
    return base


def _place(scheme: str) -> str:
    return "bucket" if scheme == "s3" else "host"


def _filled(template: str, path: str) -> str:
    stem, dot, extension = path.rpartition(".")
    if not dot or "/" in extension or not stem or stem.endswith("/"):
        stem, extension = path, ""
    values = {"path": path, "stem": stem, "ext": extension}
    return clean(_PLACEHOLDER.sub(lambda match: values[match[1]], template))
