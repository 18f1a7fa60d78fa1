"""An HTTP client that reaches only hosts that are allowed, at addresses that are public.

Each connection goes to an address that was checked after it was resolved, so a name that resolves
differently a moment later changes nothing; and each redirect is checked like the first URL.
"""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from urllib.parse import quote

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from edge.connections import bound_heads
from edge.errors import AddressForbidden, OriginUnavailable
from edge.origins.address_guard import ORIGIN_SETTING, Address, Network, check_address

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
MOST_REDIRECTS = 5
_CONNECTIONS = 64
_HEADERS = {"User-Agent": "edge", "Accept": "image/*,*/*;q=0.5", "Accept-Encoding": "identity"}
_NUMERIC = re.compile(r"(?:.*\.)?(?:\d+|0x[0-9a-f]*)\.?", re.IGNORECASE)
"""Hosts that a resolver may read as an address: 127.1, 2130706433, 0x7f.1, 0177.0.0.1."""


async def system_resolve(host: str, port: int) -> Sequence[str]:
    """All addresses of a host, as the machine's own resolver knows them."""
    try:
        rows = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # an empty label, or one of more than 63 letters
        raise OSError(f"{host} is no name of a host") from error
    return [str(row[4][0]) for row in rows]


class GuardedClient:
    """Requests to one host and those that it may redirect to.

    Args:
        base: the URL whose scheme, host and port are allowed from the start.
        hosts: further hosts, each `host`, `host:port` or `*.domain`.
        private_ok: see `address_guard.check_address`.
        resolve: addresses of a host.
        setting: the variable that names `private_ok`.
    """

    def __init__(
        self,
        base: URL,
        hosts: Sequence[str] = (),
        private_ok: Sequence[Network] = (),
        resolve: Resolve = system_resolve,
        setting: str = ORIGIN_SETTING,
    ) -> None:
        self._base = base
        self._hosts = frozenset(host.lower() for host in hosts)
        self._private_ok = tuple(private_ok)
        self._check_address = partial(check_address, private_ok=self._private_ok, setting=setting)
        self._resolver = _GuardedResolver(self._check_address, resolve)
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def request(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str] | None = None,
        *,
        redirects: int = MOST_REDIRECTS,
        data: bytes | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer, whatever its status, after at most `redirects` redirects; `data` is the body.

        Raises:
            AddressForbidden: the URL, or one that it redirects to, must not be reached.
            OriginUnavailable: no end of redirects, or one to nowhere.
            aiohttp.ClientError, OSError, TimeoutError: no answer.
        """
        for _ in range(redirects + 1):
            self.check(url)
            async with self._opened().request(
                method, url, headers=headers, allow_redirects=False, data=data
            ) as response:
                if response.status not in _REDIRECTS or not redirects:
                    yield response
                    return
                url = _target(url, response)
        raise OriginUnavailable(f"the origin redirects more than {redirects} times")

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                resolver=self._resolver, use_dns_cache=False, limit=_CONNECTIONS
            )
            bound_heads(connector)
            self._session = aiohttp.ClientSession(
                connector=connector,
                headers=_HEADERS,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                auto_decompress=False,
                trust_env=False,  # a proxy would resolve names by itself
            )
        return self._session

    def check(self, url: URL) -> None:
        """Raises `AddressForbidden` where that can be told without resolving a name."""
        if url.scheme not in ("http", "https"):
            raise AddressForbidden(
                "the origin leads to another scheme than http and https", private=url.scheme
            )
        if url.scheme == "http" and self._base.scheme == "https":
            raise AddressForbidden("the origin redirects from https to http")
        if url.raw_user is not None or url.raw_password is not None:
            raise AddressForbidden("the origin's URL carries a user or password")
        host = (url.host or "").lower()
        if not self._is_allowed(host, url.port or 0, url.is_default_port()):
            raise AddressForbidden(
                "the origin leads to a host that is not allowed",
                diagnostics={"setting": "EDGE_ORIGIN_HTTP_ALLOW"},
                private=url.authority,
            )
        # The connector resolves names; a literal address never comes past its resolver.
        if ":" in host or _NUMERIC.fullmatch(host):
            self._check_address(host)

    def _is_allowed(self, host: str, port: int, default_port: bool) -> bool:
        if (host, port) == ((self._base.host or "").lower(), self._base.port):
            return True
        if f"{host}:{port}" in self._hosts:
            return True
        domains = {f"*.{host[dot + 1 :]}" for dot, char in enumerate(host) if char == "."}
        return default_port and (host in self._hosts or not self._hosts.isdisjoint(domains))


def _target(url: URL, response: aiohttp.ClientResponse) -> URL:
    try:
        return url.join(URL(as_reference(response.headers["Location"]), encoded=True))
    except (KeyError, ValueError) as error:
        raise OriginUnavailable("the origin redirects to nowhere") from error


def as_reference(location: str) -> str:
    """A `Location` as RFC 3986 spells it: servers send spaces, raw UTF-8 and lone percent signs.

    Args:
        location: as the header was decoded, bytes that are no UTF-8 as surrogates.

    Raises:
        ValueError: it names a host that cannot be.
    """
    before, path = _AUTHORITY.fullmatch(location.strip()).groups()  # type: ignore[union-attr]
    if before and not before.isascii():
        scheme, _, authority = before.partition("//")
        before = f"{scheme}//{URL.build(scheme='http', authority=authority).raw_authority}"
    data = _LONE_PERCENT.sub("%25", path).encode(errors="surrogateescape")
    return (before or "") + quote(data, safe="/?#[]@!$&'()*+,;=:-._~%")


_AUTHORITY = re.compile(r"((?:[A-Za-z][A-Za-z0-9+.-]*:)?//[^/?#]*)?(.*)", re.DOTALL)
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


class _GuardedResolver(AbstractResolver):
    """Answers only addresses that may be connected to; aiohttp connects to exactly these."""

    def __init__(self, check: Callable[[str], Address], resolve: Resolve) -> None:
        self._check = check
        self._resolve = resolve

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = await self._resolve(host, port)
        # One bad address refuses the name: else a retry would sooner or later reach it.
        checked = [self._check(address) for address in addresses]
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in checked
        ]

    async def close(self) -> None:
        return None
