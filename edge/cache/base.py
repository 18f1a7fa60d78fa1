"""What every tier of the cache can do, and the form in which a rendition is stored."""

import asyncio
import hashlib
import json
import logging
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Protocol, runtime_checkable

from isal.isal_zlib import crc32

from edge.errors import TierError
from edge.images import Format, Rendition, Size, digest
from edge.reported import Reported

_log = logging.getLogger(__name__)

UNPACK_IN_THREAD = 256 * 1024
"""Bytes above which hashing an entry would hold the event loop for a noticeable time."""

_MAGIC = b"EDGE3"
_SUM_BYTES = 8
_FIXED = len(_MAGIC) + _SUM_BYTES + 4
_LARGEST_HEADER = 64 * 1024
_KEY = re.compile(r"[0-9a-f]{64}")


class Reach(Enum):
    """Which processes see what a tier holds, and how soon."""

    PROCESS = "this process alone, without I/O"
    REPLICAS = "all replicas, quickly"
    MACHINE = "this machine, durably"
    BUCKET = "all replicas, durably"


class Tier(Protocol):
    """One level of cache. Every failure is a `TierError`; `Tiers` decides what follows.

    Keys are 64 lower-case hexadecimal digits. Tags are free text without line breaks. A damaged
    entry is removed and counts as a miss.
    """

    @property
    def name(self) -> str: ...

    @property
    def reach(self) -> Reach: ...

    async def get(self, key: str) -> Rendition | None: ...

    async def put(self, key: str, rendition: Rendition) -> None: ...

    async def purge(self, tag: str) -> int:
        """Remove the entries that carry the tag; returns how many."""
        ...

    async def ping(self) -> None:
        """Raise `TierError` unless the tier answers."""
        ...

    async def usage(self) -> "Usage": ...

    async def close(self) -> None: ...


@runtime_checkable
class CallbackTier(Protocol):
    """A tier that answers lookups by a callback, so that a hit needs no task."""

    def ask(self, key: str, callback: Callable[[Rendition | TierError | None], None]) -> None:
        """Call `callback` once, later, on the event loop, with what `get` finds or raises."""
        ...


@runtime_checkable
class Recalling(Protocol):
    """A tier that outlives the process, and finds entries by tag."""

    async def recall(self, tag: str) -> Sequence[Rendition]:
        """At most `RECALLED` of the entries that carry the tag, without their bodies; the latest
        stored ones where the tier knows. Raises `TierError`."""
        ...


RECALLED = 12
"""How many entries of one photo are read for a recall: enough for mattes among them and two
versions."""


@dataclass(frozen=True, slots=True)
class Usage:
    """How much a tier holds; None where that would be expensive to find out."""

    entries: int | None
    bytes: int | None
    limit: int | None = None


def key_tag(key: str) -> str:
    """The tag under which one single entry is purged; every tier honours it without storing it."""
    return f"key:{key}"


def tagged_key(tag: str) -> str | None:
    """The key of a tag made by `key_tag`; None for any other tag."""
    key = tag.removeprefix("key:")
    return key if key != tag and _KEY.fullmatch(key) else None


def check_key(key: str) -> str:
    """The key itself, safe as part of a file's name. Raises `TierError` for anything else."""
    if not _KEY.fullmatch(key):
        raise TierError(f"{key!r} is not a cache key")
    return key


def tag_digest(tag: str) -> str:
    """A tag as 32 hexadecimal digits, safe as part of any store's key."""
    return hashlib.blake2b(tag.encode(), digest_size=16).hexdigest()


def pack(rendition: Rendition, key: str) -> bytes:
    """One self-contained entry: magic, header's sum, header's length, JSON header, body. The header
    names its key, so that an entry that got under another key is detected."""
    header = json.dumps(
        {
            "key": key,
            "format": rendition.format.value,
            "size": [rendition.size.width, rendition.size.height],
            "etag": rendition.etag,
            "crc": crc32(rendition.body),
            "tags": rendition.tags,
            "made": rendition.created,
            "notes": rendition.notes,
            "reported": rendition.reported.as_facts(),
        },
        separators=(",", ":"),
    ).encode()
    if len(header) > _LARGEST_HEADER:
        raise TierError("the rendition carries more tags and notes than an entry may have")
    return b"".join(
        (_MAGIC, _header_sum(header), len(header).to_bytes(4, "big"), header, rendition.body)
    )


