"""Requests to URLs given by users: feeds, webhooks. Guarded like an HTTP origin: public addresses
only, or networks that were named.

Under the same guard as an HTTP origin: public addresses only, or networks that were named.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, BinaryIO

import aiohttp
from yarl import URL

from edge.errors import AddressForbidden, FeedRejected, OriginTimeout, OriginUnavailable
from edge.origins.address_guard import read_networks
from edge.origins.guarded_http import GuardedClient, Resolve, system_resolve

_CHUNK = 64 * 1024
_DRAIN = 16 * 1024
_SETTING = "EDGE_JOBS_PRIVATE"


class Outbound:
    """Args: `private_networks` such as 10.1.0.0/16; `timeout` seconds for one whole exchange."""

    def __init__(
        self, private_networks: Sequence[str], timeout: float, resolve: Resolve = system_resolve
    ) -> None:
        self._private = read_networks(private_networks, _SETTING)
        self._timeout = timeout
        self._resolve = resolve

    def check(self, url: str, param: str) -> None:
        """The checks that need no DNS lookup.

        Raises:
            FeedRejected: it is no http or https URL; `param` names where it was given.
            AddressForbidden: its host may not be reached.
        """
        parsed = _parsed(url, param)
        self._client(parsed).check(parsed)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
        """The answer's status and its `Retry-After`; redirects are not followed.

        Raises:
            AddressForbidden: the host may not be reached.
            OriginUnavailable, OriginTimeout: no answer.
        """
        parsed = _parsed(url, "webhook")
        once = {"redirects": 0, "data": body}
        async with self._answer(parsed, self._timeout, "POST", headers, **once) as response:
            await response.content.read(_DRAIN)
            return response.status, response.headers.get("Retry-After", "")

    async def download(self, url: str, into: BinaryIO, limit: int) -> str:
        """Write what the URL answers; its content type.

        Raises:
            AddressForbidden: the host may not be reached.
            FeedRejected: more than `limit` bytes, or no such thing.
            OriginUnavailable, OriginTimeout: no answer.
        """
        parsed = _parsed(url, "feed")
        accept = {"Accept": "*/*"}
        async with self._answer(parsed, self._timeout * 6, "GET", accept) as response:
            if response.status != 200:
                raise FeedRejected(f"the feed's URL answers {response.status}", param="feed")
            await copied(response.content.iter_chunked(_CHUNK), into, limit)
            return response.headers.get("Content-Type", "")

    @asynccontextmanager
    async def _answer(
        self, url: URL, seconds: float, method: str, headers: Mapping[str, str], **more: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """See `GuardedClient.request`; what the way there can raise is an error of ours."""
        client = self._client(url)
        try:
            async with (
                asyncio.timeout(seconds),
                client.request(method, url, headers, **more) as response,
            ):
                yield response
        except TimeoutError as error:
            raise OriginTimeout(f"{url.host} did not answer in time") from error
        except (aiohttp.ClientError, OSError) as error:
            raise _unreachable(url, error) from error
        finally:
            await client.close()

    def _client(self, url: URL) -> GuardedClient:
        return GuardedClient(url, (), self._private, self._resolve, _SETTING)


async def copied(
    pieces: AsyncIterable[bytes],
    into: BinaryIO,
    limit: int,
    on_piece: Callable[[bytes], object] = len,
) -> None:
    """Write a feed as it comes, and show each piece; raises `FeedRejected` over `limit` bytes."""
    size = 0
    async for piece in pieces:
        size += len(piece)
        if size > limit:
            raise FeedRejected(f"the feed is over {limit:,} bytes", param="feed")
        on_piece(piece)
        into.write(piece)


def _parsed(text: str, param: str) -> URL:
    try:
        url = URL(text)
        host = (url.host or "").removesuffix(".")
        if url.scheme in ("http", "https") and host and not url.raw_fragment:
            host.encode("idna")  # UnicodeError is a ValueError: no name that could be resolved
            return url
    except ValueError:
        pass
    raise FeedRejected(
        f"{param} is no URL that can be asked", param=param, allowed="https://host/path"
    )


def _unreachable(url: URL, error: BaseException) -> Exception:
    cause = error.__cause__ or error.__context__
    for one in (error, cause):
        if isinstance(one, AddressForbidden):
            return one
    return OriginUnavailable(f"no answer from {url.host}: {type(error).__name__}")
