"""What Kubernetes does to replicas, with real processes: rollouts, cold starts, Triton late.

HAProxy stands for the Service: it asks each replica's readiness as the kubelet does, and repeats no
request that failed.
"""

import asyncio
import shutil
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from subprocess import DEVNULL, Popen

import httpx
import pytest

from tests.kubernetes.chart import component, environment, probes
from tests.models import networks
from tests.models.servers import TritonServer, free_ports, installation
from tests.parts import free_port, need
from tests.replicas import Replica, Start, start

__all__ = ["start"]

pytestmark = pytest.mark.slow

_CONFIG = """
global
  maxconn 1000
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout check 10s
  retries 0
frontend pictures
  bind 127.0.0.1:{port}
  default_backend edge
backend edge
  balance roundrobin
  http-reuse always
  option httpchk
  http-check send meth GET uri {path}
  http-check expect status 200
  default-server check inter 200ms fall 1 rise 1
{servers}
"""


PICTURES = 'edge_requests_total{route="image"'


def container() -> dict:
    """The chart's container of edge."""
    [found] = component("defaults", "server")["spec"]["template"]["spec"]["containers"]
    return found


def readiness() -> str:
    """The path that the chart's pods are asked."""
    return probes(container())["readinessProbe"]["httpGet"]["path"]


