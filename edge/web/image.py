"""The one route that serves pictures: from a URL to a rendition's bytes."""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache, partial
from typing import Any, NamedTuple

from starlette.types import Receive, Scope, Send

from edge.deadline import Deadline
from edge.delivery.delivery import MEMORY, Delivered, Delivery
from edge.delivery.keys import DeliveryRequest, KeyedVariant
from edge.dialects import Dialects
from edge.errors import EdgeError, OutputTooLarge, SignatureExpired
from edge.images import Rendition, Size
from edge.settings import Settings
from edge.telemetry import Consumption, Metrics, Stages, consumption
from edge.variants import paths, signing
from edge.variants.device import DPR, PLAIN, SAVE, VIEWPORT, Device
from edge.variants.presets import Presets
from edge.variants.query import AcceptClass, ImageRequest, read
from edge.variants.transform import Transform
from edge.web import headers, negotiation
from edge.web.access_log import ANSWER, Answer
from edge.web.failures import PROBLEM_JSON
from edge.web.negotiation import accept_class

_log = logging.getLogger(__name__)

_READ_URLS = 4096
_HEADS = 4
_PIECE = 64 * 1024
_METHODS = frozenset({"GET", "HEAD"})
_DISCONNECTED = "http.disconnect"
_DPR, _VIEWPORT, _SAVE = (name.lower().encode() for name in (DPR, VIEWPORT, SAVE))


_Lines = tuple[int, str, float, int | None, str]


class ClientLeft(Exception):
    """The client went away before its answer; there is nobody to tell."""


class MemoryHit(NamedTuple):
    """An answer that takes no waiting: a rendition from memory, or the news that nothing is new."""

    status: int
    lines: bytes
    """The headers that do not change from one client to the next, as they go over the wire."""

    body: bytes
    source: str
    image_request: ImageRequest
    key: str
    rendition: Rendition | None


Soon = Callable[[Callable[[MemoryHit | None], None]], bool]
"""Asks for an answer that takes a moment, but no task. False: the application has to be asked; else
what it is given is called once, later, with None where the application has to be asked after all.
"""


@dataclass(frozen=True, slots=True)
class ParsedUrl:
    """One URL with its Accept class, read and checked once, however often it comes."""

    path: str
    image_request: ImageRequest
    transform: Transform
    lines: dict[_Lines, bytes] = field(default_factory=dict, repr=False, compare=False)
    """Headers of what was last answered without waiting, by status, ETag, the moment it was made
    (which a person's decision renews), the seconds that the URL has left, and the source."""

    @property
    def vary(self) -> tuple[str, ...]:
        """The request headers that the answer depends on."""
        return (("Accept",) if self.image_request.negotiates else ()) + self.image_request.hints


