"""Recalls stamps of originals from stored renditions, while their origin does not answer.

Every rendition notes the stamp of its original. So a server that has just been started, and cannot
reach the origin, still finds the renditions in its tiers: stale-if-error of RFC 5861, section 4.
"""

import hashlib

from edge.cache.tiers import Tiers
from edge.images import Stamp
from edge.variants.variant import original_tag

NOTE = "stamp"


def note(origin: str, version: str) -> str:
    """The note of a rendition whose original is of this origin and version."""
    return f"{hashlib.blake2b(origin.encode(), digest_size=6).hexdigest()} {version}"


class Recall:
    """Finds the stamp of an original in the latest rendition of it that a tier holds.

    Args:
        origin: names where originals live; what another catalogue has stored is passed over.
    """

    def __init__(self, tiers: Tiers, origin: str) -> None:
        self._tiers = tiers
        self._start = note(origin, "")

    async def __call__(self, path: str) -> Stamp | None:
        for entry in await self._tiers.recall(original_tag(path)):
            note = entry.note(NOTE) or ""
            if note.startswith(self._start):
                return Stamp(note.removeprefix(self._start))
        return None
