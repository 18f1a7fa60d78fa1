"""The nearest tier: this process's own memory, bounded by bytes, least recently used first out."""

from collections.abc import Callable

from cachetools import LRUCache

from edge.cache.base import Reach, Usage, tagged_key
from edge.images import Rendition

_LARGEST_SHARE = 0.25
"""Largest entry, as a share of the limit: a larger one would evict too many others."""

_ENTRY_OVERHEAD = 600
_TAG_OVERHEAD = 330
"""Bytes that an entry and each of its tags cost beside their text: measured with tracemalloc on
CPython 3.11 over 20,000 entries, 560 an entry and 320 a tag that no other entry carries."""

_REPORTED_OVERHEAD = 1_200
"""The same of what is reported of a rendition with a preset, two networks and three notes."""


def weight(rendition: Rendition) -> int:
    """Bytes that a rendition occupies in memory."""
    tags = sum(_TAG_OVERHEAD + len(tag) for tag in rendition.tags)
    notes = sum(200 + len(name) + len(value) for name, value in rendition.notes)
    reported = _REPORTED_OVERHEAD if rendition.reported.original else 0
    return len(rendition.body) + _ENTRY_OVERHEAD + tags + notes + reported


class MemoryTier:
    """Renditions in memory, never more than `limit_bytes` of them; used on the event loop only."""

    name = "memory"
    reach = Reach.PROCESS

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._tags: dict[str, set[str]] = {}
        self._entries = _Entries(limit_bytes, self._unindex)

    async def get(self, key: str) -> Rendition | None:
        return self.peek(key)

    def peek(self, key: str) -> Rendition | None:
        """The same without waiting for anything."""
        try:
            return self._entries[key]  # `get` looks twice
        except KeyError:
            return None

    async def put(self, key: str, rendition: Rendition) -> None:
        self.keep(key, rendition)

    def keep(self, key: str, rendition: Rendition) -> None:
        """The same without waiting for anything."""
        self._entries.pop(key, None)
        if weight(rendition) > self._limit * _LARGEST_SHARE:
            return
        self._entries[key] = rendition
        for tag in rendition.tags:
            self._tags.setdefault(tag, set()).add(key)

    async def purge(self, tag: str) -> int:
        keys = set(self._tags.get(tag, ()))
        if (single := tagged_key(tag)) is not None:
            keys.add(single)
        return sum(self._entries.pop(key, None) is not None for key in keys)

    async def ping(self) -> None:
        return None

    async def usage(self) -> Usage:
        return Usage(len(self._entries), int(self._entries.currsize), self._limit)

    async def close(self) -> None:
        self._entries.clear()
        self._tags.clear()

    def _unindex(self, key: str, rendition: Rendition) -> None:
        for tag in rendition.tags:
            if keys := self._tags.get(tag):
                keys.discard(key)
                if not keys:
                    del self._tags[tag]


class _Entries(LRUCache[str, Rendition]):
    """A cache that reports every removed entry, whatever removed it."""

    def __init__(self, limit: int, gone: Callable[[str, Rendition], None]) -> None:
        super().__init__(limit, weight)
        self._gone = gone

    def __delitem__(self, key: str) -> None:
        rendition = self[key]
        super().__delitem__(key)
        self._gone(key, rendition)
