"""Makes one item: delivers it as a request would be, judges it, exports it."""

import hashlib
import time
from dataclasses import KW_ONLY, dataclass
from urllib.parse import quote

from edge.accounting import Consumption, consumption
from edge.deadline import Deadline
from edge.delivery.delivery import Delivery
from edge.delivery.keys import DeliveryRequest, KeyedVariant
from edge.delivery.making import Delivered
from edge.errors import Busy, EdgeError
from edge.images import Rendition
from edge.jobs import ledger, review, webhooks
from edge.jobs.export import ExportTarget, Target
from edge.jobs.model import Item, ItemState, Job, Outcome
from edge.jobs.review import Decision, Decisions
from edge.jobs.store import Begun, Event, Sums
from edge.models.base import Priority
from edge.reported import Compliance
from edge.variants import paths
from edge.variants.decoding import words_of
from edge.variants.presets import Presets
from edge.variants.query import AcceptClass, read


@dataclass(frozen=True, slots=True)
class FinishedItem:
    """One item's rendition, its variant, and a reviewer's decision."""

    named: KeyedVariant
    delivered: Delivered
    decision: Decision | None
    query: str

    @property
    def rendition(self) -> Rendition:
        return self.delivered.rendition


@dataclass(eq=False)
class Maker:
    """Makes items by the same delivery as requests, at prewarm priority.

    Args:
        seconds: that one item may take.
        review_required: what a person has not approved is not exported.
    """

    delivery: Delivery
    presets: Presets
    decisions: Decisions
    _: KW_ONLY
    seconds: float
    widths: tuple[int, ...] = ()
    review_required: bool = False

    def delivery_request(
        self, path: str, query: str, accept: str, version: str | None = None
    ) -> DeliveryRequest:
        """The request of a path and a query, as the picture's own route reads it."""
        image_request = read(query, self.presets, widths=self.widths)
        transform = image_request.resolve(AcceptClass(accept), paths.extension(path))
        deadline = Deadline.after(self.seconds)
        # No fallback: an item waits for its final rendition.
        return DeliveryRequest(
            path,
            transform,
            deadline,
            version or image_request.version,
            self.seconds,
            image_request.strict,
            Priority.PREWARM,
        )

    async def name(self, path: str, query: str, accept: str) -> KeyedVariant:
        return await self.delivery.name(self.delivery_request(path, query, accept))

    async def make(self, item: Item, accept: str, version: str | None = None) -> FinishedItem:
        """Find the item's rendition or make it, with the parameters that a person chose instead.

        Args:
            version: one not seen before has the origin asked at once, as the URL's `v` has.

        Raises:
            EdgeError: whatever keeps it from being made.
        """
        delivery_request = self.delivery_request(item.path, item.query, accept, version)
        named = await self.delivery.name(delivery_request)
        decision = await self.decisions.of(review.identity(named))
        query = item.query
        if decision and decision.query:
            query = merged(item.query, decision.query)
            delivery_request = self.delivery_request(item.path, query, accept, version)
            named = await self.delivery.name(delivery_request)
        delivered = await self.delivery.deliver(delivery_request, named=named)
        if not delivered.final:
            raise Busy("only a provisional picture could be had")
        return FinishedItem(named, delivered, decision, query)

    async def outcome(self, job: Job, item: Item, target: Target | None, begun: Begun) -> Outcome:
        """Make, judge and export one item. Raises as `make`, and where it cannot be written."""
        used, start = Consumption(), time.perf_counter()
        token = consumption.set(used)
        try:
            version = f"{job.id}.{begun.round}" if begun.round else None
            finished = await self.make(item, job.options.accept, version)
            state = _judged(finished)
            written = await self._written(item, finished, state, target)
        finally:
            consumption.reset(token)
        rendition = finished.rendition
        return Outcome(
            state,
            key=finished.named.key,
            source=finished.delivered.source,
            format=rendition.format.value,
            width=rendition.size.width,
            height=rendition.size.height,
            bytes=len(rendition.body),
            sha256=hashlib.sha256(rendition.body).hexdigest(),
            compliance=_compliance(finished),
            identity=review.identity(finished.named),
            query=finished.query if finished.query != item.query else "",
            seconds=round(time.perf_counter() - start, 4),
            cpu=round(used.cpu, 4),
            networks={name: round(seconds, 4) for name, seconds in used.networks.items()},
            tries=begun.tries,
            written=written,
        )

    async def _written(
        self, item: Item, finished: FinishedItem, state: ItemState, target: Target | None
    ) -> str:
        if target is None or not item.file:
            return ""
        if state is ItemState.REJECTED:
            await target.remove(item.file)
            return ""
        if state is ItemState.HELD and self.review_required:
            return ""
        rendition = finished.rendition
        await target.write(item.file, rendition.body, rendition.content_type)
        return item.file

    def exports(self, outcome: Outcome) -> bool:
        """Whether a ZIP takes it up."""
        if outcome.state is ItemState.HELD:
            return not self.review_required
        return outcome.state is ItemState.SUCCEEDED


def failed(error: BaseException, tries: int, seconds: float) -> Outcome:
    """The end of an item that could not be made."""
    ours = isinstance(error, EdgeError)
    problem = {
        "type": type(error).__name__ if ours else "EdgeError",
        "detail": error.detail if isinstance(error, EdgeError) else "the server has the details",
        "param": (error.param if isinstance(error, EdgeError) else None) or "",
    }
    return Outcome(
        ItemState.FAILED, error=problem, tries=tries, seconds=round(seconds, 4), at=time.time()
    )


def event_of(job: Job, item: Item, outcome: Outcome) -> Event | None:
    """The event of an item that is held."""
    if outcome.state is not ItemState.HELD or not job.options.webhook:
        return None
    held = outcome.compliance
    return webhooks.event(
        "item.held",
        {
            "job": job.id,
            "label": job.options.label,
            "index": item.index,
            "line": item.line,
            "sku": item.sku,
            "preset": item.preset,
            "rules": list(held.broken) if held else [],
            "review": list(held.review) if held else [],
        },
    )


def sums_of(item: Item, outcome: Outcome) -> Sums:
    return ledger.sums(item.preset, outcome)


def merged(query: str, instead: str) -> str:
    """The query with other parameters in the place of its own of the same name."""
    words, _ = words_of(query, strict=True)
    others, _ = words_of(instead.lstrip("?"), strict=True)
    return "&".join(
        f"{name}={quote(value, safe=',:._-')}" for name, value in (words | others).items()
    )


def target_of(job: Job, endpoint: str, timeout: float) -> Target | None:
    """Where each item of a job is written as it comes; a ZIP is made at the end."""
    if not job.options.to:
        return None
    place = ExportTarget.of(job.options.to)
    return None if place.archive else place.open(endpoint, timeout)


def _judged(finished: FinishedItem) -> ItemState:
    if finished.decision is not None:
        approved = finished.decision.verdict == review.APPROVED
        return ItemState.SUCCEEDED if approved else ItemState.REJECTED
    compliance = finished.rendition.reported.compliance
    held = compliance is not None and compliance.needs_person
    return ItemState.HELD if held else ItemState.SUCCEEDED


def _compliance(finished: FinishedItem) -> Compliance | None:
    reported = finished.rendition.reported
    if finished.decision:
        reported = reported.decided(finished.decision.verdict)
    return reported.compliance
