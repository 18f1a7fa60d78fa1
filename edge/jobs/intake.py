"""Taking a feed into the store, a chunk at a time, and noticing what keeps it from beginning."""

from collections.abc import Sequence

from edge.errors import FeedRejected
from edge.jobs.items import Names
from edge.jobs.model import Item, Refusal
from edge.jobs.store import CHUNK, Store

TOLD = 100
"""Refused lines that are told at once; the store has all."""


class Intake:
    """Takes a feed's lines into the store, a chunk at a time."""

    def __init__(self, store: Store, job: str, most: int) -> None:
        self._store = store
        self._job = job
        self._most = most
        self._page: list[Item] = []
        self._chunk = 0
        self.names = Names()
        self.total = 0
        self.refused = 0
        self.told: list[Refusal] = []

    async def add(self, found: Sequence[Item | Refusal]) -> None:
        bad = [one for one in found if isinstance(one, Refusal)]
        for item in (one for one in found if isinstance(one, Item)):
            self._page.append(item)
            self.total += 1
            if item.file:
                self.names.add(item.file)
            if len(self._page) == CHUNK:
                await self.flush()
        if self.total > self._most:
            raise FeedRejected(f"the feed has more than {self._most:,} pictures", param="feed")
        if bad:
            self.refused += len(bad)
            self.told += bad[: TOLD - len(self.told)]
            await self._store.add_refusals(self._job, bad)

    async def flush(self) -> None:
        if self._page:
            await self._store.add_items(self._job, self._chunk, self._page)
            self._page, self._chunk = [], self._chunk + 1


def refused(intake: Intake) -> FeedRejected:
    """The error of a feed that is refused for its lines; the first one is named."""
    first = intake.told[0]
    return FeedRejected(
        f"line {first.line}: {first.detail}",
        param=first.field,
        diagnostics={
            "line": first.line, "field": first.field, "refused": intake.refused,
            "problems": [one.as_facts() for one in intake.told],
        },
    )  # fmt: skip
