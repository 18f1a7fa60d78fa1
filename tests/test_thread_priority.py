"""The event loop's thread goes before those that work on pixels."""

import ctypes
import os
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.replicas import Start, start

__all__ = ["start"]

linux = pytest.mark.skipif(sys.platform != "linux", reason="threads have no niceness elsewhere")


def niceness(pid: int) -> dict[int, int]:
    """Of each thread."""
    found = {}
    for thread in (int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()):
        with suppress(ProcessLookupError):  # it may end at any moment
            found[thread] = os.getpriority(os.PRIO_PROCESS, thread)
    return found


@linux
@pytest.mark.slow
async def test_in_a_server_threads_that_draw_are_nicer_than_the_loop(start: Start):
    server = await start()
    (await server.http.get("/sku/123.jpg?w=64")).raise_for_status()
    pid = server.process.pid
    seen = niceness(pid)
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert seen[pid] == own
    assert min(own + 5, 19) in seen.values()


def run(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.strip()


@linux
def test_where_no_loop_asked_to_go_first_a_thread_that_draws_gives_way_to_nobody():
    code = (
        "import os; from edge.thread_priority import behind_the_loop as b; b(); print(os.nice(0))"
    )
    assert int(run(code)) == os.nice(0)


@linux
def test_the_loop_takes_short_turns_and_its_threads_the_usual_ones():
    """Kernels before 6.12 tell no length of turns: 0 there."""
    code = (
        "import threading; from edge.thread_priority import answer_first\n"
        "from tests.test_thread_priority import turn\n"
        "usual = turn(); answer_first(); seen = []\n"
        "thread = threading.Thread(target=lambda: seen.append(turn()))\n"
        "thread.start(); thread.join(); print(usual, turn(), *seen)"
    )
    usual, mine, other = map(int, run(code).split())
    assert (mine, other) == ((100_000, usual) if usual else (0, 0))


def turn() -> int:
    """Nanoseconds that the scheduler gives the calling thread at a time; 0 where not told."""
    number = {"x86_64": 315, "aarch64": 275}.get(os.uname().machine)
    if number is None:
        return 0
    form, told = struct.Struct("=IIQiIQQQII"), ctypes.create_string_buffer(56)
    assert ctypes.CDLL(None).syscall(number, 0, told, form.size, 0) == 0
    return int(form.unpack(told.raw)[5])
