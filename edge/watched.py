"""A value from a file that may be exchanged while the server runs."""

import asyncio
import logging
import os
from collections.abc import Callable
from typing import Generic, TypeVar

from edge.errors import SettingsError

_log = logging.getLogger("edge")
_SECONDS = 1.0

T = TypeVar("T")


class Watched(Generic[T]):
    """The value that a file holds now; one that cannot be read leaves the last good one.

    Args:
        load: reads the value, in a thread.
        file: looked at once a second; empty: the value never changes.
        on_reload: called with whether a later reading was good.

    Raises:
        SettingsError: as `load` does, here only.
    """

    def __init__(
        self,
        load: Callable[[], T],
        file: str = "",
        on_reload: Callable[[bool], None] = lambda good: None,
    ) -> None:
        self._load = load
        self._on_reload = on_reload
        self.file = file
        self._stamp = _stamp(file)
        self.on_change: Callable[[], None] = lambda: None
        self.value = load()

    async def run(self) -> None:
        """Look at the file for ever."""
        while self.file:
            await asyncio.sleep(_SECONDS)
            await self.refresh()

    async def refresh(self, *, force: bool = False) -> None:
        """Read the file anew where it is another one than before, or anyway."""
        stamp = await asyncio.to_thread(_stamp, self.file)
        if stamp == self._stamp and not force:
            return
        self._stamp = stamp
        try:
            self.value = await asyncio.to_thread(self._load)
        except SettingsError as error:
            _log.error(
                "a file was not taken over: what was read before stays",
                extra={"file": self.file, "detail": error.detail},
            )
            self._on_reload(False)
            return
        self._on_reload(True)
        self.on_change()
        _log.info("a file was read anew", extra={"file": self.file})


def _stamp(file: str) -> tuple[int, ...] | None:
    """What changes with a file's content, also where a link is turned to another one."""
    try:
        found = os.stat(file)
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev)
