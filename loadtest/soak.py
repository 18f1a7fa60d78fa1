"""A mixed run for half an hour, with a Redis and a folder tier: does everything stay flat?

Hits, misses, errors, revalidations, clients that leave in the middle, purges. Once a second it
looks at resident memory, open files, threads, tasks of the event loop, and leases in Redis. Flat is
what has in its last third a mean of at most 5 % (or two, where there are few) above that of its
middle third.
Exit status: 0 flat, 1 not.
"""

import argparse
import json
import math
import random
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import redis

from loadtest.common import ROOT
from loadtest.storefront import servers
from loadtest.storefront.servers import Replica

EVERY = 15
"""Seconds, and so samples, between two lines and two purges."""

SERIES = {
    "memory": "MiB resident",
    "descriptors": "open files and sockets",
    "threads": "threads",
    "tasks": "tasks of the event loop",
    "leases": "leases in Redis",
}
FEW = 2.0
"""Of what there is little, a mean may rise by so much."""

TOKEN = "a-token-for-the-soak"

QUERIES = (
    "w={w}&fm=jpg", "w={w}&fm=webp", "w={w}&fm=png", "w={w}&h={h}&fit=cover&g=subject",
    "w={w}&h={h}&fit=pad&bg=blur", "fmt=thumb", "w={w}&rot=90&fm=jpg", "w={w}&blur=3&fm=webp",
    "w={w}&maxbytes=20k&fm=jpg", "w=nonsense", "w=300&fm=jpg", "w=300&fm=jpg", "w=600&fm=webp",
)  # fmt: skip


@dataclass
class Soak:
    """What was seen: each series once a second, and how many answers of each status."""

    seconds: list[float] = field(default_factory=list)
    series: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in SERIES})
    statuses: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Flat:
    """One series held against the rule."""

    name: str
    middle: float
    last: float
    allowed: float

    @property
    def met(self) -> bool:
        return self.last <= self.allowed


def judge(series: Mapping[str, Sequence[float]], tolerance: float = 0.05) -> list[Flat]:
    """Means of the middle and the last third of each, of what could be seen (not NaN, as where a
    busy server did not tell in time); what was never seen is not flat."""
    found = []
    for name, seen in series.items():
        values = [value for value in seen if not math.isnan(value)]
        third = len(values) // 3
        middle, last = (
            sum(part) / len(part) if part else float("nan")
            for part in (values[third : 2 * third], values[2 * third :])
        )
        found.append(Flat(name, middle, last, max(middle * (1 + tolerance), middle + FEW)))
    return found


def targets(paths: list[str], seed: int) -> Iterator[str]:
    rng = random.Random(seed)
    while True:
        query = rng.choice(QUERIES).format(w=rng.randrange(40, 1200), h=rng.randrange(40, 1200))
        path = rng.choice(paths) if rng.random() > 0.03 else "no/such.jpg"
        yield f"/{path}?{query}"


def drive(base: str, paths: list[str], seed: int, until: float, seen: Counter[str]) -> None:
    rng, etag = random.Random(seed), ""
    for target in targets(paths, seed):
        if time.monotonic() > until:
            return
        if rng.random() < 0.05:
            leave(base, target)
            seen["left"] += 1
            continue
        headers = {"If-None-Match": etag} if rng.random() < 0.2 and etag else {}
        try:
            with urlopen(Request(base + target, headers=headers), timeout=90) as answer:
                answer.read()
                seen[str(answer.status)] += 1
                etag = answer.headers.get("etag", "")
        except HTTPError as error:
            error.read()
            seen[str(error.code)] += 1
        except OSError:
            seen["broken"] += 1


def leave(base: str, target: str) -> None:
    """Ask, and go before the answer."""
    host = urlsplit(base)
    with suppress(OSError), socket.create_connection((host.hostname, host.port), 10) as connection:
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: edge\r\n\r\n".encode())
        time.sleep(0.02)


def look(replica: Replica, store: redis.Redis | None) -> dict[str, float]:
    """Every series now."""
    assert replica.process is not None
    folder = Path(f"/proc/{replica.process.pid}")
    leases = sum(1 for _ in store.scan_iter("*lease:*", count=1000)) if store else 0
    return {
        "memory": replica.resident(),
        "descriptors": len(list((folder / "fd").iterdir())),
        "threads": len(list((folder / "task").iterdir())),
        "tasks": replica.metrics().get("edge_tasks", float("nan")),
        "leases": leases,
    }


