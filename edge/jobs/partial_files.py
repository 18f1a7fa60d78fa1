"""Files on their way into an export: hidden, locked while they are written, then renamed.

A process that is killed leaves its partial file behind, and its lock goes with it: so the next
export into that folder knows which ones nobody writes any more.
"""

import errno
import fcntl
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_NAME = re.compile(r"\.edge-[0-9a-f]{16}\.part")
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS})
_OLD_SECONDS = 86_400.0
"""Where the file system has no locks: nobody writes one picture for so long."""


@contextmanager
def replacing(target: Path) -> Iterator[BinaryIO]:
    """A file beside `target` that takes its place once the block has ended without an error.

    Raises:
        OSError: it cannot be written; nothing is left of it.
    """
    descriptor, beside = _made(target.parent)
    try:
        with os.fdopen(descriptor, "wb") as sink:
            yield sink
            sink.flush()
            os.replace(beside, target)
    finally:
        beside.unlink(missing_ok=True)


def clear(root: Path) -> int:
    """Remove what nobody writes any more, in this folder and below; how many there were.

    Files of other names, and those that another process is writing now, are left alone.
    """
    removed = 0
    for folder, _, names in os.walk(root):
        for name in names:
            if _NAME.fullmatch(name):
                with suppress(OSError):
                    removed += _removed(Path(folder, name))
    return removed


def _made(folder: Path) -> tuple[int, Path]:
    """A new file, locked, and its path."""
    while True:
        beside = folder / f".edge-{secrets.token_hex(8)}.part"
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor, beside
        os.close(descriptor)  # cleared by another process before it was locked


def _removed(path: Path) -> bool:
    with path.open("rb") as file:
        if not _abandoned(file):
            return False
        path.unlink()
    return True


def _abandoned(file: BinaryIO) -> bool:
    """Whether nobody writes it; takes its lock, so that nobody else removes it either."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError as error:
        old = time.time() - os.fstat(file.fileno()).st_mtime > _OLD_SECONDS
        return error.errno in _NO_LOCKS and old
