"""What a worker process may still do once it has started: compute, and answer on its socket.

Linux only. Limits of memory, processor time and files are the kernel's (getrlimit(2)); system calls
are held to a list by seccomp(2) in filter mode, where kernel and machine have it. A call that is
not on the list answers "operation not permitted" and ends nothing.

Sources: linux/seccomp.h, linux/filter.h, linux/audit.h; the numbers are those of
asm/unistd_64.h (x86-64) and asm-generic/unistd.h (AArch64).
"""

import ctypes
import errno
import platform
import resource
import struct
from dataclasses import dataclass

_FILES = 16
_SPARE = 2**30
"""Address space beyond the limit of memory: libraries, stacks, and what is shared."""


@dataclass(frozen=True, slots=True)
class _Machine:
    """How the kernel names the machine, and its numbers for the calls on the list."""

    audit: int
    clone: int
    allowed: frozenset[int]


_X86 = frozenset({
    0, 1, 3, 5, 8, 9, 10, 11, 12, 13, 14, 15, 17, 19, 20, 24, 25, 28, 35, 39, 44, 45, 46, 47, 60,
    72, 96, 97, 98, 99, 131, 158, 160, 186, 202, 204, 218, 228, 229, 230, 231, 232, 233, 262, 270,
    273, 281, 291, 302, 309, 318, 324, 332, 334, 7, 271,
})  # fmt: skip
"""read write close fstat lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask rt_sigreturn
pread64 readv writev sched_yield mremap madvise nanosleep getpid sendto recvfrom sendmsg recvmsg
exit fcntl gettimeofday getrlimit getrusage sysinfo sigaltstack arch_prctl setrlimit gettid futex
sched_getaffinity set_tid_address clock_gettime clock_getres clock_nanosleep exit_group epoll_wait
epoll_ctl newfstatat pselect6 set_robust_list epoll_pwait epoll_create1 prlimit64 getcpu getrandom
membarrier statx rseq poll ppoll"""

_ARM = frozenset({
    63, 64, 57, 80, 62, 222, 226, 215, 214, 134, 135, 139, 67, 65, 66, 124, 216, 233, 101, 172, 206,
    207, 211, 212, 93, 25, 169, 163, 165, 179, 132, 164, 178, 98, 123, 96, 113, 114, 115, 94, 22,
    21, 79, 72, 99, 20, 261, 168, 278, 283, 291, 293, 73,
})  # fmt: skip

_MACHINES = {"x86_64": _Machine(0xC000003E, 56, _X86), "aarch64": _Machine(0xC00000B7, 220, _ARM)}

_THREAD = 0x00010000  # CLONE_THREAD
_LOAD, _JUMP_IF_EQUAL, _JUMP_IF_ANY, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # places in struct seccomp_data
_NO_NEW_PRIVILEGES, _SET_SECCOMP, _DUMPABLE, _FILTER = 38, 22, 4, 2


def limit(memory: int) -> None:
    """Hold this process to so many bytes of its own, few files, no core dump."""
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_AS, (2 * memory + _SPARE, 2 * memory + _SPARE))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_FILES, _FILES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def allow_seconds(seconds: float) -> None:
    """Let this process compute for so long from now; past it, the kernel ends it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    total = int(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (total, resource.RLIM_INFINITY))


def close() -> str:
    """Give up all system calls but those on the list.

    Returns:
        `seccomp`, or why there is none.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_DUMPABLE, 0, 0, 0, 0)
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        return f"no list for {platform.machine()}"
    program = _program(machine)
    code = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        return errno.errorcode.get(ctypes.get_errno(), "refused")
    if libc.prctl(_SET_SECCOMP, _FILTER, head, 0, 0):
        return errno.errorcode.get(ctypes.get_errno(), "refused")
    return "seccomp"


def _program(machine: _Machine) -> bytes:
    """The filter: of this machine, on the list, or a new thread of this process."""
    refused = (_RETURN, 0, 0, _REFUSE | errno.EPERM)
    allowed = (_RETURN, 0, 0, _ALLOW)
    steps = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_JUMP_IF_EQUAL, 1, 0, machine.audit),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_JUMP_IF_EQUAL, 0, 4, machine.clone),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_JUMP_IF_ANY, 1, 0, _THREAD),
        refused,
        allowed,
        (_JUMP_IF_EQUAL, 0, 1, 435),  # clone3: its flags cannot be seen; libc falls back to clone
        (_RETURN, 0, 0, _REFUSE | errno.ENOSYS),
    ]
    for number in sorted(machine.allowed):
        steps += [(_JUMP_IF_EQUAL, 0, 1, number), allowed]
    steps.append(refused)
    return b"".join(struct.pack("HBBI", *step) for step in steps)
