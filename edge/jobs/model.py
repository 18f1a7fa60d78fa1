"""The values of a job: its options, its items, their outcomes, and its state."""

import builtins
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any, Self

from edge.errors import FeedRejected
from edge.kinds import listed
from edge.reported import Compliance


class JobState(StrEnum):
    """Where a job is; the last four are ends, which only `retry` leaves again."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def over(self) -> bool:
        return self not in (JobState.QUEUED, JobState.RUNNING, JobState.PAUSED)


class ItemState(StrEnum):
    """Where one item is; the last four are ends. `code` is its one letter in the stores."""

    WAITING = "waiting"
    QUEUED = "queued"
    RETRYING = "retrying"
    SUCCEEDED = "succeeded"
    HELD = "held"
    REJECTED = "rejected"
    FAILED = "failed"

    @property
    def code(self) -> str:
        return _CODES[self]

    @classmethod
    def of_code(cls, code: str) -> "ItemState":
        return _STATES[code]


_CODES = {
    ItemState.WAITING: "w",
    ItemState.QUEUED: "q",
    ItemState.RETRYING: "l",
    ItemState.SUCCEEDED: "s",
    ItemState.HELD: "h",
    ItemState.REJECTED: "x",
    ItemState.FAILED: "f",
}
_STATES = {code: state for state, code in _CODES.items()}
ENDS = (ItemState.SUCCEEDED, ItemState.HELD, ItemState.REJECTED, ItemState.FAILED)
OPEN_CODES = frozenset("wql")


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a job, which apply to every line of its feed.

    Attributes:
        presets: made of each line that names none of its own.
        query: further parameters, as in a URL.
        accept: the class of client whose format is made where a preset leaves it open:
            avif, webp or base.
        base: the beginning of the feed's URLs that stands for the origin; the rest is the path.
        label: whose job it is, for the ledger.
        webhook: URL that is told of the job's end and of held items.
        to: a folder or s3://bucket/prefix that pictures are written to; ends with .zip: one file.
        pattern: how files are named there, of the feed's columns, preset, stem, ext, n and line.
        strict: one bad line refuses the whole feed.
        format: of the feed, where its first bytes do not tell it.
    """

    presets: tuple[str, ...] = ()
    query: str = ""
    accept: str = "base"
    base: str = ""
    label: str = ""
    webhook: str = ""
    to: str = ""
    pattern: str = "{sku}.{preset}.{ext}"
    strict: bool = False
    format: str = ""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """From JSON or a query's words; raises `FeedRejected` naming the field that is wrong."""
        known = {info.name for info in fields(cls)}
        for name in given:
            if name not in known:
                raise FeedRejected(
                    f"{name!r} is no option of a job", param=name, allowed=sorted(known)
                )
        return cls(**{name: _option(name, value) for name, value in given.items()})

    def as_facts(self) -> dict[str, Any]:
        """JSON-able; the reverse of `of`."""
        return asdict(self) | {"presets": list(self.presets)}


_LONGEST_OPTION = 2000


def _option(name: str, value: Any) -> Any:
    if name == "presets":
        return _presets(value)
    if name == "strict":
        if not isinstance(value, bool):
            raise FeedRejected("strict is true or false", param=name, allowed="true | false")
        return value
    if not isinstance(value, str) or len(value) > _LONGEST_OPTION:
        raise FeedRejected(
            f"{name} is a text", param=name, allowed=f"at most {_LONGEST_OPTION} characters"
        )
    return value


def _presets(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = listed(value.replace("|", ","))
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise FeedRejected("presets is a list of names", param="presets")
    return tuple(dict.fromkeys(name.strip() for name in value if name.strip()))


@dataclass(frozen=True, slots=True)
class Item:
    """One picture to be made: `index` counts items of a job from 0, `line` lines of the feed from
    1; `query` is the whole request; `file` the name in the export, empty where there is none."""

    index: int
    line: int
    sku: str
    path: str
    preset: str
    query: str
    file: str = ""

    def pack(self) -> str:
        return json.dumps(
            [self.index, self.line, self.sku, self.path, self.preset, self.query, self.file],
            separators=(",", ":"),
        )

    @classmethod
    def unpack(cls, packed: str | bytes) -> Self:
        return cls(*json.loads(packed))


@dataclass(frozen=True, slots=True)
class Refusal:
    """A line that is no item, and why; `field` is the column or parameter at fault."""

    line: int
    field: str
    detail: str

    def as_facts(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one item.

    Attributes:
        source: a tier's name, or `render`.
        identity: of the original and the request, under which a person's decision is kept.
        seconds: from its beginning to its end, waiting included.
        cpu: seconds of processor. networks: seconds of each network, by name.
        error: type, detail and param of the failure.
        written: the file in the export, once it is there.
    """

    state: ItemState
    key: str = ""
    source: str = ""
    format: str = ""
    width: int = 0
    height: int = 0
    bytes: int = 0
    sha256: str = ""
    compliance: Compliance | None = None
    identity: str = ""
    query: str = ""
    seconds: float = 0.0
    cpu: float = 0.0
    networks: Mapping[str, float] = field(default_factory=dict)
    error: Mapping[str, str] = field(default_factory=dict)
    tries: int = 1
    at: float = 0.0
    written: str = ""

    @property
    def cached(self) -> bool:
        return self.source not in ("", "render")

    def pack(self) -> str:
        """Without what is empty; `at` is when it was packed, where it is not set."""
        facts = {name: value for name, value in asdict(self).items() if value}
        facts["state"] = self.state.value
        facts.setdefault("at", round(time.time(), 3))
        return json.dumps(facts, separators=(",", ":"))

    @classmethod
    def unpack(cls, packed: str | builtins.bytes) -> Self:
        facts = json.loads(packed)
        compliance = facts.get("compliance")
        return cls(
            **facts
            | {
                "state": ItemState(facts["state"]),
                "compliance": Compliance.of(compliance) if compliance else None,
            }
        )


@dataclass(frozen=True, slots=True)
class Job:
    """One job as its store knows it. Times are Unix seconds, 0 where they have not come.

    `counts` are items by the state that they ended in; `window` is an earlier moment and how many
    items were done then, from which the rate is told.
    """

    id: str
    options: Options
    total: int
    refused: int = 0
    state: JobState = JobState.QUEUED
    created: float = 0.0
    started: float = 0.0
    finished: float = 0.0
    touched: float = 0.0
    cursor: int = 0
    cached: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    window: tuple[float, int] = (0.0, 0)

    @property
    def done(self) -> int:
        """Items that have come to an end."""
        return sum(self.counts.values())

    @property
    def open(self) -> int:
        return self.total - self.done

    @property
    def rate(self) -> float:
        """Items a second lately; 0 where none has ended yet."""
        since, before = self.window
        since = since or self.started
        return max(0.0, (self.done - before) / max(0.001, self.touched - since)) if since else 0.0

    @property
    def time_left(self) -> float | None:
        """Estimated seconds to the end; None while it does not run or its rate is unknown."""
        if self.state is not JobState.RUNNING or not self.rate:
            return None
        return self.open / self.rate

    @property
    def end(self) -> JobState:
        """The final state that follows from the outcomes of its items."""
        failed = self.counts.get(ItemState.FAILED, 0)
        if failed == self.total:
            return JobState.FAILED
        return JobState.PARTIAL if failed or self.refused else JobState.SUCCEEDED
