"""Records every request: its id, its count in the metrics, its log line, its span."""

import re
import secrets
from functools import cache, partial
from itertools import count

from starlette.types import Scope

from edge import tracing
from edge.delivery.delivery import MEMORY
from edge.telemetry import PICTURES, Metrics
from edge.web.access_log import ANSWER, AccessLog, AnswerRecord, attributes

PICTURE, CONTROL = PICTURES, "control"
SPANS = {PICTURE: "GET /{path}", CONTROL: "/-/"}

_GIVEN_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_PROCESS = secrets.token_hex(6)
_NUMBERS = count(1)


def identity(scope: Scope) -> str:
    """The client's request id if it is well formed, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _GIVEN_ID.fullmatch(value):
            return str(value.decode())
    return f"{_PROCESS}-{next(_NUMBERS):x}"


def route(scope: Scope) -> str:
    return CONTROL if scope["path"].startswith("/-/") else PICTURE


class Recorder:
    """Counts requests, and writes their lines."""

    def __init__(self, metrics: Metrics, access: AccessLog | None = None) -> None:
        self._access = access or AccessLog()
        # Label children are looked up once: that costs more than counting, and every hit counts.
        self._answered = cache(partial(metrics.tally, metrics.requests))
        self._seconds = cache(metrics.request_seconds.labels)

    def request(
        self, scope: Scope, status: int, seconds: float, bytes: int, error: BaseException | None
    ) -> None:
        """Record a request that the application answered; status 0: the client had disconnected."""
        answer: AnswerRecord | None = scope.get(ANSWER)
        way, source = route(scope), answer.source if answer else "none"
        self._answered(way, status or 499).inc()
        if source != MEMORY:
            self._seconds(way, source).observe(seconds)
        self._access.write(scope, status, seconds, bytes=bytes, error=error)

    @property
    def tells_hits(self) -> bool:
        """Whether hits are logged or traced, not only counted."""
        return self._access.tells_hits or tracing.on()

    def hit(self, status: int, source: str, seconds: float) -> None:
        """Count a picture that was answered without a task."""
        self._answered(PICTURE, status).inc()
        if source != MEMORY:
            self._seconds(PICTURE, source).observe(seconds)

    def record_hit(
        self,
        scope: Scope,
        status: int,
        seconds: float,
        *,
        bytes: int,
        id: str,
        answer: AnswerRecord,
    ) -> None:
        """Its line and its span, where they are wanted."""
        scope[ANSWER] = answer
        facts = partial(attributes, scope, status)
        trace = tracing.served(SPANS[PICTURE], scope["headers"], seconds, facts)
        more = {"request_id": id} | ({"trace_id": trace} if trace else {})
        self._access.write(scope, status, seconds, bytes=bytes, hit=True, more=more)
