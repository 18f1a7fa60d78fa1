"""Originals in an S3 bucket."""

import asyncio
import hashlib
import re
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from botocore.exceptions import EndpointConnectionError

from edge.buckets import (
    CUT_SHORT,
    TIMED_OUT,
    TROUBLE,
    Bucket,
    error_code,
    explained,
    missing,
    prefix_of,
)  # fmt: skip
from edge.deadline import Deadline
from edge.errors import (
    EdgeError,
    OriginalNotFound,
    OriginError,
    OriginTimeout,
    OriginTruncated,
    OriginUnavailable,
)
from edge.images import Original, Stamp
from edge.origins.base import in_time, read_body, unwrapped, version_of
from edge.origins.paths import Neighbours, neighbours, split_extension

_CHUNK = 256 * 1024
_ATTEMPTS = 2
_MD5 = re.compile(r"[0-9a-f]{32}")
_CLOSED = frozenset({"AccessDenied", "403", "Forbidden"})
"""Amazon answers so for objects that do not exist, too, unless the caller may list the bucket."""


class S3Origin:
    """Objects below a prefix of a bucket; an object's ETag is its version.

    Args:
        bucket: its name.
        prefix: folder inside it; may be empty.
        endpoint: see `edge.buckets.Bucket`.
        max_bytes: of one original.
        timeout: seconds for one whole answer.
        neighbours: whether another extension of the same name will do.
    """

    def __init__(
        self,
        bucket: str,
        prefix: str,
        endpoint: str | None,
        max_bytes: int,
        timeout: float,
        *,
        neighbours: bool = True,
    ) -> None:
        self._bucket = Bucket(bucket, endpoint, timeout, attempts=_ATTEMPTS)
        self._prefix = prefix_of(prefix)
        self._max_bytes = max_bytes
        self._timeout = timeout
        self._neighbours = Neighbours(self._listed if neighbours else None)
        self._digests: bool | None = None
        """Whether ETags of this store are digests of the bytes; None: not known yet."""
        self.name = f"s3://{bucket}/{self._prefix}".rstrip("/")

    async def stamp(self, path: str, deadline: Deadline) -> Stamp | Original:
        await self._open(path, deadline)
        async with in_time(path, deadline.sooner(self._timeout)):
            return await self._neighbours.find(path, self._stamp)

    async def fetch(self, path: str, deadline: Deadline) -> Original:
        await self._open(path, deadline)
        async with in_time(path, deadline.sooner(self._timeout)):
            return await self._neighbours.find(path, self._fetch)

    async def ping(self) -> None:
        """Ask for an object that is not there: a right to list is not needed to serve."""
        name = f".ping-{secrets.token_hex(8)}"
        with suppress(OriginalNotFound):
            async with in_time("a ping", Deadline.after(self._timeout)):
                await self._fetch(name)

    async def close(self) -> None:
        await self._bucket.close()

    async def _open(self, path: str, deadline: Deadline) -> None:
        """Once, it takes longer than an answer: the client is made, credentials are looked for."""
        async with in_time(path, deadline):
            with _origin_errors():
                await self._bucket.client()

    async def _stamp(self, name: str) -> Stamp | Original:
        """By HEAD; where that fails, or tells nothing, by the bytes themselves."""
        with _origin_errors():
            client = await self._bucket.client()
            try:
                stamp = _stamp_of(await client.head_object(**self._object(name)))
            except TROUBLE as error:
                if missing(error) or isinstance(error, (*TIMED_OUT, EndpointConnectionError)):
                    raise
                stamp = None
        return stamp or await self._fetch(name)

    async def _fetch(self, name: str) -> Original:
        wire, answer = await self._got(name)
        if not await self._carries(wire, answer):
            again, answer = await self._got(name)
            if not await self._carries(again, answer):
                if self._digests or again != wire:
                    raise OriginTruncated("the original changed while it was read, or is damaged")
                self._digests = False  # the same twice: this store makes its ETags otherwise
            wire = again
        encoding = answer.get("ContentEncoding") or ""
        return await unwrapped(name, wire, encoding, _stamp_of(answer), self._max_bytes)

    async def _got(self, name: str) -> tuple[bytes, Mapping[str, Any]]:
        with _origin_errors():
            client = await self._bucket.client()
            answer = await client.get_object(**self._object(name))
            async with answer["Body"] as stream:
                expected = answer.get("ContentLength")
                return await read_body(_chunks(stream), expected, self._max_bytes), answer

    async def _carries(self, wire: bytes, answer: Mapping[str, Any]) -> bool:
        """Whether these are the bytes that the ETag names, as far as it can be told."""
        etag = _md5_of(answer)
        if etag is None or self._digests is False:
            return True
        digest = await asyncio.to_thread(hashlib.md5, wire, usedforsecurity=False)
        right = digest.hexdigest() == etag
        self._digests = right or self._digests
        return right

    async def _listed(self, path: str) -> list[str]:
        """The neighbours that the bucket holds; none where it may not be listed."""
        stem, _ = split_extension(path)
        try:
            client = await self._bucket.client()
            answer = await client.list_objects_v2(
                Bucket=self._bucket.name, Prefix=f"{self._prefix}{stem}.", MaxKeys=100
            )
        except TROUBLE:
            return []
        held = {row["Key"].removeprefix(self._prefix) for row in answer.get("Contents", ())}
        return [name for name in neighbours(path) if name in held]

    def _object(self, name: str) -> dict[str, str]:
        return {"Bucket": self._bucket.name, "Key": f"{self._prefix}{name}"}


async def _chunks(stream: Any) -> AsyncIterator[bytes]:
    while chunk := await stream.read(_CHUNK):
        yield chunk


def _md5_of(answer: Mapping[str, Any]) -> str | None:
    """The MD5 of an object's bytes, where its ETag is one: it was put in one piece, and is stored
    in plain or with keys of S3's own (Amazon S3 API reference, "Object", ETag)."""
    etag = str(answer.get("ETag", "")).strip('"')
    kept = answer.get("ServerSideEncryption") or "AES256"
    plain = kept == "AES256" and not answer.get("SSECustomerAlgorithm")
    return etag if plain and _MD5.fullmatch(etag) else None


@contextmanager
def _origin_errors() -> Iterator[None]:
    """Everything that the bucket or the way to it can raise, as an error of ours."""
    try:
        yield
    except EdgeError:
        raise
    except (*TROUBLE, ValueError) as error:  # botocore raises its parsers' errors as they are
        raise _translated(error) from error


def _translated(error: BaseException) -> OriginalNotFound | OriginError:
    private = f"{type(error).__name__}: {error}"
    if missing(error) or error_code(error) in _CLOSED:
        return OriginalNotFound("there is no such original, or it may not be read", private=private)
    if isinstance(error, TIMED_OUT):
        return OriginTimeout("the origin did not answer in time", private=private)
    if isinstance(error, CUT_SHORT):
        return OriginTruncated("the original ended before it was whole", private=private)
    return OriginUnavailable(f"the origin failed: {explained(error)}", private=private)


def _stamp_of(answer: Mapping[str, Any]) -> Stamp | None:
    """None where the bucket sends no validator."""
    length = answer.get("ContentLength")
    if etag := answer.get("ETag", "").strip('"'):
        return Stamp(version_of(etag), length)
    if (changed := answer.get("LastModified")) and length is not None:
        return Stamp(f"{length} {changed}", length)
    return None
