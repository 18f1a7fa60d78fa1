"""Answers to what is no request, or too much of one, as they go over the wire."""

from collections.abc import Iterable

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from edge.errors import EdgeError
from edge.web import failures, headers


def refusal(error: EdgeError, default_headers: Iterable[tuple[bytes, bytes]] = ()) -> bytes:
    """The whole answer (RFC 9457), after which the connection ends."""
    answer = failures.answer(error, "")
    fields = [
        *default_headers,
        *((name.encode(), value.encode()) for name, value in answer.headers.items()),
        (b"content-length", str(len(answer.body)).encode()),
        (b"connection", b"close"),
        *headers.SAFE,
    ]
    return b"".join((STATUS_LINE[answer.status], headers.lines(fields), b"\r\n", answer.body))
