"""Originals on a web server."""

import asyncio
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from urllib.parse import quote

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from edge.deadline import Deadline
from edge.errors import (
    OriginalNotFound,
    OriginalTooLarge,
    OriginTruncated,
    OriginUnavailable,
    SettingsError,
)
from edge.images import Original, Stamp, digest
from edge.origins.address_guard import read_networks
from edge.origins.base import in_time
from edge.origins.guarded_http import GuardedClient, Resolve, system_resolve
from edge.origins.paths import Neighbours, split_extension

_CHUNK = 256 * 1024
_ABSENT = frozenset({403, 404, 410})
"""403, too: buckets behind a web address answer so for files that they do not have."""

_NO_HEAD = frozenset({400, 403, 405, 501})
_NEIGHBOURS = ("jpg", "png", "webp", "jpeg")
"""Few, because each costs a request that most often finds nothing."""

_INFLATED = frozenset({"gzip", "x-gzip", "deflate"})
_ANY_ZLIB = 47
"""Window bits by which zlib tells gzip and deflate apart by itself."""


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
        self.name = str(self._base).rstrip("/")

    async def stamp(self, path: str, deadline: Deadline) -> Stamp:
        async with in_time(path, deadline.sooner(self._timeout)):
            return await self._neighbours.find(path, self._stamp)

    async def fetch(self, path: str, deadline: Deadline) -> Original:
        async with in_time(path, deadline.sooner(self._timeout)):
            return await self._neighbours.find(path, self._fetch)

    async def ping(self) -> None:
        """Any answer will do that is not a failure of the server's own."""
        async with in_time("a ping", Deadline.after(self._timeout)):
            with _origin_errors(self.name):
                async with self._client.request("HEAD", self._base, redirects=0) as response:
                    if response.status >= 500 and response.status != 501:
                        raise OriginUnavailable(f"the origin answers {response.status}")

    async def close(self) -> None:
        await self._client.close()

    async def _stamp(self, name: str) -> Stamp:
        with _origin_errors(name):
            stamp = await self._stamp_by_head(name)
        # A server without validators leaves only the bytes themselves to tell a change by.
        return stamp if stamp is not None else (await self._fetch(name)).stamp

    async def _stamp_by_head(self, name: str) -> Stamp | None:
        async with self._client.request("HEAD", self._url(name)) as response:
            if response.status not in _NO_HEAD:
                _check_status(name, response)
                return _stamp_of(response.headers, response.headers.get("Content-Length"))
        async with self._client.request("GET", self._url(name), {"Range": "bytes=0-0"}) as response:
            _check_status(name, response, partial=True)
            length = response.headers.get("Content-Length")
            if response.status == 206:
                length = response.headers.get("Content-Range", "").rpartition("/")[2]
            return _stamp_of(response.headers, length)

    async def _fetch(self, name: str) -> Original:
        with _origin_errors(name):
            async with self._client.request("GET", self._url(name)) as response:
                _check_status(name, response)
                wire = await self._read(name, response)
                encoding = response.headers.get("Content-Encoding", "").strip().lower()
                length = response.headers.get("Content-Length")
                stamp = _stamp_of(response.headers, length)
        body = await asyncio.to_thread(self._decoded, name, wire, encoding) if encoding else wire
        return Original(name, body, stamp or Stamp(digest(body), len(body)))

    async def _read(self, name: str, response: aiohttp.ClientResponse) -> bytes:
        expected = response.content_length
        if expected is not None and expected > self._max_bytes:
            raise self._too_large(name)
        received = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK):
            received += chunk
            if len(received) > self._max_bytes:
                raise self._too_large(name)
        if expected is not None and len(received) != expected:
            raise OriginTruncated(f"{name} ended after {len(received)} of {expected} bytes")
        return bytes(received)

    def _decoded(self, name: str, wire: bytes, encoding: str) -> bytes:
        """Identity was asked for; a server that encodes all the same is read, within the limit."""
        if encoding == "identity":
            return wire
        if encoding not in _INFLATED:
            raise OriginUnavailable(f"the origin sent {name} encoded, which was not asked for")
        inflater = zlib.decompressobj(_ANY_ZLIB)
        try:
            body = inflater.decompress(wire, self._max_bytes + 1)
        except zlib.error as error:
            raise OriginTruncated(f"the encoding of {name} is broken") from error
        if len(body) > self._max_bytes:
            raise self._too_large(name)
        if not inflater.eof:
            raise OriginTruncated(f"{name} ended before it was whole")
        return body

    def _url(self, name: str) -> URL:
        path = self._base.raw_path.rstrip("/")
        return self._base.with_path(f"{path}/{quote(name)}", encoded=True)

    def _too_large(self, name: str) -> OriginalTooLarge:
        return OriginalTooLarge(f"{name} is over the limit of {self._max_bytes} bytes")


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
    if response.status == 200 or (partial and response.status == 206):
        return
    if response.status in _ABSENT:
        raise OriginalNotFound(f"there is no original {name}")
    raise OriginUnavailable(f"the origin answers {response.status} for {name}")


def _stamp_of(headers: "CIMultiDictProxy[str]", length: str | None) -> Stamp | None:
    """None where the server sends no validator."""
    size = int(length) if length and re.fullmatch(r"\d{1,18}", length) else None
    if etag := headers.get("ETag"):
        return Stamp(etag, size)
    if changed := headers.get("Last-Modified"):
        return Stamp(f"{changed} {size}", size)
    return None


@contextmanager
def _origin_errors(name: str) -> Iterator[None]:
    """Everything that the way to the server can raise, as an error of ours."""
    try:
        yield
    except aiohttp.ClientPayloadError as error:
        raise OriginTruncated(f"{name} ended before it was whole") from error
    except TimeoutError:
        raise
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise OriginUnavailable(f"no answer for {name}: {type(error).__name__}") from error
