"""Answers hits, and decides about `If-None-Match` for every answer.

Hits in this process's memory are answered at once, hits in the tier behind it by a callback:
neither needs a task. All else goes to the application (`image`), which finds or makes the
rendition; its answers are decided and described here as well.
"""

import time
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import NamedTuple

from starlette.types import Scope

from edge.delivery.delivery import MEMORY, Delivery
from edge.delivery.keys import KeyedVariant
from edge.delivery.making import FALLBACKS, Delivered
from edge.errors import EdgeError
from edge.images import Rendition
from edge.settings import HttpSettings
from edge.telemetry import Metrics
from edge.web import headers, negotiation
from edge.web.access_log import LOG, AnswerRecord
from edge.web.recording import Recorder, identity
from edge.web.urls import ParsedUrl, Urls, is_picture

METHODS = frozenset({"GET", "HEAD"})

_HEADS = 4
"""Answers of one URL whose header lines are remembered."""

Whole = tuple[int, bytes, bytes]
"""A complete answer: status, header lines, body."""

Later = Callable[[Callable[[Whole | None], None]], bool]
"""Starts a lookup. False: there is no answer without a task; else the callback is called once,
later, with the answer, or with None where the application has to answer."""


class Reply(NamedTuple):
    """The decision about an answer: a rendition, or 304 because the client has it.

    Attributes:
        rendition: None where no tier was asked for it.
        lasting: final, and of an original that was not written just now.
        joined: it came from a render that another request had started.
    """

    status: int
    etag: str
    rendition: Rendition | None
    source: str
    lasting: bool = True
    joined: bool = False


class Hits:
    """Answers requests that need no task, and decides about the answers to all others."""

    def __init__(
        self,
        urls: Urls,
        delivery: Delivery,
        http: HttpSettings,
        metrics: Metrics,
        recorder: Recorder,
    ) -> None:
        self._urls = urls
        self._delivery = delivery
        self._recorder = recorder
        self._lifetimes = headers.Lifetimes.of(http)
        self._always = (*headers.ALWAYS, *((negotiation.ACCEPT_CH,) if http.client_hints else ()))
        self._negotiated = cache(partial(metrics.tally, metrics.negotiated))

    def find(self, scope: Scope) -> Whole | Later | None:
        """The answer to a request that needs no task; `http1.Protocol` calls it before it makes
        one.

        It equals the application's answer. None, too, for a request that fails: the application
        answers with the error. Nearly every request takes this way, so nothing is computed twice.
        """
        start = time.perf_counter()
        if scope["method"] not in METHODS or not is_picture(scope["path"]):
            return None
        try:
            given = headers.gathered(scope["headers"])
            url = self._urls.parse(scope, given)
            request = url.image_request
            named = self._delivery.known(url.path, url.transform, request.version)
            if named is None or request.strict:
                return None
            condition = condition_of(given)
            reply = self.unchanged(named, condition) if condition else None
            if reply is None:
                rendition = self._delivery.memory_hit(named)
                if rendition is None:
                    return partial(self._later, scope, start, url, named, condition)
                reply = self.reply(url, condition, rendition, MEMORY)
            return self._whole(scope, start, url, named, reply)
        except EdgeError:
            return None
        except Exception:
            LOG.exception("unexpected error")
            return None

    def _later(
        self,
        scope: Scope,
        start: float,
        url: ParsedUrl,
        named: KeyedVariant,
        condition: str,
        callback: Callable[[Whole | None], None],
    ) -> bool:
        def found(delivered: Delivered | None) -> None:
            whole = None
            try:
                if delivered is not None and delivered.settled:
                    reply = self.reply(url, condition, delivered.rendition, delivered.source)
                    whole = self._whole(scope, start, url, named, reply)
            except Exception:
                LOG.exception("unexpected error")
            callback(whole)

        return self._delivery.soon(named, found)

    def unchanged(self, named: KeyedVariant, condition: str) -> Reply | None:
        """The 304 to a client that has the rendition, where that is known without a lookup:
        `condition` names the ETag that was last delivered."""
        etag = self._delivery.etag(named)
        if etag and _matches(condition, etag):
            return Reply(304, etag, None, "none", named.settled)
        return None

    def reply(
        self,
        url: ParsedUrl,
        condition: str,
        rendition: Rendition,
        source: str,
        *,
        lasting: bool = True,
        joined: bool = False,
    ) -> Reply:
        """The answer for a rendition."""
        if condition and _matches(condition, rendition.etag):
            return Reply(304, rendition.etag, rendition, "none", lasting)
        if url.image_request.negotiates:
            self._negotiated(rendition.format).inc()
        return Reply(200, rendition.etag, rendition, source, lasting, joined)

    def fields(self, url: ParsedUrl, reply: Reply) -> headers.Headers:
        """The headers that do not change from one client to the next."""
        validators = headers.validators(
            reply.etag,
            self._lifetimes,
            versioned=url.image_request.version is not None,
            vary=url.vary,
            lasting=reply.lasting,
            left=self._urls.left(url),
        )
        if reply.status == 304 or reply.rendition is None:
            return [*validators, *headers.ALWAYS]
        late = reply.source in FALLBACKS
        return [
            *headers.describing(reply.rendition, url.image_request.download),
            *validators,
            *([(b"x-edge-rendition", reply.source.encode())] if late else []),
            *self._always,
            headers.cache_status(reply.source, joined=reply.joined),
        ]

    def _whole(
        self, scope: Scope, start: float, url: ParsedUrl, named: KeyedVariant, reply: Reply
    ) -> Whole:
        """The answer as bytes; counts and logs it."""
        status, rendition, body = reply.status, reply.rendition, b""
        if status == 200 and rendition is not None and scope["method"] == "GET":
            body = rendition.body
        lines, id = self._lines(url, reply), identity(scope)
        recorder, seconds = self._recorder, time.perf_counter() - start
        recorder.hit(status, reply.source, seconds)
        if recorder.tells_hits:
            answer = AnswerRecord(url.image_request, named.key, rendition, reply.source)
            recorder.record_hit(scope, status, seconds, bytes=len(body), id=id, answer=answer)
        return status, lines + b"x-request-id: %b\r\n" % id.encode(), body

    def _lines(self, url: ParsedUrl, reply: Reply) -> bytes:
        """The headers as lines, remembered: made anew where a person's decision has renewed the
        picture, and for every second of a URL that ends."""
        rendition = reply.rendition if reply.status == 200 else None
        created = rendition.created if rendition is not None else 0.0
        name = (reply.status, reply.etag, created, self._urls.left(url), reply.source)
        if known := url.lines.get(name):
            return known
        if len(url.lines) >= _HEADS:
            url.lines.clear()
        lines = url.lines[name] = headers.lines(self.fields(url, reply))
        return lines


def condition_of(given: Mapping[bytes, bytes]) -> str:
    """`If-None-Match` of gathered request headers; empty where there is none."""
    value = given.get(b"if-none-match")
    return value.decode("latin-1") if value else ""


def _matches(if_none_match: str, etag: str) -> bool:
    """Whether `If-None-Match` names this ETag: `*`, one or a list, weak or strong.

    The comparison is the weak one (RFC 9110 section 13.1.2): a CDN that has compressed or
    re-framed an answer sends our tag back as W/"...".
    """
    if if_none_match.strip() == "*":
        return True
    return any(
        tag.strip().removeprefix("W/").strip('"') == etag for tag in if_none_match.split(",")
    )
