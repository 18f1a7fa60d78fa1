"""What operators see: metrics.

Every metric is a field of `Metrics`; the docs' table is held against this file by a test.
"""

import threading
from collections.abc import Iterator
from contextvars import ContextVar
from functools import partial

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
        counter, gauge = partial(Counter, registry=registry), partial(Gauge, registry=registry)
        histogram = partial(Histogram, registry=registry)
        seconds = partial(histogram, buckets=_SECONDS)
        self.requests = counter("edge_requests_total", "Requests answered.", ("route", "status"))
        self.request_seconds = seconds(
            "edge_request_seconds",
            "Time from the request to the last byte handed over; memory hits are only counted.",
            ("route", "source"),
        )
        self.deliveries = counter(
            "edge_deliveries_total", "Renditions delivered, by where they came from.", ("source",)
        )
        self.renders = counter("edge_renders_total", "Renditions made.", ("cost", "format"))
        self.render_seconds = seconds(
            "edge_render_stage_seconds", "Time of one stage of a render.", ("stage",)
        )
        self.rendition_bytes = histogram(
            "edge_rendition_bytes", "Bytes of renditions made.", ("format",), buckets=_BYTES
        )
        self.compliance = counter(
            "edge_compliance_total",
            "Renditions made that a preset has rules for: pass or fail.",
            ("preset", "verdict"),
        )
        self.review_reasons = counter(
            "edge_review_reasons_total",
            "Reasons why a person should look at a rendition made; one may have several.",
            ("preset", "reason"),
        )
        self.negotiated = counter(
            "edge_negotiated_total",
            "Answers whose format was chosen by Accept, by that format.",
            ("format",),
        )
        self.failures = counter(
            "edge_failures_total", "Requests that failed, by error.", ("error",)
        )
        self.connections = gauge("edge_connections", "Connections open.")
        self.connections_ended = counter(
            "edge_connections_ended_total",
            "Connections ended from here: idle; late with a request; a reader that does not read; "
            "crowded, where another needed the place.",
            ("reason",),
        )
        self.tier_lookups = counter(
            "edge_tier_lookups_total",
            "Look-ups per tier: hit, miss, error, skipped.",
            ("tier", "outcome"),
        )
        self.tier_writes = counter(
            "edge_tier_writes_total", "Writes per tier: ok, error, skipped.", ("tier", "outcome")
        )
        self.tier_bytes = gauge("edge_tier_bytes", "Bytes held by a tier.", ("tier",))
        self.origin_fetches = counter(
            "edge_origin_fetches_total", "Originals fetched, by outcome.", ("outcome",)
        )
        self.single_flight_joined = counter(
            "edge_single_flight_joined_total",
            "Requests that waited for a render already under way.",
        )
        self.admission_running = gauge("edge_admission_running", "Renders running.", ("cost",))
        self.admission_waiting = gauge("edge_admission_waiting", "Renders waiting.", ("cost",))
        self.admission_bytes = gauge(
            "edge_admission_bytes",
            "Bytes that the renders running are expected to take at their peak.",
        )
        self.admission_refused = counter(
            "edge_admission_refused_total", "Renders refused by admission control.", ("cost",)
        )
        self.decoders_replaced = counter(
            "edge_decoders_replaced_total",
            "Decoder processes replaced because of an original: died, late.",
            ("reason",),
        )
        self.processes_replaced = counter(
            "edge_processes_replaced_total",
            "Render processes replaced because they ended or took too long: died, late.",
            ("reason",),
        )
        self.background_tasks = gauge("edge_background_tasks", "Background tasks under way.")
        self.tasks = gauge(
            "edge_tasks", "Tasks of the event loop; what grows without end is a leak."
        )
        self.purged = counter("edge_purged_total", "Entries purged per tier.", ("tier",))
        self.model_requests = counter(
            "edge_model_requests_total",
            "Requests to networks by outcome: ok, cancelled, or the error.",
            ("model", "runtime", "outcome"),
        )
        self.model_queue_seconds = seconds(
            "edge_model_queue_seconds",
            "Time a request to a network waited in this process.",
            ("model", "runtime"),
        )
        self.model_seconds = seconds(
            "edge_model_seconds",
            "Time of a request to a network after that wait; on Triton its queue is included.",
            ("model", "runtime"),
        )
        self.model_batch = histogram(
            "edge_model_batch",
            "Tiles or pictures in one request to a network; the sum counts them all.",
            ("model", "runtime"),
            buckets=_BATCHES,
        )
        self.chain_pictures = counter(
            "edge_chain_pictures_total",
            "Pictures that the product chain on Triton was wanted for: made; or why the networks "
            "were asked one by one: absent, late, failed.",
            ("outcome",),
        )
        self.mattes = counter(
            "edge_mattes_total",
            "Cut-outs that renders asked for: made, made as a fallback, joined in the making, or "
            "by tier.",
            ("source",),
        )
        self.upscale_tiles = counter(
            "edge_upscale_tiles_total",
            "Enlarged cells of pictures that renders asked for: made, or kept from earlier.",
            ("model", "source"),
        )
        self.enlarged_bytes = gauge(
            "edge_enlarged_bytes",
            "Bytes of enlarged tiles and decontaminated subjects kept in memory.",
        )
        self.jobs = counter("edge_jobs_total", "Jobs that came to an end here.", ("status",))
        self.job_items = counter(
            "edge_job_items_total",
            "Items of jobs worked on here: how they ended, or retried.",
            ("status",),
        )
        self.webhooks = counter(
            "edge_job_webhooks_total",
            "Webhooks sent: done (or given up), or to be sent again.",
            ("outcome",),
        )
        self.breaker_open = gauge(
            "edge_triton_breaker_open", "1 while Triton is left alone because it did not answer."
        )
        self.reloads = counter(
            "edge_reloads_total",
            "Files read anew while this process runs: ok, or failed, and the old ones stay.",
            ("file", "outcome"),
        )
        self.reload_successful = gauge(
            "edge_reload_successful",
            "0 where the last reading of that file failed; absent before the first.",
            ("file",),
        )
        self.build = gauge(
            "edge_build_info",
            "Always 1; which edge this is, which renderer it has, and what it runs on.",
            ("version", "render_version", "python", "engine"),
        )
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)

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

    def tell(self) -> None:
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
                tally.tell()
        return iter(())


def serve_metrics(metrics: Metrics, port: int, host: str) -> None:
    """Serve the metrics of a process that has no other port; 0: nowhere."""
    if port:
        start_http_server(port, host, metrics.registry)