class ImageRoute:
    """An ASGI application: reads the URL, delivers, answers. Errors rise to the middleware."""

    def __init__(
        self,
        delivery: Delivery,
        presets: Presets,
        settings: Settings,
        keys: Callable[[], signing.Keys],
        dialects: Dialects | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        metrics = metrics or Metrics()
        self._negotiated = cache(partial(metrics.tally, metrics.negotiated))
        self._delivery = delivery
        self._presets = presets
        self._settings = settings
        self._keys = keys
        self._dialects = dialects or Dialects()
        self._required = settings.signing.required
        self._lifetimes = headers.Lifetimes.of(settings.http)
        self._hints = settings.http.client_hints
        asking = (negotiation.ACCEPT_CH,) if self._hints else ()
        self._always = (*headers.ALWAYS, *asking)
        self._read = lru_cache(_READ_URLS)(self._read_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in _METHODS:
            return await _other_method(scope, send)
        asked = self.asked(scope)
        try:
            await self._serve(scope, receive, send, asked)
        except OutputTooLarge:
            plain = self.asked(scope, PLAIN)
            if plain.transform == asked.transform:
                raise
            await self._serve(
                scope, receive, send, plain
            )  # too large for this device's own request

    def memory_hit(self, scope: Scope) -> MemoryHit | Soon | None:
        """What memory answers at once, or the tier behind it soon; None where anybody else must be
        asked, or something is wrong.

        The way of nearly every request, so it asks each question once and makes nothing twice.
        """
        if scope["method"] not in _METHODS:
            return None
        told = headers.gathered(scope["headers"])
        try:
            asked = self._asked(scope, told)
        except EdgeError:
            return None
        image_request = asked.image_request
        named = self._delivery.known(asked.path, asked.transform, image_request.version)
        if named is None or image_request.strict:
            return None
        given = told.get(b"if-none-match", b"").decode("latin-1")
        if given:
            etag = self._delivery.etag(named)
            if etag and headers.matches(given, etag):
                lines = self._unchanged(asked, etag)
                return MemoryHit(304, lines, b"", "none", image_request, named.key, None)
        rendition = self._delivery.memory_hit(named)
        if rendition is None:
            return partial(self._soon, scope["method"], asked, named, given)
        return self._found(scope["method"], asked, named, rendition, given, MEMORY)

    def _soon(
        self,
        method: str,
        asked: ParsedUrl,
        named: KeyedVariant,
        given: str,
        told: Callable[[MemoryHit | None], None],
    ) -> bool:
        def delivered(answer: Delivered | None) -> None:
            memory_hit = None
            try:
                if answer is not None and answer.settled:
                    found = answer.rendition
                    memory_hit = self._found(method, asked, named, found, given, answer.source)
            except Exception:
                _log.exception("unexpected error")  # and the application will tell the client
            told(memory_hit)

        return self._delivery.soon(named, delivered)

    def _found(
        self,
        method: str,
        asked: ParsedUrl,
        named: KeyedVariant,
        rendition: Rendition,
        given: str,
        source: str,
    ) -> MemoryHit:
        if given and headers.matches(given, rendition.etag):
            lines = self._unchanged(asked, rendition.etag)
            return MemoryHit(304, lines, b"", "none", asked.image_request, named.key, rendition)
        lines = self._hit(asked, rendition, source)
        if asked.image_request.negotiates:
            self._negotiated(rendition.format).inc()
        body = rendition.body if method == "GET" else b""
        return MemoryHit(200, lines, body, source, asked.image_request, named.key, rendition)

    def _hit(self, asked: ParsedUrl, rendition: Rendition, source: str) -> bytes:
        left = None if asked.image_request.expires is None else self._left(asked)
        name = (200, rendition.etag, rendition.made, left, source)
        if known := asked.lines.get(name):
            return known
        fields = [*self._headers(asked, rendition), headers.cache_status(source)]
        return _remembered(asked, name, fields)

    def _unchanged(self, asked: ParsedUrl, etag: str) -> bytes:
        name = (304, etag, 0.0, self._left(asked), "")
        return asked.lines.get(name) or _remembered(asked, name, self._not_new(asked, etag))

    async def _serve(self, scope: Scope, receive: Receive, send: Send, asked: ParsedUrl) -> None:
        told = scope[ANSWER] = Answer(asked.image_request)
        raw = scope["headers"]
        delivery_request = self.delivery_request(asked)
        named = await self._delivery.name(delivery_request)
        told.key = named.key
        given = headers.find(raw, b"if-none-match")
        if given and not delivery_request.strict:
            etag = self._delivery.etag(named)
            if etag and headers.matches(given, etag):
                return await self._not_modified(send, asked, etag, lasting=named.settled)
        make = partial(self._made, told, receive)
        delivered = await self._delivery.deliver(
            delivery_request, named=named, make=make, unchecked=told.bring
        )
        if given and headers.matches(given, delivered.rendition.etag):
            etag = delivered.rendition.etag
            lasting = delivered.final and delivered.settled
            return await self._not_modified(send, asked, etag, lasting=lasting)
        told.source, told.joined = delivered.source, delivered.joined
        await self._answer(scope, send, asked, delivered, told.stages or Stages())

    async def _made(
        self, told: Answer, receive: Receive, named: KeyedVariant, delivery_request: DeliveryRequest
    ) -> Delivered:
        """What the render brings; what it uses up on the way is told of this request."""
        told.stages, told.used = stages, used = Stages(), Consumption()
        token = consumption.set(used)
        try:
            return await _while_connected(
                self._delivery.make(named, delivery_request, stages), receive
            )
        finally:
            consumption.reset(token)

    def delivery_request(self, asked: ParsedUrl) -> DeliveryRequest:
        deadline = Deadline.after(self._settings.server.deadline)
        image_request = asked.image_request
        wait = None if image_request.wait is None else image_request.wait / 1000
        return DeliveryRequest(
            asked.path, asked.transform, deadline, image_request.version, wait, image_request.strict
        )

    def forget(self) -> None:
        """Read and check every URL anew: other keys may sign now."""
        self._read.cache_clear()

    def asked(
        self, scope: Scope, device: Device | None = None, *, needs_signature: bool | None = None
    ) -> ParsedUrl:
        """Read and check the URL, for another `device` than the client's where one is given.

        Args:
            needs_signature: whether one is needed here; None: as the settings say.

        Raises:
            RequestError: the path, a parameter or the signature.
        """
        return self._asked(scope, headers.gathered(scope["headers"]), device, needs_signature)

    def _asked(
        self,
        scope: Scope,
        told: Mapping[bytes, bytes],
        device: Device | None = None,
        needs_signature: bool | None = None,
    ) -> ParsedUrl:
        accept = accept_class(told.get(b"accept", b"*/*"))
        if device is None and self._hints:
            device = negotiation.device(told.get(_DPR), told.get(_VIEWPORT), told.get(_SAVE))
        path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
        required = self._required if needs_signature is None else needs_signature
        host = ""
        if self._dialects.hosts:
            host = self._dialects.host(told.get(b"host", b"").decode("latin-1"))
        asked = self._read(path, query, accept, device, required, host)
        # The reading is remembered, and outlives what it has checked.
        expires = asked.image_request.expires
        if expires is not None and self._keys() and time.time() >= expires:
            raise SignatureExpired("the signature has expired", param="exp")
        return asked

    def _left(self, asked: ParsedUrl) -> int | None:
        """For how many whole seconds the URL holds; None: for ever."""
        expires = asked.image_request.expires
        if expires is None or not self._keys():
            return None
        return math.floor(expires - time.time())

    def left(self, scope: Scope) -> int | None:
        """The same of a URL that was not answered, as far as it can be read."""
        if not self._keys():
            return None
        expires = signing.expiry(scope["query_string"].decode("latin-1"))
        return None if expires is None else math.floor(expires - time.time())

    def requested_size(self, scope: Scope) -> Size | None:
        """The canvas that a failed URL asked for, as far as it can be read."""
        try:
            image_request = read(scope["query_string"].decode("latin-1"), self._presets)
        except EdgeError:
            return None
        transform = image_request.transform
        width, height = transform.width, transform.height
        return Size(width or height or 0, height or width or 0) if width or height else None

    def _read_url(
        self,
        raw_path: str,
        raw_query: str,
        accept: AcceptClass,
        device: Device | None,
        needs_signature: bool,
        host: str,
    ) -> ParsedUrl:
        settings = self._settings
        found = self._dialects.translate(
            raw_path, raw_query, host=host, strict=settings.query.strict
        )
        if found is None:
            path, query = paths.read(raw_path), raw_query
            signers = signing.verify(path, raw_query, self._keys(), required=needs_signature)
        else:
            path, query = paths.read(found.path), found.query
            signers = signing.verify_foreign(
                raw_path, raw_query, self._keys(), required=needs_signature
            )
        image_request = read(
            query,
            self._presets,
            strict=settings.query.strict,
            widths=settings.query.widths,
            device=device,
        )
        if found and found.ignored:
            image_request = replace(image_request, ignored=(*found.ignored, *image_request.ignored))
        signing.check_scope(signers, path, image_request.transform.preset)
        return ParsedUrl(path, image_request, image_request.resolve(accept, paths.extension(path)))

    async def _not_modified(
        self, send: Send, asked: ParsedUrl, etag: str, *, lasting: bool = True
    ) -> None:
        fields = self._not_new(asked, etag, lasting=lasting)
        await send({"type": "http.response.start", "status": 304, "headers": fields})
        await send({"type": "http.response.body", "body": b""})

    def _not_new(self, asked: ParsedUrl, etag: str, *, lasting: bool = True) -> headers.Headers:
        """The headers of a 304."""
        return [*self._validators(asked, etag, lasting=lasting), *headers.ALWAYS]

    async def _answer(
        self, scope: Scope, send: Send, asked: ParsedUrl, delivered: Delivered, stages: Stages
    ) -> None:
        rendition = delivered.rendition
        status = headers.cache_status(delivered.source, joined=delivered.joined)
        timing = headers.server_timing(stages.items())
        lasting = delivered.final and delivered.settled
        known = self._headers(asked, rendition) if lasting else self._brief(asked, delivered)
        answered = [*known, status, *timing]
        if asked.image_request.negotiates:
            self._negotiated(rendition.format).inc()
        await send({"type": "http.response.start", "status": 200, "headers": answered})
        body = b"" if scope["method"] == "HEAD" else rendition.body
        scope["edge.body"] = body  # the server counts what waits for readers
        # In pieces, so that a slow reader has no copy of all of it in the server's buffers.
        for start in range(0, len(body) - _PIECE, _PIECE):
            piece = body[start : start + _PIECE]
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        last = body[(len(body) - 1) // _PIECE * _PIECE :] if body else b""
        await send({"type": "http.response.body", "body": last})

    def _headers(self, asked: ParsedUrl, rendition: Rendition) -> headers.Headers:
        """All headers that do not depend on where the rendition came from."""
        return [
            *headers.describing(rendition, asked.image_request.download),
            *self._validators(asked, rendition.etag),
            *self._always,
        ]

    def _brief(self, asked: ParsedUrl, delivered: Delivered) -> headers.Headers:
        """The headers of what stands in for a late rendition, or may be another in a moment."""
        rendition = delivered.rendition
        kind = [] if delivered.final else [(b"x-edge-rendition", delivered.source.encode())]
        return [
            *headers.describing(rendition, asked.image_request.download),
            *self._validators(asked, rendition.etag, lasting=False),
            *kind,
            *self._always,
        ]

    def _validators(self, asked: ParsedUrl, etag: str, *, lasting: bool = True) -> headers.Headers:
        return headers.validators(
            etag,
            self._lifetimes,
            versioned=asked.image_request.version is not None,
            vary=asked.vary,
            lasting=lasting,
            left=self._left(asked),
        )


def _remembered(asked: ParsedUrl, name: _Lines, fields: headers.Headers) -> bytes:
    if len(asked.lines) >= _HEADS:
        asked.lines.clear()
    lines = asked.lines[name] = headers.lines(fields)
    return lines


_ALLOW = [(b"allow", b"GET, HEAD, OPTIONS"), (b"access-control-allow-methods", b"GET, HEAD")]
_NO_METHOD = b'{"type":"about:blank","title":"Method Not Allowed","status":405}'


async def _other_method(scope: Scope, send: Send) -> None:
    """OPTIONS, as a browser's preflight asks it; anything else is not allowed."""
    fields = [*_ALLOW, *headers.ALWAYS]
    if scope["method"] == "OPTIONS":
        status, body = 204, b""
    else:
        status, body = 405, _NO_METHOD
        length = (b"content-length", str(len(body)).encode())
        fields += [(b"content-type", PROBLEM_JSON.encode()), length]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})


async def _while_connected(work: Coroutine[Any, Any, Delivered], receive: Receive) -> Delivered:
    """The result of `work`, given up when the client leaves: nobody else may be waiting for it."""
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(_disconnected(receive))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientLeft
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != _DISCONNECTED:
        pass
