"""Middleware: request ids, log lines, metrics, and errors turned into responses."""

import asyncio
import time

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge import tracing
from edge.errors import Busy, EdgeError, RequestLate
from edge.images import Size
from edge.telemetry import Metrics, request_id
from edge.web import failures, headers
from edge.web.access_log import LOG, PROBES, attributes
from edge.web.image import ClientLeft
from edge.web.negotiation import only_images
from edge.web.recording import SPANS, Recorder, identity, route
from edge.web.urls import Urls

_STOPPING = "the server is stopping and has no more time for this request"
_ELSEWHERE_AFTER = 1
_DEFAULT_PLACEHOLDER = Size(400, 400)
_LARGEST_PLACEHOLDER = 4096


class Observed:
    """Wraps the whole application; the only place where an error becomes an answer."""

    def __init__(
        self, app: ASGIApp, urls: Urls, metrics: Metrics, recorder: Recorder, placeholder: str
    ) -> None:
        self._app = app
        self._urls = urls
        self._metrics = metrics
        self._recorder = recorder
        self._placeholder = placeholder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        token = request_id.set(identity(scope))
        try:
            if scope["path"] in PROBES:
                await self._observed(scope, receive, send)
            else:
                await self._traced(scope, receive, send)
        finally:
            request_id.reset(token)

    async def _traced(self, scope: Scope, receive: Receive, send: Send) -> None:
        with tracing.serving(SPANS[route(scope)], scope["headers"]) as span:
            status, error = await self._observed(scope, receive, send)
            if tracing.on():
                for name, value in attributes(scope, status).items():
                    span.set(name, value)
                if status >= 500 or (error is not None and not status):
                    span.fail(type(error).__name__ if error else str(status))

    async def _observed(
        self, scope: Scope, receive: Receive, send: Send
    ) -> tuple[int, BaseException | None]:
        """The status (0: the client had disconnected), and the error, if any."""
        start = time.perf_counter()
        answer = _Answer(send, request_id.get().encode())
        error: BaseException | None = None
        try:
            await self._app(scope, receive, answer)
        except ClientLeft as left:
            error = left
        except asyncio.CancelledError as cancelled:
            # The drain has timed out; clients that are still connected get this.
            error = cancelled
            if not answer.status:
                await self._fail(scope, answer, Busy(_STOPPING, retry_after=_ELSEWHERE_AFTER))
            raise
        except ClientDisconnect:
            error = RequestLate("the body did not come to its end")
            await self._fail(scope, answer, error)
        except Exception as raised:
            error = raised
            await self._fail(scope, answer, raised)
        finally:
            seconds = time.perf_counter() - start
            self._recorder.request(scope, answer.status, seconds, answer.bytes, error)
        return answer.status, error

    async def _fail(self, scope: Scope, answer: "_Answer", raised: Exception) -> None:
        if not isinstance(raised, EdgeError):
            LOG.exception("unexpected error")
        if answer.status:
            raise raised
        error = raised if isinstance(raised, EdgeError) else EdgeError("the server has the details")
        self._metrics.failures.labels(type(raised).__name__).inc()
        size, left = self._placeholder_size(scope), self._urls.left_of_unread(scope)
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
        size = self._urls.requested_size(scope) or _DEFAULT_PLACEHOLDER
        return Size(min(size.width, _LARGEST_PLACEHOLDER), min(size.height, _LARGEST_PLACEHOLDER))


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
            given = message["headers"]
            names = {name.lower() for name, _ in given}
            missing = [field for field in headers.SAFE if field[0] not in names]
            message["headers"] = [*given, *missing, (b"x-request-id", self._identity)]
        else:
            self.bytes += len(message.get("body", b""))
        await self._send(message)
