"""Jobs in one file, for one process: what a server or a command without Redis goes on from.

SQLite with a write-ahead log: a process that is killed loses nothing that was written down, and the
next one that opens the file takes up what was queued.
"""

import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from typing import Any

from edge.jobs import file_changes
from edge.jobs.file_database import Database
from edge.jobs.file_tables import come_due, jobs_where, over_before, put_event, settle
from edge.jobs.model import Item, ItemState, Job, JobState, Outcome, Refusal
from edge.jobs.store import OPEN_STATES, Begun, Event, Row, Sums, Task

_KEEP_SECONDS = 7 * 86_400.0


class FileStore:
    """Args: `path` of the file; empty keeps everything in memory. `keep` seconds for a job that is
    over.

    Raises:
        JobsUnavailable: the file cannot be opened, or another process has it.
    """

    shared = False

    def __init__(self, path: str = "", keep: float = _KEEP_SECONDS) -> None:
        self._keep = keep
        self._database = Database(path)
        self._do = self._database.do

    async def add_items(self, job: str, chunk: int, items: Sequence[Item]) -> None:
        rows = [(job, item.index, item.pack(), "w") for item in items]
        await self._do(
            lambda db: db.executemany(
                "INSERT OR REPLACE INTO item (job, idx, packed, state) VALUES (?, ?, ?, ?)", rows
            )
        )

    async def add_refusals(self, job: str, refusals: Sequence[Refusal]) -> None:
        rows = [(job, r.line, r.field, r.detail) for r in refusals]
        await self._do(lambda db: db.executemany("INSERT INTO refusal VALUES (?, ?, ?, ?)", rows))

    async def open_job(self, job: Job) -> None:
        for old in await self._do(lambda db: over_before(db, time.time() - self._keep)):
            await self.drop(old)
        row = (
            job.id, json.dumps(job.options.as_facts()), job.total, job.refused, job.state.value,
            job.created,
        )  # fmt: skip
        await self._do(
            lambda db: db.execute(
                "INSERT INTO job (id, options, total, refused, state, created) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                row,
            )
        )

    async def drop(self, job: str) -> None:
        await self._do(lambda db: file_changes.drop(db, job))

    async def job(self, job: str) -> Job | None:
        found = await self._do(lambda db: jobs_where(db, "WHERE id = ?", job))
        return found[0] if found else None

    async def jobs(self, limit: int, offset: int) -> Sequence[Job]:
        order = "ORDER BY created DESC LIMIT ? OFFSET ?"
        return await self._do(lambda db: jobs_where(db, order, limit, offset))

    async def active(self) -> Sequence[Job]:
        where = "WHERE state IN (?, ?) ORDER BY created"
        return await self._do(lambda db: jobs_where(db, where, *OPEN_STATES))

    async def move(self, job: str, to: JobState, allowed: Sequence[JobState]) -> bool:
        return await self._do(lambda db: file_changes.move(db, job, to, allowed))

    async def rewind(self, job: str, codes: str, to: JobState | None) -> int:
        return await self._do(lambda db: file_changes.rewind(db, job, codes, to))

    async def reopen(self, job: str, index: int) -> bool:
        return await self._do(lambda db: file_changes.reopen(db, job, index))

    async def amend(self, job: str, index: int, was: ItemState, now: ItemState) -> bool:
        return await self._do(lambda db: file_changes.amend(db, job, index, was, now))

    async def waiting(self, job: str, cursor: int, limit: int) -> tuple[Sequence[Item], int]:
        def work(db: sqlite3.Connection) -> tuple[Sequence[Item], int]:
            rows = db.execute(
                "SELECT packed FROM item WHERE job = ? AND idx >= ? AND state = 'w' "
                "ORDER BY idx LIMIT ?",
                (job, cursor, limit),
            ).fetchall()
            items = [Item.unpack(row[0]) for row in rows]
            if len(items) == limit:
                return items, items[-1].index + 1
            return items, jobs_where(db, "WHERE id = ?", job)[0].total

        return await self._do(work)

    async def queued(self, job: str, indexes: Sequence[int], was: int, cursor: int) -> None:
        await self._do(lambda db: file_changes.queued(db, job, indexes, was, cursor))

    async def item(self, job: str, index: int) -> Item | None:
        row = await self._do(
            lambda db: db.execute(
                "SELECT packed FROM item WHERE job = ? AND idx = ?", (job, index)
            ).fetchone()
        )
        return Item.unpack(row[0]) if row else None

    async def begin(self, job: str, index: int) -> Begun:
        return await self._do(lambda db: file_changes.begin(db, job, index))

    async def retry_at(self, job: str, index: int, due: float) -> None:
        await self._do(lambda db: file_changes.retry_at(db, job, index, due))

    async def finish(
        self, job: Job, item: Item, outcome: Outcome, sums: Sums, event: Event | None
    ) -> bool:
        return await self._do(lambda db: file_changes.finish(db, job, item, outcome, sums, event))

    async def conclude(self, job: str, state: JobState, event: Event | None) -> bool:
        return await self._do(lambda db: file_changes.conclude(db, job, state, event))

    async def rows(
        self, job: str, state: ItemState | None, cursor: int, limit: int
    ) -> tuple[Sequence[Row], int | None]:
        rows = await self._do(
            lambda db: db.execute(
                "SELECT packed, state, result FROM item WHERE job = ? AND idx >= ? "
                "AND (? = '' OR state = ?) ORDER BY idx LIMIT ?",
                (job, cursor, *[state.code if state else ""] * 2, limit),
            ).fetchall()
        )
        found = [
            Row(Item.unpack(packed), ItemState.of_code(code), result and Outcome.unpack(result))
            for packed, code, result in rows
        ]
        return found, found[-1].item.index + 1 if len(found) == limit else None

    async def refusals(self, job: str, offset: int, limit: int) -> Sequence[Refusal]:
        rows = await self._do(
            lambda db: db.execute(
                "SELECT line, field, detail FROM refusal WHERE job = ? ORDER BY rowid "
                "LIMIT ? OFFSET ?",
                (job, limit, offset),
            ).fetchall()
        )
        return [Refusal(*row) for row in rows]

    async def due(self, lease: float, limit: int) -> Sequence[Task]:
        now = time.time()

        def work(db: sqlite3.Connection) -> Sequence[Task]:
            rows = db.execute(
                "SELECT member FROM later WHERE due <= ? ORDER BY due LIMIT ?", (now, limit)
            ).fetchall()
            db.executemany(
                "UPDATE later SET due = ? WHERE member = ?", [(now + lease, *row) for row in rows]
            )
            return [Task.of_member(member) for (member,) in rows]

        return await self._do(work)

    async def postpone(self, task: Task, due: float) -> None:
        await self._do(lambda db: come_due(db, task, due))

    async def settle(self, task: Task) -> None:
        await self._do(lambda db: settle(db, task))

    async def event(self, job: str, event: str) -> Event | None:
        row = await self._do(
            lambda db: db.execute(
                "SELECT packed FROM event WHERE job = ? AND id = ?", (job, event)
            ).fetchone()
        )
        return Event(**json.loads(row[0])) if row else None

    async def set_event(self, job: str, event: Event) -> None:
        await self._do(lambda db: put_event(db, job, event))

    async def lead(self, owner: str, seconds: float) -> bool:
        return True

    async def held(self, limit: int, offset: int) -> Sequence[tuple[str, int]]:
        return await self._do(
            lambda db: db.execute(
                "SELECT job, idx FROM held ORDER BY at LIMIT ? OFFSET ?", (limit, offset)
            ).fetchall()
        )

    async def decision(self, identity: str) -> Mapping[str, Any] | None:
        row = await self._do(
            lambda db: db.execute(
                "SELECT packed FROM decision WHERE identity = ?", (identity,)
            ).fetchone()
        )
        return json.loads(row[0]) if row else None

    async def decide(self, identity: str, decision: Mapping[str, Any]) -> None:
        packed = json.dumps(dict(decision))
        await self._do(
            lambda db: db.execute(
                "INSERT OR REPLACE INTO decision VALUES (?, ?)", (identity, packed)
            )
        )

    async def reserve(self, key: str, value: str, seconds: float) -> str | None:
        now = time.time()

        def work(db: sqlite3.Connection) -> str | None:
            db.execute("DELETE FROM reserved WHERE until < ?", (now,))
            row = db.execute("SELECT value FROM reserved WHERE key = ?", (key,)).fetchone()
            if row is None:
                db.execute("INSERT INTO reserved VALUES (?, ?, ?)", (key, value, now + seconds))
            return row and str(row[0])

        return await self._do(work)

    async def release(self, key: str) -> None:
        await self._do(lambda db: db.execute("DELETE FROM reserved WHERE key = ?", (key,)))

    async def ledger(self, name: str) -> Mapping[str, float]:
        return await self._do(
            lambda db: dict(
                db.execute("SELECT field, value FROM ledger WHERE name = ?", (name,)).fetchall()
            )
        )

    async def ping(self) -> None:
        return None

    async def close(self) -> None:
        """Waits for what is under way, also where its caller was cancelled; then nothing more is
        done."""
        await self._database.close()
