"""Webhooks about jobs, signed by the Standard Webhooks convention.

Source: https://github.com/standard-webhooks/standard-webhooks, specification 1.0: the headers
`webhook-id`, `webhook-timestamp` and `webhook-signature`, the last one `v1,` and the base64 of an
HMAC-SHA256 over `id.timestamp.body`, once for each secret, separated by blanks.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from edge.connections import retry_after_seconds
from edge.errors import AddressForbidden, EdgeError, FeedRejected, SettingsError
from edge.jobs import retries
from edge.jobs.store import Event
from edge.origins.outbound import Outbound

_PREFIX = "whsec_"
MOST_TRIES = 10
_LONGEST_WAIT = 6 * 3600.0
_GROWTH = 4.0
_GONE = 410


def keys_of(given: Sequence[str]) -> tuple[bytes, ...]:
    """The keys of `whsec_` and base64, the newest first. Raises `SettingsError`."""
    try:
        keys = tuple(base64.b64decode(one.removeprefix(_PREFIX), validate=True) for one in given)
    except binascii.Error:
        keys = (b"",)
    if any(not 24 <= len(key) <= 64 for key in keys):
        raise SettingsError(
            "EDGE_JOBS_WEBHOOK_SECRET is no secret",
            allowed="whsec_ and the base64 of 24 to 64 random bytes; several, with commas",
        )
    return keys


def signature(keys: Sequence[bytes], id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`; `timestamp` is Unix seconds."""
    message = b"%s.%d.%s" % (id.encode(), timestamp, body)
    digests = (hmac.digest(key, message, hashlib.sha256) for key in keys)
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


def event(type: str, data: Mapping[str, Any]) -> Event:
    """Something that has just happened."""
    return Event(f"msg_{secrets.token_hex(12)}", type, data)


class Webhooks:
    """Args: `secret` as `keys_of` takes them; `backoff` seconds before the second try."""

    def __init__(self, outbound: Outbound, secret: Sequence[str], backoff: float) -> None:
        self._outbound = outbound
        self._keys = keys_of(secret)
        self._backoff = backoff

    def check(self, url: str) -> None:
        """Raises where a job may not name this URL: see `Outbound.check`, and `FeedRejected`."""
        if not self._keys:
            raise FeedRejected(
                "webhooks are off: this server has no EDGE_JOBS_WEBHOOK_SECRET", param="webhook"
            )
        self._outbound.check(url, "webhook")

    async def deliver(self, url: str, event: Event) -> float | None:
        """Try once to deliver. None: accepted, or not worth another try; else seconds until the
        next."""
        try:
            status, retry_after = await self._post(url, event)
        except AddressForbidden:
            return None
        except EdgeError as error:
            return self._wait(event.tries, error)
        if 200 <= status < 300 or status == _GONE:
            return None
        refusal = EdgeError("")
        refusal.retry_after = retry_after_seconds(retry_after)  # type: ignore[attr-defined]
        return self._wait(event.tries, refusal)

    async def _post(self, url: str, event: Event) -> tuple[int, str]:
        now = int(time.time())
        body = json.dumps(
            {
                "type": event.type,
                "timestamp": datetime.fromtimestamp(now, UTC).isoformat(),
                "data": dict(event.data),
            }
        ).encode()
        headers = {
            "content-type": "application/json",
            "webhook-id": event.id,
            "webhook-timestamp": str(now),
            "webhook-signature": signature(self._keys, event.id, now, body),
        }
        return await self._outbound.post(url, body, headers)

    def _wait(self, tries: int, error: EdgeError) -> float | None:
        if tries + 1 >= MOST_TRIES:
            return None
        first = min(_LONGEST_WAIT, self._backoff * _GROWTH**tries)
        return retries.wait(error, 1, first, _LONGEST_WAIT)
