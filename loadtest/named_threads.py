"""Starts edge with its threads' names shown to the kernel, so that their time can be told apart.

Python keeps the name of a thread to itself before 3.14. Threads that native libraries start inherit
the name of the one that started them.
"""

import ctypes
import sys
import threading

_PR_SET_NAME = 15
_libc = ctypes.CDLL(None)
_bootstrap = threading.Thread._bootstrap  # type: ignore[attr-defined]


def _named(thread: threading.Thread) -> None:
    _libc.prctl(_PR_SET_NAME, thread.name.encode()[:15], 0, 0, 0)
    _bootstrap(thread)


if __name__ == "__main__":
    threading.Thread._bootstrap = _named  # type: ignore[attr-defined]
    from edge.__main__ import main

    sys.argv[0] = "edge"
    main()
