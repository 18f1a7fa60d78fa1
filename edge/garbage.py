"""When Python looks for reference cycles: never through all that a server has loaded, between two
answers.

A full collection visits every object there is: 150 ms for the libraries that a server loads, in
which nobody is answered. What is alive after one will most likely stay, so it is frozen: set aside,
and visited no more (`gc.freeze`). Cycles in what was frozen wait for a time when nobody asks.
"""

import asyncio
import gc
from collections.abc import Callable, Mapping

_FULL = 2
_LOOK_SECONDS = 60.0

_frozen_since = 0


def settle() -> None:
    """Collect, and freeze what is alive: now, and after every full collection from now on."""
    if _freeze not in gc.callbacks:
        gc.callbacks.append(_freeze)
    gc.collect()


async def collect_in_quiet(request_count: Callable[[], float], look: float = _LOOK_SECONDS) -> None:
    """For ever: go through all that was frozen once nobody has asked between two looks.

    Args:
        request_count: answers how many requests came so far.
        look: seconds between two looks.
    """
    global _frozen_since
    before = request_count()
    while True:
        await asyncio.sleep(look)
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
