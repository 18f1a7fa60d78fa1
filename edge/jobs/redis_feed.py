"""The keys of jobs in Redis, and readers of their items.

They are packed in chunks, and their states are letters of one string.
"""

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from redis.exceptions import RedisError

from edge.cache.redis import PREFIX
from edge.errors import JobsUnavailable
from edge.jobs.model import ENDS, Item, ItemState, Job, JobState, Options
from edge.jobs.store import CHUNK

NAMESPACE = f"{PREFIX}jobs"
PARTS = ("states", "tries", "feed", "results", "refused", "events", "ledger")
"""Keys of a job beside its hash; they come and go with it."""


@contextmanager
def redis_errors() -> Iterator[None]:
    """Turns every error of Redis, and of the connection to it, into `JobsUnavailable`."""
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


def state_at(states: bytes, place: int) -> ItemState:
    """The state of one item among the letters of several."""
    return ItemState.of_code(chr(states[place]))


def job_of(id: str, facts: Mapping[bytes, bytes]) -> Job | None:
    """A job from its hash; None where there is none."""
    if b"state" not in facts:
        return None
    fields = {name.decode(): value.decode() for name, value in facts.items()}

    def number(name: str) -> float:
        return float(fields.get(name, 0))

    return Job(
        id=id,
        options=Options.of(json.loads(fields["options"])),
        total=int(number("total")),
        refused=int(number("refused")),
        state=JobState(fields["state"]),
        created=number("created"),
        started=number("started"),
        finished=number("finished"),
        touched=number("touched"),
        cursor=int(number("cursor")),
        cached=int(number("cached")),
        counts={end.value: int(number(f"n_{end.code}")) for end in ENDS},
        window=(number("t0"), int(number("n0"))),
    )


_SCAN = 8192
"""States that are read at once."""


class ItemReader:
    """Reads items of any job.

    Raises:
        JobsUnavailable: from every method, where Redis does not answer.
    """

    def __init__(self, redis: Any) -> None:
        self._redis = redis

    async def search(self, job: str, codes: str, cursor: int, limit: int) -> tuple[list[int], int]:
        """Indexes from the cursor on whose state is one of these letters, and where to go on."""
        found: list[int] = []
        wanted = frozenset(codes.encode())
        while len(found) < limit:
            with redis_errors():
                states = await self._redis.getrange(
                    part_key(job, "states"), cursor, cursor + _SCAN - 1
                )
            if not states:
                break
            for code in states:
                if code in wanted:
                    found.append(cursor)
                cursor += 1
                if len(found) == limit:
                    break
        return found, cursor

    async def items(self, job: str, indexes: Sequence[int]) -> list[Item]:
        """Those that are there, in the order of the indexes."""
        chunks = sorted({index // CHUNK for index in indexes})
        if not chunks:
            return []
        with redis_errors():
            packed = await self._redis.hmget(part_key(job, "feed"), chunks)
        lines = {
            chunk: zlib.decompress(body).split(b"\n")
            for chunk, body in zip(chunks, packed, strict=True)
            if body is not None
        }
        return [
            Item.unpack(lines[index // CHUNK][index % CHUNK])
            for index in indexes
            if index // CHUNK in lines and index % CHUNK < len(lines[index // CHUNK])
        ]
