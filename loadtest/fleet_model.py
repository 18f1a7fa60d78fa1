"""A fleet of edge servers as a discrete-event model: tiers, leases, cores, Redis, origin, Triton.

Service times are measured ones (`fleet_costs.toml`), the rest is the order of events of a hit and a
miss as docs/architecture.md tells it. Every station serves first come first served.
"""

from collections import defaultdict
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
import simpy

from loadtest.fleet_queues import Lru, Station

OUTCOMES = ("cdn", "memory", "redis", "joined", "render", "refused")


@dataclass(frozen=True, slots=True)
class Render:
    """One kind of picture: its share of all keys, seconds of a core, seconds at a network."""

    name: str
    share: float
    core: float
    network: float = 0.0


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds of service. `*_hit` and `render_overhead` of an edge core; `redis_*` of Redis's one
    thread for all commands of a hit or of a render; `origin` of one fetch."""

    memory_hit: float
    redis_hit: float
    redis_of_hit: float
    redis_of_render: float
    origin: float
    renders: tuple[Render, ...]

    @property
    def render(self) -> float:
        """Seconds of a core that a picture takes on average."""
        return sum(each.share * each.core for each in self.renders)

    @property
    def network(self) -> float:
        return sum(each.share * each.network for each in self.renders)


@dataclass(frozen=True, slots=True)
class Fleet:
    """What stands there. Sizes of tiers in pictures; `origin` in requests that it serves at once;
    `triton` in networks that run at once; `deadline` in seconds."""

    replicas: int = 100
    cores: int = 2
    cdn: int = 0
    memory: int = 20_000
    redis: int = 400_000
    originals: int = 400
    origin: int = 400
    triton: int = 8
    deadline: float = 28.0


@dataclass(frozen=True, slots=True)
class Trace:
    """What is asked: seconds (rising), key, and the index of the replica that is asked; how many
    keys there are, and the home of each photo where the balancer goes by it."""

    at: np.ndarray
    key: np.ndarray
    replica: np.ndarray
    keys: int
    home: np.ndarray


@dataclass(frozen=True, slots=True)
class Purge:
    """At a moment, a share of all photos is purged everywhere."""

    at: float
    share: float


VARIANTS = 12
"""Pictures that are made of one photo; keys of one photo follow each other."""


def trace(
    pages: float, seconds: float, fleet: Fleet, *, keys: int, pictures: int = 16,
    exponent: float = 0.8, by_photo: bool = False, seed: int = 0,
) -> Trace:  # fmt: skip
    """Pages that come independently of each other, `pages` a second, each with so many pictures by
    a Zipf law over all keys. The balancer hands them to any replica, or all pictures of one photo
    to the same (consistent hashing)."""
    rng = np.random.default_rng(seed)
    starts = np.cumsum(rng.exponential(1 / pages, max(1, int(pages * seconds * 1.2) + 20)))
    starts = starts[starts < seconds]
    at = np.sort(np.repeat(starts, pictures) + rng.exponential(0.05, len(starts) * pictures))
    weights = np.cumsum(np.arange(1, keys + 1, dtype=float) ** -exponent)
    key = np.searchsorted(weights, rng.random(len(at)) * weights[-1])
    home = rng.integers(fleet.replicas, size=keys // VARIANTS + 1)
    anyone = rng.integers(fleet.replicas, size=len(at))
    asked = home[key // VARIANTS] if by_photo else anyone
    return Trace(at, key.astype(int), asked, keys, home)


class Warm(Enum):
    """What the tiers hold at first: nothing, or the most popular keys of those that the tier before
    does not hold; in memory all replicas the same ones, or each those that come to it."""

    COLD = "cold"
    ALIKE = "alike"
    BY_PHOTO = "by photo"


@dataclass
class _Replica:
    loop: Station
    cores: Station
    memory: Lru
    originals: Lru
    under_way: dict[int, simpy.Event] = field(default_factory=dict)


def _near(fleet: Fleet, asked: Trace, warm: Warm, front: int, near: int) -> Iterator[list[int]]:
    """What each replica's memory holds at first, least popular first."""
    alike = list(reversed(range(front, min(asked.keys, front + near))))
    if warm is not Warm.BY_PHOTO:
        yield from (alike for _ in range(fleet.replicas))
        return
    homes = np.repeat(asked.home, VARIANTS)[front : asked.keys]
    for replica in range(fleet.replicas):
        yield (np.flatnonzero(homes == replica)[:near][::-1] + front).tolist()


