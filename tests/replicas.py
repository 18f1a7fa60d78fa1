"""Real edge processes for the tests: started on one folder of photos, killed, asked for metrics."""

import asyncio
import os
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from tests.parts import free_port
from tests.running import TOKEN


class Replica:
    """One edge process."""

    def __init__(self, process: asyncio.subprocess.Process, http: httpx.AsyncClient) -> None:
        self.process = process
        self.http = http

    async def metric(self, line: str) -> float:
        """The sum of all metric lines that begin so; 0 where there is none yet."""
        text = (await self.http.get("/-/metrics")).text.splitlines()
        return sum(float(each.rpartition(" ")[2]) for each in text if each.startswith(line))

    async def begun(self, url: str) -> asyncio.Task[httpx.Response]:
        """A request for a picture, once its render is under way."""
        name = f"watched-{uuid.uuid4().hex}"
        asked = asyncio.create_task(self.http.get(url, headers={"x-edge-progress": name}))
        for _ in range(12_000):
            stage = (await self.http.get(f"/-/progress/{name}")).json()["stage"]
            if stage not in (None, "waiting", "origin", "queue"):
                return asked
            await asyncio.sleep(0.01)
        raise AssertionError(f"{url} is not made")

    async def renders(self) -> float:
        return await self.metric("edge_renders_total{")


Start = Callable[..., Awaitable[Replica]]


@pytest.fixture
async def start(photos: Path) -> AsyncIterator[Start]:
    """`await start(EDGE_...="...")` gives one more process on the same photos."""
    async with AsyncExitStack() as stack:

        async def one(**environ: str) -> Replica:
            port = environ.get("EDGE_SERVER_PORT") or free_port()
            mine = {
                "EDGE_ORIGIN_URL": str(photos),
                "EDGE_ADMIN_TOKEN": TOKEN,
                "EDGE_SERVER_PORT": str(port),
                "EDGE_SERVER_LOG_LEVEL": "warning",
                "EDGE_CACHE_TIER_TIMEOUT": "10",  # a store that is late is none that fails
            }
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "edge", "serve", env={**os.environ, **mine, **environ}
            )
            http = await stack.enter_async_context(
                httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=180, verify=False)
            )
            stack.push_async_callback(end, process)
            await up(http, process)
            return Replica(process, http)

        yield one


async def end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()


async def up(http: httpx.AsyncClient, process: asyncio.subprocess.Process) -> None:
    for _ in range(1800):
        assert process.returncode is None, "the server ended at start"
        try:
            await http.get("/-/healthz")
            return
        except httpx.TransportError:
            await asyncio.sleep(0.1)
    raise RuntimeError("the server does not answer")
