"""A mixed run for minutes: hits, misses, errors, purges. Does resident memory stay flat?"""

import argparse
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from common import EDGE, ROOT, free_port, server

EVERY = 15
"""Seconds, and so samples, between two lines and two purges."""

QUERIES = (
    "w={w}&fm=jpg", "w={w}&fm=webp", "w={w}&fm=png", "w={w}&h={h}&fit=cover&g=subject",
    "w={w}&h={h}&fit=pad&bg=blur", "fmt=thumb", "w={w}&rot=90&fm=jpg", "w={w}&blur=3&fm=webp",
    "w={w}&maxbytes=20k&fm=jpg", "w=nonsense", "w=300&fm=jpg", "w=300&fm=jpg", "w=600&fm=webp",
)  # fmt: skip


def targets(paths: list[str], seed: int) -> Iterator[str]:
    rng = random.Random(seed)
    while True:
        query = rng.choice(QUERIES).format(w=rng.randrange(40, 1200), h=rng.randrange(40, 1200))
        path = rng.choice(paths) if rng.random() > 0.03 else "no/such.jpg"
        yield f"/{path}?{query}"


def drive(base: str, paths: list[str], seed: int, until: float, statuses: Counter[int]) -> None:
    for target in targets(paths, seed):
        if time.monotonic() > until:
            return
        try:
            with urlopen(base + target, timeout=60) as answer:
                answer.read()
                statuses[answer.status] += 1
        except HTTPError as error:
            error.read()
            statuses[error.code] += 1


def resident(pid: int) -> int:
    """Resident memory in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) // 1024
    raise RuntimeError("no VmRSS")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--photos", type=Path, default=ROOT / "edge" / "samples")
    parser.add_argument("--memory", default="64MiB", help="bytes of the memory tier")
    options = parser.parse_args()
    port, token = free_port(), "a-token-for-the-soak"
    base = f"http://127.0.0.1:{port}"
    paths = [p.name for p in options.photos.iterdir() if p.suffix in (".jpg", ".webp", ".png")]
    env = {
        "EDGE_SERVER_PORT": str(port),
        "EDGE_ORIGIN_URL": str(options.photos),
        "EDGE_CACHE_MEMORY_BYTES": options.memory,
        "EDGE_ADMIN_TOKEN": token,
        "EDGE_SERVER_LOG_LEVEL": "error",
    }
    statuses: Counter[int] = Counter()
    samples: list[tuple[int, int]] = []
    with server([EDGE, "serve"], f"{base}/-/healthz", env) as process:
        start = time.monotonic()
        until = start + options.minutes * 60
        clients = [
            threading.Thread(target=drive, args=(base, paths, seed, until, statuses))
            for seed in range(options.clients)
        ]
        for client in clients:
            client.start()
        while time.monotonic() < until:
            time.sleep(1)
            samples.append((round(time.monotonic() - start), resident(process.pid)))
            if len(samples) % EVERY == 0:
                print(told(samples[-EVERY:]), dict(statuses), flush=True)
                purge(base, token)
        for client in clients:
            client.join()
    report(samples, statuses)


def purge(base: str, token: str) -> None:
    request = Request(
        f"{base}/-/purge",
        data=b'{"preset": "thumb"}',
        headers={"authorization": f"Bearer {token}"},
        method="POST",
    )
    with urlopen(request, timeout=30) as answer:
        answer.read()


def told(samples: list[tuple[int, int]]) -> str:
    """Mean and highest: memory breathes, since what lies free is given back twice a minute."""
    resident = [mib for _, mib in samples]
    mean = sum(resident) / len(resident)
    return f"{samples[-1][0]:5d} s  mean {mean:4.0f}  highest {max(resident):4d} MiB"


def report(samples: list[tuple[int, int]], statuses: Counter[int]) -> None:
    """Quarter by quarter: growth shows between the second and the last."""
    quarter = max(1, len(samples) // 4)
    for start in range(0, 4 * quarter, quarter):
        print("quarter to", told(samples[start : start + quarter]))
    print(f"requests {sum(statuses.values())}; {dict(statuses)}")
    folder = ROOT / "loadtest" / "results"
    folder.mkdir(exist_ok=True)
    (folder / "soak.json").write_text(json.dumps({"samples": samples, "statuses": statuses}))


if __name__ == "__main__":
    main()
