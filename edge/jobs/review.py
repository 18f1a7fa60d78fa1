"""A reviewer's decision on a picture, and the key under which it is kept.

The key is made of the original as it is now and the request, and of nothing else: another run,
another job and a new version of this software find the decision again; a new photo under the same
path does not.
"""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from edge.delivery.keys import KeyedVariant
from edge.errors import FeedRejected
from edge.images import Rendition
from edge.jobs.store import Store
from edge.variants.variant import digest_of

APPROVED, REJECTED = "approved", "rejected"
VERDICTS = (APPROVED, REJECTED)


@dataclass(frozen=True, slots=True)
class Decision:
    """`query` are the parameters that the picture was approved with instead; `by` and `note` are
    whatever the person said; `at` is Unix time in seconds."""

    verdict: str
    query: str = ""
    by: str = ""
    note: str = ""
    at: float = 0.0

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """From JSON; raises `FeedRejected` naming the member that is wrong."""
        known = ("verdict", "query", "by", "note")
        for name, value in given.items():
            if name not in known:
                raise FeedRejected(f"{name!r} is not said of a picture", param=name, allowed=known)
            if not isinstance(value, str) or len(value) > 2000:
                raise FeedRejected(f"{name} is a text", param=name)
        if given.get("verdict") not in VERDICTS:
            raise FeedRejected("there is no verdict", param="verdict", allowed=VERDICTS)
        if given.get("query") and given["verdict"] != APPROVED:
            raise FeedRejected("only an approved picture takes a query", param="query")
        return cls(**given, at=round(time.time(), 3))

    def as_facts(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value}


def identity(named: KeyedVariant) -> str:
    """64 hexadecimal digits for an original and a request."""
    variant = named.variant
    parts = (
        "review", variant.origin, variant.path, variant.stamp, variant.transform.canonical(),
        variant.scene,
    )  # fmt: skip
    return digest_of(parts)


class Decisions:
    """The decisions, in the store of jobs."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of(self, identity: str) -> Decision | None:
        found = await self._store.decision(identity)
        return Decision(**found) if found else None

    async def keep(self, identity: str, decision: Decision) -> None:
        await self._store.decide(identity, asdict(decision))

    async def annotate(self, named: KeyedVariant, rendition: Rendition) -> Rendition:
        """The rendition with the decision on it in its report, if there is one."""
        decision = await self.of(identity(named))
        return noted(rendition, decision.verdict) if decision and not decision.query else rendition


def noted(rendition: Rendition, verdict: str) -> Rendition:
    """The same picture, with the decision where its compliance is reported."""
    return replace(rendition, reported=rendition.reported.decided(verdict))
