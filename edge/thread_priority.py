"""Which threads of this process go first: the event loop's, before those that work on pixels.

Both matter where all cores are busy. A thread that wakes is let in at once only where it asks for
short turns; one that wants the interpreter waits until its holder lets go of it.
"""

import ctypes
import os
import platform
import struct
import sys

_TURN_NS = 100_000
"""The shortest turn that Linux gives. Since 6.12 a thread that asks for short ones interrupts
those with longer ones when it wakes, instead of waiting for their end (sched(7); EEVDF,
PREEMPT_SHORT in kernel/sched/fair.c); older kernels take the value for nothing."""

_SWITCH_SECONDS = 0.0005
"""After which a thread in Python code is asked to let go of the interpreter; by default 5 ms."""

_BEHIND = 5
"""Niceness that pixels have more than the loop: a third of its weight."""

_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274, "riscv64": 274}.get(platform.machine())
_ATTRIBUTES = struct.Struct("=IIQiIQQQII")
"""struct sched_attr of sched_setattr(2): size, policy, flags, nice, priority, runtime, deadline,
period, and the bounds of utilization."""

_RESET_ON_FORK = 1
"""Threads and processes that this one starts have turns of the usual length again."""

_loop_first = False


def answer_first() -> None:
    """Let the calling thread, the event loop's, go before all threads that `behind_the_loop`
    begins, and before other processes of its rank. Where the system knows no such thing, nothing.
    """
    global _loop_first
    sys.setswitchinterval(_SWITCH_SECONDS)
    if sys.platform != "linux":
        return
    _loop_first = True
    if _SCHED_SETATTR is not None:
        nice = os.getpriority(os.PRIO_PROCESS, 0)
        attributes = _ATTRIBUTES.pack(
            _ATTRIBUTES.size, os.SCHED_OTHER, _RESET_ON_FORK, nice, 0, _TURN_NS, 0, 0, 0, 0
        )
        # What is refused (by a sandbox, say) stays as it is: it is a matter of speed alone.
        ctypes.CDLL(None).syscall(_SCHED_SETATTR, 0, ctypes.create_string_buffer(attributes), 0)


def behind_the_loop() -> None:
    """Let the calling thread, which works on pixels, and all that it starts go after the loop;
    nothing where no loop has asked to go first."""
    if _loop_first:
        os.nice(_BEHIND)  # of this thread alone: Linux has it so (setpriority(2))
