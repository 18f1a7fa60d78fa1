"""What reading costs, as steps of plain Python that is run in turn with it.

A limit in seconds would be one of the machine and of whatever else runs on it.
"""

import struct
import time
from collections.abc import Callable

_TRIES = 10
_BITE = 5_000
_FIELD = bytes(8)


def costs_at_most(steps: int, read: Callable[[], object]) -> bool:
    """Whether plain Python walks no more than `steps` fields in the processor time of `read`.

    100,000 steps take 10 to 20 ms. The two are run in turn, up to ten times, and the quickest
    reading counts: it is not charged with what else the machine does.
    """
    quickest = float("inf")
    for _ in range(_TRIES):
        start = time.thread_time()
        read()
        quickest = min(quickest, time.thread_time() - start)
        if _walk(steps, quickest):
            return True
    return False


def _walk(steps: int, seconds: float) -> bool:
    """Whether so many steps take so much processor time."""
    start = time.thread_time()
    for end in range(_BITE, steps + 1, _BITE):
        at = end - _BITE
        while at < end:
            at += struct.unpack_from(">I", _FIELD, 4)[0] + 1
        if time.thread_time() - start >= seconds:
            return True
    return False
