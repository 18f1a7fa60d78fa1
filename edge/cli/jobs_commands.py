"""The commands for jobs: on a server, on its Redis, or in this process."""

import asyncio
import hashlib
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import quote

from edge import app
from edge.app.sources import originals_routes
from edge.cli import local
from edge.cli.remote import RemoteJobs
from edge.errors import FeedRejected, JobsUnavailable, SettingsError
from edge.jobs.model import Job, JobState, Options
from edge.jobs.opening import JobManagement, open_management
from edge.jobs.service import FeedSource, Service
from edge.reloading import keys_of, presets_of
from edge.settings import Settings
from edge.web.jobs import report_of
from edge.web.reported import compliance_line
from edge.working import items_at_once

_POLL_SECONDS = 0.5
_AWAY_SECONDS = 300.0

P = ParamSpec("P")
T = TypeVar("T")

Progress = Callable[[Mapping[str, Any]], None]
"""Receives the state of a job, repeatedly."""


@dataclass(frozen=True, slots=True)
class PrewarmOptions:
    """The options of `edge prewarm`. `report` is a file; its extension names its form."""

    feed: Path
    options: Options
    checkpoint: Path | None = None
    report: Path | None = None


@asynccontextmanager
async def opened_management(given: Settings) -> AsyncIterator[JobManagement]:
    """The jobs in the Redis of the settings, without a server in between."""
    presets = presets_of(given)
    keys = keys_of(given)
    routes = originals_routes(given)
    async with open_management(
        given, presets, lambda: keys, routes, anywhere=True, compliance_line=compliance_line
    ) as management:
        yield management


async def prewarm_here(
    given: Settings, prewarm: PrewarmOptions, begun: Progress, report: Progress
) -> Mapping[str, Any]:
    """Work on a feed in this process, or resume where the same command was stopped.

    Raises:
        SettingsError: nothing that is made would be there afterwards.
        FeedRejected: see `Service.submit`.
    """
    check_file(prewarm.feed)
    if not given.cache.store_url and not prewarm.options.to:
        raise SettingsError(
            "nothing of what is made would outlast this command",
            allowed="a durable tier (EDGE_CACHE_STORE_URL), --to, --server, or a Redis",
        )
    checkpoint = prewarm.checkpoint or _checkpoint(given, prewarm)
    alone = replace(given, cache=replace(given.cache, redis_url=""))
    async with app.connect(alone, jobs_file=str(checkpoint), at_once=items_at_once(given)) as parts:
        service = parts.processing.management.service
        job = await _resumed_or_new(service, prewarm)
        begun({**await service.facts(job), "checkpoint": str(checkpoint)})
        facts = await _watch(service, job.id, report)
        if prewarm.report:
            rows = await _report(service, await service.find(job.id), form_of(prewarm.report))
            prewarm.report.write_bytes(rows)
    if facts["status"] == JobState.SUCCEEDED:
        for suffix in ("", "-wal", "-shm"):
            checkpoint.with_name(checkpoint.name + suffix).unlink(missing_ok=True)
    return facts


async def estimate_here(
    given: Settings, prewarm: PrewarmOptions, *, samples: int, workers: int
) -> dict[str, Any]:
    """Estimate a feed, by the tiers, the origin and the ledger of the settings."""
    async with app.connect(given) as parts:
        with prewarm.feed.open("rb") as body:
            feed = FeedSource(body)
            return await parts.processing.estimate(
                feed, prewarm.options, samples=samples, workers=workers
            )


