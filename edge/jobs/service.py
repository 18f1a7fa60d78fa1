"""The interface of jobs for the web and the command line: submit, list, control, review."""

import asyncio
import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from itertools import islice
from typing import Any, BinaryIO

from edge.errors import FeedRejected, IdempotencyKeyReused, JobConflict, JobNotFound
from edge.jobs import ledger, report, worker
from edge.jobs.export import ExportTarget
from edge.jobs.feeds import Read, read_feed
from edge.jobs.items import REFUSALS_SHOWN, Intake, Reader, collision, digest, refused
from edge.jobs.model import Item, ItemState, Job, JobState, Options, Refusal
from edge.jobs.queue import Feeder
from edge.jobs.report import Reporter
from edge.jobs.store import CHUNK, ItemRow, Store
from edge.jobs.webhooks import Webhooks
from edge.origins.outbound import Outbound
from edge.variants.presets import Presets

_DAY = 86_400.0
_RUNNING = (JobState.QUEUED, JobState.RUNNING)


@dataclass(frozen=True, slots=True)
class FeedSource:
    """Bytes to be read as a feed; or its lines, where they are known already."""

    source: BinaryIO | None = None
    content_type: str = ""
    lines: Read | None = None


@dataclass(frozen=True, slots=True)
class Submitted:
    """A submitted job, the refused lines of its feed, and whether it had been submitted before."""

    job: Job
    refusals: Sequence[Refusal]
    replayed: bool = False


