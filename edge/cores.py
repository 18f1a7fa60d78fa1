"""How many cores this process may use, and which of them it uses."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_SELF = Path("/proc/self/task")


def usable() -> frozenset[int]:
    """Those that the scheduler gives it, where the system says so; else none."""
    return frozenset(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else ())


def cores() -> int:
    """How many it may use; all of the machine where the system does not say."""
    return len(usable()) or os.cpu_count() or 1


def keep_to(chosen: frozenset[int]) -> None:
    """Run every thread of this process, and the processes that it has started, on these cores
    alone; what is started later follows. Only where the system knows affinity."""
    for thread in (0, *_threads_and_children()):
        with suppress(OSError):  # gone meanwhile, or a core that was taken away
            os.sched_setaffinity(thread, chosen)


def _threads_and_children() -> Iterator[int]:
    for folder in _SELF.iterdir() if _SELF.exists() else ():
        yield int(folder.name)
        with suppress(OSError):
            for child in (folder / "children").read_text().split():
                yield from map(int, os.listdir(f"/proc/{child}/task"))
