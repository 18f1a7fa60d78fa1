"""Opening an S3 bucket, for the origin and the tier that live in one."""

import asyncio
from contextlib import AsyncExitStack
from functools import cache
from typing import Any

import aiohttp
from aiobotocore.config import AioConfig
from aiobotocore.httpsession import AIOHTTPSession
from aiobotocore.session import get_session
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from botocore.utils import parse_timestamp

from edge.connections import bound_heads

TROUBLE = (BotoCoreError, ClientError, aiohttp.ClientError, OSError, TimeoutError)
"""The exceptions that an S3 call can raise; callers translate them to errors of their own."""

CUT_SHORT = (aiohttp.ClientPayloadError, IncompleteReadError, ResponseStreamingError)
"""What says that a body ended before it was whole."""

TIMED_OUT = (TimeoutError, ConnectTimeoutError, ReadTimeoutError)
_CONNECTIONS = 64
_MISSING = frozenset({"NoSuchKey", "404", "NotFound"})


class Bucket:
    """One bucket behind one client, opened at the first call and kept open.

    Args:
        name: the bucket's.
        endpoint: URL of an S3 API other than Amazon's, or None. Region and credentials come from
            where every AWS client looks for them.
        timeout: seconds to connect, and to wait for each piece of an answer.
        attempts: calls in all where the first one fails for a reason that may pass.
    """

    def __init__(
        self, name: str, endpoint: str | None, timeout: float, *, attempts: int = 1
    ) -> None:
        self.name = name
        self._endpoint = endpoint or None
        self._config = AioConfig(
            connect_timeout=timeout,
            read_timeout=timeout,
            max_pool_connections=_CONNECTIONS,
            retries={"total_max_attempts": attempts, "mode": "standard"},
            # Other endpoints seldom have a host name per bucket, and not all know the checksums
            # that newer clients send and ask for by themselves.
            s3={"addressing_style": "path" if endpoint else "auto"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            http_session_cls=_Session,
        )
        self._session = get_session()
        self._session.register_component("data_loader", _descriptions())
        parsers = self._session.get_component("response_parser_factory")
        parsers.set_parser_defaults(timestamp_parser=_timestamp)
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._client: Any = None

    async def client(self) -> Any:
        """The S3 client; raises one of `TROUBLE` where it cannot be made."""
        if self._client is None:
            async with self._opening:
                if self._client is None:
                    self._client = await self._open()
        return self._client

    async def close(self) -> None:
        self._client = None
        await self._stack.aclose()

    async def _open(self) -> Any:
        await asyncio.to_thread(_load_descriptions)
        return await self._stack.enter_async_context(
            self._session.create_client("s3", endpoint_url=self._endpoint, config=self._config)
        )


def _timestamp(value: Any) -> Any:
    """A date, or None: one that cannot be read would make the whole object unreadable."""
    try:
        return parse_timestamp(value)
    except ValueError:
        return None


class _Session(AIOHTTPSession):  # type: ignore[misc]
    """aiobotocore's own, with bounded heads, and header bytes that are no UTF-8 read as Latin-1:
    one such line of an object's metadata would make the whole object unreadable."""

    async def _create_connector(self, proxy_url: str | None) -> aiohttp.BaseConnector:
        connector: aiohttp.BaseConnector = await super()._create_connector(proxy_url)
        bound_heads(connector)
        return connector

    async def _get_session(self, proxy_url: str | None) -> aiohttp.ClientSession:
        session: aiohttp.ClientSession = await super()._get_session(proxy_url)
        session._response_class = _Response
        return session


class _Response(aiohttp.ClientResponse):
    @property
    def raw_headers(self) -> tuple[tuple[bytes, bytes], ...]:
        return tuple((_utf8(name), _utf8(value)) for name, value in super().raw_headers)


def _utf8(text: bytes) -> bytes:
    try:
        text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1").encode()
    return text


@cache
def _descriptions() -> Any:
    """Reads what describes the API, which takes some 200 ms, and keeps it for all buckets."""
    return get_session().get_component("data_loader")


def _load_descriptions() -> None:
    loader = _descriptions()
    for part in ("service-2", "endpoint-rule-set-1"):
        loader.load_service_model("s3", part)


def error_code(error: BaseException) -> str:
    """The code that the S3 API answered with, such as `NoSuchKey`; empty for any other error."""
    return str(error.response["Error"].get("Code", "")) if isinstance(error, ClientError) else ""


def missing(error: BaseException) -> bool:
    """Whether the bucket says that it has no such object."""
    return error_code(error) in _MISSING


def prefix_of(folder: str) -> str:
    """What the keys of a folder in a bucket begin with; empty for the bucket itself."""
    return f"{folder.strip('/')}/" if folder.strip("/") else ""


def explained(error: BaseException) -> str:
    """What went wrong, in one line without secrets."""
    return error_code(error) or type(error).__name__
