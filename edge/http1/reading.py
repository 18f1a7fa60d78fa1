"""The reading half of a connection: limits on input that the parser has none for.

Every memory hit passes it. So limits that cannot be exceeded within one piece of `FED` bytes are
not checked for it, and the phases are plain integers.
"""

import re
from abc import ABC, abstractmethod
from functools import lru_cache
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from edge.errors import HeadersTooLarge, RequestError, RequestMalformed, UrlTooLong
from edge.http1.limits import ConnectionLimits

FED = 4096
"""Bytes that are parsed at once, and so the most by which a limit may be exceeded."""

IDLE, HEAD, BODY, OVER = range(4)
"""What the next byte belongs to; in `OVER` input is discarded."""

_BETWEEN = 4 * FED
"""Bytes of empty lines that may come between two requests (RFC 9112 section 2.2)."""

_UNWANTED = 256 * 1024
"""Bytes of a body that are read after its request has been answered."""

_OVERHEAD = 8
"""Bytes of framing that each byte of a chunked body may have: `1 CRLF x CRLF` has five."""

_HEEDED = frozenset({b"host", b"expect", b"transfer-encoding", b"upgrade"})


_HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
"""RFC 9110 section 7.2: a host as in URLs (RFC 3986 section 3.2.2), and a port."""


@lru_cache(512)
def _is_host(value: bytes) -> bool:
    return _HOST.fullmatch(value.strip(b" \t")) is not None


class _Enough(Exception):
    """Ends the parser's run, from within its callbacks."""


class BoundedReading(HttpToolsProtocol, ABC):
    """Feeds the parser and counts.

    Attributes:
        _phase: what the next byte belongs to.
        _last: no further request is read from this connection.
        _whole: the last request has come whole.
        _late_since: the loop's time at which the sweep first saw the connection as it is now.
        _closing: nothing more will be written.
    """

    def __init__(self, *given: Any, limits: ConnectionLimits, **named: Any) -> None:
        super().__init__(*given, **named)
        self._limits = limits
        self._phase = IDLE
        self._last = self._whole = self._parsing = self._completed = self._closing = False
        self._verdict: RequestError | None = None
        self._late_since: float | None = None
        self._host = False
        self._raw = self._body = self._framing = self._unwanted = 0

    @abstractmethod
    def _refuse(self, error: RequestError) -> None:
        """Answer the error, and read nothing more."""

    @abstractmethod
    def _parsed(self) -> None:
        """A piece has been parsed; whole requests may wait for their answers."""

    def _parse(self, data: bytes) -> None:
        """At most `FED` bytes."""
        before = self._phase
        self._parsing, self._completed = True, False
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # An upgrade is passed over, and what follows it is no request.
            self._phase, self._whole = OVER, False
        except httptools.HttpParserError:
            if self._phase != OVER:
                self._refuse(self._verdict or RequestMalformed("the request cannot be parsed"))
        else:
            if self._phase or not self._completed:
                self._hold_against_limits(before, len(data))
        self._parsing = False
        if self._closing or self._phase != before:
            self._parsed()

    def _hold_against_limits(self, before: int, size: int) -> None:
        if error := self._too_much(before, size):
            self._refuse(error)

    def _too_much(self, before: int, size: int) -> RequestError | None:
        """Check the limits on what the parser reports late or never.

        It reports a header line once it is complete, and chunk extensions not at all.
        """
        limits = self._limits
        if self._phase == HEAD:
            self._raw = self._raw + size if before == HEAD else size
            if (
                self._raw > limits.url_bytes
                and not self.headers
                and len(self.url) > limits.url_bytes
            ):
                return self._url_too_long()
            if self._raw > limits.header_bytes + FED or len(self.headers) > limits.headers:
                return self._headers_too_large()
        elif self._phase == BODY and before == BODY:
            self._framing += size
            if self._framing - self._body > limits.header_bytes + _OVERHEAD * self._body:
                return HeadersTooLarge("the chunk extensions or trailers are too large")
        elif self._phase == IDLE:
            self._raw += size
            if self._raw > _BETWEEN:
                return RequestMalformed("nothing but empty lines")
        return None

    def on_message_begin(self) -> None:
        if self._last:
            self._phase = OVER
            raise _Enough
        HttpToolsProtocol.on_message_begin(self)
        self._phase = HEAD
        self._host = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._phase != HEAD:
            return  # a trailer: counted with the bytes of its body, and read by nobody
        name = name.lower()
        self.headers.append((name, value))
        if name in _HEEDED:
            self._heed(name, value)

    def _heed(self, name: bytes, value: bytes) -> None:
        if name == b"host":
            if self._host:
                self._stop(RequestMalformed("the request names two hosts"))
            if not _is_host(value):
                self._stop(RequestMalformed("the Host is none"))
            self._host = True
        elif name == b"expect":
            self.expect_100_continue = value.lower() == b"100-continue"
        else:
            # The parser keeps a trailer until the next request begins, and would count it as a
            # header line of that one; nor does it know where the body of an upgrade ends.
            self._last = True

    def on_headers_complete(self) -> None:
        limits, url = self._limits, len(self.url)
        if url > limits.url_bytes:
            self._stop(self._url_too_long())
        if len(self.headers) > limits.headers:
            self._stop(self._headers_too_large())
        if not self._host and self.parser.get_http_version() == "1.1":
            self._stop(RequestMalformed("the request names no host"))  # RFC 9112 section 3.2
        if self._raw > limits.header_bytes - FED or limits.header_bytes < FED:
            size = sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size + url > limits.header_bytes:
                self._stop(self._headers_too_large())
        HttpToolsProtocol.on_headers_complete(self)
        self._raw = self._body = self._framing = self._unwanted = 0
        self._phase = BODY

    def on_body(self, body: bytes) -> None:
        self._body += len(body)
        if self.cycle.response_complete:
            self._unwanted += len(body)
            if self._unwanted > _UNWANTED:
                self._stop(RequestMalformed("the request was answered without its body"))
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._raw = 0
        self._late_since = None
        self._whole = self._last
        self._phase = OVER if self._last else IDLE
        self._completed = True
        if not self.cycle.response_complete:
            self.cycle.more_body = False
            self.cycle.message_event.set()

    def _should_upgrade_to_ws(self) -> bool:
        return False

    def _url_too_long(self) -> UrlTooLong:
        return UrlTooLong("the URL is too long", allowed=f"{self._limits.url_bytes} bytes")

    def _headers_too_large(self) -> HeadersTooLarge:
        limits = self._limits
        allowed = f"{limits.headers} lines, {limits.header_bytes} bytes with the URL"
        return HeadersTooLarge("the request has too many header lines", allowed=allowed)

    def _stop(self, error: RequestError) -> None:
        self._verdict = error
        raise _Enough
