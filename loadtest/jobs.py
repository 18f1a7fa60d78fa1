"""Jobs: what the queue costs an item, how fast a cached catalogue goes, what shoppers feel of it.

Everything runs on this machine: redis-server, workers, and for the last question a server and wrk.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from common import EDGE, Run, cpu_seconds, edge_on, elsewhere, free_port, in_turn, keep, server

_TOKEN = "a-token-for-the-load-test"
_HEADERS = {"Authorization": f"Bearer {_TOKEN}", "Content-Type": "text/csv"}
_LONG = 6_000
"""Items of a job that is not over before shoppers have been looked at."""

_WARM = 4.0
"""Seconds of shopping before it is looked at; a worker has left its core by then."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rate", type=int, default=200, help="of shoppers' requests a second")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photos = _photos(folder / "photos")
        with _redis(folder) as redis:
            env = {"EDGE_ORIGIN_URL": str(photos), "EDGE_CACHE_REDIS_URL": redis}
            cached = _cached(folder, env, options.items, options.rounds)
        beside = _shoppers(folder, photos, options)
    keep("jobs", beside, cached=cached)


def _cached(folder: Path, env: dict[str, str], items: int, rounds: int) -> list[dict[str, float]]:
    """A feed worked off once, then again and again with everything there, by one worker."""
    feed = _feed(folder / "feed.csv", items)
    results = []
    with _worker({**env, "EDGE_JOBS_NICE": "0"}) as worker:
        _run(env, feed)
        for number in range(rounds):
            before, start = cpu_seconds(worker), time.perf_counter()
            seconds = _run(env, feed)
            whole, cpu = time.perf_counter() - start, cpu_seconds(worker) - before
            results.append({"seconds": seconds, "whole": whole, "worker_cpu": cpu})
            print(
                f"round {number + 1}: {items} cached items in {seconds:.2f} s "
                f"({1000 * seconds / items:.2f} ms an item; {1000 * cpu / items:.2f} ms of the "
                f"worker's processor), {whole:.2f} s with submitting and the command's start"
            )
    return results


def _run(env: dict[str, str], feed: Path) -> float:
    """Submit and watch; seconds from the first item's beginning to the last one's end."""
    quiet = {**os.environ, **env}
    out = subprocess.run(
        [EDGE, "prewarm", feed, "--watch"], env=quiet, check=True, capture_output=True, text=True
    ).stdout
    job = out.split(":")[0]
    shown = subprocess.run(
        [EDGE, "jobs", "show", job, "--json"], env=quiet, check=True, capture_output=True, text=True
    ).stdout
    facts = json.loads(shown)
    assert facts["status"] == "succeeded", facts
    return float(facts["finished"] - facts["started"])


def _shoppers(folder: Path, photos: Path, options: argparse.Namespace) -> dict[str, list[Run]]:
    """Interactive hits while a job runs in a worker that leaves a core to the server, in one that
    leaves none, in the server itself, and while none runs. A run's rate is that of the job."""
    with ExitStack() as stack:
        redis = stack.enter_context(_redis(folder))
        shared = {"EDGE_ORIGIN_URL": str(photos), "EDGE_CACHE_REDIS_URL": redis}
        token = {"EDGE_ADMIN_TOKEN": _TOKEN}
        base = stack.enter_context(edge_on(photos, EDGE_CACHE_REDIS_URL=redis, **token))
        lone = stack.enter_context(edge_on(photos, **token))
        number = iter(range(1000))

        def feed() -> Path:
            return _feed(folder / "long.csv", _LONG, query=f"q={20 + next(number)}")

        def drive(name: str, to: str, done: Callable[[], int] = lambda: 0) -> Run:
            """Shoppers come for a while before they are looked at, as in any shop."""
            url = f"{to}/0.jpg?w=64"
            paced(name, url, seconds=_WARM, rate=options.rate)
            before, start = done(), time.perf_counter()
            run = paced(name, url, seconds=options.seconds, rate=options.rate)
            return replace(run, per_second=(done() - before) / (time.perf_counter() - start))

        def beside(name: str, spare: str) -> Run:
            with _worker({**shared, "EDGE_JOBS_SPARE_CORES": spare}):
                env = {**os.environ, **shared}
                job = _out([EDGE, "prewarm", feed()], env).split(":")[0].split()[-1]
                run = drive(name, base, lambda: _done(base, job))
                _out([EDGE, "jobs", "cancel", job], env)
                return run

        def within() -> Run:
            request = Request(f"{lone}/-/jobs", feed().read_bytes(), _HEADERS, method="POST")
            with urlopen(request) as answer:
                job = json.load(answer)["id"]
            run = drive("in the server", lone, lambda: _done(lone, job))
            urlopen(Request(f"{lone}/-/jobs/{job}", headers=_HEADERS, method="DELETE")).close()
            return run

        results = in_turn(
            options.rounds,
            {
                "alone": lambda: drive("alone", base),
                "beside a job": lambda: beside("beside a job", "1"),
                "no core left": lambda: beside("no core left", "0"),
                "in the server": within,
            },
        )
    for name, runs in results.items():
        times = [job.p99 / alone.p99 for job, alone in zip(runs, results["alone"], strict=True)]
        print(f"p99 {name}, times p99 alone: {[round(value, 2) for value in sorted(times)]}")
    kept = [
        fewer.per_second / all_of_them.per_second
        for fewer, all_of_them in zip(results["beside a job"], results["no core left"], strict=True)
    ]
    print(f"rate of a job that leaves a core, of one that does not: {statistics.median(kept):.2f}")
    return results