def unpack(entry: bytes | memoryview, key: str) -> Rendition:
    """The reverse of `pack`; keeps no reference to a memoryview.

    Raises:
        TierError: the entry is of another version or key, cut short, or one of its hashes is wrong.
    """
    rendition, crc, start = _read_header(entry, key)
    body = bytes(entry[start:])
    # Entries without a CRC have a digest, which takes five times as long.
    if digest(body) != rendition.etag if crc is None else crc32(body) != crc:
        raise TierError("the stored entry is damaged: its hash is wrong")
    return Rendition(
        body,
        rendition.format,
        rendition.size,
        rendition.etag,
        rendition.tags,
        rendition.created,
        rendition.notes,
        rendition.reported,
    )


async def unpack_or_purge(tier: Tier, key: str, entry: bytes | None) -> Rendition | None:
    """Unpack what a tier has read under a key. A damaged entry is removed and counts as a miss."""
    if entry is None:
        return None
    try:
        if len(entry) > UNPACK_IN_THREAD:
            return await asyncio.to_thread(unpack, entry, key)
        return unpack(entry, key)
    except TierError as error:
        _log.warning("damaged entry removed", extra={"tier": tier.name, "why": error.detail})
        await tier.purge(key_tag(key))
        return None


def unpack_tags(start_of_entry: bytes, key: str) -> tuple[str, ...]:
    """The tags of an entry of which only the first `HEAD_BYTES` were read. Raises `TierError`."""
    return _read_header(start_of_entry, key)[0].tags


def unpack_heads(starts: Iterable[bytes | None]) -> tuple[Rendition, ...]:
    """Entries without their bodies, from the first `HEAD_BYTES` of each; unreadable ones are left
    out."""
    found = []
    for start in starts:
        with suppress(TierError):
            found.append(_read_header(start or b"")[0])
    return tuple(found)


HEAD_BYTES = _FIXED + _LARGEST_HEADER
"""The first bytes of an entry that are sure to hold its whole header."""


def _header_sum(header: bytes) -> bytes:
    return hashlib.blake2b(header, digest_size=_SUM_BYTES).digest()


def _read_header(
    entry: bytes | memoryview, key: str | None = None
) -> tuple[Rendition, int | None, int]:
    """The rendition without its body, the body's CRC-32 if any, and the offset of the body; checks
    the key where one is given."""
    if entry[: len(_MAGIC)] != _MAGIC or len(entry) < _FIXED:
        raise TierError("the stored entry is not one of ours")
    start = _FIXED + int.from_bytes(entry[_FIXED - 4 : _FIXED], "big")
    parse = _known if start <= _REMEMBERED else _parsed
    stored, rendition, crc = parse(bytes(entry[len(_MAGIC) : start]))
    if key is not None and stored != key:
        raise TierError("the stored entry is that of another key")
    return rendition, crc, start


def _parsed(checked: bytes) -> tuple[str, Rendition, int | None]:
    """What a header says that stands behind its sum and its length: key, rendition, the body's CRC.

    Raises `TierError`.
    """
    header = checked[_SUM_BYTES + 4 :]
    if _header_sum(header) != checked[:_SUM_BYTES]:
        raise TierError("the stored entry is damaged: its header's hash is wrong")
    try:
        facts = json.loads(header)
        rendition = Rendition(
            body=b"",
            format=Format(facts["format"]),
            size=Size(*facts["size"]),
            etag=facts["etag"],
            tags=tuple(facts["tags"]),
            created=facts["made"],
            notes=tuple((name, value) for name, value in facts["notes"]),
            reported=Reported.of(facts["reported"]),
        )
        return facts["key"], rendition, facts.get("crc")
    except (ValueError, KeyError, TypeError) as error:
        raise TierError("the stored entry's header cannot be read") from error


_REMEMBERED = 4096
_known = lru_cache(1024)(_parsed)
"""Parsed headers are cached, since hot entries of a shared tier are read often: at most 4 MiB."""
