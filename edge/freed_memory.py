"""What glibc does with the memory of pictures that are done: kept for the next, given back in time.

By default every large buffer is mapped and unmapped, and each page of it faults anew: 11 % of the
time of a 2048 px JPEG to 1200 px WebP. Kept, resident memory only ever rises, for each rare meeting
of several large pictures leaves its peak behind; so what lies free is given back now and then.
"""

import ctypes
import time

SECONDS = 30.0
"""How often what lies free goes back to the system."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # from malloc.h
_KEPT = ((_MMAP_THRESHOLD, 2**28), (_TRIM_THRESHOLD, 2**28), (_ARENA_MAX, 2))
"""Threads share two arenas, so that what one has freed serves the others as well."""

_library = ctypes.CDLL(None)


def keep() -> None:
    """From now on, in this process; nothing where the C library is not glibc."""
    for option, value in _KEPT if hasattr(_library, "mallopt") else ():
        _library.mallopt(option, value)


def give_back() -> None:
    """What lies free between the pictures; it may take milliseconds."""
    if hasattr(_library, "malloc_trim"):
        _library.malloc_trim(0)


def give_back_for_ever() -> None:
    """Every half minute; for a thread of its own, where there is no event loop to do it."""
    while True:
        time.sleep(SECONDS)
        give_back()
