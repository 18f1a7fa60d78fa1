"""What a job uses up, and what that costs at the prices of the settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from edge.jobs.model import Outcome
from edge.jobs.store import Sums

_NETWORK = "network:"
_HOUR = 3600.0
_GIGABYTE = 1e9


@dataclass(frozen=True, slots=True)
class Prices:
    """Of an hour of processor (`cpu`), an hour of a network (its name, or `network` for all), a
    `picture`, and a `gigabyte` of renditions."""

    of: Mapping[str, float] = field(default_factory=dict)
    currency: str = "EUR"

    def cost(
        self, *, cpu: float, networks: Mapping[str, float], pictures: float = 0, bytes: float = 0
    ) -> float:
        """Args: seconds, seconds by network, pictures, and bytes."""
        hours = cpu * self.of.get("cpu", 0.0) + sum(
            seconds * self.of.get(name, self.of.get("network", 0.0))
            for name, seconds in networks.items()
        )
        by_piece = pictures * self.of.get("picture", 0.0)
        return hours / _HOUR + by_piece + bytes / _GIGABYTE * self.of.get("gigabyte", 0.0)

    def of_outcome(self, outcome: Outcome) -> float:
        succeeded = bool(outcome.key)
        return self.cost(
            cpu=outcome.cpu, networks=outcome.networks, pictures=succeeded, bytes=outcome.bytes
        )


@dataclass(frozen=True, slots=True)
class Spent:
    """The sums of one preset. `cpu` and `networks` are seconds."""

    pictures: int = 0
    cached: int = 0
    bytes: int = 0
    cpu: float = 0.0
    networks: Mapping[str, float] = field(default_factory=dict)

    @property
    def rendered(self) -> int:
        return self.pictures - self.cached

    def cost(self, prices: Prices) -> float:
        return prices.cost(
            cpu=self.cpu, networks=self.networks, pictures=self.pictures, bytes=self.bytes
        )

    def as_facts(self, prices: Prices) -> dict[str, Any]:
        """JSON-able."""
        return {
            "pictures": self.pictures,
            "cached": self.cached,
            "bytes": self.bytes,
            "cpu_seconds": round(self.cpu, 3),
            "network_seconds": {name: round(s, 3) for name, s in sorted(self.networks.items())},
            "cost": round(self.cost(prices), 6),
        }


def sums(preset: str, outcome: Outcome) -> Sums:
    """What one outcome adds to the ledgers."""
    succeeded = bool(outcome.key)
    once = {"pictures": succeeded, "cached": outcome.cached, "bytes": outcome.bytes}
    always = {"cpu": outcome.cpu} | {
        f"{_NETWORK}{name}": seconds for name, seconds in outcome.networks.items()
    }
    return Sums(
        {f"{preset}|{what}": float(value) for what, value in once.items() if value},
        {f"{preset}|{what}": round(value, 6) for what, value in always.items() if value},
    )


def by_preset(ledger: Mapping[str, float]) -> dict[str, Spent]:
    """A stored ledger, read; presets in the order of their names, empty for none."""
    found: dict[str, dict[str, float]] = {}
    for name, value in ledger.items():
        preset, _, what = name.partition("|")
        found.setdefault(preset, {})[what] = value
    return {preset: _spent(what) for preset, what in sorted(found.items())}


def _spent(what: Mapping[str, float]) -> Spent:
    networks = {
        name.removeprefix(_NETWORK): value
        for name, value in what.items()
        if name.startswith(_NETWORK)
    }
    pictures, cached, size = (int(what.get(name, 0)) for name in ("pictures", "cached", "bytes"))
    return Spent(pictures, cached, size, what.get("cpu", 0.0), networks)


def total(spent: Sequence[Spent]) -> Spent:
    """All presets together."""
    networks: dict[str, float] = {}
    for one in spent:
        for name, seconds in one.networks.items():
            networks[name] = networks.get(name, 0.0) + seconds
    return Spent(
        sum(one.pictures for one in spent),
        sum(one.cached for one in spent),
        sum(one.bytes for one in spent),
        sum(one.cpu for one in spent),
        networks,
    )


def facts(ledger: Mapping[str, float], prices: Prices) -> dict[str, Any]:
    """A stored ledger as JSON: the sums, and each preset's own."""
    spent = by_preset(ledger)
    return {
        **total(list(spent.values())).as_facts(prices),
        "currency": prices.currency,
        "presets": {preset or "-": one.as_facts(prices) for preset, one in spent.items()},
    }
