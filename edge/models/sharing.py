"""Keeps one region of shared memory known to the model server, or does without, silently."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

from edge.errors import EdgeError
from edge.models import shm
from edge.models.shm import Region, Slot

_log = logging.getLogger(__name__)

TRY_AGAIN_SECONDS = 30.0
REST_SECONDS = 30.0
"""How long a slot is left alone after a request whose end nobody saw: the server may still write
into it. Queues drop the cancelled and the late, so one run of a network is all that is left."""


class Sharing:
    """Lends slots of a registered region. Whatever goes wrong, the answer is None: send inline.

    Args:
        register: makes the server map a region, by name and size in bytes; raises `EdgeError`.
        unregister: makes it forget one; raises `EdgeError`.
    """

    def __init__(
        self,
        register: Callable[[str, int], Awaitable[None]],
        unregister: Callable[[str], Awaitable[None]],
    ) -> None:
        self._register = register
        self._unregister = unregister
        self._region: Region | None = None
        self._registered = False
        self._not_before = 0.0
        self._lock = asyncio.Lock()
        self._closed = False

    async def slot(self, lengths: Sequence[int]) -> Slot | None:
        """Room for tensors of so many bytes each."""
        if not self._registered and not await self._ready():
            return None
        return self._region.take(lengths) if self._region else None

    def rest(self, slot: Slot) -> None:
        """Give a slot back later, because the server may still write into it."""
        asyncio.get_running_loop().call_later(REST_SECONDS, slot.give_back)

    def lost(self) -> None:
        """The server does not know the region (any more); register it before the next use."""
        self._registered = False

    async def close(self) -> None:
        self._closed = True
        region, self._region, self._registered = self._region, None, False
        if region is None:
            return
        region.close()
        # Also where we think it is not known: a server may register after we have stopped waiting.
        await self._forget(region.name)

    async def _ready(self) -> bool:
        async with self._lock:
            if self._registered or self._closed or time.monotonic() < self._not_before:
                return self._registered
            try:
                await self._introduce()
            except EdgeError as error:
                self._not_before = time.monotonic() + TRY_AGAIN_SECONDS
                _log.warning("tensors go inline, not through shared memory: %s", error.detail)
            return self._registered

    async def _introduce(self) -> None:
        if self._region is None:
            for name in shm.sweep():
                await self._forget(name)
            self._region = Region.make()
        else:
            await self._forget(self._region.name)  # a server that still knows it would refuse
        await self._register(self._region.name, self._region.bytes)
        self._registered = True

    async def _forget(self, name: str) -> None:
        try:
            await self._unregister(name)
        except EdgeError as error:
            _log.debug("the model server keeps region %s: %s", name, error.detail)
