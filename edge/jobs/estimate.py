"""Estimates a feed: how many items are cached, and the time and price of the rest."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from edge.accounting import Consumption, consumption
from edge.admission import Cost
from edge.cores import cores
from edge.delivery.delivery import Delivery
from edge.errors import EdgeError
from edge.jobs.ledger import Prices, Spent, by_preset
from edge.jobs.making import Maker
from edge.jobs.model import Item, Refusal

_AT_ONCE = 32
_SHOWN = 20


@dataclass(slots=True)
class PresetEstimate:
    """One preset's share of the feed; `sampled` is what its samples took, where some were made."""

    cached: int = 0
    missing: int = 0
    networks: int = 0
    failed: int = 0
    waiting: list[Item] = field(default_factory=list)
    sampled: Spent = field(default_factory=Spent)


class Estimator:
    """Looks every item up as the job would, and renders at most a few samples.

    Args:
        history: the ledger of all jobs so far, from which a preset's mean is taken.
        samples: pictures to make of each preset without a history; 0: none.
    """

    def __init__(
        self,
        maker: Maker,
        delivery: Delivery,
        history: Mapping[str, float],
        prices: Prices,
        *,
        samples: int,
        accept: str,
    ) -> None:
        self._maker = maker
        self._delivery = delivery
        self._history = by_preset(history)
        self._prices = prices
        self._samples = samples
        self._accept = accept
        self._needs: dict[str, PresetEstimate] = {}
        self._refused: list[Refusal] = []
        self._errors: list[str] = []

    async def of(self, items: Iterable[Item | Refusal], workers: int) -> dict[str, Any]:
        """The whole estimate, JSON-able: seconds with so many workers, each with as many cores as
        this process may use, and money in the currency of the prices."""
        await self._count(iter(items))
        for preset, need in self._needs.items():
            if need.missing and not self._known(preset):
                await self._sample(need)
        return self._report(workers)

    async def _count(self, items: Iterator[Item | Refusal]) -> None:
        async def count_items() -> None:
            for item in items:
                if isinstance(item, Refusal):
                    self._refused.append(item)
                else:
                    await self._count_item(item)

        await asyncio.gather(*(count_items() for _ in range(_AT_ONCE)))

    async def _count_item(self, item: Item) -> None:
        need = self._needs.setdefault(item.preset, PresetEstimate())
        try:
            named = await self._maker.name(item.path, item.query, self._accept)
            found = await self._delivery.find(named)
        except EdgeError as error:
            need.failed += 1
            self._errors.append(f"line {item.line}: {error.detail}")
            del self._errors[_SHOWN:]
            return
        if found is not None:
            need.cached += 1
            return
        need.missing += 1
        need.networks += self._delivery.cost(named.variant.transform) is Cost.NETWORK
        if len(need.waiting) < self._samples:
            need.waiting.append(item)

    async def _sample(self, need: PresetEstimate) -> None:
        used, rendered, size = Consumption(), 0, 0
        token = consumption.set(used)
        try:
            for item in need.waiting:
                try:
                    size += len((await self._maker.make(item, self._accept)).rendition.body)
                    rendered += 1
                except EdgeError:
                    continue
        finally:
            consumption.reset(token)
        need.sampled = Spent(rendered, 0, size, used.cpu, used.networks)

    def _known(self, preset: str) -> bool:
        return preset in self._history and self._history[preset].rendered > 0

    def _report(self, workers: int) -> dict[str, Any]:
        presets, seconds, cost, unknown = {}, 0.0, 0.0, 0
        for preset, need in sorted(self._needs.items()):
            spent = self._history[preset] if self._known(preset) else need.sampled
            mean = _mean(spent)
            report: dict[str, Any] = {
                "cached": need.cached, "missing": need.missing, "networks": need.networks,
                "failed": need.failed,
            }  # fmt: skip
            if mean is None:
                unknown += need.missing
            else:
                cpu, networks, size = mean
                took = need.missing * (cpu / cores() + sum(networks.values()))
                price = need.missing * self._prices.cost(
                    cpu=cpu, networks=networks, pictures=1, bytes=size
                )
                seconds, cost = seconds + took, cost + price
                report |= {
                    "from": "ledger" if self._known(preset) else f"{spent.rendered} samples",
                    "cpu_seconds_each": round(cpu, 3),
                    "network_seconds_each": round(sum(networks.values()), 3),
                    "cost": round(price, 6),
                }
            presets[preset or "-"] = report
        needs = self._needs.values()
        return {
            "total": sum(need.cached + need.missing + need.failed for need in needs),
            "cached": sum(need.cached for need in needs),
            "missing": sum(need.missing for need in needs),
            "networks": sum(need.networks for need in needs),
            "failed": sum(need.failed for need in needs),
            "unknown": unknown,
            "refused": len(self._refused),
            "workers": workers,
            "seconds": round(seconds / workers, 1),
            "cost": round(cost, 6),
            "currency": self._prices.currency,
            "presets": presets,
            "problems": [
                *(one.as_facts() for one in self._refused[:_SHOWN]),
                *({"detail": error} for error in self._errors),
            ],
        }


def _mean(spent: Spent) -> tuple[float, dict[str, float], float] | None:
    """Seconds of processor, of each network, and bytes, of one picture that had to be made."""
    if spent.rendered <= 0:
        return None
    networks = {name: seconds / spent.rendered for name, seconds in spent.networks.items()}
    return spent.cpu / spent.rendered, networks, spent.bytes / max(1, spent.pictures)
