"""Running the server: one process, one loop, a drain at the end."""

import asyncio
import ctypes
import logging
import signal
import socket
import time
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any, cast

import uvicorn
import uvloop
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from edge.app import Server, connect
from edge.errors import SettingsError
from edge.settings import Settings
from edge.telemetry import configure_logging
from edge.web.probes import Probes

_log = logging.getLogger("edge")

Whole = tuple[int, bytes, bytes]
"""An answer known before it is begun: status, header lines, body."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # from malloc.h
_TRIM_SECONDS = 30.0


def serve(given: Settings) -> None:
    """Serve until SIGTERM or SIGINT; requests under way are finished first.

    Raises:
        SettingsError: the settings cannot be, or the address cannot be listened on.
    """
    configure_logging(given.server.log, given.server.log_level)
    keep_freed_memory()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(given))


def keep_freed_memory() -> None:
    """Have glibc keep the memory of one picture for the next.

    By default every large buffer is mapped and unmapped, and each page of it faults anew: 11 % of
    the time of a 2048 px JPEG to 1200 px WebP. `give_back_memory` is its counterweight. Threads
    share two arenas, so that what one has freed serves the others as well.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for option, value in (
            (_MMAP_THRESHOLD, 2**28),
            (_TRIM_THRESHOLD, 2**28),
            (_ARENA_MAX, 2),
        ):
            mallopt(option, value)


async def give_back_memory() -> None:
    """Every half minute, return to the system what lies free between the pictures.

    Otherwise resident memory only ever rises: each rare meeting of several large pictures leaves
    its peak behind in the arenas of the threads that made them.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    while trim is not None:
        await asyncio.sleep(_TRIM_SECONDS)
        await asyncio.to_thread(trim, 0)


async def _serve(given: Settings) -> None:
    host, port = given.server.host, given.server.port
    listening = [_listen(host, port, "EDGE_SERVER_PORT")]
    if admin := given.server.admin_port:
        listening.append(_listen(host, admin, "EDGE_SERVER_ADMIN_PORT"))
    async with connect(given) as parts:
        config = uvicorn.Config(
            parts.asgi,
            loop="none",
            http=protocol_of(parts),
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # nothing here asks who the client is
            timeout_keep_alive=max(1, round(given.server.keep_alive)),
            timeout_graceful_shutdown=max(1, round(given.server.drain)),
        )
        _log.info("serving", extra={"url": f"http://{host}:{port}", **parts.about})
        trimming = asyncio.create_task(give_back_memory())
        _read_anew_on_hangup(parts)
        server = _Uvicorn(config, parts.probes, given.server.shutdown_delay)
        await server.serve(sockets=listening)
        # Requests and what they left behind share one time, so that the whole end has a bound.
        await parts.errands.drain(max(1.0, server.closed + given.server.drain - time.monotonic()))
        trimming.cancel()
        _log.info("stopped")


def _read_anew_on_hangup(parts: Server) -> None:
    """SIGHUP: files of keys and tokens are read at once, not with the next look at them."""
    loop, under_way = asyncio.get_running_loop(), set[asyncio.Task[None]]()

    def reload() -> None:
        task = asyncio.ensure_future(parts.reload())
        under_way.add(task)
        task.add_done_callback(under_way.discard)

    if parts.watches:
        loop.add_signal_handler(signal.SIGHUP, reload)


def _listen(host: str, port: int, variable: str) -> socket.socket:
    try:
        return socket.create_server(
            (host, port),
            family=socket.AF_INET6 if ":" in host else socket.AF_INET,
            backlog=2048,
        )
    except OSError as error:
        raise SettingsError(
            f"EDGE_SERVER_HOST={host} {variable}={port}: cannot listen there: {error.strerror}"
        ) from error


def protocol_of(parts: Server) -> type[asyncio.Protocol]:
    """What uvicorn has to speak HTTP with, so that this server's hits are answered at once."""
    made = partial(_Protocol, near=parts.near, draining=lambda: parts.probes.draining)
    return cast(type[asyncio.Protocol], made)


class _Protocol(HttpToolsProtocol):
    """HTTP/1.1. What lies in memory is answered as soon as it is read: no task, one write.

    Everything else, and whatever comes behind an answer still under way, goes to the application
    in a task of its own. While the server drains, each answer ends its connection, so that kept
    ones move to another replica between two requests rather than in the middle of one.
    """

    def __init__(
        self,
        *given: Any,
        near: Callable[[Any], Whole | None],
        draining: Callable[[], bool],
        **named: Any,
    ) -> None:
        super().__init__(*given, **named)
        self._near = near
        self._draining = draining

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        if self._draining():
            cycle.keep_alive = False
        idle = not self.pipeline and not self.flow.write_paused
        if idle and (whole := self._near(cycle.scope)):
            self._answer(cycle, *whole)
        else:
            super()._start_asgi_task(cycle, app)

    def _answer(self, cycle: RequestResponseCycle, status: int, lines: bytes, body: bytes) -> None:
        told = [STATUS_LINE[status]]
        for name, value in cycle.default_headers:
            told += (name, b": ", value, b"\r\n")
        told += (lines, b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n", body)
        self.transport.write(b"".join(told))
        cycle.response_started = cycle.response_complete = True
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()


class _Uvicorn(uvicorn.Server):
    """Says in readiness that it drains, from the first signal on, and ends with status 0.

    Args:
        delay: seconds after the first signal in which it still accepts; a second one ends them.
    """

    def __init__(self, config: uvicorn.Config, probes: Probes, delay: float) -> None:
        super().__init__(config)
        self._probes = probes
        self._delay = delay
        self.closed = float("inf")
        """When it accepts no more, by `time.monotonic`."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # uvicorn's own would raise the signal again after the drain: a death instead of an end.
        again = self._probes.draining
        self.force_exit = again and sig == signal.SIGINT
        self.closed = min(self.closed, time.monotonic() + (0.0 if again else self._delay))
        self._probes.draining = True

    async def on_tick(self, counter: int) -> bool:
        self.should_exit = self.should_exit or time.monotonic() >= self.closed
        return await super().on_tick(counter)
