"""The changes of a store in a file: each method is one transaction.

Items' states are the letters of `ItemState`, and counts of ended items stand in their job's row.
"""

import json
import time
from collections.abc import Sequence
from sqlite3 import Connection

from edge.jobs.file_database import (
    Database,
    add_sums,
    code_of,
    come_due,
    conclude_if_done,
    forget,
    jobs_where,
    put_event,
    settle,
    transaction,
    write_end,
)
from edge.jobs.model import OPEN_CODES, Item, ItemState, Job, JobState, Outcome
from edge.jobs.store import OPEN_STATES, Begun, Event, Sums, Task


class Changes(Database):
    """What follows from an item's or a job's step to its next state."""

    @transaction
    def drop(self, db: Connection, job: str) -> None:
        forget(db, job)

    @transaction
    def move(self, db: Connection, job: str, to: JobState, allowed: Sequence[JobState]) -> bool:
        """A job's state changes, where it is one of the allowed; whether it was."""
        finished = time.time() if to is JobState.CANCELLED else 0.0
        if (found := jobs_where(db, "WHERE id = ?", job)) and found[0].state in allowed:
            db.execute("UPDATE job SET state = ?, finished = ? WHERE id = ?", (to, finished, job))
            return True
        return False

    @transaction
    def rewind(self, db: Connection, job: str, codes: str, to: JobState | None) -> int:
        """Items in these states wait again; how many did. A job that has nothing to do ends."""
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
        db.execute("UPDATE job SET cursor = 0, round = round + ? WHERE id = ?", ("f" in codes, job))
        if to:
            db.execute("UPDATE job SET state = ?, finished = 0 WHERE id = ?", (to, job))
        conclude_if_done(db, job)
        return moved

    @transaction
    def reopen(self, db: Connection, job: str, index: int) -> bool:
        """One ended item waits again, unless its job is cancelled or gone; whether it does."""
        code, found = code_of(db, job, index), jobs_where(db, "WHERE id = ?", job)
        if code in OPEN_CODES or not code or not found:
            return False
        if found[0].state is JobState.CANCELLED:
            return False
        db.execute("UPDATE item SET state = 'w', tries = 0 WHERE job = ? AND idx = ?", (job, index))
        db.execute("DELETE FROM held WHERE job = ? AND idx = ?", (job, index))
        state = found[0].state if found[0].state is JobState.PAUSED else JobState.RUNNING
        db.execute(
            f"UPDATE job SET n_{code} = n_{code} - 1, cursor = 0, state = ?, finished = 0 "
            "WHERE id = ?",
            (state, job),
        )
        return True

    @transaction
    def amend(self, db: Connection, job: str, index: int, was: ItemState, now: ItemState) -> bool:
        """An item that ended in one state ends in another; whether it was in the first."""
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

    @transaction
    def queued(
        self, db: Connection, job: str, indexes: Sequence[int], was: int, cursor: int
    ) -> None:
        """Items that waited are in the queue, and the cursor is there, if nobody has moved it."""
        db.executemany(
            "UPDATE item SET state = 'q' WHERE job = ? AND idx = ? AND state = 'w'",
            [(job, index) for index in indexes],
        )
        db.execute("UPDATE job SET cursor = ? WHERE id = ? AND cursor = ?", (cursor, job, was))

    @transaction
    def begin(self, db: Connection, job: str, index: int) -> Begun:
        """An item is worked on, if its job runs; counts the try."""
        now = time.time()
        found, code = jobs_where(db, "WHERE id = ?", job), code_of(db, job, index)
        if not found or code not in OPEN_CODES:
            return Begun("done", 0)
        go = found[0].state in OPEN_STATES
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

    @transaction
    def retry_at(self, db: Connection, job: str, index: int, due: float) -> None:
        """An item that is open comes due then."""
        if code_of(db, job, index) in OPEN_CODES:
            db.execute("UPDATE item SET state = 'l' WHERE job = ? AND idx = ?", (job, index))
            come_due(db, Task("item", job, str(index)), due)

    @transaction
    def finish(
        self,
        db: Connection,
        job: Job,
        item: Item,
        outcome: Outcome,
        sums: Sums,
        event: Event | None,
    ) -> bool:
        """An item's end is written down with all that follows from it; whether it was open."""
        now = time.time()
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

    @transaction
    def conclude(self, db: Connection, job: str, state: JobState, event: Event | None) -> bool:
        """A running job without open items ends; whether it did."""
        now = time.time()
        settle(db, Task("conclude", job))
        found = jobs_where(db, "WHERE id = ?", job)
        if not found or found[0].state is not JobState.RUNNING or found[0].open:
            return False
        db.execute("UPDATE job SET state = ?, finished = ? WHERE id = ?", (state, now, job))
        if event:
            put_event(db, job, event)
            come_due(db, Task("notify", job, event.id), now)
        return True
