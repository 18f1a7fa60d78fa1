"""What a folder tier holds: bytes, last use and tags of each entry, in one SQLite file.

On disk rather than in memory, so that a few million entries cost no resident memory, a restart
needs no scan, and several processes share one byte limit and one purge. SQLite's write lock is
also what makes a change of the index and of the files one step for all processes. The file can be
thrown away: it is made anew from the entries' own headers.
"""

import errno
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from edge.cache.base import Usage, tag_digest
from edge.errors import TierError

SHARDS = tuple(f"{number:02x}" for number in range(256))
_PART = ".part"


class Shards:
    """The folders within `root` that files lie in."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @contextmanager
    def open(self, key: str, *, make: bool = False) -> Iterator[int]:
        """A descriptor of the folder that the key's file is in."""
        root = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(key[:2], 0o700, dir_fd=root)
            shard = os.open(key[:2], os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=root)
        finally:
            os.close(root)
        try:
            yield shard
        finally:
            os.close(shard)

    def listed(self, start: str) -> dict[str, os.stat_result]:
        """The keys of the entries in one shard; unfinished files of a crash are removed."""
        files = {}
        try:
            with self.open(start) as shard:
                for name in os.listdir(shard):
                    if name.endswith(_PART):
                        os.unlink(name, dir_fd=shard)
                    elif name.startswith(start) and len(name) == 64:
                        files[name] = os.stat(name, dir_fd=shard, follow_symlinks=False)
        except FileNotFoundError:
            pass
        return files


def read_file(shard: int, name: str, most: int = -1) -> bytes:
    """Raises `TierError` where the name is a symbolic link."""
    # Without O_NONBLOCK a pipe in an entry's place would block the thread for ever.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(name, flags, dir_fd=shard)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise TierError("the stored entry is a symbolic link") from error
        raise
    with os.fdopen(descriptor, "rb") as file:
        return file.read(most)


def write_file(shard: int, name: str, content: bytes) -> None:
    """Write a file atomically."""
    part = f"{name}{_PART}"
    with suppress(FileNotFoundError):
        os.unlink(part, dir_fd=shard)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(part, flags, 0o600, dir_fd=shard), "wb") as file:
            file.write(content)
        os.rename(part, name, src_dir_fd=shard, dst_dir_fd=shard)
    except OSError:
        with suppress(OSError):
            os.unlink(part, dir_fd=shard)
        raise


_VERSION = 1
_LOCK_SECONDS = 10.0
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

_SCHEMA = f"""
CREATE TABLE entries (key BLOB PRIMARY KEY, bytes INTEGER, used REAL) WITHOUT ROWID;
CREATE INDEX entries_by_use ON entries (used);
CREATE TABLE tags (tag BLOB, key BLOB, PRIMARY KEY (tag, key)) WITHOUT ROWID;
CREATE INDEX tags_by_key ON tags (key);
CREATE TABLE totals (entries INTEGER, bytes INTEGER);
INSERT INTO totals VALUES (0, 0);
CREATE TRIGGER entry_added AFTER INSERT ON entries BEGIN
  UPDATE totals SET entries = entries + 1, bytes = bytes + NEW.bytes;
END;
CREATE TRIGGER entry_removed AFTER DELETE ON entries BEGIN
  UPDATE totals SET entries = entries - 1, bytes = bytes - OLD.bytes;
  DELETE FROM tags WHERE key = OLD.key;
END;
PRAGMA user_version = {_VERSION};
"""


