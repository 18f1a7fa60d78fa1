"""Around every request: an id, the log line, the metrics, and errors turned into answers."""

import asyncio
import re
import secrets
import time
from collections.abc import Callable
from functools import cache, partial
from itertools import count

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge import tracing
from edge.delivery.delivery import MEMORY
from edge.errors import Busy, EdgeError
from edge.images import Size
from edge.telemetry import Metrics, request_id
from edge.web import failures, headers
from edge.web.access_log import ANSWER, LOG, PROBES, AccessLog, Answer, attributes
from edge.web.image import ClientLeft, MemoryHit, Soon
from edge.web.negotiation import only_images

Whole = tuple[int, bytes, bytes]
"""Status, header lines and body."""

WholeSoon = Callable[[Callable[[Whole | None], None]], bool]

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
        memory_hit: Callable[[Scope], MemoryHit | Soon | None],
        access: AccessLog | None = None,
    ) -> None:
        self._app = app
        self._access = access or AccessLog()
        self._memory_hit = memory_hit
        self._metrics = metrics
        self._answered = cache(partial(metrics.tally, metrics.requests))
        self._seconds = cache(metrics.request_seconds.labels)
        self._placeholder = placeholder
        self._requested_size = requested_size
        self._left = left

    def memory_hit(self, scope: Scope) -> Whole | WholeSoon | None:
        """Status, header lines and body of what can be answered without waiting, or what asks for
        them where that takes a moment, but no task.

        The server's protocol asks this first; for all that is None here it makes a task that runs
        the application. What it answers is what the application would.
        """
        start = time.perf_counter()
        try:
            memory_hit = self._memory_hit(scope)
        except Exception:
            LOG.exception("unexpected error")  # and the application will tell the client
            return None
        if memory_hit is None:
            return None
        if isinstance(memory_hit, MemoryHit):
            return self._whole(scope, start, memory_hit)
        return partial(self._soon, scope, start, memory_hit)

    def _soon(
        self, scope: Scope, start: float, soon: Soon, told: Callable[[Whole | None], None]
    ) -> bool:
        def answered(memory_hit: MemoryHit | None) -> None:
            told(None if memory_hit is None else self._whole(scope, start, memory_hit))

        return soon(answered)

    def _whole(self, scope: Scope, start: float, memory_hit: MemoryHit) -> Whole:
        identity = _identity(scope)
        seconds = time.perf_counter() - start
        self._answered(_PICTURE, memory_hit.status).inc()
        if memory_hit.source != MEMORY:
            self._seconds(_PICTURE, memory_hit.source).observe(seconds)
        if self._access.tells_hits or tracing.on():
            self._tell_of_hit(scope, memory_hit, seconds, identity)
        return (
            memory_hit.status,
            memory_hit.lines + b"x-request-id: %b\r\n" % identity.encode(),
            memory_hit.body,
        )

    def _tell_of_hit(
        self, scope: Scope, memory_hit: MemoryHit, seconds: float, identity: str
    ) -> None:
        scope[ANSWER] = Answer(
            memory_hit.image_request, memory_hit.key, memory_hit.rendition, memory_hit.source
        )
        facts = partial(attributes, scope, memory_hit.status)
        trace = tracing.served(_SPANS[_PICTURE], scope["headers"], seconds, facts)
        more = {"request_id": identity} | ({"trace_id": trace} if trace else {})
        self._access.write(
            scope, memory_hit.status, seconds, bytes=len(memory_hit.body), hit=True, more=more
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        token = request_id.set(_identity(scope))
        try:
            if scope["path"] in PROBES:
                await self._observed(scope, receive, send)
            else:
                await self._traced(scope, receive, send)
        finally:
            request_id.reset(token)

    async def _traced(self, scope: Scope, receive: Receive, send: Send) -> None:
        with tracing.serving(_SPANS[_route(scope)], scope["headers"]) as span:
            status, error = await self._observed(scope, receive, send)
            if tracing.on():
                for name, value in attributes(scope, status).items():
                    span.set(name, value)
                if status >= 500 or (error is not None and not status):
                    span.fail(type(error).__name__ if error else str(status))

    async def _observed(
        self, scope: Scope, receive: Receive, send: Send
    ) -> tuple[int, BaseException | None]:
        """Status, 0 where nobody was there to be answered, and what went wrong."""
        start = time.perf_counter()
        answer = _Answer(send, request_id.get().encode())
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
            self._record(scope, answer, time.perf_counter() - start, error)
        return answer.status, error

    async def _fail(self, scope: Scope, answer: "_Answer", raised: Exception) -> None:
        if not isinstance(raised, EdgeError):
            LOG.exception("unexpected error")
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
        size = self._requested_size(scope) or _DEFAULT_PLACEHOLDER
        return Size(min(size.width, _LARGEST_PLACEHOLDER), min(size.height, _LARGEST_PLACEHOLDER))

    def _record(
        self, scope: Scope, answer: "_Answer", seconds: float, error: BaseException | None
    ) -> None:
        route, told = _route(scope), scope.get(ANSWER)
        source = told.source if told else "none"
        self._answered(route, answer.status or 499).inc()
        if source != MEMORY:
            self._seconds(route, source).observe(seconds)
        self._access.write(scope, answer.status, seconds, bytes=answer.bytes, error=error)


_PICTURE, _CONTROL = "image", "control"
_SPANS = {_PICTURE: "GET /{path}", _CONTROL: "/-/"}


def _route(scope: Scope) -> str:
    return _CONTROL if scope["path"].startswith("/-/") else _PICTURE


class _Answer:
    """Passes messages on, adds the request id, and remembers the status and bytes of the body."""

    __slots__ = ("_identity", "_send", "bytes", "status")

    def __init__(self, send: Send, identity: bytes) -> None:
        self._send = send
        self._identity = identity
        self.status = 0
        self.bytes = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            told = message["headers"]
            names = {name.lower() for name, _ in told}
            missing = [field for field in headers.SAFE if field[0] not in names]
            message["headers"] = [*told, *missing, (b"x-request-id", self._identity)]
        else:
            self.bytes += len(message.get("body", b""))
        await self._send(message)


def _identity(scope: Scope) -> str:
    """The caller's own id where it is a decent one, else one of this process's."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _GIVEN_ID.fullmatch(value):
            return str(value.decode())
    return f"{_PROCESS}-{next(_NUMBERS):x}"
