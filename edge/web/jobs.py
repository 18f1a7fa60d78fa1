"""The routes of jobs: submit a feed, see its progress, pause, resume, retry, cancel."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from edge.access import Role
from edge.errors import FeedRejected, JobNotFound
from edge.jobs import report
from edge.jobs.model import Job
from edge.jobs.opening import JobProcessing
from edge.jobs.service import Service
from edge.kinds import FLAG, whole
from edge.web import pages, submission
from edge.web.bodies import UNCACHED, query_value
from edge.web.tokens import Tokens

_REPORT = pages.text_of("report.html")
PAGE = 100
_KINDS = {"json": "application/json", "csv": "text/csv; charset=utf-8", "html": "text/html"}
_VERBS = ("pause", "resume", "retry", "cancel")

LIMIT, CURSOR = whole(1, 1000), whole(0, 999_999_999)
_SAMPLES, _WORKERS = whole(0, 20), whole(1, 10_000)


class JobsRoutes:
    """`/-/jobs` and what lies below it; every route asks for the role `jobs`."""

    def __init__(self, processing: JobProcessing, tokens: Tokens) -> None:
        self._processing = processing
        self._service: Service = processing.management.service
        self._tokens = tokens

    def routes(self) -> list[Route]:
        """In the order in which they are tried."""
        read = ["GET", "HEAD"]
        return [
            Route("/-/jobs", self.submit, methods=["POST"]),
            Route("/-/jobs", self.list, methods=read),
            Route("/-/jobs/ledger", self.ledger, methods=read),
            Route("/-/jobs/{id}", self.show, methods=read),
            Route("/-/jobs/{id}", self.delete, methods=["DELETE"]),
            Route("/-/jobs/{id}/items", self.items, methods=read),
            Route("/-/jobs/{id}/report.{form}", self.report, methods=read),
            Route("/-/jobs/{id}/{verb}", self.steer, methods=["POST"]),
        ]

    async def submit(self, request: Request) -> Response:
        """202 with the job; with `dry_run=1` 200 with what it would take, and nothing begun.

        Raises:
            FeedRejected: naming line and field; nothing was begun.
            IdempotencyKeyReused, JobConflict: by the Idempotency-Key.
        """
        self._tokens.require(request, Role.JOBS)
        with submission.spooled() as file:
            submitted = await submission.read(request, self._service, file)
            if query_value(request, "dry_run", FLAG, default=False):
                estimate = await self._processing.estimate(
                    submitted.feed,
                    submitted.options,
                    samples=query_value(request, "samples", _SAMPLES, 3),
                    workers=query_value(request, "workers", _WORKERS, 1),
                )
                return JSONResponse(estimate, headers=UNCACHED)
            taken = await self._service.submit(
                submitted.feed,
                submitted.options,
                key=submitted.key,
                fingerprint=submitted.fingerprint,
            )
        facts = await self._facts(taken.job) | {
            "refusals": [one.as_facts() for one in taken.refusals]
        }
        headers = UNCACHED | {"location": f"/-/jobs/{taken.job.id}"}
        if taken.replayed:
            headers["idempotent-replayed"] = "true"
        return JSONResponse(facts, 202, headers=headers)

    async def list(self, request: Request) -> Response:
        """The newest first, `limit` at a time."""
        self._tokens.require(request, Role.JOBS)
        limit, offset = (
            query_value(request, "limit", LIMIT, PAGE),
            query_value(request, "cursor", CURSOR, 0),
        )
        jobs = await self._service.store.jobs(limit, offset)
        following = str(offset + limit) if len(jobs) == limit else None
        page = {"jobs": [await self._facts(job) for job in jobs], "next": following}
        return JSONResponse(page, headers=UNCACHED)

    async def ledger(self, request: Request) -> Response:
        """The consumption of all jobs, or of those with one `label`."""
        self._tokens.require(request, Role.JOBS)
        spent = await self._service.spent(request.query_params.get("label"))
        return JSONResponse(spent, headers=UNCACHED)

    async def show(self, request: Request) -> Response:
        return JSONResponse(await self._facts(await self._job(request)), headers=UNCACHED)

    async def items(self, request: Request) -> Response:
        """Items by `status`, `limit` at a time from `cursor` on."""
        job = await self._job(request)
        status = request.query_params.get("status", "")
        cursor, limit = (
            query_value(request, "cursor", CURSOR, 0),
            query_value(request, "limit", LIMIT, PAGE),
        )
        items, following = await self._service.rows(job, status, cursor, limit)
        return JSONResponse({"items": items, "next": following}, headers=UNCACHED)

    async def report(self, request: Request) -> Response:
        """Every item, as JSON, CSV or a page."""
        job, form = await self._job(request), request.path_params["form"]
        if form not in _KINDS:
            raise FeedRejected("there is no such report", param="report", allowed=tuple(_KINDS))
        head = await self._service.facts(job)
        name = f'inline; filename="{job.id}.{form}"'
        headers = UNCACHED | {"content-disposition": name}
        if form == "html":
            headers["content-security-policy"] = pages.policy(_REPORT)
        return StreamingResponse(
            report_of(self._service, job, head, form), media_type=_KINDS[form], headers=headers
        )

    async def steer(self, request: Request) -> Response:
        """Raises `JobConflict` where the job's state does not allow it."""
        job, verb = await self._job(request), request.path_params["verb"]
        if verb not in _VERBS:
            raise JobNotFound("there is no such thing to do", param="verb", allowed=_VERBS)
        steer: Callable[[str], Any] = getattr(self._service, verb)
        return JSONResponse(await self._facts(await steer(job.id)), 202, headers=UNCACHED)

    async def delete(self, request: Request) -> Response:
        """Cancels a job that is not over (202), removes one that is (204)."""
        job = await self._job(request)
        if job.state.over:
            await self._service.forget(job.id)
            return Response(status_code=204, headers=UNCACHED)
        cancelled = await self._service.cancel(job.id)
        return JSONResponse(await self._facts(cancelled), 202, headers=UNCACHED)

    async def _job(self, request: Request) -> Job:
        self._tokens.require(request, Role.JOBS)
        return await self._service.find(request.path_params["id"])

    async def _facts(self, job: Job) -> dict[str, Any]:
        place = f"/-/jobs/{job.id}"
        links = {
            "self": place,
            "items": f"{place}/items",
            "report": {form: f"{place}/report.{form}" for form in _KINDS},
            **{verb: f"{place}/{verb}" for verb in _VERBS},
        }
        return {**await self._service.facts(job), "links": links}


def report_of(
    service: Service, job: Job, head: Mapping[str, Any], form: str
) -> AsyncIterator[bytes]:
    """The report of a job in one of its forms."""
    rows = service.report(job)
    if form == "csv":
        return report.as_csv(rows)
    if form == "json":
        return report.as_json(head, rows)
    before, _, after = _REPORT.partition("$rows")
    return report.as_html(head, rows, (before, after))
