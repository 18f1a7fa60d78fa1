"""Keeps a broken part from being asked by everybody again and again."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

_FIRST_PROBE, _LAST_PROBE = 0.1, 1.0


class Breaker:
    """After a failure, one caller in `rest` seconds may try; all others are told to pass by."""

    __slots__ = ("_broken", "_next_try", "_rest")

    def __init__(self, rest: float = 2.0) -> None:
        self._rest = rest
        self._broken = False
        self._next_try = 0.0

    def allows(self) -> bool:
        if not self._broken:
            return True
        now = time.monotonic()
        if now < self._next_try:
            return False
        self._next_try = now + self._rest
        return True

    def failed(self) -> None:
        self._broken = True
        self._next_try = time.monotonic() + self._rest

    def worked(self) -> None:
        self._broken = False


class ProbedBreaker:
    """Once its server has failed a caller, nobody asks it until it has answered a probe.

    The probes go on in the background, so that a server that hangs costs one caller its time,
    once.

    Args:
        probe: asks the server for something small, within a bound of its own.
    """

    def __init__(self, probe: Callable[[], Awaitable[object]]) -> None:
        self._probe = probe
        self._probing: asyncio.Task[None] | None = None

    def allows(self) -> bool:
        return self._probing is None

    def failed(self) -> None:
        """The server did not answer. Must be called on the event loop."""
        if self._probing is None:
            self._probing = asyncio.create_task(self._until_it_answers(), name="probe")

    async def close(self) -> None:
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.wait((self._probing,))

    async def _until_it_answers(self) -> None:
        wait = _FIRST_PROBE
        while True:
            await asyncio.sleep(wait)
            wait = min(_LAST_PROBE, wait * 2)
            with suppress(Exception):
                await self._probe()
                self._probing = None
                return
