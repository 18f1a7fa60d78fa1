"""Counts and times every request to a network, for either runtime."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from edge import tracing
from edge.accounting import consumption
from edge.telemetry import Metrics


class Lap:
    """One request on its way: when it came, and when its turn to run did."""

    def __init__(self) -> None:
        self.came = time.perf_counter()
        self.began: float | None = None

    def begin(self) -> None:
        self.began = time.perf_counter()


class Meter:
    """Writes into the server's metrics; without metrics it writes into some of its own."""

    def __init__(self, metrics: Metrics | None, runtime: str) -> None:
        self.metrics = metrics or Metrics()
        self._runtime = runtime
        self._labelled = cache(self._labels)

    @contextmanager
    def request(self, model: str, batch: int) -> Iterator[Lap]:
        """Around one request, from before its wait until its answer or error."""
        lap, outcome = Lap(), "ok"
        labels: dict[str, tracing.Value] = {
            "edge.network": model,
            "edge.batch": batch,
            "edge.runtime": self._runtime,
        }
        try:
            with tracing.span(f"network {model}", labels, client=self._runtime == "triton") as span:
                yield lap
                span.set("edge.queue_seconds", (lap.began or lap.came) - lap.came)
        except asyncio.CancelledError:
            outcome = "cancelled"
            raise
        except Exception as error:
            outcome = type(error).__name__
            raise
        finally:
            self._write(lap, model, batch, outcome)

    def _write(self, lap: Lap, model: str, batch: int, outcome: str) -> None:
        requests, batches, queued, taken = self._labelled(model, outcome)
        requests.inc()
        batches.observe(batch)
        now = time.perf_counter()
        queued.observe((lap.began or now) - lap.came)
        if lap.began is not None:
            seconds = now - lap.began
            taken.observe(seconds)
            if used := consumption.get():
                used.add_network(model, seconds)

    def _labels(self, model: str, outcome: str) -> tuple[Any, ...]:
        labels, metrics = (model, self._runtime), self.metrics
        return (
            metrics.model_requests.labels(*labels, outcome),
            metrics.model_batch.labels(*labels),
            metrics.model_queue_seconds.labels(*labels),
            metrics.model_seconds.labels(*labels),
        )
