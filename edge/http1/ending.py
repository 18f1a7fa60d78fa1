"""How a connection ends: refused (malformed or oversized request), closed when all is written, or
aborted because its client is too slow.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from edge.errors import EdgeError, RequestError, RequestLate
from edge.http1.limits import LEAST_RATE, ConnectionLimits
from edge.http1.open_connections import OpenConnections
from edge.http1.reading import BODY, HEAD, IDLE, OVER, BoundedReading
from edge.http1.sending import Outgoing
from edge.web import failures, headers

_LINGER = 2.0
"""Seconds for which a refused client that still sends may read its answer."""


class EndingConnection(BoundedReading):
    """Every way in which a connection ends; implements `Connection` of `open_connections`.

    Args:
        open_connections: all connections, of which this is one.

    Attributes:
        _socket, _out: the transport, and what is still to be written to it.
        _running: the request that is answered now.
        _held: what was read behind a request that waits for its turn.
        _refusal: the refusal that is written once `_running` is answered.
        _ends_at: the loop's time until which a client that still sends is read from.
    """

    _socket: asyncio.Transport
    _out: Outgoing

    def __init__(
        self,
        *given: Any,
        limits: ConnectionLimits,
        open_connections: OpenConnections,
        **named: Any,
    ) -> None:
        super().__init__(*given, limits=limits, **named)
        self._open_connections = open_connections
        self._held = b""
        self._running: RequestResponseCycle | None = None
        self._refusal: bytes | None = None
        self._ends_at: float | None = None
        self.reserved = False
        self.fresh = True

    def _refuse(self, error: RequestError) -> None:
        """Answer a request that cannot be read any further, once, after the ones before it."""
        in_body, cycle = self._phase == BODY, self.cycle
        self._phase = OVER
        self._held = b""
        under_way = cycle is not None and not cycle.response_complete
        if in_body and not under_way:
            self._close()  # it has its answer
        elif in_body and cycle is self._running and cycle.response_started:
            cycle.keep_alive = False  # it is being answered
        elif in_body and cycle is self._running:
            cycle.disconnected = True
            cycle.message_event.set()
            self._say_last(error)
        elif under_way:
            if in_body:
                self.pipeline.popleft()
            self._open_connections.refused(error)
            self._refusal = refusal(error, self.server_state.default_headers)
        else:
            self._say_last(error)

    def _say_last(self, error: EdgeError) -> None:
        self._open_connections.refused(error)
        self._write_last(refusal(error, self.server_state.default_headers))

    def _write_last(self, words: bytes) -> None:
        self._out.write(words)
        if self._running is not None:
            self._running.response_started = self._running.response_complete = True
        self._close()

    def _close(self) -> None:
        """Close when all is written; where the client may still send, read on for `_LINGER`.

        A socket that is closed with unread bytes in it is reset, and the answer lost with it.
        """
        self._closing = True
        if self._parsing or self._ends_at is not None or self._socket.is_closing():
            return
        if self._phase == IDLE or self._whole or not self._socket.can_write_eof():
            self._socket.close()
            return
        self._phase = OVER
        self._held = b""
        self._ends_at = self.loop.time() + _LINGER
        self.flow.resume_reading()
        self._socket.write_eof()

    def _is_closing(self) -> bool:
        return self._closing or self._socket.is_closing()

    def evict(self) -> None:
        self._phase = OVER
        self._socket.abort()

    def check_timeouts(self, now: float) -> None:
        """End what took too long; called every `ConnectionLimits.tick` seconds."""
        if self._out.waits_for_reader(now, self._limits.reader_timeout, LEAST_RATE):
            return self._end("reader")
        if self._out.pending:
            return
        if self._closing:
            if self._ends_at is not None and now > self._ends_at:
                self._socket.abort()
            return
        if self._late_since is None:
            self._late_since = now
        busy = self.cycle is not None and not self.cycle.response_complete
        if now - self._late_since > self._longest(busy):
            if self._phase == IDLE:
                self._end("idle")
            else:
                self._open_connections.ended("late")
                what = "head" if self._phase == HEAD else "body"
                self._refuse(RequestLate(f"the request's {what} did not come in time"))

    @property
    def unread(self) -> bytes | None:
        """The large body that stays in memory because its reader has not taken all of it."""
        cycle = self._running
        if cycle is not None and not cycle.response_complete and not self._out.rest:
            body: bytes | None = cycle.scope.get("edge.body")  # type: ignore[assignment]
            return body
        return self._out.body

    @property
    def pace(self) -> float:
        pace = self._out.pace
        return float("inf") if pace is None else pace

    def cut_off(self) -> None:
        self._end("reader")

    def _longest(self, busy: bool) -> float:
        """Seconds that the client may take now; infinite while the server has to answer."""
        limits = self._limits
        if busy:
            return limits.body_timeout if self._phase == BODY else float("inf")
        if self._phase == IDLE and self.cycle is not None:
            return limits.keep_alive
        return limits.head_timeout

    def _end(self, reason: str) -> None:
        self._open_connections.ended(reason)
        self._socket.abort()


def refusal(error: EdgeError, default_headers: Iterable[tuple[bytes, bytes]] = ()) -> bytes:
    """The whole answer (RFC 9457), after which the connection ends."""
    answer = failures.answer(error, "")
    fields = [
        *default_headers,
        *((name.encode(), value.encode()) for name, value in answer.headers.items()),
        (b"content-length", str(len(answer.body)).encode()),
        (b"connection", b"close"),
        *headers.SAFE,
    ]
    return b"".join((STATUS_LINE[answer.status], headers.lines(fields), b"\r\n", answer.body))
