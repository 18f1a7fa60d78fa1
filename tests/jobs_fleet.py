"""Real worker processes on a real Redis: started, killed, and asked what became of their jobs."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from edge import settings
from edge.cli.jobs_commands import opened_management
from edge.errors import JobsUnavailable
from edge.jobs.model import Job, Options
from edge.jobs.service import FeedSource, Service
from tests.parts import RedisServer
from tests.running import photo

END_SECONDS = 240.0


class Fleet:
    """Workers on one folder of photos and one Redis, and a management of its own to submit at."""

    def __init__(self, redis: RedisServer, photos: Path) -> None:
        self.redis = redis
        self.photos = photos
        self.environ = {
            "EDGE_ORIGIN_URL": str(photos),
            "EDGE_CACHE_REDIS_URL": redis.url,
            "EDGE_CACHE_MEMORY_BYTES": "0",
            "EDGE_CACHE_TIER_TIMEOUT": "10",
            "EDGE_SERVER_THREADS": "1",
            "EDGE_SERVER_LOG_LEVEL": "error",
            "EDGE_JOBS_HEARTBEAT": "2",
            "EDGE_JOBS_STALLED": "4",
            "EDGE_JOBS_BACKOFF": "0.2",
            "EDGE_JOBS_NICE": "0",  # or a busy machine leaves them nothing
        }
        self.workers: list[subprocess.Popen] = []

    def worker(self, *arguments: str, **environ: str) -> subprocess.Popen:
        """One more `edge worker`."""
        process = subprocess.Popen(
            [sys.executable, "-m", "edge", "worker", *arguments],
            env={**os.environ, **self.environ, **environ},
            stdin=subprocess.DEVNULL,
        )
        self.workers.append(process)
        return process

    def kill(self, worker: subprocess.Popen) -> None:
        worker.send_signal(signal.SIGKILL)
        worker.wait()

    def end(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                self.kill(worker)

    def management(self):
        return opened_management(settings.load(self.environ))


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """A Redis that keeps what it was told, and no worker yet."""
    folder = tmp_path / "redis"
    folder.mkdir()
    server = RedisServer(folder, "--appendonly", "yes", "--appendfsync", "always").start()
    photos = tmp_path / "small"
    photos.mkdir()
    for number in range(10):
        photo(80, 60, number).save(photos / f"{number}.jpg", quality=85)
    fleet = Fleet(server, photos)
    yield fleet
    fleet.end()
    server.kill()


def feed_of(count: int, path: Path) -> Path:
    """So many lines, each another picture of one of ten photos."""
    lines = [f"s{n},/{n % 10}.jpg,w={16 + n // 10}&fm=jpg" for n in range(count)]
    path.write_text("sku,url,query\n" + "\n".join(lines) + "\n")
    return path


async def submit(service: Service, feed: Path, options: Options | None = None) -> Job:
    with feed.open("rb") as body:
        return (await service.submit(FeedSource(body), options or Options())).job


async def until(service: Service, job: str, ready, seconds: float = END_SECONDS) -> Job:
    """The job once `ready(job)`; a store that is away meanwhile is waited for."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            found = await service.find(job)
            if ready(found):
                return found
        except JobsUnavailable:
            pass
        await asyncio.sleep(0.1)
    raise AssertionError(f"not in {seconds:.0f} s: {found}")


async def up(http: httpx.AsyncClient, port: int) -> None:
    """Until a worker serves its metrics."""
    for _ in range(600):
        try:
            await http.get(f"http://127.0.0.1:{port}/metrics")
            return
        except httpx.TransportError:
            await asyncio.sleep(0.1)
    raise AssertionError("the worker does not answer")


async def digests(service: Service, job: Job) -> dict[str, str]:
    """The SHA-256 of every item by its SKU, each of which has ended well, exactly once."""
    rows = [row async for row in service.report(job)]
    assert len(rows) == job.total
    assert {row["state"] for row in rows} == {"succeeded"}
    told = {row["sku"]: row["sha256"] for row in rows}
    assert len(told) == job.total
    return told
