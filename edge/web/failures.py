"""Errors as problem documents (RFC 9457): one row per class; subclasses inherit the row."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from edge import errors
from edge.delivery.originals import MISSING_SECONDS
from edge.errors import EdgeError
from edge.images import Size

PROBLEM_JSON = "application/problem+json"
_RETRY_AFTER = 1
_LONGEST_WAIT = 60
_NO_STORE = {"cache-control": "no-store"}


@dataclass(frozen=True, slots=True)
class Failure:
    """How one class of error is answered; `keep` is how many seconds a cache may hold it."""

    status: int
    title: str
    keep: int = 0


ROWS: Mapping[type[EdgeError], Failure] = {
    errors.EdgeError: Failure(500, "Something went wrong here"),
    errors.RequestError: Failure(400, "The request cannot be understood", 60),
    errors.InvalidParameter: Failure(400, "A parameter has a value that it may not have", 60),
    errors.UnknownParameter: Failure(400, "There is no such parameter", 60),
    errors.DuplicateParameter: Failure(400, "A parameter is given twice", 60),
    errors.InvalidPath: Failure(400, "The path cannot name a picture", 60),
    errors.RequestMalformed: Failure(400, "This is no HTTP request that can be answered"),
    errors.UrlTooLong: Failure(414, "The URL is too long"),
    errors.HeadersTooLarge: Failure(431, "The request's header lines are too large"),
    errors.RequestLate: Failure(408, "The request did not come in time"),
    errors.Refused: Failure(403, "Not allowed", 60),
    errors.SignatureMissing: Failure(403, "The URL is not signed", 60),
    errors.SignatureWrong: Failure(403, "The signature is wrong", 60),
    errors.SignatureExpired: Failure(403, "The URL has expired", 60),
    errors.SignatureOutOfScope: Failure(403, "The key may not sign this URL", 60),
    errors.AddressForbidden: Failure(403, "The origin's address may not be reached", 60),
    errors.TokenWrong: Failure(401, "The admin token is missing or wrong"),
    errors.RoleMissing: Failure(403, "The token is good for other things"),
    errors.OutputTooLarge: Failure(422, "The requested picture is too large", 60),
    errors.NotCompliant: Failure(422, "The rendition breaks a rule of its preset", 60),
    errors.UploadRejected: Failure(400, "The request's body is not what is taken here"),
    errors.FeedRejected: Failure(400, "The feed or an option of the job is not what is taken here"),
    errors.JobNotFound: Failure(404, "There is no such job"),
    errors.JobConflict: Failure(409, "The job is not in a state for that"),
    errors.IdempotencyKeyReused: Failure(422, "The Idempotency-Key was used for another request"),
    errors.OriginalError: Failure(422, "The original cannot be used", 60),
    errors.OriginalNotFound: Failure(404, "There is no such original", round(MISSING_SECONDS)),
    errors.OriginalUnsupported: Failure(422, "The original cannot be used for this", 60),
    errors.OriginalCorrupt: Failure(422, "The original is damaged", 60),
    errors.OriginalTooLarge: Failure(422, "The original is too large", 60),
    errors.OriginError: Failure(502, "The origin does not answer as it should"),
    errors.OriginUnavailable: Failure(502, "The origin cannot be reached"),
    errors.OriginTimeout: Failure(504, "The origin did not answer in time"),
    errors.OriginTruncated: Failure(502, "The origin's answer was cut short"),
    errors.ModelError: Failure(503, "A network cannot be used"),
    errors.ModelMissing: Failure(503, "A network that this picture needs is not installed"),
    errors.ModelUnavailable: Failure(503, "A network that this picture needs does not answer"),
    errors.ModelLate: Failure(503, "A network that this picture needs is too slow to answer"),
    errors.ModelContractBroken: Failure(503, "A network does not keep its contract"),
    errors.Busy: Failure(503, "Too much to do at the moment"),
    errors.Crowded: Failure(503, "All connections are busy"),
    errors.DeadlineExceeded: Failure(504, "The picture was not ready in time"),
    errors.JobsUnavailable: Failure(503, "The store of jobs does not answer"),
    errors.TierError: Failure(503, "A cache tier failed"),
    errors.SettingsError: Failure(500, "A setting is wrong"),
    errors.PresetsFileError: Failure(500, "A presets file is wrong"),
}


@dataclass(frozen=True, slots=True)
class ProblemResponse:
    """A complete error response."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def row_of(error: EdgeError) -> Failure:
    """The row of the error's class or of its nearest ancestor."""
    return next(ROWS[kind] for kind in type(error).__mro__ if kind in ROWS)


