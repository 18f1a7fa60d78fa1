"""What operators see: metrics.

Every metric is a field of `Metrics`; the docs' table is held against this file by a test.
"""

import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import partial
from typing import Any, Generic, TypeVar

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

disable_created_metrics()  # type: ignore[no-untyped-call]  # they double the series and tell nothing

request_id: ContextVar[str] = ContextVar("request_id", default="")

Kind = TypeVar("Kind")

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_BATCHES = (1, 2, 4, 8, 16, 32)
_BYTES = tuple(1000 * 4**n for n in range(8))


PICTURES = "image"
"""The route of requests for pictures."""


class _Declared(Generic[Kind]):
    """One metric of `Metrics`, each of which makes one of its own of it."""

    def __init__(self, kind: Callable[..., Kind], *given: Any, **named: Any) -> None:
        self.made = partial(kind, *given, **named)

    def __get__(self, metrics: "Metrics", owner: type) -> Kind:
        raise AttributeError("only a `Metrics` has metrics")


_counter, _gauge = partial(_Declared, Counter), partial(_Declared, Gauge)
_histogram = partial(_Declared, Histogram)
_seconds = partial(_histogram, buckets=_SECONDS)


class Metrics:
    """All counters of one server, on a registry of its own so that two can live in one process."""

    requests = _counter("edge_requests_total", "Requests answered.", ("route", "status"))
    request_seconds = _seconds(
        "edge_request_seconds",
        "Time from the request to the last byte handed over; memory hits are only counted.",
        ("route", "source"),
    )
    deliveries = _counter(
        "edge_deliveries_total", "Renditions delivered, by where they came from.", ("source",)
    )
    renders = _counter("edge_renders_total", "Renditions made.", ("cost", "format"))
    render_seconds = _seconds(
        "edge_render_stage_seconds", "Time of one stage of a render.", ("stage",)
    )
    rendition_bytes = _histogram(
        "edge_rendition_bytes", "Bytes of renditions made.", ("format",), buckets=_BYTES
    )
    compliance = _counter(
        "edge_compliance_total",
        "Renditions made that a preset has rules for: pass or fail.",
        ("preset", "verdict"),
    )
    review_reasons = _counter(
        "edge_review_reasons_total",
        "Reasons for a person to review a rendition made; one may have several.",
        ("preset", "reason"),
    )
    negotiated = _counter(
        "edge_negotiated_total",
        "Answers whose format was chosen by Accept, by that format.",
        ("format",),
    )
    failures = _counter("edge_failures_total", "Requests that failed, by error.", ("error",))
    connections = _gauge("edge_connections", "Connections open.")
    connections_ended = _counter(
        "edge_connections_ended_total",
        "Connections ended from here: idle; late with a request; a reader that does not read; "
        "crowded, where another needed the place.",
        ("reason",),
    )
    tier_lookups = _counter(
        "edge_tier_lookups_total",
        "Lookups per tier: hit, miss, error, skipped.",
        ("tier", "outcome"),
    )
    tier_writes = _counter(
        "edge_tier_writes_total", "Writes per tier: ok, error, skipped.", ("tier", "outcome")
    )
    tier_bytes = _gauge("edge_tier_bytes", "Bytes held by a tier.", ("tier",))
    origin_fetches = _counter(
        "edge_origin_fetches_total", "Originals fetched, by outcome.", ("outcome",)
    )
    single_flight_joined = _counter(
        "edge_single_flight_joined_total",
        "Requests that waited for a render already under way.",
    )
    admission_running = _gauge("edge_admission_running", "Renders running.", ("cost",))
    admission_waiting = _gauge("edge_admission_waiting", "Renders waiting.", ("cost",))
    admission_bytes = _gauge(
        "edge_admission_bytes",
        "Bytes that the renders running are expected to take at their peak.",
    )
    admission_refused = _counter(
        "edge_admission_refused_total", "Renders refused by admission control.", ("cost",)
    )
    decoders_replaced = _counter(
        "edge_decoders_replaced_total",
        "Decoder processes replaced because of an original: died, late.",
        ("reason",),
    )
    processes_replaced = _counter(
        "edge_processes_replaced_total",
        "Render processes replaced because they ended or took too long: died, late.",
        ("reason",),
    )
    background_tasks = _gauge("edge_background_tasks", "Background tasks under way.")
    tasks = _gauge("edge_tasks", "Tasks of the event loop; what grows without end is a leak.")
    purged = _counter("edge_purged_total", "Entries purged per tier.", ("tier",))
    model_requests = _counter(
        "edge_model_requests_total",
        "Requests to networks by outcome: ok, cancelled, or the error.",
        ("model", "runtime", "outcome"),
    )
    model_queue_seconds = _seconds(
        "edge_model_queue_seconds",
        "Time a request to a network waited in this process.",
        ("model", "runtime"),
    )
    model_seconds = _seconds(
        "edge_model_seconds",
        "Time of a request to a network after that wait; on Triton its queue is included.",
        ("model", "runtime"),
    )
    model_batch = _histogram(
        "edge_model_batch",
        "Tiles or pictures in one request to a network; the sum counts them all.",
        ("model", "runtime"),
        buckets=_BATCHES,
    )
    chain_pictures = _counter(
        "edge_chain_pictures_total",
        "Pictures that the product chain on Triton could make: made; or why the networks ran one "
        "by one: absent, late, failed.",
        ("outcome",),
    )
    mattes = _counter(
        "edge_mattes_total",
        "Mattes that renders needed: made, made as a fallback, joined (another render made it), "
        "or by tier.",
        ("source",),
    )
    upscale_tiles = _counter(
        "edge_upscale_tiles_total",
        "Enlarged cells of pictures that renders needed: made, or cached.",
        ("model", "source"),
    )
    enlarged_bytes = _gauge(
        "edge_enlarged_bytes",
        "Bytes of enlarged tiles and decontaminated subjects kept in memory.",
    )
    jobs = _counter("edge_jobs_total", "Jobs that came to an end here.", ("status",))
    job_items = _counter(
        "edge_job_items_total",
        "Items of jobs worked on here: how they ended, or retried.",
        ("status",),
    )
    webhooks = _counter(
        "edge_job_webhooks_total",
        "Webhooks sent: done (or given up), or to be sent again.",
        ("outcome",),
    )
    breaker_open = _gauge(
        "edge_triton_breaker_open", "1 while Triton gets no requests because it did not answer."
    )
    reloads = _counter(
        "edge_reloads_total",
        "Files read anew while this process runs: ok, or failed, and the old ones stay.",
        ("file", "outcome"),
    )
    reload_successful = _gauge(
        "edge_reload_successful",
        "0 where the last reading of that file failed; absent before the first.",
        ("file",),
    )
    build = _gauge(
        "edge_build_info",
        "Always 1; which edge this is, which renderer it has, and what it runs on.",
        ("version", "render_version", "python", "engine"),
    )

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._tallies: list[Tally] = []
        self._tallied = _Tallied(self._tallies)
        self.registry.register(self._tallied)  # the first of all, so that it is read first
        for name, declared in vars(Metrics).items():
            if isinstance(declared, _Declared):
                vars(self)[name] = declared.made(registry=self.registry)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)

    def tally(self, counter: Counter, *labels: str | int) -> "Tally":
        """One counter with these labels, for what happens at every hit."""
        tally = Tally(counter.labels(*labels))
        self._tallies.append(tally)
        return tally

    def pictures_answered(self) -> float:
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

    __slots__ = ("_counted", "_counter", "_number")

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._number = self._counted = 0

    def inc(self) -> None:
        self._number += 1

    def update(self) -> None:
        """Bring the counter up to date."""
        number = self._number
        self._counter.inc(number - self._counted)
        self._counted = number


class _Tallied(Collector):
    """Has no metric of its own: brings those of the tallies up to date before they are read."""

    def __init__(self, tallies: list[Tally]) -> None:
        self._tallies = tallies
        self._lock = threading.Lock()

    def collect(self) -> Iterator[Metric]:
        with self._lock:
            for tally in tuple(self._tallies):
                tally.update()
        return iter(())


def serve_metrics(metrics: Metrics, port: int, host: str) -> None:
    """Serve the metrics of a process that has no other port; 0: nowhere."""
    if port:
        start_http_server(port, host, metrics.registry)
