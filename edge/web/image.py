"""The one route that serves pictures: from a URL to a rendition's bytes."""

import asyncio
from collections.abc import Coroutine
from functools import partial
from typing import Any

from starlette.types import Receive, Scope, Send

from edge.accounting import Consumption, Stages, consumption
from edge.delivery.delivery import Delivery
from edge.delivery.keys import DeliveryRequest, KeyedVariant
from edge.delivery.making import Delivered
from edge.errors import OutputTooLarge
from edge.variants.device import PLAIN
from edge.web import headers
from edge.web.access_log import ANSWER, AnswerRecord
from edge.web.failures import PROBLEM_JSON
from edge.web.hits import METHODS, Hits, Reply, condition_of
from edge.web.urls import ParsedUrl, Urls

_PIECE = 64 * 1024
_DISCONNECTED = "http.disconnect"


class ClientLeft(Exception):
    """The client disconnected before its answer; no answer is sent."""


class ImageRoute:
    """An ASGI application: reads the URL, delivers, answers. Errors rise to the middleware."""

    def __init__(self, urls: Urls, delivery: Delivery, hits: Hits) -> None:
        self._urls = urls
        self._delivery = delivery
        self._hits = hits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in METHODS:
            return await _other_method(scope, send)
        url = self._urls.parse(scope)
        try:
            await self._serve(scope, receive, send, url)
        except OutputTooLarge:
            plain = self._urls.parse(scope, device=PLAIN)
            if plain.transform == url.transform:
                raise
            await self._serve(scope, receive, send, plain)  # too large for this device's request

    async def _serve(self, scope: Scope, receive: Receive, send: Send, url: ParsedUrl) -> None:
        record = scope[ANSWER] = AnswerRecord(url.image_request)
        request = self._urls.delivery_request(url)
        named = await self._delivery.name(request)
        record.key = named.key
        condition = condition_of(headers.gathered(scope["headers"]))
        reply = None
        if condition and not request.strict:
            reply = self._hits.unchanged(named, condition)
        if reply is None:
            make = partial(self._rendered, record, receive)
            delivered = await self._delivery.deliver(
                request, named=named, make=make, unchecked=record.bring
            )
            reply = self._hits.reply(
                url,
                condition,
                delivered.rendition,
                delivered.source,
                lasting=delivered.final and delivered.settled,
                joined=delivered.joined,
            )
        await self._answer(scope, send, url, reply, record)

    async def _rendered(
        self, record: AnswerRecord, receive: Receive, named: KeyedVariant, request: DeliveryRequest
    ) -> Delivered:
        """The result of a render; its consumption is logged with this request."""
        record.stages, record.used = stages, used = Stages(), Consumption()
        token = consumption.set(used)
        try:
            return await _while_connected(self._delivery.make(named, request, stages), receive)
        finally:
            consumption.reset(token)

    async def _answer(
        self, scope: Scope, send: Send, url: ParsedUrl, reply: Reply, record: AnswerRecord
    ) -> None:
        fields, body = self._hits.fields(url, reply), b""
        if reply.status == 200 and reply.rendition is not None:
            record.source, record.joined = reply.source, reply.joined
            fields += headers.server_timing((record.stages or Stages()).items())
            body = b"" if scope["method"] == "HEAD" else reply.rendition.body
            scope["edge.body"] = body  # the server counts what waits for readers
        await send({"type": "http.response.start", "status": reply.status, "headers": fields})
        # In pieces, so that a slow reader has no copy of all of it in the server's buffers.
        for start in range(0, len(body) - _PIECE, _PIECE):
            piece = body[start : start + _PIECE]
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        last = body[(len(body) - 1) // _PIECE * _PIECE :] if body else b""
        await send({"type": "http.response.body", "body": last})


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
    """The result of `work`, which is cancelled when the client disconnects."""
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
