"""Finds a rendition in the tiers or has it made: the order of events of every delivery."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import cache, partial
from typing import Any

from edge.accounting import Stages
from edge.admission import Cost
from edge.cache.base import key_tag
from edge.cache.memory import MemoryTier
from edge.cache.nearest import Found
from edge.cache.purging import Purged
from edge.cache.tiers import Tiers
from edge.delivery.admitted import UNSETTLED, AdmittedRenderer
from edge.delivery.keys import CacheKeys, DeliveryRequest, KeyedVariant
from edge.delivery.making import FALLBACKS, Delivered, Making
from edge.images import Rendition
from edge.telemetry import Metrics
from edge.variants.transform import Transform

Make = Callable[[KeyedVariant, DeliveryRequest], Awaitable["Delivered"]]

MEMORY = MemoryTier.name
"""The source of what lies in this process."""

_NOT_NOTED = (MEMORY, *FALLBACKS)
"""Sources after which a variant's ETag is not noted: what lies in memory was noted when it was
stored there, and a fallback has an ETag of its own."""


class Delivery:
    """Delivers renditions: names the variant, looks it up in the tiers, and has it made where none
    holds it."""

    def __init__(
        self,
        keys: CacheKeys,
        tiers: Tiers,
        renderer: AdmittedRenderer,
        making: Making,
        metrics: Metrics,
    ) -> None:
        self._keys = keys
        self._tiers = tiers
        self._renderer = renderer
        self._making = making
        self._delivered_from = cache(partial(metrics.tally, metrics.deliveries))
        tiers.purging.on_purge(keys.forget)

    async def name(self, request: DeliveryRequest) -> KeyedVariant:
        """The variant of a request and its cache key; asks the origin only where the original's
        stamp is not remembered."""
        return await self._keys.name(request)

    def known(self, path: str, transform: Transform, version: str | None) -> KeyedVariant | None:
        """The same without I/O; None where the origin or a store has to be asked."""
        return self._keys.known(path, transform, version)

    def memory_hit(self, named: KeyedVariant) -> Rendition | None:
        """The rendition in this process's memory, or None."""
        rendition = self._tiers.nearest.memory_hit(named.key)
        if rendition is not None:
            self._delivered_from(MEMORY).inc()
        return rendition

    def soon(self, named: KeyedVariant, callback: Callable[[Delivered | None], None]) -> bool:
        """Start a lookup in the tier behind memory, if that needs no task; see `Nearest.soon`."""

        def found(answer: Found | None) -> None:
            callback(self._delivered(named, *answer) if answer else None)

        return self._tiers.nearest.soon(named.key, found)

    def etag(self, named: KeyedVariant) -> str | None:
        """The ETag that this variant had when it was last delivered; no tier is asked."""
        return self._keys.etag(named)

    def cost(self, transform: Transform) -> Cost:
        """The admission class of a render."""
        return self._renderer.cost(transform)

    async def find(self, named: KeyedVariant) -> Delivered | None:
        """The rendition in the nearest tier that holds it, or None."""
        found = await self._tiers.get(named.key)
        return self._delivered(named, *found) if found else None

    async def make(
        self, named: KeyedVariant, request: DeliveryRequest, stages: Stages | None = None
    ) -> Delivered:
        """Render, or wait for the render of the same variant that is under way.

        Where the networks take longer than the request waits, or are unavailable, a fallback; the
        final rendition is made in the background.

        Raises:
            Busy: the final one is late, and the caller takes no other.
            DeadlineExceeded: the caller's time is over; the render goes on for those who wait.
        """
        result = await self._making.make(named, request, stages or Stages())
        return self._delivered(named, result.rendition, result.source, result.joined)

    async def deliver(
        self,
        request: DeliveryRequest,
        *,
        named: KeyedVariant | None = None,
        make: Make | None = None,
        unchecked: Callable[[Delivered], object] | None = None,
    ) -> Delivered:
        """Find the rendition or make it; where the request is strict, check it.

        Args:
            named: its name, where the caller has asked for that before.
            make: makes what no tier holds, instead of `self.make`: so that a caller can stop
                waiting, or measure what it takes.
            unchecked: is told what was found or made, before that is checked.

        Raises:
            NotCompliant: the request is strict, and the rendition breaks a rule of its preset.
            EdgeError: what `name` and `make` raise.
        """
        named = named or await self.name(request)
        delivered = await self.find(named)
        if delivered is None:
            delivered = await (make or self.make)(named, request)
        if unchecked is not None:
            unchecked(delivered)
        if request.strict:
            await self._renderer.require_compliance(delivered.rendition, request)
        return delivered

    async def explain(self, request: DeliveryRequest) -> dict[str, Any]:
        """How the rendition would be made, its key, and which tier holds it, JSON-able; nothing is
        rendered.

        A stored rendition is verified against its preset's rules once more.

        Raises:
            Busy: admission control is full.
        """
        named = await self.name(request)
        found = await self._tiers.get(named.key)
        explained = await self._renderer.explain(
            request, named.variant.tags, found[0] if found else None
        )
        return {
            "key": named.key,
            "tags": list(named.variant.tags),
            "version": named.variant.stamp,
            "cached": found[1] if found else None,
            **explained,
        }

    async def purge(self, tag: str) -> Purged:
        """Remove the renditions that carry the tag from every tier and replica.

        The result of a render under way is delivered to those who wait, and not stored.
        """
        return await self._tiers.purge(tag)

    async def purge_key(self, key: str) -> Purged:
        """Remove one rendition from every tier."""
        return await self.purge(key_tag(key))

    async def close(self) -> None:
        """Cancel the renders under way."""
        await self._making.close()

    def _delivered(
        self, named: KeyedVariant, rendition: Rendition, source: str, joined: bool = False
    ) -> Delivered:
        if source not in _NOT_NOTED:
            self._keys.delivered(named, rendition.etag)
        self._delivered_from(source).inc()
        settled = named.settled and rendition.note(UNSETTLED) is None
        return Delivered(rendition, source, joined, settled)

    async def renew(self, named: KeyedVariant, rendition: Rendition) -> None:
        """Replace a rendition, whose report has changed, in every tier and replica."""
        await self._tiers.purge(key_tag(named.key))
        # With a new time of creation: else the purge above would go on to exclude it.
        renewed = replace(rendition, created=time.time())
        await self._tiers.put(named.key, renewed, time.monotonic())
