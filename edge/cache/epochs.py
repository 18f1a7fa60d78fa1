"""Remembers what was purged lately, so that a render which began before is not stored after."""

import time
from collections import OrderedDict

from edge.cache.base import key_tag
from edge.images import Rendition

_KEPT = 100_000
_KEPT_SECONDS = 900.0
"""Longer than any request may last (600 s), so that no render outlives the purge it missed."""


class Epochs:
    """When each tag was last purged: on the monotonic clock and in Unix time, in seconds."""

    def __init__(self) -> None:
        self._tags: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._held: dict[str, tuple[float, float]] = {}

    def note(self, tag: str) -> None:
        """The tag is purged now."""
        now = time.monotonic()
        self._tags[tag] = (now, time.time())
        self._tags.move_to_end(tag)
        while len(self._tags) > _KEPT or self._oldest() < now - _KEPT_SECONDS:
            self._tags.popitem(last=False)

    def hold(self, tag: str) -> None:
        """Remember the purge of the tag, however long it takes until it has reached everybody."""
        self._held[tag] = self._tags.get(tag, (time.monotonic(), time.time()))

    def release(self, tag: str) -> None:
        """It has; from now on it is remembered like any other."""
        if self._held.pop(tag, None):
            self.note(tag)

    def since(self, started: float, key: str, rendition: Rendition) -> bool:
        """Whether the rendition was purged after its making began."""
        return any(at >= started for at, _ in self._of(key, rendition))

    def since_made(self, key: str, rendition: Rendition) -> bool:
        """Whether it was purged after it was made: a tier that was down then still has it."""
        return any(at > rendition.made for _, at in self._of(key, rendition))

    def _oldest(self) -> float:
        return next(iter(self._tags.values()))[0]

    def _of(self, key: str, rendition: Rendition) -> list[tuple[float, float]]:
        if not (self._tags or self._held):
            return []
        tags = (key_tag(key), *rendition.tags)
        return [known[tag] for known in (self._tags, self._held) for tag in tags if tag in known]
