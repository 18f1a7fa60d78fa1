"""Originals on a web server."""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from email.utils import parsedate_to_datetime
from urllib.parse import quote

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from edge import tracing
from edge.breaker import Breaker
from edge.connections import retry_after_seconds
from edge.deadline import Deadline
from edge.errors import (
    AddressForbidden,
    EdgeError,
    OriginalNotFound,
    OriginTruncated,
    OriginUnavailable,
    SettingsError,
)
from edge.images import Original, Stamp
from edge.origins.address_guard import read_networks
from edge.origins.base import SETTLING_SECONDS, in_time, read_body, unwrapped, version_of
from edge.origins.guarded_http import MOST_REDIRECTS, GuardedClient, Resolve, system_resolve
from edge.origins.paths import Neighbours, split_extension

_CHUNK = 256 * 1024
_ABSENT = frozenset({403, 404, 410})
"""403, too: buckets behind a web address answer so for files that they do not have."""

_HEAD_SHARE = 1 / 3
"""Of the time for an answer: what HEAD has, before GET is asked instead."""

_HEADLESS_SECONDS = 60.0
"""For which a server that answered GET, and HEAD not at all, is not asked by HEAD again."""

_UNANSWERED, _UNASKED = 0, -1
"""In the place of a status."""

_NEIGHBOURS = ("jpg", "png", "webp", "jpeg")
"""Few, because each costs a request that most often finds nothing."""


class HttpOrigin:
    """Files below a URL; ETag, or Last-Modified and length, is a file's version.

    Args:
        base: `https://host/prefix`, without user, query and fragment.
        max_bytes: of one original, as sent and as decoded.
        timeout: seconds for one whole answer, redirects included.
        allow_hosts: further hosts that may be redirected to.
        private_networks: such as `10.1.0.0/16`, that may be reached although not public.
        neighbours: whether another extension of the same name will do.
        resolve: addresses of a host.

    Raises:
        SettingsError: the base or a network is none.
    """

    def __init__(
        self,
        base: str,
        max_bytes: int,
        timeout: float,
        *,
        allow_hosts: Sequence[str] = (),
        private_networks: Sequence[str] = (),
        neighbours: bool = True,
        resolve: Resolve = system_resolve,
    ) -> None:
        self._base = _checked_base(base)
        self._client = GuardedClient(
            self._base, allow_hosts, read_networks(private_networks), resolve
        )
        self._max_bytes = max_bytes
        self._timeout = timeout
        self._neighbours = Neighbours(_likeliest if neighbours else None)
        self._head = Breaker(rest=_HEADLESS_SECONDS)
        self._head_lies = False
        self.name = str(self._base).rstrip("/")

    async def stamp(self, path: str, deadline: Deadline) -> Stamp | Original:
        own = split_extension(path)[1]

        async def stamp(name: str) -> Stamp | Original:
            return await self._stamp(name, doubt=split_extension(name)[1] == own)

        async with in_time(path, deadline.sooner(self._timeout)):
            return await self._neighbours.find(path, stamp)

    async def fetch(self, path: str, deadline: Deadline) -> Original:
        async with in_time(path, deadline.sooner(self._timeout)):
            return await self._neighbours.find(path, self._fetch)

    async def ping(self) -> None:
        """Any answer will do that is not a failure of the server's own."""
        async with in_time("a ping", Deadline.after(self._timeout)):
            with _origin_errors(self.name):
                async with self._request("HEAD", self._base, redirects=0) as response:
                    if response.status >= 500 and response.status != 501:
                        raise OriginUnavailable(f"the origin answers {response.status}")

    async def close(self) -> None:
        await self._client.close()

    def _request(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str] | None = None,
        redirects: int = MOST_REDIRECTS,
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """With the trace's context, so that the server's own spans are a part of it."""
        sent = {**(headers or {}), **tracing.outgoing()}
        return self._client.request(method, url, sent, redirects=redirects)

    async def _stamp(self, name: str, *, doubt: bool) -> Stamp | Original:
        """By HEAD; where that fails, by a GET of the first byte.

        Args:
            doubt: ask by GET where HEAD says that there is no such file. Of a server that was not
                caught at it yet, only the name that was asked for is worth the second request.

        Without validators, only the bytes themselves are left to tell a change by.
        """
        with _origin_errors(name):
            stamp: Stamp | Original | None
            status, stamp = await self._by_head(name)
            if status in _ABSENT and not (doubt or self._head_lies):
                raise OriginalNotFound("there is no such original")
            if status != 200:
                stamp = await self._by_first_byte(name)
                self._head_lies = self._head_lies or status in _ABSENT
            if status == _UNANSWERED:  # and GET was answered: it is not the server that is slow
                self._head.failed()
        return stamp if stamp is not None else await self._fetch(name)

    async def _by_head(self, name: str) -> tuple[int, Stamp | None]:
        """Status, and what it says of the file; no status of HTTP where there was no answer."""
        if not self._head.allows():
            return _UNASKED, None
        try:
            async with asyncio.timeout(self._timeout * _HEAD_SHARE):
                async with self._request("HEAD", self._url(name)) as response:
                    self._head.succeeded()
                    if response.status != 200:
                        return response.status, None
                    return 200, _stamp_of(response.headers, response.headers.get("Content-Length"))
        except (AddressForbidden, OriginUnavailable):
            return _UNASKED, None  # it redirects HEAD elsewhere; GET is held to the same
        except aiohttp.ClientConnectorError:
            raise  # nobody there: GET would fare no better
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            return _UNANSWERED, None

    async def _by_first_byte(self, name: str) -> Stamp | Original | None:
        """The same by GET; where the server sends all of it, and no validator, that is the file."""
        async with self._request("GET", self._url(name), {"Range": "bytes=0-0"}) as response:
            if response.status in (400, 416):  # an empty file, or a server that knows no ranges
                return None
            _check_status(name, response, partial=True)
            length = response.headers.get("Content-Length")
            if response.status == 206:
                length = response.headers.get("Content-Range", "").rpartition("/")[2]
            stamp = _stamp_of(response.headers, length)
            if stamp is None and response.status == 200:
                return await self._received(name, response)
            return stamp

    async def _fetch(self, name: str) -> Original:
        with _origin_errors(name):
            async with self._request("GET", self._url(name)) as response:
                _check_status(name, response)
                return await self._received(name, response)

    async def _received(self, name: str, response: aiohttp.ClientResponse) -> Original:
        chunks = response.content.iter_chunked(_CHUNK)
        wire = await read_body(chunks, response.content_length, self._max_bytes)
        encoding = ",".join(response.headers.getall("Content-Encoding", ()))
        stamp = _stamp_of(response.headers, str(len(wire)))
        return await unwrapped(name, wire, encoding, stamp, self._max_bytes)

    def _url(self, name: str) -> URL:
        path = self._base.raw_path.rstrip("/")
        return self._base.with_path(f"{path}/{quote(name)}", encoded=True)


