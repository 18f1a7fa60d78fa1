"""What operators see: metrics, and the stages of one request.

Every metric is a field of `Metrics`; the docs' table is held against this file by a test.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
    start_http_server,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from edge import progress, tracing

disable_created_metrics()  # type: ignore[no-untyped-call]  # they double the series and tell nothing

request_id: ContextVar[str] = ContextVar("request_id", default="")

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_BATCHES = (1, 2, 4, 8, 16, 32)
_BYTES = tuple(1000 * 4**n for n in range(8))


PICTURES = "image"
"""The route of requests for pictures."""


class Metrics:
    """All counters of one server, on a registry of its own so that two can live in one process."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self.registry = registry
        self._tallies: list[Tally] = []
        self._tallied = _Tallied(self._tallies)
        registry.register(self._tallied)  # the first of all, so that it is read first
        self.requests = Counter(
            "edge_requests_total", "Requests answered.", ("route", "status"), registry=registry
        )
        self.request_seconds = Histogram(
            "edge_request_seconds",
            "Time from the request to the last byte handed over; memory hits are only counted.",
            ("route", "source"),
            buckets=_SECONDS,
            registry=registry,
        )
        self.deliveries = Counter(
            "edge_deliveries_total",
            "Renditions delivered, by where they came from.",
            ("source",),
            registry=registry,
        )
        self.renders = Counter(
            "edge_renders_total", "Renditions made.", ("cost", "format"), registry=registry
        )
        self.render_seconds = Histogram(
            "edge_render_stage_seconds",
            "Time of one stage of a render.",
            ("stage",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.rendition_bytes = Histogram(
            "edge_rendition_bytes",
            "Bytes of renditions made.",
            ("format",),
            buckets=_BYTES,
            registry=registry,
        )
        self.compliance = Counter(
            "edge_compliance_total",
            "Renditions made that a preset has rules for: pass or fail.",
            ("preset", "verdict"),
            registry=registry,
        )
        self.review_reasons = Counter(
            "edge_review_reasons_total",
            "Reasons why a person should look at a rendition made; one may have several.",
            ("preset", "reason"),
            registry=registry,
        )
        self.negotiated = Counter(
            "edge_negotiated_total",
            "Answers whose format was chosen by Accept, by that format.",
            ("format",),
            registry=registry,
        )
        self.failures = Counter(
            "edge_failures_total", "Requests that failed, by error.", ("error",), registry=registry
        )
        self.connections = Gauge("edge_connections", "Connections open.", registry=registry)
        self.connections_ended = Counter(
            "edge_connections_ended_total",
            "Connections ended from here: idle; late with a request; a reader that does not read; "
            "crowded, where another needed the place.",
            ("reason",),
            registry=registry,
        )
        self.tier_lookups = Counter(
            "edge_tier_lookups_total",
            "Look-ups per tier: hit, miss, error, skipped.",
            ("tier", "outcome"),
            registry=registry,
        )
        self.tier_writes = Counter(
            "edge_tier_writes_total",
            "Writes per tier: ok, error, skipped.",
            ("tier", "outcome"),
            registry=registry,
        )
        self.tier_bytes = Gauge(
            "edge_tier_bytes", "Bytes held by a tier.", ("tier",), registry=registry
        )
        self.origin_fetches = Counter(
            "edge_origin_fetches_total",
            "Originals fetched, by outcome.",
            ("outcome",),
            registry=registry,
        )
        self.single_flight_joined = Counter(
            "edge_single_flight_joined_total",
            "Requests that waited for a render already under way.",
            registry=registry,
        )
        self.admission_running = Gauge(
            "edge_admission_running", "Renders running.", ("cost",), registry=registry
        )
        self.admission_waiting = Gauge(
            "edge_admission_waiting", "Renders waiting.", ("cost",), registry=registry
        )
        self.admission_bytes = Gauge(
            "edge_admission_bytes",
            "Bytes that the renders running are expected to take at their peak.",
            registry=registry,
        )
        self.admission_refused = Counter(
            "edge_admission_refused_total",
            "Renders refused by admission control.",
            ("cost",),
            registry=registry,
        )
        self.decoders_replaced = Counter(
            "edge_decoders_replaced_total",
            "Decoder processes replaced because of an original: died, late.",
            ("reason",),
            registry=registry,
        )
        self.processes_replaced = Counter(
            "edge_processes_replaced_total",
            "Render processes replaced because they ended or took too long: died, late.",
            ("reason",),
            registry=registry,
        )
        self.background_tasks = Gauge(
            "edge_background_tasks", "Background tasks under way.", registry=registry
        )
        self.tasks = Gauge(
            "edge_tasks",
            "Tasks of the event loop; what grows without end is a leak.",
            registry=registry,
        )
        self.purged = Counter(
            "edge_purged_total", "Entries purged per tier.", ("tier",), registry=registry
        )
        self.model_requests = Counter(
            "edge_model_requests_total",
            "Requests to networks by outcome: ok, cancelled, or the error.",
            ("model", "runtime", "outcome"),
            registry=registry,
        )
        self.model_queue_seconds = Histogram(
            "edge_model_queue_seconds",
            "Time a request to a network waited in this process.",
            ("model", "runtime"),
            buckets=_SECONDS,
            registry=registry,
        )
        self.model_seconds = Histogram(
            "edge_model_seconds",
            "Time of a request to a network after that wait; on Triton its queue is included.",
            ("model", "runtime"),
            buckets=_SECONDS,
            registry=registry,
        )
        self.model_batch = Histogram(
            "edge_model_batch",
            "Tiles or pictures in one request to a network; the sum counts them all.",
            ("model", "runtime"),
            buckets=_BATCHES,
            registry=registry,
        )
        self.chain_pictures = Counter(
            "edge_chain_pictures_total",
            "Pictures that the product chain on Triton was wanted for: made; or why the networks "
            "were asked one by one: absent, late, failed.",
            ("outcome",),
            registry=registry,
        )
        self.mattes = Counter(
            "edge_mattes_total",
            "Cut-outs that renders asked for: made, made as a fallback, joined in the making, or "
            "by tier.",
            ("source",),
            registry=registry,
        )
        self.upscale_tiles = Counter(
            "edge_upscale_tiles_total",
            "Enlarged cells of pictures that renders asked for: made, or kept from earlier.",
            ("model", "source"),
            registry=registry,
        )
        self.enlarged_bytes = Gauge(
            "edge_enlarged_bytes",
            "Bytes of enlarged tiles and decontaminated subjects kept in memory.",
            registry=registry,
        )
        self.jobs = Counter(
            "edge_jobs_total", "Jobs that came to an end here.", ("status",), registry=registry
        )
        self.job_items = Counter(
            "edge_job_items_total",
            "Items of jobs worked on here: how they ended, or retried.",
            ("status",),
            registry=registry,
        )
        self.webhooks = Counter(
            "edge_job_webhooks_total",
            "Webhooks sent: done (or given up), or to be sent again.",
            ("outcome",),
            registry=registry,
        )
        self.breaker_open = Gauge(
            "edge_triton_breaker_open",
            "1 while Triton is left alone because it did not answer.",
            registry=registry,
        )
        self.reloads = Counter(
            "edge_reloads_total",
            "Files read anew while this process runs: ok, or failed, and the old ones stay.",
            ("file", "outcome"),
            registry=registry,
        )
        self.reload_successful = Gauge(
            "edge_reload_successful",
            "0 where the last reading of that file failed; absent before the first.",
            ("file",),
            registry=registry,
        )
        self.build = Gauge(
            "edge_build_info",
            "Always 1; which edge this is, which renderer it has, and what it runs on.",
            ("version", "render_version", "python", "engine"),
            registry=registry,
        )
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)

    def tally(self, counter: Counter, *labels: str | int) -> "Tally":
        """One counter with these labels, for what happens at every hit."""
        tally = Tally(counter.labels(*labels))
        self._tallies.append(tally)
        return tally

    def pictures_asked(self) -> float:
        """Requests for pictures that were answered so far."""
        self._tallied.collect()
        return sum(
            sample.value
            for metric in self.requests.collect()
            for sample in metric.samples
            if sample.labels["route"] == PICTURES
        )

    def exposition(self) -> bytes:
        """Everything in the Prometheus text format."""
        return generate_latest(self.registry)


class Tally:
    """A plain number that is added to a Prometheus counter when that is read.

    Counting itself takes a lock and two checks, three times a hit: a tenth of all that a hit
    costs. Counted by one thread alone, the event loop's; read by any.
    """

    __slots__ = ("_counter", "_number", "_told")

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._number = self._told = 0

    def inc(self) -> None:
        self._number += 1

    def tell(self) -> None:
        """Bring the counter up to date."""
        number = self._number
        self._counter.inc(number - self._told)
        self._told = number


class _Tallied(Collector):
    """Has no metric of its own: brings those of the tallies up to date before they are read."""

    def __init__(self, tallies: list[Tally]) -> None:
        self._tallies = tallies
        self._lock = threading.Lock()

    def collect(self) -> Iterator[Metric]:
        with self._lock:
            for tally in tuple(self._tallies):
                tally.tell()
        return iter(())


def serve_metrics(metrics: Metrics, port: int, host: str) -> None:
    """Serve the metrics of a process that has no other port; 0: nowhere."""
    if port:
        start_http_server(port, host, metrics.registry)


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
