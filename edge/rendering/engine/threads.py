"""The engine threads: where pixels are worked on, off the event loop."""

import contextvars
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from edge.accounting import consumption
from edge.cores import cores
from edge.in_thread import in_thread
from edge.thread_priority import behind_the_loop

T = TypeVar("T")


class Engine(Protocol):
    """Runs pixel work on a thread, off the event loop."""

    async def run(self, job: Callable[..., T], /, *args: Any) -> T: ...


class EngineThreads:
    """A fixed number of threads; the imaging library lets go of the GIL while it works.

    Args:
        count: 0 for one more than there are cores: while one thread waits for the interpreter, the
            cores have work (3 threads on 2 cores gave 1.1 times the pictures of 2, 4 no more).
    """

    def __init__(self, count: int = 0) -> None:
        self.count = count or cores() + 1
        self._pool = ThreadPoolExecutor(
            self.count, thread_name_prefix="engine", initializer=behind_the_loop
        )

    async def run(self, job: Callable[..., T], /, *args: Any) -> T:
        """The job's result; the job runs to its end even if the caller is cancelled."""
        context = contextvars.copy_context()
        return await in_thread(self._pool, context.run, _counted, job, *args)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


def _counted(job: Callable[..., T], *args: Any) -> T:
    """The job's result; the processor's time goes to whom it is done for."""
    used, start = consumption.get(), time.thread_time()
    try:
        return job(*args)
    finally:
        if used is not None:
            used.add_cpu(time.thread_time() - start)
