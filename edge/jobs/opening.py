"""Opens the store and the queue that the settings name, and the parts that work on them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from edge.delivery.delivery import Delivery
from edge.jobs.estimate import Estimator
from edge.jobs.file_store import FileStore
from edge.jobs.ledger import Prices
from edge.jobs.making import Maker
from edge.jobs.model import Options
from edge.jobs.queue import Feeder, LocalQueue, NoQueue, Queue
from edge.jobs.redis_store import RedisStore
from edge.jobs.report import Reporter, UrlOf, plain_url
from edge.jobs.review import Decisions
from edge.jobs.reviewing import Reviewing
from edge.jobs.service import FeedSource, Service
from edge.jobs.store import Store
from edge.jobs.webhooks import Webhooks
from edge.jobs.worker import Bounds, Worker
from edge.origins.outbound import Outbound
from edge.origins.routes import Route
from edge.reported import Compliance
from edge.settings import Settings, naming
from edge.telemetry import Metrics
from edge.variants.presets import Presets
from edge.variants.signing import SigningKeys, sign


@dataclass(frozen=True, slots=True)
class JobManagement:
    """What manages jobs without rendering: store, queue and service."""

    store: Store
    queue: Queue
    feeder: Feeder
    service: Service
    hooks: Webhooks
    reporter: Reporter


@dataclass(frozen=True, slots=True)
class JobProcessing:
    """The same, with a worker that renders."""

    management: JobManagement
    maker: Maker
    reviewing: Reviewing
    worker: Worker
    delivery: Delivery
    stop_seconds: float

    async def estimate(
        self, feed: FeedSource, options: Options, *, samples: int, workers: int
    ) -> dict[str, Any]:
        """What a feed would take; see `Estimator`. Raises `FeedRejected`."""
        history, prices = await self.management.store.ledger("all"), self.management.reporter.prices
        estimator = Estimator(
            self.maker, self.delivery, history, prices, samples=samples, accept=options.accept
        )
        return await estimator.of(self.management.service.items(feed, options), workers)

    @asynccontextmanager
    async def working(self, at_once: int) -> AsyncIterator[None]:
        """Take tasks off the queue, and feed it, while the block runs.

        Args:
            at_once: items that are worked on at the same time; 0: only feed.
        """
        feeding = asyncio.create_task(self.management.feeder.run())
        if at_once:
            self.management.queue.start(self.worker.handle, at_once)
        try:
            yield
        finally:
            feeding.cancel()
            await self.management.queue.stop(self.stop_seconds)
            await self.worker.close()


def open_store(given: Settings, file: str | None = None) -> Store:
    """In Redis where there is one, in a file or in memory otherwise.

    Args:
        file: keeps the jobs in this file whatever the settings say.
    """
    cache, jobs = given.cache, given.jobs
    if cache.redis_url and file is None:
        return RedisStore(cache.redis_url, cache.tier_timeout, jobs.keep)
    if file is not None:
        return FileStore(file, jobs.keep)
    with naming("EDGE_JOBS_FILE"):
        return FileStore(jobs.file, jobs.keep)


def open_queue(given: Settings, store: Store) -> Queue:
    """The queue beside the store: on Redis, or in this process."""
    if not store.shared:
        return LocalQueue()
    try:
        from edge.jobs.dramatiq_queue import DramatiqQueue  # of the extra `jobs`
    except ImportError:
        return NoQueue()
    return DramatiqQueue(given.cache.redis_url, given.jobs.heartbeat)


@asynccontextmanager
async def open_management(
    given: Settings,
    presets: Presets,
    keys: Callable[[], SigningKeys],
    routes: tuple[Route, ...],
    *,
    file: str | None = None,
    anywhere: bool = False,
    compliance_line: Callable[[Compliance], str],
) -> AsyncIterator[JobManagement]:
    """Args: `anywhere`: exports may be written wherever this process may write; `compliance_line`:
    see `Reporter`."""
    jobs = given.jobs
    async with AsyncExitStack() as stack:
        store = open_store(given, file)
        stack.push_async_callback(store.close)
        queue = open_queue(given, store)
        stack.push_async_callback(queue.close)
        feeder = Feeder(store, queue, depth=jobs.depth, stalled=jobs.stalled)
        outbound = Outbound(jobs.private, given.origin.timeout)
        hooks = Webhooks(outbound, jobs.webhook_secret, jobs.backoff)
        reporter = Reporter(
            Prices(dict(jobs.prices), jobs.currency),
            compliance_line,
            _signed(keys) if given.signing.required else plain_url,
        )
        service = Service(
            store,
            feeder,
            hooks,
            outbound,
            presets,
            reporter,
            widths=given.query.widths,
            origins=_http_origins(routes),
            feed_bytes=jobs.feed_bytes,
            feed_items=jobs.feed_items,
            export=None if anywhere else jobs.export,
        )
        yield JobManagement(store, queue, feeder, service, hooks, reporter)


def open_processing(
    given: Settings,
    management: JobManagement,
    delivery: Delivery,
    presets: Presets,
    metrics: Metrics,
) -> JobProcessing:
    """The parts that work on jobs: they deliver each item by `delivery`."""
    jobs, decisions = given.jobs, Decisions(management.store)
    maker = Maker(
        delivery,
        presets,
        decisions,
        seconds=given.server.deadline,
        widths=given.query.widths,
        review_required=given.review.required,
    )
    worker = Worker(
        management.store,
        maker,
        management.hooks,
        management.reporter,
        metrics,
        bounds=Bounds(jobs.tries, jobs.backoff, jobs.backoff_max),
        endpoint=given.s3.endpoint_url,
        timeout=given.origin.timeout,
    )
    reviewing = Reviewing(management.service, maker, delivery, decisions)
    return JobProcessing(management, maker, reviewing, worker, delivery, given.server.drain)


def _http_origins(routes: tuple[Route, ...]) -> tuple[tuple[str, str], ...]:
    """Origins whose own URLs a feed may name: base and the prefix of our paths."""
    return tuple(
        (route.target, route.prefix)
        for route in routes
        if route.scheme in ("http", "https") and route.template is None
    )


def _signed(keys: Callable[[], SigningKeys]) -> UrlOf:
    def url_of(path: str, query: str) -> str:
        return plain_url(path, sign(path, query, keys(), None))

    return url_of
