"""Text from files that a setting names. One that could keep its reader waiting is refused."""

import os
import stat


def read_text(path: str) -> str:
    """The text of a regular file, UTF-8.

    Raises:
        OSError: it cannot be read, or is no regular file: a pipe is waited for without end.
        UnicodeDecodeError: it is no UTF-8.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, encoding="utf-8") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "it is no regular file", path)
        return file.read()
