"""One SQLite file, used by this process alone: one transaction at a time, in a thread.

The tables of jobs are in it, and what every writing of them shares is here.
"""

import asyncio
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import wraps
from sqlite3 import Connection
from typing import Any, Concatenate, ParamSpec, TypeVar

from edge.errors import JobsUnavailable
from edge.jobs.model import ENDS, Item, Job, JobState, Options, Outcome
from edge.jobs.store import Event, Task, ledgers_of

TABLES = """
CREATE TABLE IF NOT EXISTS job (id TEXT PRIMARY KEY, options TEXT, total INT, refused INT,
  state TEXT, created REAL, started REAL DEFAULT 0, finished REAL DEFAULT 0,
  touched REAL DEFAULT 0, cursor INT DEFAULT 0, cached INT DEFAULT 0, n_s INT DEFAULT 0,
  n_h INT DEFAULT 0, n_x INT DEFAULT 0, n_f INT DEFAULT 0, t0 REAL DEFAULT 0, n0 INT DEFAULT 0,
  t1 REAL DEFAULT 0, n1 INT DEFAULT 0, round INT DEFAULT 0);
CREATE TABLE IF NOT EXISTS item (job TEXT, idx INT, packed TEXT, state TEXT, tries INT DEFAULT 0,
  result TEXT, PRIMARY KEY (job, idx)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS refusal (job TEXT, line INT, field TEXT, detail TEXT);
CREATE TABLE IF NOT EXISTS later (member TEXT PRIMARY KEY, due REAL);
CREATE TABLE IF NOT EXISTS held (job TEXT, idx INT, at REAL, PRIMARY KEY (job, idx));
CREATE TABLE IF NOT EXISTS event (job TEXT, id TEXT, packed TEXT, PRIMARY KEY (job, id));
CREATE TABLE IF NOT EXISTS ledger (name TEXT, field TEXT, value REAL, PRIMARY KEY (name, field));
CREATE TABLE IF NOT EXISTS decision (identity TEXT PRIMARY KEY, packed TEXT);
CREATE TABLE IF NOT EXISTS reserved (key TEXT PRIMARY KEY, value TEXT, until REAL);
"""

# What the process before had begun is begun anew; an end that it was about to write comes due.
RECOVER = """
UPDATE item SET state = 'w' WHERE state = 'q';
UPDATE job SET cursor = 0 WHERE state IN ('queued', 'running');
UPDATE later SET due = 0 WHERE member LIKE 'conclude:%';
"""

_COLUMNS = (
    "id, options, total, refused, state, created, started, finished, touched, cursor, cached, "
    "n_s, n_h, n_x, n_f, t0, n0"
)


def jobs_where(db: Connection, where: str, *values: Any) -> list[Job]:
    """The jobs that the rest of a SELECT names."""
    return [_job_of(row) for row in db.execute(f"SELECT {_COLUMNS} FROM job {where}", values)]


def _job_of(row: Sequence[Any]) -> Job:
    id, options, total, refused, state, created, started, finished, touched, cursor, cached = row[
        :11
    ]
    counts = {end.value: count for end, count in zip(ENDS, row[11:15], strict=True)}
    return Job(
        id, Options.of(json.loads(options)), total, refused, JobState(state), created, started,
        finished, touched, cursor, cached, counts, (row[15], row[16]),
    )  # fmt: skip


def over_before(db: Connection, moment: float) -> list[str]:
    """The jobs that ended before a moment, in Unix seconds."""
    rows = db.execute("SELECT id FROM job WHERE finished > 0 AND finished < ?", (moment,))
    return [id for (id,) in rows]


def forget(db: Connection, job: str) -> None:
    """A job with all that belongs to it goes."""
    db.execute("DELETE FROM job WHERE id = ?", (job,))
    for table in ("item", "refusal", "held", "event"):
        db.execute(f"DELETE FROM {table} WHERE job = ?", (job,))
    db.execute("DELETE FROM later WHERE member LIKE ?", (f"%:{job}:%",))


def code_of(db: Connection, job: str, index: int) -> str:
    """The letter of an item's state; empty where there is none."""
    row = db.execute("SELECT state FROM item WHERE job = ? AND idx = ?", (job, index)).fetchone()
    return row[0] if row else ""


def write_end(
    db: Connection, job: Job, item: Item, outcome: Outcome, now: float, *, cached: bool
) -> None:
    """How an item ended, and what that adds to its job."""
    code = outcome.state.code
    db.execute(
        "UPDATE item SET state = ?, result = ? WHERE job = ? AND idx = ?",
        (code, outcome.pack(), job.id, item.index),
    )
    db.execute(
        f"UPDATE job SET n_{code} = n_{code} + 1, cached = cached + ?, touched = ? WHERE id = ?",
        (cached, now, job.id),
    )
    db.execute(
        "UPDATE job SET t0 = t1, n0 = n1, t1 = ?, n1 = n_s + n_h + n_x + n_f "
        "WHERE id = ? AND ? - t1 > 10",
        (now, job.id, now),
    )
    if code == "h":
        db.execute("INSERT OR REPLACE INTO held VALUES (?, ?, ?)", (job.id, item.index, now))


def add_sums(db: Connection, job: Job, pairs: Sequence[tuple[str, float]]) -> None:
    """Into each of the job's ledgers."""
    db.executemany(
        "INSERT INTO ledger VALUES (?, ?, ?) "
        "ON CONFLICT (name, field) DO UPDATE SET value = value + excluded.value",
        [(name, field, value) for name in ledgers_of(job) for field, value in pairs],
    )


def conclude_if_done(db: Connection, job: str) -> None:
    """Where nothing of a running job is open, its end comes due."""
    found = jobs_where(db, "WHERE id = ?", job)
    if found and not found[0].open and found[0].state is JobState.RUNNING:
        come_due(db, Task("conclude", job), time.time())


def come_due(db: Connection, task: Task, due: float) -> None:
    """When a task is to be handed out."""
    db.execute("INSERT OR REPLACE INTO later VALUES (?, ?)", (task.member, due))


def settle(db: Connection, task: Task) -> None:
    """A task is done."""
    db.execute("DELETE FROM later WHERE member = ?", (task.member,))


def put_event(db: Connection, job: str, event: Event) -> None:
    """Keep an event until its webhook is taken."""
    db.execute("INSERT OR REPLACE INTO event VALUES (?, ?, ?)", (job, event.id, event.as_json()))


P = ParamSpec("P")
T = TypeVar("T")


def transaction(
    work: Callable[Concatenate[Any, Connection, P], T],
) -> Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]:
    """A method that is given the connection, as one that is awaited: all of it happens, or nothing.

    Raises:
        JobsUnavailable: the database is closed, or cannot be written.
    """

    @wraps(work)
    async def awaited(self: Any, /, *given: P.args, **named: P.kwargs) -> T:
        return await asyncio.to_thread(self._at_once, lambda db: work(self, db, *given, **named))

    return awaited


class Database:
    """Args: `path` of the file; empty keeps everything in memory.

    Raises:
        JobsUnavailable: the file cannot be opened, or another process has it.
    """

    def __init__(self, path: str) -> None:
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

    async def close(self) -> None:
        """Waits for what is under way, also where its caller was cancelled; then nothing more is
        done."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        with self._lock:
            self._closed = True
            self._db.close()

    def _at_once(self, work: Callable[[Connection], T]) -> T:
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
