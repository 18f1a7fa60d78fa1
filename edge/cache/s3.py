"""The durable tier that all replicas share: an S3 bucket.

`<prefix>/1/<first two digits>/<key>` is one packed entry, `<prefix>/tags/<digest of tag>/<key>` an
empty object for each of its tags. How much is kept is a matter of the bucket's lifecycle rule.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from edge.buckets import TROUBLE, Bucket, explained, missing, prefix_of
from edge.cache.base import (
    HEAD_BYTES,
    RECALLED,
    Reach,
    Usage,
    check_key,
    pack,
    tag_digest,
    tagged_key,
    unpack_heads,
    unpack_or_purge,
)
from edge.errors import TierError
from edge.images import Rendition

_DELETE_AT_ONCE = 1000
"""Most keys of one DeleteObjects call."""

_CALLS_AT_ONCE = 16
_TAGS = "tags"
"""Name under which an entry's own metadata holds the digests of its tags, so that a purge by one
of them finds the objects of the others without reading the entry."""


class S3Tier:
    """Renditions in a bucket, under a prefix of their own.

    Args:
        bucket: its name.
        prefix: folder inside it, without slashes at its ends; may be empty.
        endpoint: see `edge.buckets.Bucket`.
        timeout: seconds for each piece of an answer.
    """

    name = "s3"
    reach = Reach.BUCKET

    def __init__(
        self, bucket: str, prefix: str, endpoint: str | None = None, timeout: float = 5.0
    ) -> None:
        self._bucket = Bucket(bucket, endpoint, timeout)
        self._prefix = prefix_of(prefix)
        self._calls = asyncio.Semaphore(_CALLS_AT_ONCE)

    async def get(self, key: str) -> Rendition | None:
        entry = await self._read(self._entry(key))
        return await unpack_or_purge(self, key, entry)

    async def put(self, key: str, rendition: Rendition) -> None:
        digests = sorted({tag_digest(tag) for tag in rendition.tags})
        # Tags first: an entry that no tag knows of could not be purged.
        await asyncio.gather(*(self._write(self._tag(digest) + key, b"", ()) for digest in digests))
        await self._write(self._entry(key), pack(rendition, key), digests)

    async def purge(self, tag: str) -> int:
        if (single := tagged_key(tag)) is not None:
            return await self._remove([single])
        removed = 0
        while keys := await self._tagged(tag):
            removed += await self._remove(keys, tag_digest(tag))
        return removed

    async def recall(self, tag: str) -> Sequence[Rendition]:
        keys = (await self._tagged(tag))[:RECALLED]
        reads = (self._read(self._entry(key), HEAD_BYTES) for key in keys)
        return unpack_heads(await asyncio.gather(*reads))

    async def ping(self) -> None:
        with _tier_errors("answering"):
            client = await self._bucket.client()
            await client.list_objects_v2(
                Bucket=self._bucket.name, Prefix=f"{self._prefix}1/", MaxKeys=1
            )

    async def usage(self) -> Usage:
        """None: S3 gives neither count nor bytes without listing everything."""
        return Usage(None, None)

    async def close(self) -> None:
        with _tier_errors("closing"):
            await self._bucket.close()

    async def _read(self, name: str, most: int | None = None) -> bytes | None:
        """One object, or its first bytes."""
        span = {} if most is None else {"Range": f"bytes=0-{most - 1}"}
        with _tier_errors("reading"):
            client = await self._bucket.client()
            try:
                answer = await client.get_object(Bucket=self._bucket.name, Key=name, **span)
            except TROUBLE as error:
                if missing(error):
                    return None
                raise
            async with answer["Body"] as body:
                return bytes(await body.read())

    async def _write(self, name: str, content: bytes, digests: Iterable[str]) -> None:
        with _tier_errors("writing"):
            client = await self._bucket.client()
            async with self._calls:
                await client.put_object(
                    Bucket=self._bucket.name,
                    Key=name,
                    Body=content,
                    ContentType="application/octet-stream",
                    Metadata={_TAGS: ",".join(digests)},
                )

    async def _tagged(self, tag: str) -> list[str]:
        """Some of the keys that carry the tag, the latest first; none once all are gone."""
        start = self._tag(tag_digest(tag))
        with _tier_errors("listing"):
            client = await self._bucket.client()
            answer = await client.list_objects_v2(
                Bucket=self._bucket.name, Prefix=start, MaxKeys=_DELETE_AT_ONCE
            )
        rows = sorted(answer.get("Contents", ()), key=lambda row: row["LastModified"], reverse=True)
        return [row["Key"].removeprefix(start) for row in rows]

    async def _remove(self, keys: list[str], *digests: str) -> int:
        """Remove entries with all objects of their tags; answers how many entries there were."""
        found = await asyncio.gather(*(self._digests(key) for key in keys))
        names = []
        for key, own in zip(keys, found, strict=True):
            names.append(self._entry(key))
            names += [self._tag(digest) + key for digest in {*(own or ()), *digests}]
        for start in range(0, len(names), _DELETE_AT_ONCE):
            await self._delete(names[start : start + _DELETE_AT_ONCE])
        return sum(own is not None for own in found)

    async def _digests(self, key: str) -> tuple[str, ...] | None:
        """The digests of an entry's tags; None where there is no such entry."""
        with _tier_errors("purging"):
            client = await self._bucket.client()
            async with self._calls:
                try:
                    answer = await client.head_object(
                        Bucket=self._bucket.name, Key=self._entry(key)
                    )
                except TROUBLE as error:
                    if missing(error):
                        return None
                    raise
        return tuple(digest for digest in answer["Metadata"].get(_TAGS, "").split(",") if digest)

    async def _delete(self, names: list[str]) -> None:
        with _tier_errors("purging"):
            client = await self._bucket.client()
            answer = await client.delete_objects(
                Bucket=self._bucket.name,
                Delete={"Objects": [{"Key": name} for name in names], "Quiet": True},
            )
        if failed := answer.get("Errors"):
            raise TierError(f"the bucket kept {len(failed)} objects: {failed[0].get('Code')}")

    def _entry(self, key: str) -> str:
        return f"{self._prefix}1/{check_key(key)[:2]}/{key}"

    def _tag(self, digest: str) -> str:
        return f"{self._prefix}tags/{digest}/"


@contextmanager
def _tier_errors(doing: str) -> Iterator[None]:
    """Turns every error of the bucket, and of the connection to it, into a `TierError`."""
    try:
        yield
    except TROUBLE as error:
        raise TierError(f"the bucket failed at {doing}: {explained(error)}") from error
