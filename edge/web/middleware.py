"""Around every request: an id, the log line, the metrics, and errors turned into answers."""

import asyncio
import logging
import re
import secrets
import time
from collections.abc import Callable
from functools import cache, partial
from itertools import count
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge.errors import Busy, EdgeError
from edge.images import Size
from edge.telemetry import Metrics, request_id
from edge.web import failures, headers
from edge.web.image import ClientLeft, MemoryHit
from edge.web.negotiation import only_images

_log = logging.getLogger("edge.access")
_GIVEN_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_STOPPING = "the server is stopping and has no more time for this request"
_ELSEWHERE_AFTER = 1
_PROCESS = secrets.token_hex(6)
_NUMBERS = count(1)
_DEFAULT_PLACEHOLDER = Size(400, 400)
_LARGEST_PLACEHOLDER = 4096


class Observed:
    """Wraps the whole application; the only place where an error becomes an answer."""

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        placeholder: str,
        requested_size: Callable[[Scope], Size | None],
        left: Callable[[Scope], int | None],
        memory_hit: Callable[[Scope], MemoryHit | None],
    ) -> None:
        self._app = app
        self._memory_hit = memory_hit
        self._metrics = metrics
        self._answered = cache(partial(metrics.tally, metrics.requests))
        self._seconds = cache(metrics.request_seconds.labels)
        self._placeholder = placeholder
        self._wished_size = requested_size
        self._left = left

    def memory_hit(self, scope: Scope) -> tuple[int, bytes, bytes] | None:
        """Status, header lines and body of what can be answered without waiting.

        The server's protocol asks this first; for all that is None here it makes a task that runs
        the application. What it answers is what the application would.
        """
        start = time.perf_counter()
        try:
            memory_hit = self._memory_hit(scope)
        except Exception:
            _log.exception("unexpected error")  # and the application will tell the client
            return None
        if memory_hit is None:
            return None
        scope["edge.source"] = memory_hit.source
        self._record(scope, memory_hit.status, time.perf_counter() - start, None)
        identity = b"x-request-id: %b\r\n" % _identity(scope).encode()
        return memory_hit.status, memory_hit.lines + identity, memory_hit.body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        identity = _identity(scope)
        token = request_id.set(identity)
        answer = _Answer(send, identity.encode())
        error: BaseException | None = None
        try:
            await self._app(scope, receive, answer)
        except ClientLeft as left:
            error = left
        except asyncio.CancelledError as cancelled:
            # The server has drained for as long as it may; whoever is still there hears it.
            error = cancelled
            if not answer.status:
                await self._fail(scope, answer, Busy(_STOPPING, retry_after=_ELSEWHERE_AFTER))
            raise
        except Exception as raised:
            error = raised
            await self._fail(scope, answer, raised)
        finally:
            self._record(scope, answer.status, time.perf_counter() - start, error)
            request_id.reset(token)

    async def _fail(self, scope: Scope, answer: "_Answer", raised: Exception) -> None:
        if not isinstance(raised, EdgeError):
            _log.exception("unexpected error")
        if answer.status:
            raise raised
        error = raised if isinstance(raised, EdgeError) else EdgeError("the server has the details")
        self._metrics.failures.labels(type(raised).__name__).inc()
        size, left = self._placeholder_size(scope), self._left(scope)
        failure = failures.answer(error, scope["path"], size, left)
        fixed = [(k.encode(), v.encode("latin-1", "replace")) for k, v in failure.headers.items()]
        length = (b"content-length", str(len(failure.body)).encode())
        await answer(
            {
                "type": "http.response.start",
                "status": failure.status,
                "headers": [*fixed, length, (b"vary", b"Accept"), *headers.ALWAYS],
            }
        )
        body = b"" if scope["method"] == "HEAD" else failure.body
        await answer({"type": "http.response.body", "body": body})

    def _placeholder_size(self, scope: Scope) -> Size | None:
        if scope["path"].startswith("/-/") or self._placeholder == "never":
            return None
        accept = headers.find(scope["headers"], b"accept") or ""
        if self._placeholder == "auto" and not only_images(accept):
            return None
        size = self._wished_size(scope) or _DEFAULT_PLACEHOLDER
        return Size(min(size.width, _LARGEST_PLACEHOLDER), min(size.height, _LARGEST_PLACEHOLDER))

    def _record(
        self, scope: Scope, status: int, seconds: float, error: BaseException | None
    ) -> None:
        route = "control" if scope["path"].startswith("/-/") else "image"
        source = scope.get("edge.source", "none")
        self._answered(route, status or 499).inc()
        if source != "memory":
            self._seconds(route, source).observe(seconds)
        level = _level(status, source, error)
        if _log.isEnabledFor(level):
            _log.log(level, "request", extra=_facts(scope, status, seconds, source, error))


class _Answer:
    """Passes messages on, adds the request id, and remembers the status."""

    __slots__ = ("_identity", "_send", "status")

    def __init__(self, send: Send, identity: bytes) -> None:
        self._send = send
        self._identity = identity
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            told = message["headers"]
            names = {name.lower() for name, _ in told}
            missing = [field for field in headers.SAFE if field[0] not in names]
            message["headers"] = [*told, *missing, (b"x-request-id", self._identity)]
        await self._send(message)


def _identity(scope: Scope) -> str:
    """The caller's own id where it is a decent one, else one of this process's."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _GIVEN_ID.fullmatch(value):
            return str(value.decode())
    return f"{_PROCESS}-{next(_NUMBERS):x}"


def _level(status: int, source: str, error: BaseException | None) -> int:
    if status >= 500 and error is not None:
        return logging.ERROR
    if status >= 500 or error is not None:
        return logging.WARNING  # readiness that says no has told the truth; nothing failed
    # A hit is counted, not logged: at thousands a second the log would cost more than the hit.
    return logging.INFO if source == "render" else logging.DEBUG


def _facts(
    scope: Scope, status: int, seconds: float, source: str, error: BaseException | None
) -> dict[str, Any]:
    facts = {
        "method": scope["method"],
        "path": scope["path"],
        "query": headers.without_signature(scope["query_string"].decode("latin-1")),
        "status": status or 499,
        "ms": round(seconds * 1000, 1),
        "source": source,
    }
    if error is not None:
        facts["error"] = type(error).__name__
        facts["detail"] = str(error)
        if private := getattr(error, "private", None):
            facts["private"] = private
    return facts
