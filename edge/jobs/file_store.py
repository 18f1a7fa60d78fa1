"""Jobs in one file, for one process: what a server or a command without Redis goes on from.

SQLite with a write-ahead log: a process that is killed loses nothing that was written down, and the
next one that opens the file takes up what was queued.
"""

import json
import time
from collections.abc import Mapping, Sequence
from sqlite3 import Connection
from typing import Any

from edge.jobs.file_changes import Changes
from edge.jobs.file_database import (
    come_due,
    forget,
    jobs_where,
    over_before,
    put_event,
    settle,
    transaction,
)
from edge.jobs.model import Item, ItemState, Job, Outcome, Refusal
from edge.jobs.store import OPEN_STATES, Event, ItemRow, Task

_KEEP_SECONDS = 7 * 86_400.0


class FileStore(Changes):
    """Args: `path` of the file; empty keeps everything in memory. `keep` seconds for a job that is
    over.

    Raises:
        JobsUnavailable: the file cannot be opened, or another process has it.
    """

    shared = False

    def __init__(self, path: str = "", keep: float = _KEEP_SECONDS) -> None:
        super().__init__(path)
        self._keep = keep

    @transaction
    def add_items(self, db: Connection, job: str, chunk: int, items: Sequence[Item]) -> None:
        rows = [(job, item.index, item.pack(), "w") for item in items]
        sql = "INSERT OR REPLACE INTO item (job, idx, packed, state) VALUES (?, ?, ?, ?)"
        db.executemany(sql, rows)

    @transaction
    def add_refusals(self, db: Connection, job: str, refusals: Sequence[Refusal]) -> None:
        rows = [(job, r.line, r.field, r.detail) for r in refusals]
        db.executemany("INSERT INTO refusal VALUES (?, ?, ?, ?)", rows)

    @transaction
    def open_job(self, db: Connection, job: Job) -> None:
        for old in over_before(db, time.time() - self._keep):
            forget(db, old)
        options = json.dumps(job.options.as_facts())
        db.execute(
            "INSERT INTO job (id, options, total, refused, state, created) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (job.id, options, job.total, job.refused, job.state.value, job.created),
        )

    @transaction
    def job(self, db: Connection, job: str) -> Job | None:
        found = jobs_where(db, "WHERE id = ?", job)
        return found[0] if found else None

    @transaction
    def jobs(self, db: Connection, limit: int, offset: int) -> Sequence[Job]:
        return jobs_where(db, "ORDER BY created DESC LIMIT ? OFFSET ?", limit, offset)

    @transaction
    def active(self, db: Connection) -> Sequence[Job]:
        return jobs_where(db, "WHERE state IN (?, ?) ORDER BY created", *OPEN_STATES)

    @transaction
    def waiting(
        self, db: Connection, job: str, cursor: int, limit: int
    ) -> tuple[Sequence[Item], int]:
        rows = db.execute(
            "SELECT packed FROM item WHERE job = ? AND idx >= ? AND state = 'w' "
            "ORDER BY idx LIMIT ?",
            (job, cursor, limit),
        ).fetchall()
        items = [Item.unpack(row[0]) for row in rows]
        if len(items) == limit:
            return items, items[-1].index + 1
        return items, jobs_where(db, "WHERE id = ?", job)[0].total

    @transaction
    def item(self, db: Connection, job: str, index: int) -> Item | None:
        sql = "SELECT packed FROM item WHERE job = ? AND idx = ?"
        row = db.execute(sql, (job, index)).fetchone()
        return Item.unpack(row[0]) if row else None

    @transaction
    def rows(
        self, db: Connection, job: str, state: ItemState | None, cursor: int, limit: int
    ) -> tuple[Sequence[ItemRow], int | None]:
        rows = db.execute(
            "SELECT packed, state, result FROM item WHERE job = ? AND idx >= ? "
            "AND (? = '' OR state = ?) ORDER BY idx LIMIT ?",
            (job, cursor, *[state.code if state else ""] * 2, limit),
        ).fetchall()
        found = [
            ItemRow(Item.unpack(packed), ItemState.of_code(code), result and Outcome.unpack(result))
            for packed, code, result in rows
        ]
        return found, found[-1].item.index + 1 if len(found) == limit else None

    @transaction
    def refusals(self, db: Connection, job: str, offset: int, limit: int) -> Sequence[Refusal]:
        sql = (
            "SELECT line, field, detail FROM refusal WHERE job = ? ORDER BY rowid LIMIT ? OFFSET ?"
        )
        return [Refusal(*row) for row in db.execute(sql, (job, limit, offset))]

    @transaction
    def due(self, db: Connection, lease: float, limit: int) -> Sequence[Task]:
        now, sql = time.time(), "SELECT member FROM later WHERE due <= ? ORDER BY due LIMIT ?"
        rows = db.execute(sql, (now, limit)).fetchall()
        again = [(now + lease, *row) for row in rows]
        db.executemany("UPDATE later SET due = ? WHERE member = ?", again)
        return [Task.of_member(member) for (member,) in rows]

    @transaction
    def postpone(self, db: Connection, task: Task, due: float) -> None:
        come_due(db, task, due)

    @transaction
    def settle(self, db: Connection, task: Task) -> None:
        settle(db, task)

    @transaction
    def event(self, db: Connection, job: str, event: str) -> Event | None:
        sql = "SELECT packed FROM event WHERE job = ? AND id = ?"
        row = db.execute(sql, (job, event)).fetchone()
        return Event(**json.loads(row[0])) if row else None

    @transaction
    def set_event(self, db: Connection, job: str, event: Event) -> None:
        put_event(db, job, event)

    async def lead(self, owner: str, seconds: float) -> bool:
        return True

    @transaction
    def held(self, db: Connection, limit: int, offset: int) -> Sequence[tuple[str, int]]:
        sql = "SELECT job, idx FROM held ORDER BY at LIMIT ? OFFSET ?"
        return db.execute(sql, (limit, offset)).fetchall()

    @transaction
    def decision(self, db: Connection, identity: str) -> Mapping[str, Any] | None:
        sql = "SELECT packed FROM decision WHERE identity = ?"
        row = db.execute(sql, (identity,)).fetchone()
        return json.loads(row[0]) if row else None

    @transaction
    def decide(self, db: Connection, identity: str, decision: Mapping[str, Any]) -> None:
        packed = json.dumps(dict(decision))
        db.execute("INSERT OR REPLACE INTO decision VALUES (?, ?)", (identity, packed))

    @transaction
    def reserve(self, db: Connection, key: str, value: str, seconds: float) -> str | None:
        now = time.time()
        db.execute("DELETE FROM reserved WHERE until < ?", (now,))
        row = db.execute("SELECT value FROM reserved WHERE key = ?", (key,)).fetchone()
        if row is None:
            db.execute("INSERT INTO reserved VALUES (?, ?, ?)", (key, value, now + seconds))
        return row and str(row[0])

    @transaction
    def release(self, db: Connection, key: str) -> None:
        db.execute("DELETE FROM reserved WHERE key = ?", (key,))

    @transaction
    def ledger(self, db: Connection, name: str) -> Mapping[str, float]:
        return dict(
            db.execute("SELECT field, value FROM ledger WHERE name = ?", (name,)).fetchall()
        )