def _out(command: Sequence[str | Path], env: dict[str, str]) -> str:
    return subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout


def _done(base: str, job: str) -> int:
    with urlopen(Request(f"{base}/-/jobs/{job}", headers=_HEADERS)) as answer:
        facts = json.load(answer)
    assert facts["status"] in ("queued", "running"), facts
    return int(facts["done"])


def paced(name: str, url: str, *, seconds: float, rate: int) -> Run:
    """One kept connection that asks so often a second, whatever the answer before took.

    A closed loop such as wrk's asks for all of the machine, and so measures how it is shared; shops
    ask at the pace of their visitors.
    """
    parts = urlsplit(url)
    with elsewhere(), socket.create_connection((parts.hostname, parts.port), timeout=30) as to:
        to.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        told = f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        taken: list[float] = []
        start = time.perf_counter()
        for number in range(int(seconds * rate)):
            due = start + number / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            sent = time.perf_counter()
            to.sendall(told)
            _received(to)
            taken.append((time.perf_counter() - sent) * 1000)
    taken.sort()
    return Run(name, len(taken) / seconds, taken[len(taken) // 2], taken[len(taken) * 99 // 100], 0)


def _received(connection: socket.socket) -> None:
    """One whole answer with a Content-Length."""
    body = b""
    while b"\r\n\r\n" not in body:
        body += connection.recv(65_536)
    head, _, rest = body.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(rest) < length:
        rest += connection.recv(65_536)


def _photos(folder: Path) -> Path:
    from PIL import Image

    folder.mkdir()
    for number in range(40):
        picture = Image.linear_gradient("L").resize((160, 120)).convert("RGB")
        picture.putpixel((number, 0), (255, 0, 0))
        picture.save(folder / f"{number}.jpg")
    return folder


def _feed(path: Path, items: int, query: str = "") -> Path:
    also = f"&{query}" if query else ""
    rows = (f"s{n},/{n % 40}.jpg,w={20 + n // 40}{also}" for n in range(items))
    path.write_text("sku,url,query\n" + "\n".join(rows) + "\n")
    return path


@contextmanager
def _redis(folder: Path) -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen(
        ["redis-server", "--port", str(port), "--dir", folder, "--save", "", "--appendonly", "yes"],
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        time.sleep(0.5)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.kill()
        process.wait()


@contextmanager
def _worker(env: dict[str, str]) -> Iterator[int]:
    """One worker that is ready; its process's group."""
    port = free_port()
    quiet = {"EDGE_SERVER_LOG_LEVEL": "error"}
    command = [EDGE, "worker", "--metrics-port", str(port)]
    with server(command, f"http://127.0.0.1:{port}/metrics", {**env, **quiet}) as process:
        yield process.pid


if __name__ == "__main__":
    main()
