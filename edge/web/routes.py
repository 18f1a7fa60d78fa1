"""The routing of URLs. All routes but those of pictures are under `/-/`."""

from contextlib import nullcontext

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from edge.errors import OriginalNotFound
from edge.telemetry import Metrics
from edge.web import failures
from edge.web.admin import AdminRoutes, Explain
from edge.web.gallery import Gallery
from edge.web.image import ImageRoute
from edge.web.jobs import JobsRoutes
from edge.web.middleware import Observed
from edge.web.openapi import OpenApi
from edge.web.playground import Playground
from edge.web.probes import Probes
from edge.web.recording import Recorder
from edge.web.review import ReviewRoutes
from edge.web.urls import Urls, is_picture

_READ = ["GET", "HEAD"]
_PUBLIC = ("/-/problems/", "/-/openapi.json")
"""Paths that answers to clients link to."""


def application(
    *,
    image: ImageRoute,
    urls: Urls,
    recorder: Recorder,
    explain: Explain,
    admin: AdminRoutes,
    probes: Probes,
    openapi: OpenApi,
    playground: Playground | None,
    metrics: Metrics,
    placeholder: str,
    jobs: JobsRoutes | None = None,
    review: ReviewRoutes | None = None,
    gallery: Gallery | None = None,
    admin_port: int = 0,
) -> Observed:
    """The whole ASGI application.

    With an `admin_port`, what operators ask is answered on connections to that port alone.
    """
    routes = [
        Route("/-/healthz", probes.healthz, methods=_READ),
        Route("/-/readyz", probes.readyz, methods=_READ),
        Route("/-/metrics", probes.metrics, methods=_READ),
        Route("/-/openapi.json", openapi.get, methods=_READ),
        Route("/-/problems/{slug}", problem_page, methods=_READ),
        Route("/-/explain/{path:path}", explain.get, methods=_READ),
        Route("/-/purge", admin.purge, methods=["POST"]),
    ]
    for more in (jobs, review, gallery):
        routes += more.routes() if more else []
    if playground:
        routes.append(Route("/", playground.get, methods=_READ))

    dispatch = _Dispatch(image, Router(routes, redirect_slashes=False), admin_port, gallery)
    return Observed(dispatch, urls, metrics, recorder, placeholder)


class _Dispatch:
    """Sends pictures straight to their route, and all else through the routing table.

    A bare router rather than a Starlette application, whose own error pages would answer before
    our errors reach the middleware.
    """

    def __init__(
        self, image: ImageRoute, rest: Router, admin_port: int, gallery: Gallery | None
    ) -> None:
        self._image = image
        self._rest = rest
        self._admin_port = admin_port
        self._watch = gallery.watch if gallery else lambda scope: nullcontext()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and is_picture(scope["path"]):
            with self._watch(scope):
                await self._image(scope, receive, send)
            return
        scope["app"] = self  # makes the router raise instead of answering in plain text
        try:
            if not (self._open(scope) and _as_written(scope)):
                raise HTTPException(404)
            await self._rest(scope, receive, send)
        except HTTPException as error:
            await _not_ours(error)(scope, receive, send)

    def _open(self, scope: Scope) -> bool:
        """Whether this path is answered on the port that the connection came to."""
        if not self._admin_port or scope["server"][1] == self._admin_port:
            return True
        path: str = scope["path"]
        return not path.startswith("/-/") or path.startswith(_PUBLIC)


def _as_written(scope: Scope) -> bool:
    """Whether the path of a route under `/-/` is written without percent-encoding.

    A proxy that closes `/-/` sees the URL before it is decoded; no other spelling leads there.
    """
    raw: bytes = scope["raw_path"]
    _, first, *rest = raw.split(b"/", 3) if raw.startswith(b"/") else (b"", b"%")
    return b"%" not in first and (not rest or b"%" not in rest[0])


def _not_ours(error: HTTPException) -> Response:
    """The router's 404 and 405, in the form of all error responses."""
    body = {"type": "about:blank", "title": error.detail, "status": error.status_code}
    return JSONResponse(
        body,
        status_code=error.status_code,
        media_type=failures.PROBLEM_JSON,
        headers={"cache-control": "public, max-age=30", **(error.headers or {})},
    )


async def problem_page(request: Request) -> Response:
    """What a problem's `type` URL leads to: the row of that class."""
    for kind, row in failures.ROWS.items():
        if failures.slug(kind) == request.path_params["slug"]:
            described = {"title": row.title, "status": row.status, "about": kind.__doc__}
            return JSONResponse(described, headers={"cache-control": "public, max-age=3600"})
    raise OriginalNotFound("there is no such problem type")
