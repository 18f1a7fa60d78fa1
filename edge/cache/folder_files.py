"""The files of the durable tier on this machine: shards by the first two digits of their names.

Every step below a shard is taken relative to an open folder and follows no symbolic link.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

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
        """The entries in one shard; what a crash left half written is removed."""
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
    # Without O_NONBLOCK a pipe put in an entry's place would hold the thread for ever.
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
    """Whole or not at all."""
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
