"""The log line of each request, and the attributes of its span; neither contains secrets."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from starlette.types import Scope

from edge import tracing
from edge.accounting import Consumption, Stages
from edge.delivery.making import Delivered
from edge.images import Rendition
from edge.reported import Compliance
from edge.variants.parameters import BY_NAME
from edge.variants.query import ImageRequest

LOG = logging.getLogger("edge.access")
ANSWER = "edge.answer"
"""Key in the ASGI scope under which the route of pictures leaves its `AnswerRecord`."""


@dataclass(slots=True)
class AnswerRecord:
    """What the log says of one picture's answer, filled in while it is made."""

    image_request: ImageRequest
    key: str = ""
    rendition: Rendition | None = None
    source: str = "none"
    joined: bool = False
    stages: Stages | None = None
    used: Consumption | None = None

    def bring(self, delivered: Delivered) -> None:
        """Note the rendition, before it is decided whether it is sent."""
        self.rendition = delivered.rendition


@dataclass(frozen=True, slots=True)
class AccessLog:
    """Which requests are logged, by the words of `EDGE_SERVER_ACCESS_LOG`."""

    which: str = "auto"

    @property
    def tells_hits(self) -> bool:
        """Whether hits in memory are logged."""
        return LOG.isEnabledFor(logging.INFO if self.which == "all" else logging.DEBUG)

    def _level(self, scope: Scope, status: int, hit: bool, error: BaseException | None) -> int:
        """The level of a request's line; `DEBUG` for requests that are not to be logged."""
        if status >= 500 and error is not None:
            return logging.ERROR
        if status >= 500 or error is not None:
            return logging.WARNING  # readiness that says no has told the truth; nothing failed
        # Hits in memory are only counted: at thousands a second the line would cost more than the
        # hit.
        quiet = hit or scope["path"] in PROBES
        wanted = self.which == "all" or (self.which == "auto" and not quiet)
        return logging.INFO if wanted else logging.DEBUG

    def write(
        self,
        scope: Scope,
        status: int,
        seconds: float,
        *,
        bytes: int,
        error: BaseException | None = None,
        hit: bool = False,
        more: Mapping[str, str] | None = None,
    ) -> None:
        """Write the line, if the request is to be logged.

        Args:
            bytes: of the body.
            hit: memory has answered, at once.
            more: is added to it.
        """
        answer: AnswerRecord | None = scope.get(ANSWER)
        hit = hit or (answer is not None and answer.source == "memory")
        level = self._level(scope, status, hit, error)
        if LOG.isEnabledFor(level):
            facts = _request(scope, status, seconds) | _picture(answer)
            LOG.log(
                level,
                "request",
                extra=facts | {"bytes": bytes} | _failure(error) | dict(more or {}),
            )


PROBES = frozenset({"/-/healthz", "/-/readyz", "/-/metrics"})


def _request(scope: Scope, status: int, seconds: float) -> dict[str, Any]:
    return {
        "method": scope["method"],
        "path": shown_path(scope["path"]),
        "query": shown_query(scope["query_string"].decode("latin-1")),
        "status": status or 499,
        "ms": round(seconds * 1000, 1),
    }


def _picture(answer: AnswerRecord | None) -> dict[str, Any]:
    if answer is None:
        return {"source": "none"}
    facts: dict[str, Any] = {"source": answer.source}
    if answer.joined:
        facts["joined"] = True
    if preset := answer.image_request.transform.preset:
        facts["preset"] = preset
    if answer.key:
        facts["key"] = answer.key
    if answer.rendition is not None:
        facts["format"] = answer.rendition.format.value
        facts |= _verdict(answer.rendition.reported.compliance)
    if answer.stages is not None and (stages := _milliseconds(answer.stages.items())):
        facts["stages"] = stages
    if answer.used is not None and answer.used.networks:
        facts["networks"] = _milliseconds(answer.used.networks.items())
    return facts


def _verdict(compliance: Compliance | None) -> dict[str, Any]:
    """The fields of a line for operators."""
    if compliance is None:
        return {}
    found: dict[str, Any] = {"verdict": "pass" if compliance.passed else "fail"}
    for name, words in (("rules", compliance.broken), ("review", compliance.review)):
        if words:
            found[name] = list(words)
    return found


def _milliseconds(rows: Any) -> dict[str, float]:
    return {name: round(seconds * 1000, 1) for name, seconds in rows}


def _failure(error: BaseException | None) -> dict[str, Any]:
    if error is None:
        return {}
    facts: dict[str, Any] = {"error": type(error).__name__, "detail": str(error)}
    if private := getattr(error, "private", None):
        facts["private"] = private
    return facts


def attributes(scope: Scope, status: int) -> Mapping[str, tracing.Value]:
    """The same for a span, by OpenTelemetry's semantic conventions where there are some."""
    answer: AnswerRecord | None = scope.get(ANSWER)
    values: dict[str, tracing.Value] = {
        "http.request.method": scope["method"],
        "http.response.status_code": status or 499,
        "url.path": shown_path(scope["path"]),
        "url.query": shown_query(scope["query_string"].decode("latin-1")),
    }
    for name in ("source", "joined", "preset", "key", "format", "verdict"):
        value = _picture(answer).get(name)
        if value is not None:
            values[f"edge.{name}"] = value
    return values


_SECRET = frozenset({"sig", *BY_NAME["sig"].aliases}) | {
    "token", "signature", "sign", "key", "apikey", "secret", "password", "auth", "authorization",
    "credential", "hmac", "jwt", "session",
}  # fmt: skip
_WORDS = re.compile(r"[^a-z0-9]+")
_SIGNED = re.compile(r"^(/(?:thumbor|imgproxy)/)(?!unsafe/|insecure/)[^/]+(?=/)")
_CLOUDINARY = re.compile(r"/s--[A-Za-z0-9_-]+--(?=/)")
HIDDEN = "(hidden)"


def shown_path(path: str) -> str:
    """A path fit for a log: without the signatures that some services carry there."""
    return _CLOUDINARY.sub(f"/{HIDDEN}", _SIGNED.sub(rf"\1{HIDDEN}", path))


def shown_query(query: str) -> str:
    """A query string fit for a log: no signature, token or key, and of URLs in it no query."""
    return "&".join(_shown(part) for part in query.split("&")) if query else ""


def _shown(part: str) -> str:
    name, equals, value = part.partition("=")
    if not equals:
        return part
    plain = _plain(name).replace("+", " ").strip().lower()
    if plain in _SECRET or not _SECRET.isdisjoint(_WORDS.split(plain)):
        return f"{name}={HIDDEN}"
    inner, asks, _ = _plain(value).partition("?")
    if asks and "/" in inner:  # a URL, whose own query may hold anything
        return f"{name}={inner}?{HIDDEN}"
    return part


def _plain(text: str) -> str:
    """Decoded as often as it is encoded."""
    while "%" in text and (decoded := unquote(text)) != text:
        text = decoded
    return text
