"""Reads the request that submits a job: its body as a feed, its words as options."""

import asyncio
import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from starlette.requests import Request

from edge.errors import FeedRejected
from edge.jobs.feeds import items_of, json_document
from edge.jobs.model import Options
from edge.jobs.service import FeedSource, Service
from edge.kinds import FLAG
from edge.origins.outbound import copied

_IN_MEMORY = 2**20
_OWN = ("dry_run", "samples", "workers")
_LONGEST_KEY = 255


@dataclass(frozen=True, slots=True)
class Submission:
    """A submission; `fingerprint` is a hash of all of it."""

    feed: FeedSource
    options: Options
    key: str
    fingerprint: str


@contextmanager
def spooled() -> Iterator[BinaryIO]:
    """A file for a body; small ones stay in memory."""
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
        yield cast(BinaryIO, file)


async def read(request: Request, service: Service, file: BinaryIO) -> Submission:
    """Read the whole request into `file`.

    Raises:
        FeedRejected: too large, an unknown option, no feed.
        OriginError, AddressForbidden: a feed by URL cannot be had.
    """
    digest = hashlib.sha256()
    await copied(request.stream(), file, service.feed_bytes, digest.update)
    words = _words(request)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        feed, options = await _json(service, file, words)
    else:
        url = words.pop("feed", "")
        options = Options.of(words)
        file.seek(0)
        feed = await _downloaded(service, url, file) if url else FeedSource(file, kind)
    digest.update(json.dumps(options.as_facts(), sort_keys=True).encode())
    digest.update(request.url.query.encode())
    return Submission(feed, options, _key(request), digest.hexdigest())


async def _json(
    service: Service, file: BinaryIO, words: Mapping[str, Any]
) -> tuple[FeedSource, Options]:
    file.seek(0)
    document = await asyncio.to_thread(json_document, file, "body")
    if isinstance(document, list):
        document = {"items": document}
    if not isinstance(document, dict):
        raise FeedRejected("the body is no JSON object", param="feed")
    items, url = document.pop("items", None), document.pop("feed", None)
    options = Options.of({**document, **words})
    if (items is None) == (url is None):
        raise FeedRejected("give either items or the URL of a feed", param="items")
    if items is not None:
        return FeedSource(lines=items_of(items)), options
    if not isinstance(url, str):
        raise FeedRejected("feed is a URL", param="feed")
    file.seek(0)
    file.truncate()
    return await _downloaded(service, url, file), options


async def _downloaded(service: Service, url: str, file: BinaryIO) -> FeedSource:
    content_type = await service.download(url, file)
    file.seek(0)
    return FeedSource(file, content_type)


def _words(request: Request) -> dict[str, Any]:
    """The options in the URL; `preset` may come several times."""
    words: dict[str, Any] = {}
    for name, value in request.query_params.multi_items():
        if name in ("preset", "presets"):
            words["presets"] = f"{words['presets']},{value}" if "presets" in words else value
        elif name == "strict":
            words |= {name: FLAG.value(value, name)} if value else {}
        elif name not in _OWN:
            words[name] = value
    return words


def _key(request: Request) -> str:
    key = request.headers.get("idempotency-key", "").strip().strip('"')
    if len(key) > _LONGEST_KEY:
        raise FeedRejected(
            "the Idempotency-Key is too long", param="Idempotency-Key",
            allowed=f"at most {_LONGEST_KEY} characters",
        )  # fmt: skip
    return key
