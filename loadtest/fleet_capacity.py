"""From measured costs to cores, without a simulation: the rule of thumb of docs/capacity.md."""

from dataclasses import dataclass

from loadtest.fleet_model import Costs


@dataclass(frozen=True, slots=True)
class Need:
    """Cores for pages a second: of hits, of renders, and the share of one Redis thread."""

    hits: float
    renders: float
    redis: float
    network: float

    @property
    def cores(self) -> float:
        return self.hits + self.renders


def need(
    costs: Costs, pages: float, *, pictures: int = 16, cdn: float = 0.9, memory: float = 0.6,
    shared: float = 0.9, busy: float = 0.6,
) -> Need:  # fmt: skip
    """By the utilisation law (utilisation = rate x service time): what so many pages need.

    Args:
        cdn, memory, shared: shares that the CDN, edge's memory and Redis hold of what reaches each.
        busy: the share of their time that cores work; above two thirds, queues grow fast.
    """
    reaching = pages * pictures * (1 - cdn)
    missed = reaching * (1 - memory)
    rendered = missed * (1 - shared)
    return Need(
        (reaching * costs.memory_hit + missed * costs.redis_hit) / busy,
        rendered * costs.render / busy,
        missed * costs.redis_of_hit + rendered * costs.redis_of_render,
        rendered * costs.network,
    )
