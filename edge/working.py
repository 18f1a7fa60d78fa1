"""Running a worker: the parts of a server, with items of jobs instead of requests."""

import asyncio
import logging
import os
import signal
from contextlib import suppress
from pathlib import Path

import uvloop

from edge import freed_memory, logs
from edge.app import connect
from edge.cores import cores
from edge.errors import SettingsError
from edge.serving import give_back_memory, read_anew_on_hangup
from edge.settings import Settings
from edge.sparing import leaving_cores
from edge.telemetry import serve_metrics

_GROUP = Path("/proc/self/autogroup")

_log = logging.getLogger("edge")


def work(given: Settings, at_once: int | None, metrics_port: int) -> None:
    """Work on jobs until SIGTERM or SIGINT; what is being made is finished first.

    Args:
        at_once: items at the same time; None: as the settings say; 0: only feed the queue.
        metrics_port: where metrics are served; 0: nowhere.

    Raises:
        SettingsError: there is no Redis, or its queue's library is not installed.
    """
    if not given.cache.redis_url:
        raise SettingsError("a worker needs the Redis of its servers: set EDGE_CACHE_REDIS_URL")
    logs.configure(given.server.log, given.server.log_level)
    freed_memory.keep()
    give_way(given.jobs.nice)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_work(given, at_once, metrics_port))


def give_way(niceness: int) -> None:
    """Let a shopper's request on the same machine go first; 0: share it alike.

    Where Linux groups processes by session (sched(7), "The autogroup feature"), their niceness
    counts within the group alone, and the group has one of its own.
    """
    if niceness:
        os.nice(niceness)
        with suppress(OSError):  # no such feature, or not allowed
            _GROUP.write_text(str(niceness))


def items_at_once(given: Settings, at_once: int | None = None) -> int:
    """The given number, or two for each engine thread: one is fetched while one is drawn."""
    if at_once is not None:
        return at_once
    return given.jobs.at_once or 2 * (given.server.threads or cores() + 1)


async def _work(given: Settings, at_once: int | None, metrics_port: int) -> None:
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    async with connect(given) as parts:
        serve_metrics(parts.metrics, metrics_port, given.server.host)
        read_anew_on_hangup(parts)
        trimming = asyncio.create_task(give_back_memory())
        async with leaving_cores(given), parts.processing.working(items_at_once(given, at_once)):
            _log.info("working", extra=parts.about)
            await ending.wait()
            _log.info("stopping")
        trimming.cancel()
    _log.info("stopped")
