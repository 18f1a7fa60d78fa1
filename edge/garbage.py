"""Keeps Python's full garbage collections from delaying answers.

A full collection visits every object: 150 ms for the libraries that a server loads, in which no
request is answered. What is alive after one will most likely stay, so it is frozen (`gc.freeze`)
and visited no more. Cycles among frozen objects are collected when no requests come.
"""

import asyncio
import gc
from collections.abc import Callable, Mapping

_FULL = 2
_QUIET_SECONDS = 60.0

_frozen_since = 0


def settle() -> None:
    """Collect, and freeze what is alive: now, and after every full collection from now on."""
    if _freeze not in gc.callbacks:
        gc.callbacks.append(_freeze)
    gc.collect()


async def collect_in_quiet(
    request_count: Callable[[], float], interval: float = _QUIET_SECONDS
) -> None:
    """For ever: collect what was frozen whenever no request came for `interval` seconds.

    Args:
        request_count: how many requests came so far.
    """
    global _frozen_since
    before = request_count()
    while True:
        await asyncio.sleep(interval)
        now = request_count()
        if now == before and _frozen_since:
            gc.unfreeze()
            gc.collect()
            _frozen_since = 0
        before = now


def _freeze(phase: str, info: Mapping[str, int]) -> None:
    global _frozen_since
    if phase == "stop" and info["generation"] == _FULL:
        gc.freeze()
        _frozen_since += 1