@dataclass(eq=False)
class Service:
    """Args:
    feeder: queues the first items at once, so that no worker has to be awake for that.
    widths: as `EDGE_QUERY_WIDTHS`. origins: see `items.Reader`.
    feed_bytes, feed_items: bounds of one feed.
    export: places that jobs may write to; None: anywhere.
    """

    store: Store
    feeder: Feeder
    hooks: Webhooks
    outbound: Outbound
    presets: Presets
    reporter: Reporter
    _: KW_ONLY
    widths: tuple[int, ...] = ()
    origins: tuple[tuple[str, str], ...] = ()
    feed_bytes: int = 64 * 2**20
    feed_items: int = 1_000_000
    export: Sequence[str] | None = None

    def items(self, feed: FeedSource, options: Options) -> Iterator[Item | Refusal]:
        """What a feed holds. Raises `FeedRejected`, at once or in the course of it."""
        reader = Reader(self.presets, options, self.widths, self.origins)
        reader.check()
        return reader.items(self._lines(feed, options))

    async def download(self, url: str, into: BinaryIO) -> str:
        """A feed by its URL; answers its content type. Raises as `Outbound.download`."""
        self.outbound.check(url, "feed")
        return await self.outbound.download(url, into, self.feed_bytes)

    async def submit(
        self, feed: FeedSource, options: Options, *, key: str = "", fingerprint: str = ""
    ) -> Submitted:
        """Read the whole feed, and begin.

        Args:
            key: the caller's own; the same one again is the same job. fingerprint: of all that
                the request said, so that a key that is used for something else is noticed.

        Raises:
            FeedRejected: nothing of it can be done, or an option is wrong.
            IdempotencyKeyReused: the key came with another request.
            JobsUnavailable: the store does not answer.
        """
        self._check(options)
        id = time.strftime("%Y%m%d-%H%M%S-", time.gmtime()) + secrets.token_hex(4)
        if key and (before := await self._before(key, fingerprint, id)):
            return before
        try:
            job, refusals = await self._taken(id, feed, options)
        except BaseException:
            await self.store.drop(id)
            if key:
                await self.store.release(_key(key))
            raise
        await self.feeder.feed_job(job, CHUNK)
        return Submitted(job, refusals)

    async def find(self, id: str) -> Job:
        """Raises `JobNotFound`."""
        job = await self.store.job(id) if _is_id(id) else None
        if job is None:
            raise JobNotFound("there is no such job", param="id")
        return job

    async def facts(self, job: Job) -> dict[str, Any]:
        """A job as JSON, with what it has cost so far."""
        spent = await self.store.ledger(f"job:{job.id}")
        return {**worker.facts(job), "cost": ledger.facts(spent, self.reporter.prices)}

    async def spent(self, label: str | None) -> dict[str, Any]:
        """The ledger of one label, or of all jobs."""
        name = "all" if label is None else f"label:{label}"
        return ledger.facts(await self.store.ledger(name), self.reporter.prices)

    async def pause(self, id: str) -> Job:
        """Pause: queue no further items; those under way finish. Raises `JobConflict`."""
        return await self._moved(id, JobState.PAUSED, _RUNNING)

    async def resume(self, id: str) -> Job:
        job = await self.find(id)
        if job.state is not JobState.PAUSED:
            raise _conflict(job, "resumed")
        await self.store.rewind(id, "ql", JobState.RUNNING if job.started else JobState.QUEUED)
        return await self.feed(id)

    async def retry(self, id: str) -> Job:
        """Retry the failed items, or resume a cancelled job."""
        job = await self.find(id)
        failed = job.counts.get(ItemState.FAILED, 0)
        if not failed and job.state is not JobState.CANCELLED:
            raise _conflict(job, "retried: nothing of it has failed")
        await self.store.rewind(id, "fql", JobState.RUNNING if job.started else JobState.QUEUED)
        return await self.feed(id)

    async def cancel(self, id: str) -> Job:
        return await self._moved(id, JobState.CANCELLED, (*_RUNNING, JobState.PAUSED))

    async def forget(self, id: str) -> None:
        """Remove a job that has ended. Raises `JobConflict`."""
        job = await self.find(id)
        if not job.state.over:
            raise _conflict(job, "removed")
        await self.store.drop(id)

    async def rows(
        self, job: Job, status: str, place: int, limit: int
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Items of one status, or all, from a place on, and the next one; `refused` are lines that
        were none.

        Raises:
            FeedRejected: there is no such status.
        """
        if status == "refused":
            lines = await self.store.refusals(job.id, place, limit)
            following = str(place + limit) if len(lines) == limit else None
            return [report.refusal_facts(one) for one in lines], following
        rows, after = await self.store.rows(job.id, _state(status), place, limit)
        facts = [self.reporter.facts(row) for row in rows]
        return facts, None if after is None else str(after)

    def report(self, job: Job) -> AsyncIterator[dict[str, Any]]:
        """Every item, then every refused line."""
        return self.reporter.rows_of(self.store, job)

    async def row(self, id: str, index: int) -> tuple[Job, ItemRow]:
        """One item with its job. Raises `JobNotFound`."""
        job = await self.find(id)
        rows, _ = await self.store.rows(id, None, index, 1) if index >= 0 else ([], None)
        if not rows or rows[0].item.index != index:
            raise JobNotFound("the job has no such item", param="index")
        return job, rows[0]

    def _check(self, options: Options) -> None:
        Reader(self.presets, options, self.widths, self.origins).check()
        if options.webhook:
            self.hooks.check(options.webhook)
        if not options.to:
            return
        place = ExportTarget.of(options.to)
        if self.export is not None and not place.allowed_by(self.export):
            raise FeedRejected(
                "this server does not write there",
                param="to",
                allowed=tuple(self.export) or "nothing: EDGE_JOBS_EXPORT is not set",
            )

    async def _before(self, key: str, fingerprint: str, id: str) -> Submitted | None:
        value = await self.store.reserve(_key(key), f"{fingerprint} {id}", _DAY)
        if value is None:
            return None
        before, _, other = value.partition(" ")
        if before != fingerprint:
            raise IdempotencyKeyReused(
                "this Idempotency-Key came with another request", param="Idempotency-Key"
            )
        job = await self.store.job(other)
        if job is None:
            raise JobConflict("the first request with this Idempotency-Key is not finished yet")
        return Submitted(job, await self.store.refusals(other, 0, REFUSALS_SHOWN), replayed=True)

    async def _taken(
        self, id: str, feed: FeedSource, options: Options
    ) -> tuple[Job, Sequence[Refusal]]:
        """The whole feed into the store; raises `FeedRejected` where it cannot be begun."""
        intake = Intake(self.store, id, self.feed_items)
        found = await asyncio.to_thread(self.items, feed, options)
        while page := await asyncio.to_thread(lambda: list(islice(found, CHUNK))):
            await intake.add(page)
        await intake.flush()
        if intake.refused and (options.strict or not intake.total):
            raise refused(intake)
        if not intake.total:
            raise FeedRejected("the feed has no lines", param="feed")
        if twice := intake.names.twice():
            await self._check_names(id, twice)
        job = Job(id, options, intake.total, intake.refused, created=time.time())
        await self.store.open_job(job)
        return job, intake.refusals

    async def _check_names(self, id: str, twice: frozenset[int]) -> None:
        alike: list[Item] = []
        cursor: int | None = 0
        while cursor is not None and len(alike) < REFUSALS_SHOWN:
            rows, cursor = await self.store.rows(id, None, cursor, CHUNK)
            alike += [row.item for row in rows if digest(row.item.file) in twice]
        if error := collision(alike):
            raise error

    async def _moved(self, id: str, to: JobState, allowed: Sequence[JobState]) -> Job:
        job = await self.find(id)
        if not await self.store.move(id, to, allowed):
            raise _conflict(job, to.value)
        return await self.find(id)

    async def feed(self, id: str) -> Job:
        """Queue the next items at once; the job as it is then."""
        await self.feeder.feed_job(await self.find(id), CHUNK)
        return await self.find(id)

    def _lines(self, feed: FeedSource, options: Options) -> Read:
        if feed.lines is not None:
            return feed.lines
        if feed.source is None:
            raise FeedRejected("there is no feed", param="feed")
        return read_feed(feed.source, self.feed_bytes, options.format, feed.content_type)


def _conflict(job: Job, what: str) -> JobConflict:
    return JobConflict(f"a job that is {job.state.value} cannot be {what}", param="status")


def _state(status: str) -> ItemState | None:
    if not status:
        return None
    try:
        return ItemState(status)
    except ValueError:
        raise FeedRejected(
            f"there is no status {status[:40]!r}", param="status",
            allowed=[*(state.value for state in ItemState), "refused"],
        ) from None  # fmt: skip


def _key(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _is_id(id: str) -> bool:
    return len(id) < 64 and id.replace("-", "").isalnum() and id.isascii()
