"""How much may work at once, by what the settings and the machine give."""

import os
from contextlib import suppress
from pathlib import Path

from edge.admission import Admission, Cost, Limit
from edge.settings import Settings


def open_admission(given: Settings, threads: int) -> Admission:
    limits = given.limits
    return Admission(
        {
            Cost.ORIGIN: Limit(limits.origin_running, limits.origin_waiting),
            Cost.CLASSICAL: Limit(limits.classical_running or threads, limits.classical_waiting),
            Cost.NETWORK: Limit(
                limits.network_running,
                limits.network_waiting,
                slow=given.server.deadline * _SLOW_SHARE,
            ),
        },
        limits.memory_bytes or available_memory() * 3 // 4,
    )


_SLOW_SHARE = 0.3
"""Of the deadline: where renders with networks take more, fewer run at once, and so finish."""


def available_memory() -> int:
    """Bytes that this process may hold: the container's limit where there is one, else the
    machine's; 4 GiB where neither is told."""
    found = [_NO_MEMORY_TOLD]
    with suppress(OSError, ValueError, AttributeError):
        found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for file in _MEMORY_LIMITS:
        with suppress(OSError, ValueError):
            found.append(int(Path(file).read_text()))
    return min(found)


_NO_MEMORY_TOLD = 4 * 2**30
_MEMORY_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Of cgroups of version 2 and 1; a word instead of a number is no limit."""
