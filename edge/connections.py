"""Connections to stores and origins, with limits on the beginning of an answer; reads its
`Retry-After`."""

import time
from contextlib import suppress
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

from edge.kinds import integer

_MOST_INTERIM = 16
"""Interim answers (1xx, RFC 9110 section 15.2) before one that counts; servers send one or two."""

_PIECE = 8 * 1024
"""Bytes that are parsed in one go while an answer's head is awaited."""


def bound_heads(connector: aiohttp.BaseConnector) -> None:
    """Let a connector's new connections end where interim answers follow each other without end.

    aiohttp itself reads on for as long as they come: the request waits, and the loop does nothing
    but parse.
    """
    handler: Any = partial(_Handler, loop=connector._loop)
    connector._factory = handler


class _Handler(ResponseHandler):
    """An answer's head is parsed in small pieces, and no more once the connection is given up."""

    _interim = 0
    _given_up = False

    def set_response_params(self, **given: Any) -> None:
        self._interim = 0
        super().set_response_params(**given)

    def data_received(self, data: bytes) -> None:
        start = 0
        while len(data) - start > _PIECE and not self._in_body and not self._given_up:
            super().data_received(data[start : start + _PIECE])
            start += _PIECE
        if not self._given_up:
            super().data_received(data[start:] if start else data)

    def feed_data(self, data: Any, size: int = 0) -> None:
        interim = 100 <= data[0].code < 200
        self._interim = self._interim + 1 if interim else 0
        if self._interim <= _MOST_INTERIM:
            super().feed_data(data, size)
        elif not self._given_up:
            self._given_up = True
            self.set_exception(aiohttp.ClientConnectionError("interim answers without end"))
            if self.transport is not None:
                self.transport.abort()

    @property
    def _in_body(self) -> bool:
        return self._payload is not None and not self._payload.is_eof()


def retry_after_seconds(text: str) -> float | None:
    """What `Retry-After` says, seconds or a date (RFC 9110 section 10.2.3); None where it is
    neither."""
    with suppress(ValueError):
        return float(integer(text.strip()))
    with suppress(ValueError, TypeError, OverflowError):
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    return None
