"""Parts of the model of a fleet: a tier that forgets, a station with servers and a queue."""

import heapq
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable

import simpy


class Lru:
    """So many keys, least recently used first out."""

    def __init__(self, size: int, held: Iterable[int] = ()) -> None:
        self._size = size
        self._keys: OrderedDict[int, None] = OrderedDict.fromkeys(held)

    def __contains__(self, key: int) -> bool:
        if key not in self._keys:
            return False
        self._keys.move_to_end(key)
        return True

    def add(self, key: int) -> None:
        if self._size:
            self._keys[key] = None
            self._keys.move_to_end(key)
            if len(self._keys) > self._size:
                self._keys.popitem(last=False)

    def drop(self, gone: Callable[[int], bool]) -> None:
        for key in [key for key in self._keys if gone(key)]:
            del self._keys[key]


class Station:
    """Servers with one queue, first come first served.

    As each service time is known on arrival, so is its end (Kiefer and Wolfowitz, "On the Theory
    of Queues with Many Servers", 1955): the next one begins when the first server is free.
    """

    def __init__(self, env: simpy.Environment, servers: int) -> None:
        self._env = env
        self._free = [0.0] * servers
        self.servers = servers
        self.busy = 0.0
        self.arrived = self.left = 0
        self.inside_seconds = 0.0

    @property
    def inside(self) -> int:
        return self.arrived - self.left

    @property
    def wait(self) -> float:
        """Seconds until one who comes now is served."""
        return max(0.0, self._free[0] - self._env.now)

    def pass_by(self, seconds: float) -> float:
        """Take a server for so long; seconds until it is done, which nobody waits for here."""
        begin = max(self._env.now, self._free[0])
        heapq.heapreplace(self._free, begin + seconds)
        self.busy += seconds
        return begin + seconds - self._env.now

    def serve(self, seconds: float) -> Generator[simpy.Event, None, None]:
        self.arrived += 1
        taken = self.pass_by(seconds)
        yield self._env.timeout(taken)
        self.inside_seconds += taken
        self.left += 1


def erlang_c(servers: int, offered: float) -> float:
    """The probability that one who comes must wait in M/M/c (Erlang, 1917).

    Args:
        offered: arrivals a second times seconds of service; below `servers`.
    """
    blocked = 1.0
    for count in range(1, servers + 1):
        blocked = offered * blocked / (count + offered * blocked)
    return servers * blocked / (servers - offered * (1 - blocked))