class FolderIndex:
    """The index of one folder; one thread at a time, any number of processes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode = 0
        self._database: sqlite3.Connection | None = None
        self.openings = 0
        """Incremented whenever the file is opened anew, after which it may lack entries of the
        folder."""

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Keep every other process from changing index or files while the block runs.

        Raises:
            TierError: the index is locked for too long, cannot be written, or was found damaged
                inside the block (it is then thrown away).
        """
        try:
            database = self._opened()
            database.execute("BEGIN IMMEDIATE")
            try:
                yield
                database.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    database.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            self._discard_if_damaged(error)
            raise TierError(f"the folder's index failed: {error}") from error

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Allow queries while the block runs where nothing can be changed: on a read-only or a full
        file system.

        Raises:
            TierError: there is no index, or it cannot be read.
        """
        before = self._database
        try:
            self._database = sqlite3.connect(
                f"file:{quote(str(self._path))}?mode=ro", uri=True, timeout=_LOCK_SECONDS,
                isolation_level=None, check_same_thread=False,
            )  # fmt: skip
            try:
                yield
            finally:
                self._database.close()
        except sqlite3.Error as error:
            raise TierError(f"the folder's index cannot be read: {error}") from error
        finally:
            self._database = before

    def add(self, key: str, size: int, tags: Iterable[str], used: float) -> None:
        """Note an entry of `size` bytes, last used at `used` (Unix time)."""
        name = bytes.fromhex(key)
        self.remove(key)
        self._execute("INSERT INTO entries VALUES (?, ?, ?)", (name, size, used))
        for tag in tags:
            self._execute("INSERT OR IGNORE INTO tags VALUES (?, ?)", (_tag(tag), name))

    def remove(self, key: str) -> None:
        self._execute("DELETE FROM entries WHERE key = ?", (bytes.fromhex(key),))

    def touch(self, used: Mapping[str, float]) -> None:
        """Note when entries were last used."""
        for key, at in used.items():
            self._execute("UPDATE entries SET used = ? WHERE key = ?", (at, bytes.fromhex(key)))

    def oldest(self, count: int) -> list[str]:
        """The least recently used entries, oldest first."""
        return self._keys("SELECT key FROM entries ORDER BY used LIMIT ?", (count,))

    def tagged(self, tag: str, count: int) -> list[str]:
        return self._keys("SELECT key FROM tags WHERE tag = ? LIMIT ?", (_tag(tag), count))

    def latest(self, tag: str, count: int) -> list[str]:
        """Of those that carry the tag, the most lately used."""
        return self._keys(
            "SELECT tags.key FROM tags JOIN entries ON entries.key = tags.key WHERE tag = ?"
            " ORDER BY used DESC LIMIT ?",
            (_tag(tag), count),
        )

    def starting_with(self, start: str) -> set[str]:
        """The keys that start with these two digits."""
        low, high = bytes.fromhex(start), bytes.fromhex(start) + b"\xff" * 32
        return set(self._keys("SELECT key FROM entries WHERE key BETWEEN ? AND ?", (low, high)))

    def usage(self) -> Usage:
        entries, size = self._execute("SELECT entries, bytes FROM totals").fetchone()
        return Usage(entries, size)

    def close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    def _opened(self) -> sqlite3.Connection:
        """The open database; opened again where another process threw the file away."""
        if self._database is not None:
            with suppress(OSError):
                if self._path.stat().st_ino == self._inode:
                    return self._database
            self.close()
        try:
            return self._open()
        except sqlite3.Error as error:
            if not self._discard_if_damaged(error):
                raise
            return self._open()

    def _open(self) -> sqlite3.Connection:
        if self._path.is_symlink():
            raise TierError("the folder's index is a symbolic link")
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # SQLite gives its journal the mode of the file, so that has to be right from the start.
        with suppress(OSError):  # where nothing can be written, SQLite says what follows from it
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
            self._path.chmod(0o600)
        self._database = sqlite3.connect(
            self._path, timeout=_LOCK_SECONDS, isolation_level=None, check_same_thread=False
        )
        self._prepare(self._database)
        self._inode = self._path.stat().st_ino
        self.openings += 1
        return self._database

    def _prepare(self, database: sqlite3.Connection) -> None:
        # A rollback journal, not a write-ahead log: that one needs shared memory, which folders on
        # a network do not have. Nothing is synced: after a power cut the index is made anew.
        database.execute("PRAGMA journal_mode = PERSIST")
        database.execute("PRAGMA synchronous = OFF")
        database.execute("BEGIN IMMEDIATE")
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version == 0:
            for statement in _statements(_SCHEMA):
                database.execute(statement)
        database.execute("COMMIT")
        if version not in (0, _VERSION):
            raise TierError(f"the folder's index is of version {version}, not {_VERSION}")

    def _discard_if_damaged(self, error: sqlite3.Error) -> bool:
        if (getattr(error, "sqlite_errorcode", 0) & 0xFF) not in _DAMAGED:
            return False
        self.close()
        for path in (self._path, self._path.with_name(f"{self._path.name}-journal")):
            path.unlink(missing_ok=True)
        return True

    def _execute(self, statement: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
        assert self._database is not None, "only inside changing()"
        return self._database.execute(statement, values)

    def _keys(self, statement: str, values: tuple[object, ...]) -> list[str]:
        return [key.hex() for (key,) in self._execute(statement, values)]


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _tag(tag: str) -> bytes:
    return bytes.fromhex(tag_digest(tag))
