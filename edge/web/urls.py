"""Reads and checks URLs of pictures; results are cached."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from starlette.types import Scope

from edge.deadline import Deadline
from edge.delivery.keys import DeliveryRequest
from edge.dialects import Dialects
from edge.errors import EdgeError, SignatureExpired
from edge.images import Size
from edge.settings import Settings
from edge.variants import paths, signing
from edge.variants.device import DPR, SAVE, VIEWPORT, Device
from edge.variants.presets import Presets
from edge.variants.query import AcceptClass, ImageRequest, read
from edge.variants.transform import Transform
from edge.web import headers, negotiation
from edge.web.negotiation import accept_class

_READ_URLS = 4096
_DPR, _VIEWPORT, _SAVE = (name.lower().encode() for name in (DPR, VIEWPORT, SAVE))


def is_picture(path: str) -> bool:
    """Whether a path names a picture rather than one of the server's own routes."""
    return not path.startswith("/-/") and path not in ("/", "/favicon.ico", "/robots.txt")


@dataclass(frozen=True, slots=True)
class ParsedUrl:
    """One URL with its Accept class."""

    path: str
    image_request: ImageRequest
    transform: Transform
    lines: dict[tuple[object, ...], bytes] = field(default_factory=dict, repr=False, compare=False)
    """Header lines of the last answer without a task; see `hits`."""

    @property
    def vary(self) -> tuple[str, ...]:
        """The request headers that the answer depends on."""
        return (("Accept",) if self.image_request.negotiates else ()) + self.image_request.hints


class Urls:
    """Reads URLs, with the request headers that they depend on."""

    def __init__(
        self,
        presets: Presets,
        settings: Settings,
        keys: Callable[[], signing.SigningKeys],
        dialects: Dialects,
    ) -> None:
        self._presets = presets
        self._query = settings.query
        self._keys = keys
        self._dialects = dialects
        self._required = settings.signing.required
        self._seconds = settings.server.deadline
        self._hints = settings.http.client_hints
        self._parse = lru_cache(_READ_URLS)(self._parse_anew)

    def parse(
        self,
        scope: Scope,
        given: Mapping[bytes, bytes] | None = None,
        device: Device | None = None,
        *,
        needs_signature: bool | None = None,
    ) -> ParsedUrl:
        """Read and check a URL.

        Args:
            given: the request's headers, where the caller has gathered them already.
            device: decides instead of the client's own.
            needs_signature: whether one is needed here; None: as the settings say.

        Raises:
            RequestError: the path, a parameter or the signature.
        """
        if given is None:
            given = headers.gathered(scope["headers"])
        accept = accept_class(given.get(b"accept", b"*/*"))
        if device is None and self._hints:
            device = negotiation.device(given.get(_DPR), given.get(_VIEWPORT), given.get(_SAVE))
        path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
        required = self._required if needs_signature is None else needs_signature
        host = ""
        if self._dialects.hosts:
            host = self._dialects.host(given.get(b"host", b"").decode("latin-1"))
        url = self._parse(path, query, accept, device, required, host)
        # A cached result outlives the expiry that it was checked against.
        expires = url.image_request.expires
        if expires is not None and self._keys() and time.time() >= expires:
            raise SignatureExpired("the signature has expired", param="exp")
        return url

    def forget(self) -> None:
        """Forget all results: the signing keys may have changed."""
        self._parse.cache_clear()

    def delivery_request(self, url: ParsedUrl) -> DeliveryRequest:
        deadline, image_request = Deadline.after(self._seconds), url.image_request
        wait = None if image_request.wait is None else image_request.wait / 1000
        return DeliveryRequest(
            url.path, url.transform, deadline, image_request.version, wait, image_request.strict
        )

    def left(self, url: ParsedUrl) -> int | None:
        """For how many whole seconds the URL holds; None: for ever."""
        expires = url.image_request.expires
        return None if expires is None else self._left(expires)

    def left_of_unread(self, scope: Scope) -> int | None:
        """The same of a URL that was not answered, as far as it can be read."""
        return self._left(signing.expiry(scope["query_string"].decode("latin-1")))

    def _left(self, expires: float | None) -> int | None:
        if expires is None or not self._keys():
            return None
        return math.floor(expires - time.time())

    def requested_size(self, scope: Scope) -> Size | None:
        """The canvas that a failed URL asked for, as far as it can be read."""
        try:
            image_request = read(scope["query_string"].decode("latin-1"), self._presets)
        except EdgeError:
            return None
        width, height = image_request.transform.width, image_request.transform.height
        return Size(width or height or 0, height or width or 0) if width or height else None

    def _parse_anew(
        self,
        raw_path: str,
        raw_query: str,
        accept: AcceptClass,
        device: Device | None,
        needs_signature: bool,
        host: str,
    ) -> ParsedUrl:
        strict = self._query.strict
        found = self._dialects.translate(raw_path, raw_query, host=host, strict=strict)
        path = paths.read(found.path if found else raw_path)
        query = found.query if found else raw_query
        if found:
            signers = signing.verify_foreign(
                raw_path, raw_query, self._keys(), required=needs_signature
            )
        else:
            signers = signing.verify(path, raw_query, self._keys(), required=needs_signature)
        image_request = read(
            query, self._presets, strict=strict, widths=self._query.widths, device=device
        )
        if found and found.ignored:
            image_request = replace(image_request, ignored=(*found.ignored, *image_request.ignored))
        signing.check_scope(signers, path, image_request.transform.preset)
        return ParsedUrl(path, image_request, image_request.resolve(accept, paths.extension(path)))