class Proxy:
    """HAProxy before a number of replicas on ports that stay theirs over restarts."""

    def __init__(self, folder: Path, replicas: int, path: str) -> None:
        self.port, self.ports = free_port(), free_ports(replicas)
        servers = "\n".join(f"  server r{n} 127.0.0.1:{p}" for n, p in enumerate(self.ports))
        config = folder / "haproxy.cfg"
        config.write_text(_CONFIG.format(port=self.port, servers=servers, path=path))
        self._process = Popen([need("haproxy"), "-f", config], stdout=DEVNULL, stderr=DEVNULL)
        self.http = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self.port}", timeout=180, verify=False
        )

    async def serving(self) -> None:
        for _ in range(1800):
            try:
                if (await self.http.get("/-/healthz")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
        raise AssertionError("no replica is behind the proxy")

    async def close(self) -> None:
        await self.http.aclose()
        self._process.kill()
        self._process.wait()


@pytest.fixture
async def proxy(tmp_path: Path) -> AsyncIterator[Proxy]:
    made = Proxy(tmp_path, 3, readiness())
    yield made
    await made.close()


@asynccontextmanager
async def load(proxy: Proxy, clients: int) -> AsyncIterator[list[str]]:
    """Clients that ask all the time, hits and new pictures, and note whatever is no whole 200."""
    lost: list[str] = []
    asked = 0

    async def ask(client: int) -> None:
        nonlocal asked
        number = 0
        while True:
            number += 1
            width = 60 if number % 4 else 61 + number * clients + client
            try:
                answer = await proxy.http.get(f"/sku/123.jpg?w={width % 500 + 20}&fm=jpg")
                if answer.status_code != 200 or not answer.content:
                    lost.append(f"{answer.status_code} {answer.text[:80]}")
            except httpx.HTTPError as error:
                lost.append(repr(error))
            asked += 1

    tasks = [asyncio.create_task(ask(client)) for client in range(clients)]
    try:
        yield lost
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    assert asked > 100


def as_charted(port: int) -> dict[str, str]:
    """The chart's own times, but for a shorter delay: the proxy hears within a second."""
    return {
        "EDGE_SERVER_PORT": str(port),
        "EDGE_SERVER_DRAIN": environment(container())["EDGE_SERVER_DRAIN"],
        "EDGE_SERVER_SHUTDOWN_DELAY": "4",
    }


async def until(true: Callable[[], Awaitable[object]]) -> None:
    for _ in range(1800):
        if await true():
            return
        await asyncio.sleep(0.1)
    raise AssertionError("it never comes")


async def ready(replica: Replica) -> None:
    async def asked() -> bool:
        return (await replica.http.get(readiness())).status_code == 200

    await until(asked)


async def test_a_rolling_restart_under_load_loses_no_request(start: Start, proxy: Proxy) -> None:
    """One after the other: SIGTERM, the end awaited, a new one started and ready."""
    replicas = [await start(**as_charted(port)) for port in proxy.ports]
    await proxy.serving()
    async with load(proxy, clients=8) as lost:
        for replica in replicas:
            await until(partial(replica.metric, PICTURES))
        for replica, port in zip(replicas, proxy.ports, strict=True):
            replica.process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(replica.process.wait(), 60) == 0
            again = await start(**as_charted(port))
            await until(partial(again.metric, PICTURES))  # the proxy sends to it again
        assert lost == []


async def test_a_replica_takes_no_traffic_before_it_is_ready(
    start: Start, tmp_path: Path, photos: Path
) -> None:
    """It listens, with cold memory and its origin not there yet: the first probe holds it back."""
    path = probes(container())["startupProbe"]["httpGet"]["path"]
    proxy = Proxy(tmp_path, 2, path)
    folder = tmp_path / "later"
    try:
        warm = await start(EDGE_SERVER_PORT=str(proxy.ports[0]))
        await ready(warm)
        await proxy.serving()
        async with load(proxy, clients=4) as lost:
            cold = await start(EDGE_SERVER_PORT=str(proxy.ports[1]), EDGE_ORIGIN_URL=str(folder))
            for _ in range(10):
                told = await cold.http.get(path)
                assert (told.status_code, told.json()["status"]) == (503, "not ready")
                assert (await cold.http.get("/-/healthz")).status_code == 200
                await asyncio.sleep(0.1)
            assert await cold.metric(PICTURES) == 0
            shutil.copytree(photos, folder)
            await until(lambda: cold.metric(PICTURES))
        assert lost == []
    finally:
        await proxy.close()


async def test_a_new_network_on_one_of_three_mixes_no_pictures(
    start: Start, redis_url: str, tmp_path: Path
) -> None:
    """The networks' digests are in the key: old and new renditions stand side by side in Redis."""
    old, new = tmp_path / "old", tmp_path / "new"
    networks.nearest(old, "upscale_x2", 64, 2, overlap=4)
    networks.convolved(new, "upscale_x2", 64, radius=2, overlap=4, scale=2)
    given = {"EDGE_CACHE_REDIS_URL": redis_url, "EDGE_CACHE_MEMORY_BYTES": "0"}
    first, second = [await start(EDGE_MODELS_FOLDER=str(old), **given) for _ in range(2)]
    canary = await start(EDGE_MODELS_FOLDER=str(new), **given)
    url = "/sku/789.webp?w=800&up=2&fm=png"
    answers = [await each.http.get(url) for each in (first, canary, second, first, canary)]
    assert {answer.status_code for answer in answers} == {200}
    before, after, *again = [answer.content for answer in answers]
    assert before != after, "the networks draw alike, so nothing is shown here"
    assert again == [before, before, after]
    assert len({answer.headers["etag"] for answer in answers}) == 2
    assert await first.renders() + await second.renders() == 1, "equal networks share"
    assert await canary.renders() == 1
    plain = "/sku/789.webp?w=300&fm=png"
    bodies = {(await each.http.get(plain)).content for each in (first, canary, second)}
    assert len(bodies) == 1, "without networks all share"


@pytest.fixture
def late(tmp_path: Path) -> Iterator[TritonServer]:
    folder = tmp_path / "models"
    networks.nearest(folder, "upscale_x2", 64, 2, overlap=4)
    server = TritonServer(installation(), folder, tmp_path / "triton.log")
    yield server
    if server.launched:
        server.stop()


async def test_without_triton_yet_it_is_ready_for_what_needs_none_and_says_so(
    start: Start, late: TritonServer
) -> None:
    replica = await start(
        EDGE_TRITON_URL=late.url, EDGE_MODELS_FOLDER=str(late.repository)
    )  # fmt: skip
    answer = await replica.http.get("/-/readyz")
    assert answer.status_code == 200
    told = answer.json()
    assert told["status"] == "degraded"
    assert told["models"]["upscale_x2"]["ready"] is False
    assert "Triton" in told["models"]["upscale_x2"]["detail"]
    assert (await replica.http.get("/sku/123.jpg?w=60")).status_code == 200
    refused = await replica.http.get("/sku/789.webp?w=800&up=2")
    assert refused.status_code == 503
    assert refused.json()["type"] == "/-/problems/model-unavailable"
    assert refused.headers["retry-after"]
    late.launch()
    await late.ready()

    async def whole() -> bool:
        told = (await replica.http.get("/-/readyz")).json()
        return told["models"]["upscale_x2"]["ready"]

    await until(whole)
    assert (await replica.http.get("/sku/789.webp?w=800&up=2")).status_code == 200
