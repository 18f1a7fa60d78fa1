"""Whether a server on this machine is answering clients now, published in the Redis that it shares
with workers.

`{prefix}busy:<boot id>` expires some seconds after a server last set it. Containers of one machine
see the same boot id (random(4), /proc/sys/kernel/random/boot_id), and no others do.
"""

from contextlib import suppress
from pathlib import Path

from edge.cache.redis import PREFIX, open_redis, tier_errors
from edge.errors import TierError

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_SECONDS = 5
"""Seconds without an answer to a client after which a machine no longer counts as busy."""


class Presence:
    """Publishes that this process answers clients, and reads whether one on this machine does;
    while Redis is away, none does.

    Args:
        timeout: seconds for one answer of Redis.
    """

    def __init__(self, url: str, timeout: float) -> None:
        self._redis = open_redis(url, timeout, connections=1)
        self._key = f"{PREFIX}busy:{_BOOT.read_text().strip()}" if _BOOT.exists() else ""

    async def publish(self) -> None:
        """Publish that this process has just answered clients."""
        if self._key:
            with suppress(TierError), tier_errors("publishing that clients are served"):
                await self._redis.set(self._key, 1, ex=_SECONDS)

    async def somebody(self) -> bool:
        """Whether a server on this machine has answered clients within the last seconds."""
        if self._key:
            with suppress(TierError), tier_errors("asking for clients"):
                return bool(await self._redis.exists(self._key))
        return False

    async def close(self) -> None:
        with suppress(TierError), tier_errors("closing"):
            await self._redis.aclose()
