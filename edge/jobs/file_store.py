"""Jobs in one file, for one process: what a server or a command without Redis goes on from.

SQLite with a write-ahead log: a process that is killed loses nothing that was written down, and the
next one that opens the file takes up what was queued.
"""

import asyncio
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from edge.errors import JobsUnavailable
from edge.jobs.file_tables import (
    RECOVER,
    TABLES,
    add_sums,
    code_of,
    come_due,
    conclude_if_done,
    jobs_where,
    over_before,
    put_event,
    settle,
    write_end,
)
from edge.jobs.model import (
    OPEN_CODES,
    Item,
    ItemState,
    Job,
    JobState,
    Outcome,
    Refusal,
)
from edge.jobs.store import Begun, Event, Row, Sums, Task

T = TypeVar("T")

_KEEP_SECONDS = 7 * 86_400.0
_OPEN_STATES = ("queued", "running")


class FileStore:
    """Args: `path` of the file; empty keeps everything in memory. `keep` seconds for a job that is
    over.

    Raises:
        JobsUnavailable: the file cannot be opened, or another process has it.
    """

    shared = False

    def __init__(self, path: str = "", keep: float = _KEEP_SECONDS) -> None:
        self._keep = keep
        self._lock = threading.Lock()
        self._closed = False
        self._path = path
        try:
            self._db = sqlite3.connect(
                path or ":memory:", check_same_thread=False, isolation_level=None, timeout=1
            )
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(TABLES + RECOVER)
        except sqlite3.Error as error:
            raise JobsUnavailable(
                f"{path} cannot be opened, or another process works on it: {error}"
            ) from error

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
        def work(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM job WHERE id = ?", (job,))
            for table in ("item", "refusal", "held", "event"):
                db.execute(f"DELETE FROM {table} WHERE job = ?", (job,))
            db.execute("DELETE FROM later WHERE member LIKE ?", (f"%:{job}:%",))

        await self._do(work)

    async def job(self, job: str) -> Job | None:
        found = await self._do(lambda db: jobs_where(db, "WHERE id = ?", job))
        return found[0] if found else None

    async def jobs(self, limit: int, offset: int) -> Sequence[Job]:
        order = "ORDER BY created DESC LIMIT ? OFFSET ?"
        return await self._do(lambda db: jobs_where(db, order, limit, offset))

    async def active(self) -> Sequence[Job]:
        where = "WHERE state IN (?, ?) ORDER BY created"
        return await self._do(lambda db: jobs_where(db, where, *_OPEN_STATES))

    async def move(self, job: str, to: JobState, allowed: Sequence[JobState]) -> bool:
        finished = time.time() if to is JobState.CANCELLED else 0.0

        def work(db: sqlite3.Connection) -> bool:
            if (found := jobs_where(db, "WHERE id = ?", job)) and found[0].state in allowed:
                db.execute(
                    "UPDATE job SET state = ?, finished = ? WHERE id = ?", (to, finished, job)
                )
                return True
            return False

        return await self._do(work)

    async def rewind(self, job: str, codes: str, to: JobState | None) -> int:
        def work(db: sqlite3.Connection) -> int:
            moved = 0
            for code in codes:
                times = db.execute(
                    "UPDATE item SET state = 'w', tries = CASE WHEN ? THEN 0 ELSE tries END "
                    "WHERE job = ? AND state = ?",
                    (code == "f", job, code),
                ).rowcount
                moved += times
                if code not in OPEN_CODES:
                    db.execute(f"UPDATE job SET n_{code} = n_{code} - ? WHERE id = ?", (times, job))
            db.execute(
                "UPDATE job SET cursor = 0, round = round + ? WHERE id = ?", ("f" in codes, job)
            )
            if to:
                db.execute("UPDATE job SET state = ?, finished = 0 WHERE id = ?", (to, job))
            conclude_if_done(db, job)
            return moved

        return await self._do(work)

    async def reopen(self, job: str, index: int) -> bool:
        def work(db: sqlite3.Connection) -> bool:
            code, found = code_of(db, job, index), jobs_where(db, "WHERE id = ?", job)
            if code in OPEN_CODES or not code or not found:
                return False
            if found[0].state is JobState.CANCELLED:
                return False
            db.execute(
                "UPDATE item SET state = 'w', tries = 0 WHERE job = ? AND idx = ?", (job, index)
            )
            db.execute("DELETE FROM held WHERE job = ? AND idx = ?", (job, index))
            state = found[0].state if found[0].state is JobState.PAUSED else JobState.RUNNING
            db.execute(
                f"UPDATE job SET n_{code} = n_{code} - 1, cursor = 0, state = ?, finished = 0 "
                "WHERE id = ?",
                (state, job),
            )
            return True

        return await self._do(work)

    async def amend(self, job: str, index: int, was: ItemState, now: ItemState) -> bool:
        def work(db: sqlite3.Connection) -> bool:
            row = db.execute(
                "SELECT result FROM item WHERE job = ? AND idx = ? AND state = ?",
                (job, index, was.code),
            ).fetchone()
            if row is None:
                return False
            result = json.dumps(json.loads(row[0]) | {"state": now.value})
            db.execute(
                "UPDATE item SET state = ?, result = ? WHERE job = ? AND idx = ?",
                (now.code, result, job, index),
            )
            db.execute(
                f"UPDATE job SET n_{was.code} = n_{was.code} - 1, n_{now.code} = n_{now.code} + 1 "
                "WHERE id = ?",
                (job,),
            )
            db.execute("DELETE FROM held WHERE job = ? AND idx = ?", (job, index))
            return True

        return await self._do(work)

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
        def work(db: sqlite3.Connection) -> None:
            db.executemany(
                "UPDATE item SET state = 'q' WHERE job = ? AND idx = ? AND state = 'w'",
                [(job, index) for index in indexes],
            )
            db.execute("UPDATE job SET cursor = ? WHERE id = ? AND cursor = ?", (cursor, job, was))

        await self._do(work)

    async def item(self, job: str, index: int) -> Item | None:
        row = await self._do(
            lambda db: db.execute(
                "SELECT packed FROM item WHERE job = ? AND idx = ?", (job, index)
            ).fetchone()
        )
        return Item.unpack(row[0]) if row else None

    async def begin(self, job: str, index: int) -> Begun:
        now = time.time()

        def work(db: sqlite3.Connection) -> Begun:
            found, code = jobs_where(db, "WHERE id = ?", job), code_of(db, job, index)
            if not found or code not in OPEN_CODES:
                return Begun("done", 0)
            go = found[0].state in _OPEN_STATES
            db.execute(
                "UPDATE item SET state = ?, tries = tries + ? WHERE job = ? AND idx = ?",
                ("q" if go else "w", go, job, index),
            )
            if not go:
                return Begun("stop", 0)
            if found[0].state is JobState.QUEUED:
                db.execute(
                    "UPDATE job SET state = 'running', started = ?, t0 = ?, t1 = ? WHERE id = ?",
                    (now, now, now, job),
                )
            [tries] = db.execute(
                "SELECT tries FROM item WHERE job = ? AND idx = ?", (job, index)
            ).fetchone()
            [round] = db.execute("SELECT round FROM job WHERE id = ?", (job,)).fetchone()
            return Begun("go", tries, round)

        return await self._do(work)

    async def retry_at(self, job: str, index: int, due: float) -> None:
        def work(db: sqlite3.Connection) -> None:
            if code_of(db, job, index) in OPEN_CODES:
                db.execute("UPDATE item SET state = 'l' WHERE job = ? AND idx = ?", (job, index))
                come_due(db, Task("item", job, str(index)), due)

        await self._do(work)

    async def finish(
        self, job: Job, item: Item, outcome: Outcome, sums: Sums, event: Event | None
    ) -> bool:
        now = time.time()

        def work(db: sqlite3.Connection) -> bool:
            settle(db, Task("item", job.id, str(item.index)))
            row = db.execute(
                "SELECT state, result FROM item WHERE job = ? AND idx = ?", (job.id, item.index)
            ).fetchone()
            if row is None or row[0] not in OPEN_CODES:
                return False
            first = row[1] is None or '"state":"failed"' in row[1]
            write_end(db, job, item, outcome, now, cached=first and outcome.cached)
            if event:
                put_event(db, job.id, event)
                come_due(db, Task("notify", job.id, event.id), now)
            add_sums(db, job, (*(sums.once.items() if first else ()), *sums.always.items()))
            conclude_if_done(db, job.id)
            return True

        return await self._do(work)

    async def conclude(self, job: str, state: JobState, event: Event | None) -> bool:
        now = time.time()

        def work(db: sqlite3.Connection) -> bool:
            settle(db, Task("conclude", job))
            found = jobs_where(db, "WHERE id = ?", job)
            if not found or found[0].state is not JobState.RUNNING or found[0].open:
                return False
            db.execute("UPDATE job SET state = ?, finished = ? WHERE id = ?", (state, now, job))
            if event:
                put_event(db, job, event)
                come_due(db, Task("notify", job, event.id), now)
            return True

        return await self._do(work)

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
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        with self._lock:
            self._closed = True
            self._db.close()

    async def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.to_thread(self._at_once, work)

    def _at_once(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """All of the work, or nothing of it."""
        with self._lock:
            if self._closed:
                raise JobsUnavailable(f"{self._path} is closed")
            try:
                self._db.execute("BEGIN IMMEDIATE")
                result = work(self._db)
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise JobsUnavailable(f"{self._path} cannot be written: {error}") from error
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            return result
