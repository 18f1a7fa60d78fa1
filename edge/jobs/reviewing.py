"""The review of held items: what is shown of each, and the effects of a decision."""

from typing import Any

from edge.delivery.delivery import Delivery
from edge.errors import JobConflict
from edge.images import Rendition
from edge.jobs.making import Maker, merged
from edge.jobs.model import ItemState, Job
from edge.jobs.review import APPROVED, Decision, Decisions, identity, noted
from edge.jobs.service import Service
from edge.jobs.store import ItemRow

_THUMBNAIL = "w={0}&h={0}&fit=inside&up=off&fm=webp"
_SIDES = (160, 1600)


class Reviewing:
    """Lists held items, shows them, and stores decisions.

    A decision is stored first; then the rendition's note carries it to every client, and the item
    is made again where an export or other parameters need that.
    """

    def __init__(
        self, service: Service, maker: Maker, delivery: Delivery, decisions: Decisions
    ) -> None:
        self._service = service
        self._store = service.store
        self._maker = maker
        self._delivery = delivery
        self._decisions = decisions

    async def held(self, limit: int, offset: int) -> list[dict[str, Any]]:
        """The oldest first; those whose job is gone are left out."""
        found = []
        for id, index in await self._store.held(limit, offset):
            job = await self._store.job(id)
            rows, _ = await self._store.rows(id, None, index, 1) if job else ([], None)
            if job and rows and rows[0].state is ItemState.HELD:
                found.append(self._facts(job, rows[0]))
        return found

    async def picture(self, id: str, index: int, which: str, side: int) -> Rendition:
        """The `original` small enough for a page, or the `result` as it is.

        Raises:
            JobNotFound: there is no such item, or no such picture of it.
        """
        job, row = await self._service.row(id, index)
        if which == "result":
            return (await self._maker.make(row.item, job.options.accept)).rendition
        side = max(_SIDES[0], min(_SIDES[1], side))
        delivery_request = self._maker.delivery_request(
            row.item.path, _THUMBNAIL.format(side), job.options.accept
        )
        return (await self._delivery.deliver(delivery_request)).rendition

    async def decide(self, id: str, index: int, decision: Decision) -> dict[str, Any]:
        """Keep a decision on a held item, or another one on an item that was decided before.

        Raises:
            JobConflict: the item is not one that is looked at.
            InvalidParameter, UnknownParameter: the other parameters are none.
        """
        job, row = await self._service.row(id, index)
        if row.state not in (ItemState.HELD, ItemState.REJECTED, ItemState.SUCCEEDED):
            raise JobConflict(f"an item that is {row.state.value} is not decided on", param="index")
        item, accept = row.item, job.options.accept
        named = await self._maker.name(item.path, item.query, accept)
        if decision.query:
            query = merged(item.query, decision.query)
            other = await self._maker.name(item.path, query, accept)
            await self._decisions.keep(identity(other), Decision(APPROVED, at=decision.at))
        await self._decisions.keep(identity(named), decision)
        if found := await self._delivery.find(named):
            verdict = "" if decision.query else decision.verdict
            await self._delivery.renew(named, noted(found.rendition, verdict))
        await self._follow(job, row, decision)
        _, now = await self._service.row(id, index)
        return self._facts(job, now)

    async def _follow(self, job: Job, row: ItemRow, decision: Decision) -> None:
        state = ItemState.SUCCEEDED if decision.verdict == APPROVED else ItemState.REJECTED
        if job.options.to or decision.query:
            await self._store.reopen(job.id, row.item.index)
            await self._service.feed(job.id)
        elif row.state is not state:
            await self._store.amend(job.id, row.item.index, row.state, state)

    def _facts(self, job: Job, row: ItemRow) -> dict[str, Any]:
        facts = self._service.reporter.facts(row)
        held = row.outcome.compliance if row.outcome else None
        place = f"/-/review/{job.id}/{row.item.index}"
        return {
            "job": job.id,
            "label": job.options.label,
            **facts,
            "query": row.item.query,
            "rules": list(held.broken) if held else [],
            "reasons": [*held.review, *held.notes] if held else [],
            "links": {"original": f"{place}/original", "result": f"{place}/result", "self": place},
        }
