"""One SQLite file that this process alone works on: a transaction at a time, in a thread."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Coroutine
from functools import wraps
from sqlite3 import Connection
from typing import Any, Concatenate, ParamSpec, TypeVar

from edge.errors import JobsUnavailable
from edge.jobs.file_tables import RECOVER, TABLES

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
