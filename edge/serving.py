"""Running the server: one process, one loop, a drain at the end."""

import asyncio
import logging
import resource
import signal
import socket
import time
from functools import partial
from types import FrameType
from typing import cast

import uvicorn
import uvloop

from edge import freed_memory, garbage, logs
from edge.app import Server, connect
from edge.errors import SettingsError
from edge.http1.limits import ConnectionLimits
from edge.http1.open_connections import OpenConnections
from edge.http1.protocol import Protocol
from edge.settings import Settings
from edge.sparing import publishing
from edge.thread_priority import answer_first
from edge.web.probes import Probes

_log = logging.getLogger("edge")

_MOST_FILES = 65536

_UNSENT_BYTES = 256 * 1024
"""That the system takes ahead of each reader; without a bound it keeps megabytes for a slow one."""


def serve(given: Settings) -> None:
    """Serve until SIGTERM or SIGINT; requests under way are finished first.

    Raises:
        SettingsError: the settings cannot be, or the address cannot be listened on.
    """
    logs.configure(given.server.log, given.server.log_level)
    freed_memory.keep()
    answer_first()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(given))


async def give_back_memory() -> None:
    """For ever, every half minute: what lies free between the pictures."""
    while True:
        await asyncio.sleep(freed_memory.SECONDS)
        await asyncio.to_thread(freed_memory.give_back)


async def _serve(given: Settings) -> None:
    host, port = given.server.host, given.server.port
    _open_many_files()
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
            timeout_graceful_shutdown=max(1, round(given.server.drain)),
        )
        _log.info("serving", extra={"url": f"http://{host}:{port}", **parts.about})
        trimming = asyncio.create_task(give_back_memory())
        garbage.settle()
        collecting = asyncio.create_task(garbage.collect_in_quiet(parts.metrics.pictures_answered))
        read_anew_on_hangup(parts)
        server = _Uvicorn(config, parts.probes, given.server.shutdown_delay)
        async with publishing(given, parts.metrics):
            await server.serve(sockets=listening)
        # Requests and what they left behind share one time, so that the whole end has a bound.
        await parts.background_tasks.drain(
            max(1.0, server.closed + given.server.drain - time.monotonic())
        )
        trimming.cancel()
        collecting.cancel()
        _log.info("stopped")


def read_anew_on_hangup(parts: Server) -> None:
    """SIGHUP: files of presets, keys and tokens are read at once."""
    loop, under_way = asyncio.get_running_loop(), set[asyncio.Task[None]]()

    def reload() -> None:
        task = asyncio.ensure_future(parts.reload())
        under_way.add(task)
        task.add_done_callback(under_way.discard)

    if parts.watches:
        loop.add_signal_handler(signal.SIGHUP, reload)


def _open_many_files() -> None:
    """Take all the file descriptors that the system gives: each connection needs one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _listen(host: str, port: int, variable: str) -> socket.socket:
    try:
        listening = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=2048
        )
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):  # accepted connections inherit it
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
        return listening
    except OSError as error:
        raise SettingsError(
            f"EDGE_SERVER_HOST={host} {variable}={port}: cannot listen there: {error.strerror}"
        ) from error


def protocol_of(parts: Server) -> type[asyncio.Protocol]:
    """What uvicorn has to speak HTTP with, so that this server's hits are answered at once."""
    requested = ConnectionLimits.of(parts.given)
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    limits = requested if files == resource.RLIM_INFINITY else requested.within(files)
    if limits.connections < requested.connections:
        _log.warning(
            "fewer connections than EDGE_LIMITS_CONNECTIONS: too few file descriptors (ulimit -n)",
            extra={"connections": limits.connections},
        )
    protocol = partial(
        Protocol,
        find=parts.hits.find,
        state=parts.probes,
        limits=limits,
        open_connections=OpenConnections(limits, parts.metrics),
    )
    return cast(type[asyncio.Protocol], protocol)


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