def soak(options: argparse.Namespace) -> Soak:
    seen = Soak()
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edge-soak-")))
        folder = options.photos or servers.SAMPLES
        paths = sorted(p.name for p in folder.iterdir() if p.suffix in (".jpg", ".webp", ".png"))
        url = stack.enter_context(servers.redis_server(work))
        store = stack.enter_context(redis.Redis.from_url(url)) if url else None
        replicas = stack.enter_context(servers.rotation(1, _environ(folder, work, url, options)))
        replica = replicas.replicas[0]
        start = time.monotonic()
        until = start + options.seconds
        clients = [
            threading.Thread(target=drive, args=(replica.base, paths, n, until, seen.statuses))
            for n in range(options.clients)
        ]
        for client in clients:
            client.start()
        while time.monotonic() < until:
            time.sleep(1)
            for name, value in look(replica, store).items():
                seen.series[name].append(value)
            seen.seconds.append(time.monotonic() - start)
            if len(seen.seconds) % EVERY == 0:
                print(told(seen), flush=True)
                purge(replica.base)
        for client in clients:
            client.join()
    seen.statuses["exit"] = sum(map(abs, replicas.exits))
    return seen


def _environ(
    folder: Path, work: Path, url: str | None, options: argparse.Namespace
) -> dict[str, str]:
    return {
        "EDGE_ORIGIN_URL": str(folder.resolve()),
        "EDGE_CACHE_MEMORY_BYTES": options.memory,
        "EDGE_CACHE_ORIGINAL_BYTES": options.memory,
        "EDGE_CACHE_ENLARGED_BYTES": options.memory,
        "EDGE_CACHE_REDIS_URL": url or "",
        "EDGE_CACHE_STORE_URL": str(work / "store"),
        "EDGE_CACHE_STORE_BYTES": options.store,
        "EDGE_ADMIN_TOKEN": TOKEN,
        "EDGE_MODELS_FETCHED": "",
        "EDGE_SERVER_LOG_LEVEL": "error",
    }


def purge(base: str) -> None:
    request = Request(
        f"{base}/-/purge",
        data=b'{"preset": "thumb"}',
        headers={"authorization": f"Bearer {TOKEN}", "content-type": "application/json"},
        method="POST",
    )
    with urlopen(request, timeout=30) as answer:
        answer.read()


def told(seen: Soak) -> str:
    """The last values."""
    means = (f"{name} {values[-1]:.1f}" for name, values in seen.series.items())
    return f"{seen.seconds[-1]:6.0f} s  {'  '.join(means)}  {dict(seen.statuses)}"


def report(seen: Soak, verdicts: Sequence[Flat], options: argparse.Namespace) -> None:
    from loadtest import plots

    rows = [
        (plots.Mark(v.met, "flat", "grows"), SERIES[v.name], v.middle, v.last, v.allowed)
        for v in verdicts
    ]
    heads = ("", "series", "mean of the middle third", "of the last third", "at most")
    parts = [
        f"<p>{seen.seconds[-1] / 60:.1f} minutes, {options.clients} clients, "
        f"{sum(seen.statuses.values())} requests: {dict(seen.statuses)}</p>",
        plots.table(heads, rows),
    ]
    for name, label in SERIES.items():
        with plots.figure(label[0].upper() + label[1:], height=2.6) as (axes, out):
            minutes = [second / 60 for second in seen.seconds]
            axes.plot(minutes, seen.series[name], linewidth=0.8)
            axes.set(xlabel="minutes", ylabel=label)
            known = [value for value in seen.series[name] if not math.isnan(value)]
            axes.set_ylim(bottom=0, top=max(1.0, max(known, default=0.0) * 1.1))
            for third in (1, 2):
                axes.axvline(minutes[-1] * third / 3, color="#5f6b76", linewidth=0.6)
        parts += out
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(plots.page("Soak", parts))
    kept = {"seconds": seen.seconds, "series": seen.series, "statuses": seen.statuses}
    options.out.with_suffix(".json").write_text(json.dumps(kept))
    print(options.out)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.soak", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--photos", type=Path, help="a folder of your own; else the samples")
    parser.add_argument(
        "--memory", default="16MiB",
        help="bytes of each cache in memory; small, so that all are full before the middle third",
    )  # fmt: skip
    parser.add_argument("--store", default="64MiB", help="bytes of the folder tier")
    parser.add_argument("--tolerance", type=float, default=0.05, help="share that is still flat")
    parser.add_argument("--out", type=Path, default=ROOT / "loadtest" / "results" / "soak.html")
    options = parser.parse_args()
    options.seconds = options.minutes * 60
    seen = soak(options)
    verdicts = judge(seen.series, options.tolerance)
    for verdict in verdicts:
        word = "flat " if verdict.met else "GROWS"
        print(f"{word} {verdict.name}: {verdict.middle:.1f}, then {verdict.last:.1f}")
    report(seen, verdicts, options)
    broken = seen.statuses["broken"] + seen.statuses["500"] + seen.statuses["exit"]
    if broken:
        print(f"{broken} broken connections, answers with 500, or a bad end", file=sys.stderr)
    return 0 if all(verdict.met for verdict in verdicts) and not broken else 1


if __name__ == "__main__":
    sys.exit(main())