@dataclass
class Result:
    """What came of a trace. Times in seconds; utilisation of a station as a share of its servers'
    time until the last arrival."""

    asked: int
    came: list[str]
    at: list[float]
    seconds: list[float]
    utilisation: dict[str, float]
    unfinished: int
    samples: dict[str, list[int]]
    stations: dict[str, list[Station]]

    def count(self, outcome: str) -> int:
        return self.came.count(outcome)

    def share(self, *outcomes: str) -> float:
        return sum(map(self.count, outcomes)) / max(1, len(self.came))

    def times(self, *outcomes: str) -> np.ndarray:
        wanted = set(outcomes)
        pairs = zip(self.came, self.seconds, strict=True)
        return np.array([seconds for came, seconds in pairs if came in wanted])

    @property
    def limit(self) -> str:
        """The station that is busiest."""
        return max(self.utilisation, key=self.utilisation.__getitem__)


class Model:
    """One run. `simulate` is the way to use it."""

    def __init__(self, fleet: Fleet, costs: Costs, asked: Trace, warm: Warm, seed: int) -> None:
        self.env = simpy.Environment()
        self._fleet, self._costs = fleet, costs
        self._rng = np.random.default_rng(seed)
        keys = asked.keys if warm is Warm.COLD else max(asked.keys, fleet.cdn + fleet.redis)
        front = 0 if warm is Warm.COLD else min(fleet.cdn, keys)
        near, far = (0, 0) if warm is Warm.COLD else (fleet.memory, fleet.redis)
        self._cdn = Lru(fleet.cdn, reversed(range(front)))
        self._shared = Lru(fleet.redis, reversed(range(front, min(keys, front + far))))
        self.redis = Station(self.env, 1)
        self.origin = Station(self.env, fleet.origin)
        self.triton = Station(self.env, max(1, fleet.triton))
        self.replicas = [
            _Replica(
                Station(self.env, 1),
                Station(self.env, fleet.cores),
                Lru(fleet.memory, held),
                Lru(fleet.originals),
            )
            for held in _near(fleet, asked, warm, front, near)
        ]
        self._leases: dict[int, simpy.Event] = {}
        shares = np.cumsum([each.share for each in costs.renders])
        self._kinds = np.searchsorted(shares / shares[-1], self._rng.random(keys))
        self.outcomes: list[tuple[str, float, float]] = []
        self.asked = 0

    def stations(self) -> dict[str, list[Station]]:
        return {
            "event loops": [each.loop for each in self.replicas],
            "cores": [each.cores for each in self.replicas],
            "Redis": [self.redis],
            "origin": [self.origin],
            "Triton": [self.triton],
        }

    def ask(self, asked: Trace) -> Iterator[simpy.Event]:
        """The source: each picture at its time."""
        for at, key, number in zip(
            asked.at.tolist(), asked.key.tolist(), asked.replica.tolist(), strict=True
        ):
            if at > self.env.now:
                yield self.env.timeout(at - self.env.now)
            self.asked += 1
            replica = self.replicas[number]
            if key in self._cdn:
                self._done("cdn", self.env.now)
            elif key in replica.memory:
                taken = replica.loop.pass_by(self._costs.memory_hit)
                self._done("memory", self.env.now, taken)
                self._cdn.add(key)
            else:
                self.env.process(self._miss(key, replica))

    def purge(self, when: Purge) -> Iterator[simpy.Event]:
        yield self.env.timeout(when.at)
        photos = len(self._kinds) // VARIANTS + 1
        purged = self._rng.random(photos) < when.share
        for tier in (self._cdn, self._shared, *(each.memory for each in self.replicas)):
            tier.drop(lambda key: purged[key // VARIANTS])
        for replica in self.replicas:
            replica.originals.drop(lambda photo: purged[photo])

    def _miss(self, key: int, replica: _Replica) -> Iterator[simpy.Event]:
        begun = self.env.now
        if key in replica.under_way:
            came = yield replica.under_way[key]
            self._done("refused" if came == "refused" else "joined", begun)
            return
        flight = replica.under_way[key] = self.env.event()
        came = yield from self._find_or_make(key, replica)
        del replica.under_way[key]
        flight.succeed(came)
        if came != "refused":
            replica.memory.add(key)
            self._cdn.add(key)
        self._done(came, begun)

    def _find_or_make(self, key: int, replica: _Replica) -> Generator[simpy.Event, Any, str]:
        shared = self._fleet.redis > 0
        if shared:
            yield from self.redis.serve(self._costs.redis_of_hit)
            yield from replica.loop.serve(self._costs.redis_hit)
            if key in self._shared:
                return "redis"
            if key in self._leases:
                came = yield self._leases[key]
                yield from self.redis.serve(self._costs.redis_of_hit)
                return "refused" if came == "refused" else "joined"
            self._leases[key] = self.env.event()
        came = yield from self._make(key, replica)
        if shared:
            if came == "render":
                yield from self.redis.serve(self._costs.redis_of_render)
                self._shared.add(key)
            self._leases.pop(key).succeed(came)
        return came

    def _make(self, key: int, replica: _Replica) -> Generator[simpy.Event, None, str]:
        begun, photo = self.env.now, key // VARIANTS
        kind = self._costs.renders[self._kinds[key]]
        if photo not in replica.originals:
            yield from self.origin.serve(self._costs.origin)
            replica.originals.add(photo)
        needed = replica.cores.wait + kind.core
        needed += self.triton.wait + kind.network if kind.network else 0.0
        if self.env.now - begun + needed > self._fleet.deadline:
            return "refused"
        yield from replica.cores.serve(kind.core)
        if kind.network:
            yield from self.triton.serve(kind.network)
        return "render"

    def _done(self, came: str, begun: float, taken: float | None = None) -> None:
        taken = self.env.now - begun if taken is None else taken
        self.outcomes.append((came, begun, taken))

    def sample(self, every: float, into: dict[str, list[int]]) -> Iterator[simpy.Event]:
        """How many are at each kind of station, at random moments (who comes by chance sees what
        is there on average: Wolff, "Poisson Arrivals See Time Averages", 1982)."""
        while True:
            yield self.env.timeout(self._rng.exponential(every))
            for name, stations in self.stations().items():
                into[name].append(sum(station.inside for station in stations))


def simulate(
    fleet: Fleet, costs: Costs, asked: Trace, *, warm: Warm = Warm.ALIKE,
    purge: Purge | None = None, seed: int = 1, sampled: float = 0.01,
) -> Result:  # fmt: skip
    """Run a trace through a fleet, to the end of its last answer.

    Args:
        sampled: mean seconds between two looks at the queues.
    """
    model = Model(fleet, costs, asked, warm, seed)
    samples: dict[str, list[int]] = defaultdict(list)
    if purge is not None:
        model.env.process(model.purge(purge))
    model.env.process(model.sample(sampled, samples))
    source = model.env.process(model.ask(asked))
    model.env.run(until=source)
    end = model.env.now
    busy = {
        name: sum(station.busy for station in each) / (end * sum(s.servers for s in each))
        for name, each in model.stations().items()
    }
    seen = {name: list(values) for name, values in samples.items()}
    model.env.run(until=end + fleet.deadline + 60)
    came, at, seconds = zip(*model.outcomes, strict=True)
    unfinished = model.asked - len(model.outcomes)
    return Result(
        model.asked, list(came), list(at), list(seconds), busy, unfinished, seen, model.stations()
    )
