"""Works on tasks from the queue: an item, a job's end, a webhook. A failure stops nothing else."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import partial
from typing import Any

from cachetools import LRUCache

from edge.errors import EdgeError, JobsUnavailable
from edge.jobs import report, retries, webhooks
from edge.jobs.export import Entry, ExportTarget, Target, write_archive
from edge.jobs.making import Maker, event_of, failed, sums_of, target_of
from edge.jobs.model import Item, Job, JobState, Outcome
from edge.jobs.report import Reporter
from edge.jobs.store import Begun, ItemRow, Store, Task
from edge.jobs.webhooks import Webhooks
from edge.telemetry import Metrics

_log = logging.getLogger(__name__)
_STORE_SECONDS = 1.0
_AGAIN_SECONDS = 15.0
_EXPORT_SECONDS = 3600.0
"""Seconds for which an export target may be unreachable before the job counts as failed."""

_MANIFEST = "manifest"
_PAGE = 200
_JOBS = 64


@dataclass(frozen=True, slots=True)
class Bounds:
    """`tries` of an item in all; `backoff` seconds before the second, doubled up to `longest`."""

    tries: int = 5
    backoff: float = 2.0
    longest: float = 300.0


@dataclass(eq=False)
class Worker:
    """Handles tasks, in any process and any number at once.

    Args:
        endpoint: of an S3 API other than Amazon's. timeout: seconds for one of its answers.
    """

    store: Store
    maker: Maker
    hooks: Webhooks
    reporter: Reporter
    metrics: Metrics
    _: KW_ONLY
    bounds: Bounds
    endpoint: str = ""
    timeout: float = 10.0
    _targets: dict[str, Target | None] = field(default_factory=dict, init=False)
    _jobs: LRUCache[str, Job] = field(default_factory=lambda: LRUCache(_JOBS), init=False)

    async def handle(self, task: Task) -> None:
        """Carry a task out; failures of the store are retried without end."""
        work = {"item": self._item, "conclude": self._conclude, "notify": self._notify}[task.kind]
        while True:
            try:
                await work(task)
                return
            except JobsUnavailable as error:
                _log.warning("the store of jobs is away", extra={"why": error.detail})
                await asyncio.sleep(_STORE_SECONDS)

    async def close(self) -> None:
        for target in self._targets.values():
            if target is not None:
                await target.close()
        self._targets.clear()

    async def _item(self, task: Task) -> None:
        index = int(task.ref)
        begun = await self.store.begin(task.job, index)
        job = await self._known(task.job) if begun.verdict == "go" else None
        item = Item.unpack(task.data) if task.data else await self.store.item(task.job, index)
        if job is None or item is None:
            await self.store.settle(task)
            return
        outcome = await self._tried(job, item, begun)
        if outcome is None:
            self.metrics.job_items.labels("retried").inc()
            return
        ended = await self._stored(
            self.store.finish,
            job,
            item,
            outcome,
            sums_of(item, outcome),
            event_of(job, item, outcome),
        )
        if ended:
            self.metrics.job_items.labels(outcome.state.value).inc()

    async def _known(self, id: str) -> Job | None:
        """The job as it was submitted; how it stands is not looked at."""
        if id not in self._jobs and (job := await self.store.job(id)):
            self._jobs[id] = job
        return self._jobs.get(id)

    async def _tried(self, job: Job, item: Item, begun: Begun) -> Outcome | None:
        """The outcome; None where the item is to be retried later."""
        start, tries = time.perf_counter(), begun.tries
        try:
            if tries > self.bounds.tries:  # those before did not even fail: they took workers away
                raise EdgeError("its worker died each time that it was tried")
            return await self.maker.outcome(job, item, self._target(job), begun)
        except Exception as error:
            if not isinstance(error, EdgeError):
                _log.exception("item failed", extra={"job": job.id, "index": item.index})
            if retries.may_pass(error) and tries < self.bounds.tries:
                wait = retries.wait(error, tries, self.bounds.backoff, self.bounds.longest)
                due = time.time() + wait
                await self._stored(self.store.retry_at, job.id, item.index, due)
                return None
            return failed(error, tries, time.perf_counter() - start)

    async def _stored(self, write: Callable[..., Awaitable[Any]], *given: Any) -> Any:
        """Record an outcome, retrying while the store is away, so that the work is not repeated."""
        while True:
            try:
                return await write(*given)
            except JobsUnavailable:
                await asyncio.sleep(_STORE_SECONDS)

    def _target(self, job: Job) -> Target | None:
        if job.id not in self._targets:
            if len(self._targets) >= _JOBS:
                self._targets.pop(next(iter(self._targets)))
            self._targets[job.id] = target_of(job, self.endpoint, self.timeout)
        return self._targets[job.id]

    async def _conclude(self, task: Task) -> None:
        job = await self.store.job(task.job)
        if job is None or job.open:
            await self.store.settle(task)
            return
        end = job.end
        try:
            await self._export(job)
        except JobsUnavailable as error:
            _log.warning("a job's export failed", extra={"job": job.id, "why": error.detail})
            if time.time() - job.touched < _EXPORT_SECONDS:
                await self.store.postpone(task, time.time() + _AGAIN_SECONDS)
                return
            end = JobState.FAILED
        event = None
        if job.options.webhook:
            kind = "job.failed" if end.value == "failed" else "job.finished"
            event = webhooks.event(kind, facts(replace(job, state=end)))
        if await self.store.conclude(job.id, end, event):
            self.metrics.jobs.labels(end.value).inc()

    async def _export(self, job: Job) -> None:
        """The manifests, and the ZIP where it is one."""
        if not job.options.to:
            return
        place = ExportTarget.of(job.options.to)
        target = place.open(self.endpoint, self.timeout)
        try:
            if place.archive:
                await write_archive(target, place.archive, self._entries(job))
            else:
                async for name, body in self._manifests(job):
                    kind = "text/csv" if name.endswith(".csv") else "application/x-ndjson"
                    await target.write(name, await body(), kind)
        finally:
            await target.close()

    async def _entries(self, job: Job) -> AsyncIterator[Entry]:
        cursor: int | None = 0
        while cursor is not None:
            page, cursor = await self.store.rows(job.id, None, cursor, _PAGE)
            for row in page:
                if row.outcome and row.item.file and self.maker.exports(row.outcome):
                    yield row.item.file, partial(self._body, job, row)
        async for entry in self._manifests(job):
            yield entry

    async def _body(self, job: Job, row: ItemRow) -> bytes:
        try:
            finished = await self.maker.make(row.item, job.options.accept)
        except JobsUnavailable:
            raise
        except EdgeError as error:
            raise JobsUnavailable(f"{row.item.file} cannot be had: {error.detail}") from error
        return finished.rendition.body

    async def _manifests(self, job: Job) -> AsyncIterator[Entry]:
        for suffix, form in (("csv", report.as_csv), ("jsonl", report.as_json_lines)):
            rows = self.reporter.rows_of(self.store, job)
            yield f"{_MANIFEST}.{suffix}", partial(_whole, form(rows))

    async def _notify(self, task: Task) -> None:
        job = await self.store.job(task.job)
        event = await self.store.event(task.job, task.ref) if job else None
        if job is None or event is None or not job.options.webhook:
            await self.store.settle(task)
            return
        wait = await self.hooks.deliver(job.options.webhook, event)
        self.metrics.webhooks.labels("again" if wait else "done").inc()
        if wait is None:
            await self.store.settle(task)
            return
        await self.store.set_event(task.job, replace(event, tries=event.tries + 1))
        await self.store.postpone(task, time.time() + wait)


async def _whole(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


def facts(job: Job) -> dict[str, Any]:
    """A job as JSON, without its cost."""
    left = job.time_left
    return {
        "id": job.id,
        "label": job.options.label,
        "status": job.state.value,
        "total": job.total,
        "done": job.done,
        "refused": job.refused,
        "cached": job.cached,
        "counts": {"open": job.open, **job.counts},
        "rate": round(job.rate, 2),
        "time_left": None if left is None else round(left, 1),
        "created": job.created,
        "started": job.started or None,
        "finished": job.finished or None,
        "options": job.options.as_facts(),
    }