async def _likeliest(path: str) -> list[str]:
    stem, extension = split_extension(path)
    return [f"{stem}.{other}" for other in _NEIGHBOURS if other != extension]


def _checked_base(text: str) -> URL:
    with suppress(ValueError):
        url = URL(text)
        plain = url.raw_user is None and url.raw_password is None and not url.raw_query_string
        if url.scheme in ("http", "https") and url.host and plain and not url.raw_fragment:
            return url
    raise SettingsError(
        "the URL of an HTTP origin is wrong",
        allowed="https://host/prefix, without user, query and fragment",
    )


def _check_status(name: str, response: aiohttp.ClientResponse, *, partial: bool = False) -> None:
    ranged = partial and "Content-Range" in response.headers
    if response.status == 200 or (ranged and response.status == 206):
        return
    if response.status in _ABSENT:
        raise OriginalNotFound("there is no such original")
    unavailable = OriginUnavailable(f"the origin answers {response.status}", private=name)
    unavailable.retry_after = retry_after_seconds(response.headers.get("Retry-After", ""))
    raise unavailable


def _stamp_of(headers: "CIMultiDictProxy[str]", length: str | None) -> Stamp | None:
    """None where the server sends no validator. A date alone is none: two changes may share it."""
    size = int(length) if length and re.fullmatch(r"[0-9]{1,18}", length) else None
    version = None
    if etag := headers.get("ETag"):
        version = version_of(etag)
    elif (changed := headers.get("Last-Modified")) and size is not None:
        version = f"{size} {version_of(changed)}"
    if version is None:
        return None
    if _written_just_now(headers):
        return Stamp(f"{version} unsettled", size, settled=False)
    return Stamp(version, size)


def _written_just_now(headers: "CIMultiDictProxy[str]") -> bool:
    """Whether the file is younger than two seconds by the server's own clock (its `Date`): it may
    still be written, and servers make ETags of whole seconds and a size (RFC 9110 section
    8.8.2.2)."""
    try:
        now = parsedate_to_datetime(headers.get("Date", ""))
        changed = parsedate_to_datetime(headers.get("Last-Modified", ""))
        return abs((now - changed).total_seconds()) < SETTLING_SECONDS
    except (ValueError, TypeError, OverflowError):
        return False


@contextmanager
def _origin_errors(name: str) -> Iterator[None]:
    """Everything that the way to the server can raise, as an error of ours."""
    try:
        yield
    except (EdgeError, TimeoutError):
        raise
    except aiohttp.ClientPayloadError as error:
        raise OriginTruncated("the original ended before it was whole", private=name) from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise OriginUnavailable(
            f"no answer of the origin: {type(error).__name__}", private=f"{name}: {error}"
        ) from error
