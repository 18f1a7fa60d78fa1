"""Jobs in the Redis that is already there: unique ends, cancelling, pausing, progress, ledgers.

`edge:1:jobs:active` is the set of jobs that are queued or running, `edge:1:jobs:items` the queue's
own list (see `dramatiq_queue`): both may be watched from outside to decide how many workers run.
"""

import json
import time
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from edge.cache.redis import open_redis
from edge.jobs import redis_scripts as scripts
from edge.jobs.model import Item, ItemState, Job, JobState, Outcome, Refusal
from edge.jobs.redis_feed import (
    PARTS,
    ItemReader,
    job_key,
    job_of,
    key_of,
    ledger_key,
    part_key,
    part_keys,
    redis_errors,
    state_at,
)
from edge.jobs.store import Begun, Event, ItemRow, Sums, Task, ledgers_of

_UNSEEN_SECONDS = 3600
"""How long a feed is kept that nobody has opened a job for: its reader died."""


class RedisStore:
    """Args: `timeout` seconds for one answer; `keep` seconds for a job that is over."""

    shared = True

    def __init__(self, url: str, timeout: float, keep: float) -> None:
        self._redis: Any = open_redis(url, max(timeout, 5.0))
        self._feed = ItemReader(self._redis)
        self._keep = int(keep)
        names = (name for name in vars(scripts) if name.isupper() and not name.startswith("_"))
        self._scripts = {
            name: self._redis.register_script(getattr(scripts, name)) for name in names
        }

    async def add_items(self, job: str, chunk: int, items: Sequence[Item]) -> None:
        packed = zlib.compress("\n".join(item.pack() for item in items).encode(), 6)
        feed, states = part_key(job, "feed"), part_key(job, "states")
        with redis_errors():
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hset(feed, chunk, packed)
                pipe.append(states, "w" * len(items))
                for key in (feed, states):
                    pipe.expire(key, _UNSEEN_SECONDS)
                await pipe.execute()

    async def add_refusals(self, job: str, refusals: Sequence[Refusal]) -> None:
        key = part_key(job, "refused")
        packed = [json.dumps([r.line, r.field, r.detail]) for r in refusals]
        with redis_errors():
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.rpush(key, *packed)
                pipe.expire(key, _UNSEEN_SECONDS)
                await pipe.execute()

    async def open_job(self, job: Job) -> None:
        facts = {
            "options": json.dumps(job.options.as_facts()),
            "total": job.total,
            "refused": job.refused,
            "state": job.state.value,
            "created": job.created,
            "cursor": 0,
        }
        with redis_errors():
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hset(job_key(job.id), mapping=facts)
                for part in PARTS:
                    pipe.persist(part_key(job.id, part))
                pipe.zadd(key_of("all"), {job.id: job.created})
                pipe.sadd(key_of("active"), job.id)
                await pipe.execute()

    async def drop(self, job: str) -> None:
        with redis_errors():
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.delete(job_key(job), *(part_key(job, part) for part in PARTS))
                pipe.zrem(key_of("all"), job)
                pipe.srem(key_of("active"), job)
                await pipe.execute()

    async def job(self, job: str) -> Job | None:
        with redis_errors():
            return job_of(job, await self._redis.hgetall(job_key(job)))

    async def jobs(self, limit: int, offset: int) -> Sequence[Job]:
        with redis_errors():
            ids = await self._redis.zrevrange(key_of("all"), offset, offset + limit - 1)
        found = [(name.decode(), await self.job(name.decode())) for name in ids]
        if gone := [name for name, job in found if job is None]:  # their time was over
            with redis_errors():
                await self._redis.zrem(key_of("all"), *gone)
        return [job for _, job in found if job]

    async def active(self) -> Sequence[Job]:
        with redis_errors():
            ids = await self._redis.smembers(key_of("active"))
        found = [await self.job(name.decode()) for name in ids]
        return sorted((job for job in found if job), key=lambda job: job.created)

    async def move(self, job: str, to: JobState, allowed: Sequence[JobState]) -> bool:
        keys = [job_key(job), key_of("active"), *part_keys(job)]
        return bool(
            await self._run("MOVE", keys, [to.value, time.time(), job, self._keep, *allowed])
        )

    async def rewind(self, job: str, codes: str, to: JobState | None) -> int:
        keys = [
            job_key(job),
            part_key(job, "states"),
            part_key(job, "tries"),
            key_of("active"),
            key_of("later"),
        ]
        moved = await self._run(
            "REWIND", [*keys, *part_keys(job)], [codes, to.value if to else "", job, time.time()]
        )
        return int(moved)

    async def reopen(self, job: str, index: int) -> bool:
        keys = [
            job_key(job),
            part_key(job, "states"),
            part_key(job, "tries"),
            key_of("active"),
            key_of("held"),
        ]
        return bool(await self._run("REOPEN", [*keys, *part_keys(job)], [index, job]))

    async def amend(self, job: str, index: int, was: ItemState, now: ItemState) -> bool:
        with redis_errors():
            packed = await self._redis.hget(part_key(job, "results"), index)
        if packed is None:
            return False
        result = json.dumps(json.loads(packed) | {"state": now.value}, separators=(",", ":"))
        keys = [job_key(job), part_key(job, "states"), part_key(job, "results"), key_of("held")]
        return bool(await self._run("AMEND", keys, [index, was.code, now.code, job, result]))

    async def waiting(self, job: str, cursor: int, limit: int) -> tuple[Sequence[Item], int]:
        found, cursor = await self._feed.search(job, "w", cursor, limit)
        return await self._feed.items(job, found), cursor

    async def queued(self, job: str, indexes: Sequence[int], was: int, cursor: int) -> None:
        await self._run("QUEUED", [job_key(job), part_key(job, "states")], [was, cursor, *indexes])

    async def item(self, job: str, index: int) -> Item | None:
        found = await self._feed.items(job, [index])
        return found[0] if found else None

    async def begin(self, job: str, index: int) -> Begun:
        keys = [job_key(job), part_key(job, "states"), part_key(job, "tries")]
        verdict, tries, round = await self._run("BEGIN", keys, [index, time.time()])
        return Begun(verdict.decode(), int(tries), int(round))

    async def retry_at(self, job: str, index: int, due: float) -> None:
        member = Task("item", job, str(index)).member
        await self._run(
            "RETRY_AT", [part_key(job, "states"), key_of("later")], [index, due, member]
        )

    async def finish(
        self, job: Job, item: Item, outcome: Outcome, sums: Sums, event: Event | None
    ) -> bool:
        keys = [
            job_key(job.id),
            part_key(job.id, "states"),
            part_key(job.id, "results"),
            key_of("later"),
            key_of("held"),
            part_key(job.id, "events"),
            *map(ledger_key, ledgers_of(job)),
        ]
        pairs = [word for pair in (*sums.once.items(), *sums.always.items()) for word in pair]
        message = [event.id, event.as_json()] if event else ["", ""]
        arguments = [
            item.index, outcome.state.code, outcome.pack(), time.time(), job.id,
            int(outcome.cached), *message, len(sums.once), *pairs,
        ]  # fmt: skip
        return bool(await self._run("FINISH", keys, arguments))

    async def conclude(self, job: str, state: JobState, event: Event | None) -> bool:
        keys = [
            job_key(job),
            key_of("active"),
            key_of("later"),
            part_key(job, "events"),
            *part_keys(job),
        ]
        message = [event.id, event.as_json()] if event else ["", ""]
        arguments = [state.value, time.time(), job, self._keep, *message]
        return bool(await self._run("CONCLUDE", keys, arguments))

    async def rows(
        self, job: str, state: ItemState | None, cursor: int, limit: int
    ) -> tuple[Sequence[ItemRow], int | None]:
        codes = state.code if state else "wqlshxf"
        found, cursor = await self._feed.search(job, codes, cursor, limit)
        if not found:
            return [], None
        items = await self._feed.items(job, found)
        with redis_errors():
            results = await self._redis.hmget(part_key(job, "results"), found)
            states = await self._redis.getrange(part_key(job, "states"), found[0], found[-1])
        rows = [
            ItemRow(
                item, state_at(states, item.index - found[0]), result and Outcome.unpack(result)
            )
            for item, result in zip(items, results, strict=True)
        ]
        return rows, cursor if len(found) == limit else None

    async def refusals(self, job: str, offset: int, limit: int) -> Sequence[Refusal]:
        with redis_errors():
            found = await self._redis.lrange(part_key(job, "refused"), offset, offset + limit - 1)
        return [Refusal(*json.loads(packed)) for packed in found]

    async def due(self, lease: float, limit: int) -> Sequence[Task]:
        now = time.time()
        found = await self._run("DUE", [key_of("later")], [now, now + lease, limit])
        return [Task.of_member(member.decode()) for member in found]

    async def postpone(self, task: Task, due: float) -> None:
        with redis_errors():
            await self._redis.zadd(key_of("later"), {task.member: due})

    async def settle(self, task: Task) -> None:
        with redis_errors():
            await self._redis.zrem(key_of("later"), task.member)

    async def event(self, job: str, event: str) -> Event | None:
        with redis_errors():
            packed = await self._redis.hget(part_key(job, "events"), event)
        return Event(**json.loads(packed)) if packed else None

    async def set_event(self, job: str, event: Event) -> None:
        with redis_errors():
            await self._redis.hset(part_key(job, "events"), event.id, event.as_json())

    async def lead(self, owner: str, seconds: float) -> bool:
        return bool(await self._run("LEAD", [key_of("feeder")], [owner, int(seconds * 1000)]))

    async def held(self, limit: int, offset: int) -> Sequence[tuple[str, int]]:
        with redis_errors():
            members = await self._redis.zrange(key_of("held"), offset, offset + limit - 1)
        pairs = (member.decode().rpartition(":") for member in members)
        return [(job, int(index)) for job, _, index in pairs]

    async def decision(self, identity: str) -> Mapping[str, Any] | None:
        with redis_errors():
            packed = await self._redis.hget(key_of("decisions"), identity)
        return json.loads(packed) if packed else None

    async def decide(self, identity: str, decision: Mapping[str, Any]) -> None:
        with redis_errors():
            await self._redis.hset(key_of("decisions"), identity, json.dumps(dict(decision)))

    async def reserve(self, key: str, value: str, seconds: float) -> str | None:
        with redis_errors():
            name = key_of(f"idempotency:{key}")
            if await self._redis.set(name, value, nx=True, ex=int(seconds)):
                return None
            before = await self._redis.get(name)
        return before.decode() if before else None

    async def release(self, key: str) -> None:
        with redis_errors():
            await self._redis.delete(key_of(f"idempotency:{key}"))

    async def ledger(self, name: str) -> Mapping[str, float]:
        with redis_errors():
            found = await self._redis.hgetall(ledger_key(name))
        return {field.decode(): float(value) for field, value in found.items()}

    async def close(self) -> None:
        await self._redis.aclose()

    async def _run(self, name: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        with redis_errors():
            return await self._scripts[name](keys=keys, args=arguments)
