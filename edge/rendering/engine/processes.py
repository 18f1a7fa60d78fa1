"""Render processes: pixel work where no thread of the server waits for the interpreter.

Threads that draw hold the interpreter for milliseconds, and longer where the system takes the
processor from one that does; hits wait for that. A process of its own has an interpreter of its
own. A job is a function of a module and its arguments, pickled, and so is what it answers.
"""

import logging
import os
import pickle
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from edge.accounting import consumption
from edge.deadline import Deadline
from edge.errors import Busy, DeadlineExceeded
from edge.rendering.engine.children import Child, Gone, Pool

_log = logging.getLogger(__name__)

T = TypeVar("T")

_PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from edge.rendering.engine.process import main
main(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
"""

_START_SECONDS = 120.0
_GRACE_SECONDS = 10.0
"""After its deadline, in which a job may still come to the end of its stage."""

_FAILED_STARTS = 3
"""In a row, after which no more are tried: work stays in the server's threads."""

_BEHIND = 10
"""Niceness that they have more than the server: a ninth of its weight. They hold nothing that the
server waits for, so they may be far behind."""


class _Process(Child):
    def __init__(self, module: str) -> None:
        nice = min(19, os.getpriority(os.PRIO_PROCESS, os.getpid()) + _BEHIND)
        super().__init__(
            _PROGRAM, (str(nice), module), connected=lambda ours: Connection(ours.detach())
        )

    def _begin(self) -> None:
        self.answer(_START_SECONDS)

    def ask(self, message: bytes) -> None:
        """Raises: Gone."""
        try:
            self._link.send_bytes(message)
        except OSError as error:
            raise Gone("died") from error

    def answer(self, seconds: float) -> Any:
        """Raises: Gone."""
        try:
            if not self._link.poll(seconds):
                raise Gone("late")
            return pickle.loads(self._link.recv_bytes())
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            raise Gone("died") from error


class RenderProcesses(Pool[_Process]):
    """So many processes, started at once and replaced when they end.

    Args:
        count: of processes.
        module: is imported by each before its first job.
        replaced: told the reason, `died` or `late`, when one had to be.
    """

    def __init__(
        self,
        count: int,
        module: str,
        replaced: Callable[[str], None] = lambda reason: None,
    ) -> None:
        super().__init__(replaced)
        self._module = module
        self._failed = 0
        for _ in range(count):
            self._start()

    def run(self, deadline: Deadline, job: Callable[..., T], /, *args: Any) -> tuple[T] | None:
        """What a job answers, in a tuple; None where no process lives now, or the job cannot be
        sent, so that nothing was done. To be called by threads, each of which waits.

        Raises:
            Busy: its process ended, or none came free in time.
            DeadlineExceeded: it took longer than its deadline and a grace; its process was ended.
            Exception: what the job raised.
        """
        try:
            message = pickle.dumps((job, args), protocol=5)
        except Exception:  # a fault of ours that costs nobody his picture
            _log.exception("a job cannot be sent to a render process")
            return None
        process = self._take(deadline)
        if process is None:
            return None
        try:
            process.ask(message)
            result, error, seconds = process.answer(deadline.remaining + _GRACE_SECONDS)
        except Gone as gone:
            self._replace(process, str(gone))
            raise _blame(str(gone)) from gone
        except BaseException:
            self._replace(process, "died")
            raise
        self._give(process)
        if (used := consumption.get()) is not None:
            used.add_cpu(seconds)
        if error is not None:
            raise error
        return (result,)

    def _take(self, deadline: Deadline) -> _Process | None:
        """One that lives: what ended it while it had nothing to do is no picture's fault."""
        while (process := self._next(deadline)) is not None and not process.lives:
            self._replace(process, "died")
        return process

    def _next(self, deadline: Deadline) -> _Process | None:
        until = time.monotonic() + deadline.remaining
        with self._free:
            while not self._idle:
                if not self._started:
                    return None
                if not self._free.wait(max(0.0, until - time.monotonic())):
                    raise Busy("no render process came free in time")
            return self._idle.pop()

    def _replace(self, process: _Process, reason: str) -> None:
        super()._replace(process, reason)
        self._start()

    def _start(self) -> None:
        threading.Thread(target=self._add, name="start of a render process", daemon=True).start()

    def _add(self) -> None:
        """Add one; where its start fails, another."""
        while not self._closed and self._failed < _FAILED_STARTS:
            try:
                process = _Process(self._module)
            except (OSError, Gone):
                self._failed += 1
                continue
            self._failed = 0
            with self._free:
                self._started += 1
            self._give(process)
            return


def _blame(reason: str) -> Exception:
    if reason == "late":
        return DeadlineExceeded("the request's time was over while its picture was made")
    return Busy("the process that made the picture ended; another takes its place")