def slug(kind: type[EdgeError]) -> str:
    """`InvalidParameter` -> `invalid-parameter`, the last part of the problem's type."""
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in kind.__name__).lstrip("-")


def problem(error: EdgeError, instance: str) -> dict[str, Any]:
    """The members of the problem document (RFC 9457 section 3.1) and our own extensions."""
    row = row_of(error)
    members = {
        "type": f"/-/problems/{slug(type(error))}",
        "title": row.title,
        "status": row.status,
        "detail": public(error.detail) if row.status >= 500 else error.detail,
        "instance": instance,
        "param": error.param,
        "allowed": error.allowed,
        "nearest": error.nearest,
        "diagnostics": error.diagnostics,
    }
    return {name: value for name, value in members.items() if value is not None}


_ADDRESSES = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>]+"  # URLs
    r"|(?:ipv[46]:|unix:)\S+"  # as gRPC names its peers
    r"|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b"
    r"|\[[0-9A-Fa-f:.%]+\](?::\d+)?"
    r"|(?<![\w.:/])/(?:[\w.@%+-]+/)+[\w.@%+-]*"  # paths of this machine
)


def public(detail: str) -> str:
    """A detail without the host and file names that libraries put into their messages; the log has
    all of it."""
    return _ADDRESSES.sub("(hidden)", detail)


def answer(
    error: EdgeError, instance: str, placeholder: Size | None = None, left: int | None = None
) -> ProblemResponse:
    """The complete response; with a `placeholder` size its body is a picture instead of JSON.

    Args:
        left: seconds for which the URL holds, None: for ever. No cache keeps the answer longer,
            but for the news that they are over.
    """
    row = row_of(error)
    if placeholder is not None:
        kind, body = "image/svg+xml", _picture(placeholder, row)
    else:
        kind, body = PROBLEM_JSON, json.dumps(problem(error, instance)).encode()
    return ProblemResponse(row.status, {"content-type": kind} | _lifetime(error, row, left), body)


def _lifetime(error: EdgeError, row: Failure, left: int | None) -> dict[str, str]:
    if left is None or isinstance(error, errors.SignatureExpired):
        left = row.keep
    if row.keep and left > 0:
        ending = ", must-revalidate" if left < row.keep else ""
        return {"cache-control": f"public, max-age={min(row.keep, left)}{ending}"}
    if row.status in (429, 502, 503, 504):
        return _NO_STORE | {"retry-after": str(_wait(error))}
    if row.status == 401:
        return _NO_STORE | {"www-authenticate": "Bearer"}
    return _NO_STORE


def _wait(error: EdgeError) -> int:
    """Seconds of `Retry-After`, as admission control estimates or the origin requested, at most a
    minute."""
    if isinstance(error, errors.Busy):
        return error.retry_after
    requested = error.retry_after if isinstance(error, errors.OriginUnavailable) else None
    return min(_LONGEST_WAIT, max(_RETRY_AFTER, math.ceil(requested or 0)))


def _picture(size: Size, row: Failure) -> bytes:
    text = max(8, size.short // 12)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size.width}" height="{size.height}" '
        f'viewBox="0 0 {size.width} {size.height}"><rect width="100%" height="100%" fill="#eee"/>'
        f'<text x="50%" y="50%" text-anchor="middle" dominant-baseline="middle" '
        f'font-family="sans-serif" font-size="{text}" fill="#888">'
        f"{row.status} {escape(row.title)}</text></svg>"
    ).encode()
