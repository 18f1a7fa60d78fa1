"""Three times the renders that the cores can do: what becomes of hits, of renders, of refusals?

First alone, then while new pictures are asked for at three times the rate that the server has just
shown it can render, whatever it answers (an open loop). Beside it a bare server, one loop with one
file, is asked as often as edge is for a hit: what that waits for under the same load is the
machine's own. Prints the ratios, and ends with 1 where the p99 of hits, or the median of served
renders, is over three times what it was. A bare server that misses that bar says that no other one
can hold it there.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from urllib.request import urlopen

import uvloop

from loadtest.common import ROOT, elsewhere, free_port, server
from loadtest.lean import Lean
from loadtest.storefront import servers
from loadtest.storefront.recording import quantile

MOST = 3.0
"""Times as long as alone, at most."""


@dataclass
class Observation:
    """Seconds of each answer, by what it was."""

    hits: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    renders: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)


class Client:
    """Asks one server, and sorts what it answers."""

    def __init__(self, base: str, bare: str, photos: list[str]) -> None:
        self._edge, self._bare = Lean(base), Lean(bare)
        self._hit = hit_of(photos)
        self._new: Iterator[str] = (new_of(photos, n) for n in count())

    async def hit(self, into: Observation) -> None:
        status, seconds = await self._edge.get(self._hit)
        (into.hits if status == 200 else into.late).append(seconds)

    async def bare(self, into: Observation) -> None:
        into.bare.append((await self._bare.get("/"))[1])

    async def render(self, into: Observation) -> None:
        status, seconds = await self._edge.get(next(self._new))
        kinds = {200: into.renders, 503: into.refused}
        kinds.get(status, into.late).append(seconds)


def hit_of(photos: list[str]) -> str:
    return f"/{photos[0]}?w=300&fm=jpg"


def new_of(photos: list[str], n: int) -> str:
    """The n-th picture that nobody has asked for; all cost about the same, early and late ones."""
    photo, n = photos[n % len(photos)], n // len(photos)
    return f"/{photo}?w={320 + n * 37 % 100}&q={60 + n // 100 % 35}&fm=webp"


async def hits_for(client: Client, seconds: float, into: Observation) -> None:
    """Twenty a second of either server, whether or not the last ones were answered."""
    async with asyncio.TaskGroup() as group:
        for _ in range(int(seconds * 20)):
            group.create_task(client.hit(into))
            await asyncio.sleep(0.025)
            group.create_task(client.bare(into))
            await asyncio.sleep(0.025)


async def measure(
    base: str, bare: str, photos: list[str], seconds: float, factor: float
) -> dict[str, float]:
    client, alone, full, loaded = (
        Client(base, bare, photos),
        Observation(),
        Observation(),
        Observation(),
    )
    await client.hit(Observation())
    await hits_for(client, seconds / 2, alone)
    for _ in range(20):
        await client.render(alone)
    rate = await capacity(client, seconds / 2, full)
    async with asyncio.TaskGroup() as group:
        group.create_task(hits_for(client, seconds, loaded))
        for _ in range(int(rate * factor * seconds)):
            group.create_task(client.render(loaded))
            await asyncio.sleep(1 / (rate * factor))
    return {
        "renders_per_second": rate,
        "hit_p50_alone_ms": quantile(alone.hits, 0.5) * 1000,
        "hit_p99_alone_ms": quantile(alone.hits, 0.99) * 1000,
        "hit_p50_ms": quantile(loaded.hits, 0.5) * 1000,
        "hit_p99_ms": quantile(loaded.hits, 0.99) * 1000,
        "hit_p99": quantile(loaded.hits, 0.99) / quantile(alone.hits, 0.99),
        "bare_p99_alone_ms": quantile(alone.bare, 0.99) * 1000,
        "bare_p99_ms": quantile(loaded.bare, 0.99) * 1000,
        "bare_p99": quantile(loaded.bare, 0.99) / quantile(alone.bare, 0.99),
        "hit_over_bare_p99": quantile(loaded.hits, 0.99) / quantile(loaded.bare, 0.99),
        "render_p50": quantile(loaded.renders, 0.5) / quantile(full.renders, 0.5),
        "served": len(loaded.renders),
        "served_of_possible": len(loaded.renders) / max(1.0, rate * seconds),
        "refused": len(loaded.refused),
        "refused_p50_ms": quantile(loaded.refused, 0.5) * 1000,
        "late": len(loaded.late),
    }


async def capacity(client: Client, seconds: float, into: Observation) -> float:
    """Renders a second with as many at once as keep all cores busy."""
    until = time.monotonic() + seconds

    async def worker() -> None:
        while time.monotonic() < until:
            await client.render(into)

    begun = time.monotonic()
    await asyncio.gather(*(worker() for _ in range(6)))
    return len(into.renders) / (time.monotonic() - begun)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.overload", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20, help="of the overload")
    parser.add_argument("--factor", type=float, default=3.0, help="times what can be rendered")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of edge's"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "loadtest" / "results" / "overload.json")
    options = parser.parse_args()
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edge-overload-")))
        photos = servers.make_photos(work, 24, 1200)
        environ = {
            "EDGE_ORIGIN_URL": str(work),
            "EDGE_SERVER_LOG_LEVEL": "error",
            "EDGE_MODELS_FETCHED": "",
            "EDGE_SERVER_DEADLINE": "5",
            **dict(each.split("=", 1) for each in options.set),
        }
        replicas = stack.enter_context(servers.rotation(1, environ, quiet=True))
        base, bare = replicas.replicas[0].base, f"http://127.0.0.1:{free_port()}"
        same = work / "hit.bin"
        same.write_bytes(urlopen(base + hit_of(photos)).read())
        program = [sys.executable, "-m", "loadtest.bare", bare.rpartition(":")[2], same]
        stack.enter_context(server(program, bare, cwd=ROOT))
        with elsewhere():
            found = uvloop.run(measure(base, bare, photos, options.seconds, options.factor))
    for name, value in found.items():
        print(f"{name:<20} {value:10.2f}")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(found, indent=2))
    kept = found["hit_p99"] <= MOST and found["render_p50"] <= MOST
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
