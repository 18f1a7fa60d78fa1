"""Processes of our own, each behind a socket, and pools that lend them: what a job does to its
process costs that job alone."""

import socket
import subprocess
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Generic, TypeVar

import edge

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1"}
"""No setting and no secret of the server's."""


class Gone(Exception):
    """A process ended (`died`), or did not answer in time (`late`)."""


class Child(ABC):
    """One process and the socket that leads to it.

    Args:
        program: Python; its words are the folder that `edge` is in, the descriptor of its socket,
            and those that are given.
        connected: makes of our end of the socket what messages go through.
    """

    def __init__(
        self,
        program: str,
        words: tuple[str, ...],
        environment: Mapping[str, str] = ENVIRONMENT,
        connected: Callable[[socket.socket], Any] = lambda ours: ours,
    ) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        root = str(Path(edge.__file__).parent.parent)
        command = [sys.executable, "-I", "-c", program, root, str(theirs.fileno()), *words]
        try:
            with theirs:
                self._process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, pass_fds=(theirs.fileno(),), env=environment
                )
        except BaseException:
            ours.close()
            raise
        self._link = connected(ours)
        try:
            self._begin()
        except BaseException:
            self.end()
            raise

    @abstractmethod
    def _begin(self) -> None:
        """Wait until it is ready; raises `Gone`."""

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def lives(self) -> bool:
        return self._process.poll() is None

    def end(self) -> None:
        """End it, whatever it does."""
        self._link.close()
        with suppress(OSError):
            self._process.kill()
        self._process.wait()


C = TypeVar("C", bound=Child)


class Pool(Generic[C]):
    """Children, lent one at a time; `replaced` is told the reason when one had to be."""

    def __init__(self, replaced: Callable[[str], None]) -> None:
        self._replaced = replaced
        self._idle: list[C] = []
        self._started = 0
        self._closed = False
        self._free = threading.Condition()

    def close(self) -> None:
        """End those that are idle now, and the others when their job is done."""
        with self._free:
            self._closed, idle = True, list(self._idle)
            self._idle.clear()
            self._started -= len(idle)
            self._free.notify_all()
        for child in idle:
            child.end()

    def _give(self, child: C) -> None:
        with self._free:
            if not self._closed:
                self._idle.append(child)
                self._free.notify()
                return
        child.end()
        self._forget()

    def _replace(self, child: C, reason: str) -> None:
        child.end()
        self._forget()
        self._replaced(reason)

    def _forget(self) -> None:
        with self._free:
            self._started -= 1
            self._free.notify_all()
