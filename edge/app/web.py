"""What speaks HTTP."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from starlette.types import ASGIApp

from edge.app.sources import originals_routes
from edge.delivery.delivery import Delivery
from edge.dialects import Dialects
from edge.jobs.opening import JobProcessing
from edge.origins.browse import Listing
from edge.reloading import ReloadedFiles
from edge.settings import Settings, naming
from edge.telemetry import Metrics
from edge.web.access_log import AccessLog
from edge.web.admin import AdminRoutes, Explain
from edge.web.gallery import Gallery
from edge.web.hits import Hits
from edge.web.image import ImageRoute
from edge.web.jobs import JobsRoutes
from edge.web.openapi import OpenApi
from edge.web.playground import Playground
from edge.web.probes import Probes
from edge.web.recording import Recorder
from edge.web.review import ReviewRoutes
from edge.web.routes import application
from edge.web.tokens import Tokens
from edge.web.urls import Urls


@asynccontextmanager
async def open_web(
    given: Settings,
    files: ReloadedFiles,
    tokens: Tokens,
    delivery: Delivery,
    probes: Probes,
    processing: JobProcessing,
    metrics: Metrics,
) -> AsyncIterator[tuple[ASGIApp, Hits]]:
    """The application, and what is answered without it. Also watches the files of keys, tokens and
    presets, which change what URLs mean."""
    presets, signed = files.presets, given.signing.required
    async with AsyncExitStack() as stack:
        listing = Listing(originals_routes(given), given.s3.endpoint_url or None)
        stack.push_async_callback(listing.close)
        with naming("EDGE_DIALECTS"):
            dialects = Dialects.of(given.query.dialects, given.query.sources)
        urls = Urls(presets, given, lambda: files.keys.value, dialects)
        files.on_change(urls.forget)
        stack.enter_context(files.watched())
        recorder = Recorder(metrics, AccessLog(given.server.access_log))
        hits = Hits(urls, delivery, given.http, metrics, recorder)
        gallery = playground = None
        if given.server.playground:
            gallery = Gallery(listing, tokens, lambda: files.keys.value, presets, signed=signed)
            playground = Playground(listing.paths, presets, signed=signed)
        asgi = application(
            image=ImageRoute(urls, delivery, hits),
            urls=urls,
            recorder=recorder,
            explain=Explain(delivery, urls, tokens, presets, needs_token=signed),
            admin=AdminRoutes(delivery, tokens, presets),
            probes=probes,
            openapi=OpenApi(presets),
            playground=playground,
            gallery=gallery,
            metrics=metrics,
            placeholder=given.http.placeholder,
            jobs=JobsRoutes(processing, tokens),
            review=ReviewRoutes(processing, tokens),
            admin_port=given.server.admin_port,
        )
        yield asgi, hits
