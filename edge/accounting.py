"""What one request, or one piece of work, used up: time by stage, processor, networks."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from edge import progress, tracing


class Consumption:
    """What one piece of work used up: seconds of processor, and of each network by its name.

    Engine threads and requests to networks add to the one that `consumption` names, wherever they
    run on its behalf.
    """

    def __init__(self) -> None:
        self.cpu = 0.0
        self.networks: dict[str, float] = {}
        self._lock = threading.Lock()

    def add_cpu(self, seconds: float) -> None:
        with self._lock:
            self.cpu += seconds

    def add_network(self, name: str, seconds: float) -> None:
        with self._lock:
            self.networks[name] = self.networks.get(name, 0.0) + seconds


consumption: ContextVar[Consumption | None] = ContextVar("consumption", default=None)


class Stages:
    """How long each stage of one request took, in order, for `Server-Timing`."""

    __slots__ = ("_spans",)

    def __init__(self) -> None:
        self._spans: dict[str, float] = {}

    @contextmanager
    def span(self, name: str) -> Iterator[None]:
        progress.entered(name)
        start = time.perf_counter()
        try:
            with tracing.span(name):
                yield
        finally:
            self.add(name, time.perf_counter() - start)

    def add(self, name: str, seconds: float) -> None:
        """Add to a stage; one that comes again grows."""
        self._spans[name] = self._spans.get(name, 0.0) + seconds

    def items(self) -> Iterator[tuple[str, float]]:
        """Stage and seconds, in order of first appearance."""
        yield from self._spans.items()
