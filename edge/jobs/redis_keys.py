"""How jobs are named in Redis, and what of them is read from there."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from redis.exceptions import RedisError

from edge.cache.redis import PREFIX
from edge.errors import JobsUnavailable
from edge.jobs.model import ENDS, ItemState, Job, JobState, Options
from edge.jobs.store import Event

NAMESPACE = f"{PREFIX}jobs"
PARTS = ("states", "tries", "feed", "results", "refused", "events", "ledger")
"""Keys of a job beside its hash; they come and go with it."""


@contextmanager
def redis_errors() -> Iterator[None]:
    """What Redis or the way to it can raise, as `JobsUnavailable`."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise JobsUnavailable(f"the store of jobs does not answer: {error}") from error


def key_of(name: str) -> str:
    """A name of ours in Redis."""
    return f"{NAMESPACE}:{name}"


def job_key(job: str) -> str:
    """The hash of a job."""
    return key_of(f"job:{job}")


def part_key(job: str, part: str) -> str:
    """One of a job's parts."""
    return key_of(f"job:{job}:{part}")


def part_keys(job: str) -> list[str]:
    """All of them."""
    return [part_key(job, part) for part in PARTS]


def ledger_key(name: str) -> str:
    """A job's own ledger goes with it; those of labels stay."""
    kind, _, id = name.partition(":")
    return part_key(id, "ledger") if kind == "job" else key_of(f"ledger:{name}")


def packed_event(event: Event) -> str:
    """An event as JSON."""
    facts = {"id": event.id, "type": event.type, "data": dict(event.data), "tries": event.tries}
    return json.dumps(facts)


def state_at(states: bytes, place: int) -> ItemState:
    """The state of one item among the letters of several."""
    return ItemState.of_code(chr(states[place]))


def job_of(id: str, facts: Mapping[bytes, bytes]) -> Job | None:
    """A job from its hash; None where there is none."""
    if b"state" not in facts:
        return None
    told = {name.decode(): value.decode() for name, value in facts.items()}

    def number(name: str) -> float:
        return float(told.get(name, 0))

    return Job(
        id=id,
        options=Options.of(json.loads(told["options"])),
        total=int(number("total")),
        refused=int(number("refused")),
        state=JobState(told["state"]),
        created=number("created"),
        started=number("started"),
        finished=number("finished"),
        touched=number("touched"),
        cursor=int(number("cursor")),
        cached=int(number("cached")),
        counts={end.value: int(number(f"n_{end.code}")) for end in ENDS},
        window=(number("t0"), int(number("n0"))),
    )
