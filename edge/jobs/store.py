"""The interface of a store of jobs, which `redis_store` and `file_store` implement.

A process may die at any point without harm: items are queued before they are marked as queued, and
the end of a job is recorded once, by whichever process reaches it first.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from edge.jobs.model import Item, ItemState, Job, JobState, Outcome, Refusal

CHUNK = 200
"""Items that lie together in the store."""

OPEN_STATES = (JobState.QUEUED, JobState.RUNNING)
"""The states of jobs that workers work on."""


class Begun(NamedTuple):
    """Whether an item may be worked on: `go`, `stop` (its job does not run) or `done`; `round` is
    how often its job was retried, after which what was missing is asked for anew."""

    verdict: str
    tries: int
    round: int = 0


class Task(NamedTuple):
    """A task for a worker: an `item`, a job's end (`conclude`), or a webhook (`notify`).

    `ref` is the item's index or the event's id; `data` the packed item, where it is at hand.
    """

    kind: str
    job: str
    ref: str = ""
    data: str = ""

    @property
    def member(self) -> str:
        return f"{self.kind}:{self.job}:{self.ref}"

    @classmethod
    def of_member(cls, member: str) -> "Task":
        kind, job, ref = member.split(":", 2)
        return cls(kind, job, ref)


@dataclass(frozen=True, slots=True)
class Event:
    """The event of a webhook, delivered once: its id, its type and its data."""

    id: str
    type: str
    data: Mapping[str, Any]
    tries: int = 0

    def as_json(self) -> str:
        facts = {"id": self.id, "type": self.type, "data": dict(self.data), "tries": self.tries}
        return json.dumps(facts)


@dataclass(frozen=True, slots=True)
class Sums:
    """The amounts that one item adds to the ledgers, by `preset|what`; `once` only when it first
    ends."""

    once: Mapping[str, float] = field(default_factory=dict)
    always: Mapping[str, float] = field(default_factory=dict)


class ItemRow(NamedTuple):
    """One item with its state and outcome."""

    item: Item
    state: ItemState
    outcome: Outcome | None


class Store(Protocol):
    """Every failure of the store itself is a `JobsUnavailable`."""

    shared: bool
    """Whether other processes see it."""

    async def add_items(self, job: str, chunk: int, items: Sequence[Item]) -> None: ...

    async def add_refusals(self, job: str, refusals: Sequence[Refusal]) -> None: ...

    async def open_job(self, job: Job) -> None:
        """Make it seen, with the items that were added before."""
        ...

    async def drop(self, job: str) -> None:
        """Forget everything of it."""
        ...

    async def job(self, job: str) -> Job | None: ...

    async def jobs(self, limit: int, offset: int) -> Sequence[Job]:
        """The newest first."""
        ...

    async def active(self) -> Sequence[Job]:
        """Those that are queued or running, the oldest first."""
        ...

    async def move(self, job: str, to: JobState, allowed: Sequence[JobState]) -> bool:
        """Set the state where it is one of `allowed`."""
        ...

    async def rewind(self, job: str, codes: str, to: JobState | None) -> int:
        """Let the items whose state is one of these letters wait anew; answers how many."""
        ...

    async def reopen(self, job: str, index: int) -> bool:
        """Let one item that has ended wait anew, and its job run."""
        ...

    async def amend(self, job: str, index: int, was: ItemState, now: ItemState) -> bool:
        """Change how an item has ended."""
        ...

    async def waiting(self, job: str, cursor: int, limit: int) -> tuple[Sequence[Item], int]:
        """The next items that wait, and the cursor behind them."""
        ...

    async def queued(self, job: str, indexes: Sequence[int], was: int, cursor: int) -> None: ...

    async def item(self, job: str, index: int) -> Item | None: ...

    async def begin(self, job: str, index: int) -> Begun: ...

    async def retry_at(self, job: str, index: int, due: float) -> None: ...

    async def finish(
        self, job: Job, item: Item, outcome: Outcome, sums: Sums, event: Event | None
    ) -> bool:
        """Record an item's end; False where it has ended already, or the job is gone."""
        ...

    async def conclude(self, job: str, state: JobState, event: Event | None) -> bool:
        """End a running job of which nothing is open; False where that is not so."""
        ...

    async def rows(
        self, job: str, state: ItemState | None, cursor: int, limit: int
    ) -> tuple[Sequence[ItemRow], int | None]:
        """Items in the feed's order, and the cursor of the next; None at the end."""
        ...

    async def refusals(self, job: str, offset: int, limit: int) -> Sequence[Refusal]: ...

    async def due(self, lease: float, limit: int) -> Sequence[Task]:
        """The tasks that are due; each is due again after `lease` seconds unless it is settled."""
        ...

    async def postpone(self, task: Task, due: float) -> None: ...

    async def settle(self, task: Task) -> None: ...

    async def event(self, job: str, event: str) -> Event | None: ...

    async def set_event(self, job: str, event: Event) -> None: ...

    async def lead(self, owner: str, seconds: float) -> bool:
        """Whether `owner` feeds the queue for the next seconds; one does at a time."""
        ...

    async def held(self, limit: int, offset: int) -> Sequence[tuple[str, int]]:
        """Job and index of the items that wait for a person, the oldest first."""
        ...

    async def decision(self, identity: str) -> Mapping[str, Any] | None: ...

    async def decide(self, identity: str, decision: Mapping[str, Any]) -> None: ...

    async def reserve(self, key: str, value: str, seconds: float) -> str | None:
        """Keep a value under a key for a time; the other one where there is one already."""
        ...

    async def release(self, key: str) -> None: ...

    async def ledger(self, name: str) -> Mapping[str, float]:
        """`job:<id>`, `label:<label>` or `all`; by `preset|what`."""
        ...

    async def close(self) -> None: ...


def ledgers_of(job: Job) -> tuple[str, str, str]:
    """The ledgers that a job's items are written into."""
    return f"job:{job.id}", f"label:{job.options.label}", "all"
