"""Every way a request can fail: by the request itself (`RequestError`), the picture
(`OriginalError`), where it lives (`OriginError`), a network (`ModelError`), or for want of time and
room. No HTTP here.
"""

from collections.abc import Mapping, Sequence
from typing import Any


class EdgeError(Exception):
    """Base of all. `detail` is one sentence for the person who asked.

    Args:
        detail: what happened and, where possible, what to change.
        param: the URL parameter or setting at fault.
        allowed: what it may be, in words or as a list.
        nearest: the known word closest to the one given.
        diagnostics: further facts (measured values, rules), JSON-able.
        private: what only the log may say: addresses, buckets, paths of this machine.
    """

    def __init__(
        self,
        detail: str,
        *,
        param: str | None = None,
        allowed: str | Sequence[str] | None = None,
        nearest: str | None = None,
        diagnostics: Mapping[str, Any] | None = None,
        private: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.param = param
        self.allowed = allowed
        self.nearest = nearest
        self.diagnostics = dict(diagnostics) if diagnostics else None
        self.private = private


class RequestError(EdgeError):
    """The caller can correct it."""


class InvalidParameter(RequestError):
    """A known parameter carries a value that it may not have."""


class UnknownParameter(RequestError):
    """Strict grammar: no such parameter."""


class DuplicateParameter(RequestError):
    """Strict grammar: one parameter given twice, under one name or two."""


class InvalidPath(RequestError):
    """The path could leave its origin or cannot name a file."""


class RequestMalformed(RequestError):
    """The bytes are no HTTP/1.1 request, or could be read as more than one."""


class UrlTooLong(RequestError):
    """The request target is over the server's limit."""


class HeadersTooLarge(RequestError):
    """Header lines, trailers or chunk extensions are over the server's limits."""


class RequestLate(RequestError):
    """A request's head or body did not come in time."""


class Refused(RequestError):
    """The caller is not allowed to ask this."""


class SignatureMissing(Refused):
    """This server answers signed URLs only."""


class SignatureWrong(Refused):
    """The signature does not match, or its key id is unknown."""


class SignatureExpired(Refused):
    """`exp` has passed."""


class SignatureOutOfScope(Refused):
    """The signature is right, and its key is bound to other paths or presets."""


class AddressForbidden(Refused):
    """An HTTP origin points to a host or address that must not be reached."""


class TokenWrong(Refused):
    """The admin token is missing, wrong, or not set on this server."""


class RoleMissing(Refused):
    """The token is known here and does not have the role that this needs."""


class OutputTooLarge(RequestError):
    """The requested canvas is over the server's caps."""


class NotCompliant(RequestError):
    """`strict=1` and the finished rendition breaks a rule of its preset."""


class UploadRejected(RequestError):
    """The request's body is not what the route takes."""


class FeedRejected(RequestError):
    """A feed is none, or a job's option is wrong; nothing was begun."""


class JobNotFound(RequestError):
    """There is no such job or held item."""


class JobConflict(RequestError):
    """The job is not in a state in which that can be done."""


class IdempotencyKeyReused(RequestError):
    """The Idempotency-Key came before with another request."""


class OriginalError(EdgeError):
    """The original itself is at fault."""


class OriginalNotFound(OriginalError):
    """No such original."""


class OriginalUnsupported(OriginalError):
    """The bytes are not of a format that is read here."""


class OriginalCorrupt(OriginalError):
    """The bytes claim a format but cannot be decoded."""


class OriginalTooLarge(OriginalError):
    """Over a limit of bytes, pixels or frames."""


class OriginError(EdgeError):
    """The place where originals live does not answer as it should."""


class OriginUnavailable(OriginError):
    """No connection, or an error of the origin's own.

    `retry_after` is how many seconds the origin asked to be left alone, where it did.
    """

    retry_after: float | None = None


class OriginTimeout(OriginError):
    """The origin did not answer in time."""


class OriginTruncated(OriginError):
    """Fewer bytes came than were announced."""


class ModelError(EdgeError):
    """A network could not be used. `param` names the model."""


class ModelMissing(ModelError):
    """The model repository has no such model."""


class ModelUnavailable(ModelError):
    """The model's server is down, its queue full, or its answer late."""


class ModelContractBroken(ModelError):
    """A tensor's name, shape or type is not what the code and config.pbtxt say."""


class Busy(EdgeError):
    """Admission control is full. `retry_after` is in whole seconds."""

    def __init__(self, detail: str, *, retry_after: int = 1) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Crowded(Busy):
    """All connections are busy, and this one was let in for probes only."""


class DeadlineExceeded(EdgeError):
    """The request's time is over."""


class ModelLate(ModelUnavailable, DeadlineExceeded):
    """The request's time was over before a network's turn or answer came."""


class JobsUnavailable(EdgeError):
    """The store of jobs, or their queue, does not answer."""


class TierError(EdgeError):
    """A cache tier failed; the tiers turns it into a miss and a metric.

    `away`: its server did not answer at all, so that nobody else need ask it now.
    """

    away: bool = False


class SettingsError(EdgeError):
    """A setting is wrong; the server does not start."""


class PresetsFileError(SettingsError):
    """A presets file is wrong: file, table and reason in `detail`."""
