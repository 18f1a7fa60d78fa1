"""One connection: uvicorn's HTTP/1.1 protocol with limits, timeouts, and a fast path for hits.

Hits in memory are answered as soon as a request's head is read: no task, no copy of a large body.
Hits in the tier behind it are answered by a callback. All other requests, and those behind an
unfinished answer, go to the application in a task of their own.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from edge.errors import Crowded, EdgeError, RequestMalformed
from edge.http1.ending import EndingConnection
from edge.http1.reading import FED, OVER
from edge.http1.sending import Outgoing
from edge.web.hits import Later, Whole
from edge.web.probes import Probes

_COPIED = 32 * 1024
"""Largest body in bytes that is copied to its head, which is faster than two writes."""

_PROBES = frozenset({"/-/healthz", "/-/readyz"})
_VERSIONS = ("1.1", "1.0")


class Protocol(EndingConnection):
    """One connection.

    While the server drains, each answer ends its connection, so that kept ones move to another
    replica between two requests rather than in the middle of one.

    Args:
        find: what can be answered without a task, by scope; see `Hits.find`.
        state: asked whether the server drains.
        given, named: as `EndingConnection` takes them.
    """

    def __init__(
        self,
        *given: Any,
        find: Callable[[Any], Whole | Later | None],
        state: Probes,
        **named: Any,
    ) -> None:
        super().__init__(*given, **named)
        self._find = find
        self._state = state
        self._default_lines = b""
        self._default: list[tuple[bytes, bytes]] = []
        self._busy = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._socket = transport
        self._out = Outgoing(transport)
        self.transport = self._out.as_transport(self._close, self._is_closing)
        self.flow = _Flow(transport, self)
        if not self._open_connections.enter(self):
            self._socket.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._open_connections.leave(self)
        self._held = b""
        self._out.drop()
        for cycle in (self._running, *(cycle for cycle, _ in self.pipeline)):
            if cycle is not None:
                cycle.disconnected = True
                cycle.message_event.set()
        self.pipeline.clear()
        super().connection_lost(exc)

    # What comes in

    def data_received(self, data: bytes) -> None:
        if self._held:
            self._held += data
        elif self._phase != OVER:
            if len(data) <= FED and not self.pipeline:
                self._parse(data)
            else:
                self._feed(data)

    def _feed(self, data: bytes) -> None:
        """Parse piece by piece; while a request waits for its turn, keep the rest unparsed."""
        for start in range(0, len(data), FED):
            if self.pipeline:
                self._held = data[start:]
                self.flow.pause_reading()
                return
            self._parse(data[start : start + FED])
            if self._phase == OVER:
                return

    def _feed_held(self) -> None:
        held, self._held = self._held, b""
        if self.parser is None or self._phase == OVER:
            return
        self.flow.resume_reading()
        self._feed(held)

    def _parsed(self) -> None:
        self._late_since = None
        self.fresh = True
        if self._closing:
            self._close()

    # What goes out

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        if cycle is self.cycle:
            self._last = self._last or self._state.draining or not cycle.keep_alive
            cycle.keep_alive = not self._last
        unusual = self.reserved or cycle.scope["http_version"] != "1.1"
        if unusual and (error := self._turned_away(cycle)):
            return self._say_last(error)
        idle = not self.pipeline and not self.flow.write_paused
        hit = self._find(cycle.scope) if idle else None
        if isinstance(hit, tuple):
            return self._answer(cycle, *hit)
        self._is_busy()
        if hit is None or not hit(partial(self._came, cycle, app)):
            super()._start_asgi_task(cycle, app)

    def _came(
        self, cycle: RequestResponseCycle, app: ASGI3Application, whole: Whole | None
    ) -> None:
        """Called with the answer of `Hits.soon`, or None; the client may have disconnected
        meanwhile."""
        if cycle.disconnected or cycle.response_complete:
            return
        if whole is None:
            super()._start_asgi_task(cycle, app)
        else:
            self._answer(cycle, *whole)

    def _turned_away(self, cycle: RequestResponseCycle) -> EdgeError | None:
        if cycle.scope["http_version"] not in _VERSIONS:
            return RequestMalformed("this is no HTTP/1.1", allowed=_VERSIONS)
        self.reserved = self.reserved and self._open_connections.full
        if self.reserved and cycle.scope["path"] not in _PROBES:
            return Crowded("all connections are busy; try again")
        return None

    def _answer(self, cycle: RequestResponseCycle, status: int, lines: bytes, body: bytes) -> None:
        if cycle.default_headers is not self._default:  # the date's second has passed
            self._default = cycle.default_headers
            self._default_lines = b"".join(b"%b: %b\r\n" % field for field in self._default)
        ending = b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n"
        pieces = [STATUS_LINE[status], self._default_lines, lines, ending]
        cycle.response_started = True
        if len(body) <= _COPIED:
            pieces.append(body)
            self._socket.write(b"".join(pieces))
            self._answered(cycle)
        else:
            self._out.begin(b"".join(pieces), body)
            self._go_on(cycle)

    def _go_on(self, cycle: RequestResponseCycle) -> None:
        """Write as much of a large body as the reader takes now."""
        out, flow = self._out, self.flow
        while out.rest and not flow.write_paused:
            out.next_piece()
        if out.rest:
            self._is_busy()
        else:
            self._answered(cycle)

    def _is_busy(self) -> None:
        if not self._busy:
            self._busy = True
            self._open_connections.busy(self)

    def _answered(self, cycle: RequestResponseCycle) -> None:
        cycle.response_complete = True
        if not cycle.keep_alive:
            self._close()
        cycle.on_response()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._out.rest and self._running is not None:
            self._go_on(self._running)

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self._closing:
            return
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._refusal is not None:
            self._write_last(self._refusal)
        else:
            self._late_since = None
            self.fresh = True
            if self._busy:
                self._busy = False
                self._open_connections.waits(self)
            if self._held:
                self.loop.call_soon(self._feed_held)
            elif self.flow.read_paused:
                self.flow.resume_reading()


class _Flow(FlowControl):
    """uvicorn's flow control; reading goes on only when nothing read before is left."""

    def __init__(self, transport: asyncio.Transport, protocol: Protocol) -> None:
        super().__init__(transport)
        self._protocol = protocol

    def resume_reading(self) -> None:
        if not self._protocol._held:
            super().resume_reading()
