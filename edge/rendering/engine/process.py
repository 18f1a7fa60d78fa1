"""The program of a render process: does one job after the other until its server is gone."""

import gc
import importlib
import os
import pickle
import signal
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from edge import freed_memory


def main(descriptor: int, nice: int, module: str) -> None:
    """Args:
    descriptor: of the socket to the server.
    nice: niceness to have.
    module: to import first.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's goes to the server, which ends us
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, nice)
    freed_memory.keep()
    importlib.import_module(module)
    gc.collect()
    gc.freeze()
    link = Connection(descriptor)
    with suppress(EOFError, OSError):
        link.send_bytes(pickle.dumps(None))
        while True:
            if not link.poll(freed_memory.SECONDS):
                freed_memory.give_back()
            link.send_bytes(_answered(link.recv_bytes()))


def _answered(message: bytes) -> bytes:
    """Result, error, and seconds of processor, pickled."""
    start = time.process_time()
    result: Any = None
    error: Exception | None = None
    try:
        job, args = pickle.loads(message)
        result = job(*args)
    except Exception as raised:
        error = raised
    seconds = time.process_time() - start
    try:
        return pickle.dumps((result, error, seconds), protocol=5)
    except Exception as unsent:  # what libraries raise does not always travel
        failure = RuntimeError(f"{type(error or unsent).__name__}: {error or unsent}")
        return pickle.dumps((None, failure, seconds), protocol=5)
