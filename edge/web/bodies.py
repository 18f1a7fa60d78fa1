"""Reads the bodies and query words of the server's own routes, and what their answers have in
common."""

import json
from collections.abc import Sequence
from typing import Any, TypeVar

from starlette.requests import Request

from edge.errors import UploadRejected
from edge.kinds import Kind

T = TypeVar("T")

UNCACHED = {"cache-control": "no-store"}


async def json_object(request: Request, most: int, allowed: Sequence[str]) -> dict[str, Any]:
    """The JSON object that a request carries, of `most` bytes.

    Raises:
        UploadRejected: it is larger, no JSON, no object, or names something twice, about which JSON
            readers differ (RFC 8259, section 4); `allowed` are the names that it may have.
    """

    def once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) < len(pairs):
            raise UploadRejected("a name is given twice", allowed=tuple(allowed))
        return dict(pairs)

    received = b""
    async for piece in request.stream():
        received += piece
        if len(received) > most:
            raise UploadRejected(f"the body is over {most} bytes")
    try:
        body = json.loads(received, object_pairs_hook=once_each)
    except (ValueError, RecursionError) as error:
        raise UploadRejected("the body is not JSON") from error
    if not isinstance(body, dict):
        raise UploadRejected("the body is not a JSON object", allowed=tuple(allowed))
    return body


def query_value(request: Request, name: str, kind: Kind, default: T) -> T:
    """The value of a word of the query; an empty one counts as absent.

    Raises:
        InvalidParameter: it is not of that kind.
    """
    text = request.query_params.get(name, "").strip()
    value: T = kind.value(text, name) if text else default
    return value