def _managed(
    work: Callable[Concatenate[Any, Service, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Any, P], T]:
    """A method that is given the jobs, as one that opens them, and waits until it is done."""

    @wraps(work)
    def done(self: Any, /, *given: P.args, **named: P.kwargs) -> T:
        async def run() -> T:
            async with opened_management(self.given) as management:
                return await work(self, management.service, *given, **named)

        return asyncio.run(run())

    return done


class RedisJobs:
    """The jobs in the Redis of the settings; what `RemoteJobs` does, without a server in between. A
    folder to write to is one of the workers'."""

    def __init__(self, given: Settings) -> None:
        self.given = given

    @_managed
    async def submit(self, service: Service, feed: Path, options: Options) -> dict[str, Any]:
        return await _submit(service, feed, options)

    @_managed
    async def show(self, service: Service, job: str) -> dict[str, Any]:
        return await service.facts(await service.find(job))

    @_managed
    async def list(self, service: Service, limit: int) -> list[dict[str, Any]]:
        return [await service.facts(job) for job in await service.store.jobs(limit, 0)]

    @_managed
    async def steer(self, service: Service, job: str, verb: str) -> dict[str, Any]:
        return await service.facts(await getattr(service, verb)(job))

    @_managed
    async def ledger(self, service: Service, label: str | None) -> dict[str, Any]:
        return await service.spent(label)

    @_managed
    async def items(
        self, service: Service, job: str, status: str, limit: int
    ) -> Sequence[Mapping[str, Any]]:
        return (await service.rows(await service.find(job), status, 0, limit))[0]

    @_managed
    async def report(self, service: Service, job: str, form: str) -> bytes:
        return await _report(service, await service.find(job), form)


def watch(jobs: RemoteJobs | RedisJobs, job: str, report: Progress) -> Mapping[str, Any]:
    """Follow a job to its end; a server or store that is away for a while is waited for."""
    away = 0.0
    while True:
        try:
            facts = jobs.show(job)
            away = 0.0
        except JobsUnavailable:
            away += _POLL_SECONDS
            if away > _AWAY_SECONDS:
                raise
        else:
            report(facts)
            if JobState(facts["status"]).over:
                return facts
        time.sleep(_POLL_SECONDS)


async def _submit(service: Service, feed: Path, options: Options) -> dict[str, Any]:
    with feed.open("rb") as body:
        taken = await service.submit(FeedSource(body), options)
    refusals = [one.as_facts() for one in taken.refusals]
    return {**await service.facts(taken.job), "refusals": refusals}


async def _resumed_or_new(service: Service, prewarm: PrewarmOptions) -> Job:
    """The job of this checkpoint, resumed or retried; a new one where there is none."""
    found = await service.store.jobs(1, 0)
    if not found:
        facts = await _submit(service, prewarm.feed, prewarm.options)
        return await service.find(facts["id"])
    job = found[0]
    if job.state is JobState.PAUSED:
        return await service.resume(job.id)
    if job.state in (JobState.PARTIAL, JobState.FAILED) and job.counts.get("failed"):
        return await service.retry(job.id)
    return job


async def _watch(service: Service, job: str, report: Progress) -> Mapping[str, Any]:
    while True:
        facts = await service.facts(await service.find(job))
        report(facts)
        if JobState(facts["status"]).over:
            return facts
        await asyncio.sleep(_POLL_SECONDS / 2)


async def _report(service: Service, job: Job, form: str) -> bytes:
    head = await service.facts(job)
    return b"".join([piece async for piece in report_of(service, job, head, form)])


def form_of(file: Path) -> str:
    """Raises `SettingsError` for an extension that names no form of report, and where it cannot be
    written."""
    form = file.suffix.lower().removeprefix(".")
    if form not in ("json", "csv", "html"):
        raise SettingsError(f"--report {file}: allowed is a name with .json, .csv or .html")
    if not file.parent.is_dir():
        raise SettingsError(f"--report {file}: there is no such folder")
    if file.is_dir() or not os.access(file if file.exists() else file.parent, os.W_OK):
        raise SettingsError(f"--report {file}: it cannot be written")
    return form


def _checkpoint(given: Settings, prewarm: PrewarmOptions) -> Path:
    """The same command on the same feed finds the same file."""
    digest = hashlib.sha256(prewarm.feed.read_bytes())
    digest.update(repr((prewarm.options, given.origin.url)).encode())
    return Path(f".edge-prewarm-{digest.hexdigest()[:12]}.jobs")


@contextmanager
def feed_of(named: Path) -> Iterator[Path]:
    """The feed, which for a folder is one line for each picture in it; gone afterwards.

    Raises:
        FeedRejected: there is no such file or folder.
        SettingsError: the folder holds no picture.
    """
    if not named.is_dir():
        check_file(named)
        yield named
        return
    with TemporaryDirectory() as beside:
        feed = Path(beside) / "feed.jsonl"
        paths = (quote(os.fsencode(inner.as_posix())) for _, inner in local.files_of([str(named)]))
        feed.write_text("".join(json.dumps({"path": path}) + "\n" for path in paths))
        yield feed


def on_folder(given: Settings, named: Path) -> Settings:
    """The settings, whose origin is the folder that is worked off where they name none."""
    if given.origin.url or not named.is_dir():
        return given
    return replace(given, origin=replace(given.origin, url=str(named.resolve())))


def check_file(feed: Path) -> None:
    """Raises `FeedRejected` where there is none."""
    if not feed.is_file():
        raise FeedRejected(f"{feed} cannot be read: there is no such file", param="FEED")
