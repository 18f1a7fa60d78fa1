"""Background tasks after the answer, such as cache writes and refreshes: bounded, and drained at
the end."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

_log = logging.getLogger(__name__)


class BackgroundTasks:
    """Runs coroutines behind the answer; at most `limit` at once, further ones are dropped.

    A background task is always something that may be lost without harm (the next request makes it
    good), so a flood of them must not eat the memory.
    """

    def __init__(self, limit: int = 1000) -> None:
        self._limit = limit
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def run(self, name: str, work: Coroutine[Any, Any, object]) -> bool:
        """Start `work`; False, and nothing started, when too many are under way."""
        if len(self._tasks) >= self._limit:
            work.close()
            return False
        task = asyncio.create_task(self._guarded(name, work), name=f"background task {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def drain(self, seconds: float) -> None:
        """Wait for what is under way, then cancel the rest."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _guarded(self, name: str, work: Coroutine[Any, Any, object]) -> None:
        try:
            await work
        except Exception:
            _log.exception("background task failed", extra={"background task": name})
