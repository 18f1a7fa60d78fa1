"""A circuit breaker: stops calls to a broken part until it works again.

After M. Nygard, Release It! (2018), chapter 5: closed, all callers pass; open, none; then it is
tried whether the part works again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

_FIRST_PROBE, _LAST_PROBE = 0.1, 1.0

Probe = Callable[[], Awaitable[object]]
"""Asks a server for something small, within a bound of its own; it lives unless this raises or
answers False."""


class Breaker:
    """Opens after some failures in a row.

    With a probe nobody passes while it is open, and the probe is sent in the background until it
    succeeds: a server that hangs costs so many callers their time, once. Without one, a caller in
    `rest` seconds may try.

    Args:
        failures: so many in a row open it.
        rest: seconds between two tries by callers, where there is no probe.
        probe: how a server is asked whether it lives.
    """

    __slots__ = ("_failed", "_limit", "_next_try", "_probe", "_probing", "_rest")

    def __init__(
        self,
        failures: int = 1,
        *,
        rest: float = 2.0,
        probe: Probe | None = None,
    ) -> None:
        self._limit = failures
        self._rest = rest
        self._probe = probe
        self._failed = 0
        self._next_try = 0.0
        self._probing: asyncio.Task[None] | None = None

    @property
    def open(self) -> bool:
        return self._failed >= self._limit

    def allows(self) -> bool:
        """Whether this caller may call now; one that may not should not wait either."""
        if not self.open:
            return True
        if self._probe is not None or (now := time.monotonic()) < self._next_try:
            return False
        self._next_try = now + self._rest
        return True

    def failed(self, rest: float | None = None) -> None:
        """The part did not work. With a probe, this must be called on the event loop.

        Args:
            rest: seconds until the next try by a caller, where not as long as usual.
        """
        self._failed += 1
        if not self.open:
            return
        self._next_try = time.monotonic() + (self._rest if rest is None else rest)
        if self._probe is not None and self._probing is None:
            self._probing = asyncio.create_task(self._until_it_lives(self._probe), name="probe")

    def succeeded(self) -> None:
        """The part worked, be it that it refused."""
        self._failed = 0

    async def close(self) -> None:
        """Send no more probes."""
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.wait((self._probing,))

    async def _until_it_lives(self, probe: Probe) -> None:
        wait = _FIRST_PROBE
        while True:
            await asyncio.sleep(wait)
            wait = min(_LAST_PROBE, wait * 2)
            with suppress(Exception):
                if await probe() is not False:
                    break
        self._probing = None
        self.succeeded()
