"""The API of the page at `/`: names of originals, signatures, progress."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from edge.access import Role
from edge.errors import UploadRejected
from edge.kinds import whole
from edge.origins.browse import Listing
from edge.progress import Progress, watched
from edge.variants import signing
from edge.variants.links import signed
from edge.variants.presets import Presets
from edge.web import headers
from edge.web.bodies import UNCACHED, json_object, query_value
from edge.web.tokens import Tokens

PROGRESS_HEADER = b"x-edge-progress"

_LARGEST_PAGE = 200
_LARGEST_BODY = 100_000
_NAMES = ("urls", "expires")
_MOST_URLS = 200
_LONGEST_SEARCH = 100
_NAME = re.compile(rb"[A-Za-z0-9-]{8,64}")
_MOST_WATCHED = 256
_LONGEST_LIFE = 366 * 86_400


class Gallery:
    """Args:
    signed: URLs must be signed here, so names are told to a token with the role `explain` only.
    """

    def __init__(
        self,
        listing: Listing,
        tokens: Tokens,
        keys: Callable[[], signing.SigningKeys],
        presets: Presets,
        *,
        signed: bool,
    ) -> None:
        self._listing = listing
        self._tokens = tokens
        self._keys = keys
        self._presets = presets
        self._signed = signed
        self._watched: dict[str, Progress] = {}

    def routes(self) -> list[Route]:
        read = ["GET", "HEAD"]
        return [
            Route("/-/pictures", self.pictures, methods=read),
            Route("/-/progress/{name}", self.progress, methods=read),
            Route("/-/sign", self.sign, methods=["POST"]),
        ]

    async def pictures(self, request: Request) -> Response:
        """`?search=&start=&limit=`: one page of what is in the origins.

        Raises:
            InvalidParameter: a number is out of range.
            TokenWrong, RoleMissing: see `signed`.
        """
        if self._signed:
            self._tokens.require(request, Role.EXPLAIN)
        start = query_value(request, "start", whole(0, 10_000_000), 0)
        limit = query_value(request, "limit", whole(1, _LARGEST_PAGE), 60)
        found = await self._listing.find(
            request.query_params.get("search", "")[:_LONGEST_SEARCH], start, limit
        )
        after = start + len(found.paths)
        page = {
            "pictures": list(found.paths),
            "matches": found.matches,
            "next": after if after < found.matches else None,
            "complete": found.complete,
            "lists": found.lists,
        }
        return JSONResponse(page, headers=UNCACHED)

    async def sign(self, request: Request) -> Response:
        """`{"urls": [...], "expires": seconds}`: the same URLs with signatures.

        Raises:
            TokenWrong, RoleMissing: no token with the role `sign`.
            UploadRejected: the body is something else.
            SettingsError: there is no key.
        """
        self._tokens.require(request, Role.SIGN)
        urls, expires = _requested(await json_object(request, _LARGEST_BODY, _NAMES))
        until = None if expires is None else int(time.time()) + expires
        keys = self._keys()
        if not keys:
            raise UploadRejected("this server has no key to sign with (EDGE_SIGNING_KEYS)")
        signed_urls = [signed(url, keys, self._presets, until) for url in urls]
        return JSONResponse({"urls": signed_urls, "until": until}, headers=UNCACHED)

    async def progress(self, request: Request) -> Response:
        """The stage of the request that came with this name in `X-Edge-Progress`; null where this
        process has none."""
        found = self._watched.get(request.path_params["name"])
        return JSONResponse({"stage": found and found.stage}, headers=UNCACHED)

    @contextmanager
    def watch(self, scope: Scope) -> Iterator[None]:
        """Tracks the stage of a request that names itself, for `progress`."""
        name = headers.find(scope["headers"], PROGRESS_HEADER) or ""
        if not _NAME.fullmatch(name.encode("latin-1")) or len(self._watched) >= _MOST_WATCHED:
            yield
            return
        progress = self._watched[name] = Progress()
        try:
            with watched(progress):
                yield
        finally:
            self._watched.pop(name, None)


def _requested(body: dict[str, Any]) -> tuple[list[str], int | None]:
    if not body.keys() <= {*_NAMES}:
        raise UploadRejected("give urls, and expires where they shall end", allowed=_NAMES)
    urls, expires = body.get("urls"), body.get("expires")
    if not isinstance(urls, list) or not 0 < len(urls) <= _MOST_URLS:
        raise UploadRejected(f"it must be a list of 1 to {_MOST_URLS} URLs", param="urls")
    if not all(isinstance(url, str) for url in urls):
        raise UploadRejected("each must be a text", param="urls")
    if expires is not None and not (type(expires) is int and 0 < expires <= _LONGEST_LIFE):
        raise UploadRejected(f"it must be seconds, 1 to {_LONGEST_LIFE:,}", param="expires")
    return urls, expires
