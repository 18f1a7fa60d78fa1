"""A whole server on a real socket, with a folder of photos of its own."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from socket import socket

import httpx
import numpy as np
import pytest
import uvicorn
from PIL import Image

from edge import app, serving, settings

TOKEN = "let-me-in-as-an-operator"


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers at `http`, and what is open in it."""

    http: httpx.AsyncClient
    parts: app.Server
    photos: Path
    port: int

    async def get(self, url: str, **headers: str) -> httpx.Response:
        return await self.http.get(
            url, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )

    async def metric(self, line: str) -> float:
        """The value of one metric line, 0 where it is not there yet."""
        for text in (await self.http.get("/-/metrics")).text.splitlines():
            if text.startswith(line):
                return float(text.rpartition(" ")[2])
        return 0.0


Serve = Callable[..., Awaitable[Running]]


def photo(width: int, height: int, seed: int = 0) -> Image.Image:
    """A picture with soft colours and an edge: cheap, and different for every seed."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8))
    picture = coarse.resize((width, height), Image.Resampling.BICUBIC)
    picture.paste((20, 30, 40), (width // 4, height // 4, width // 2, height // 2))
    return picture


@pytest.fixture(scope="session")
def drawn_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `photos` copies: drawing and packing them takes a quarter of a second."""
    folder = tmp_path_factory.mktemp("drawn")
    (folder / "sku").mkdir()
    photo(600, 800).save(folder / "sku" / "123.jpg", quality=92)
    photo(900, 600, 1).save(folder / "sku" / "456.png")
    photo(400, 400, 2).save(folder / "sku" / "789.webp")
    settle(folder)
    return folder


@pytest.fixture
def photos(tmp_path: Path, drawn_photos: Path) -> Path:
    """A folder with a few originals."""
    return shutil.copytree(drawn_photos, tmp_path / "photos")


def settle(folder: Path) -> None:
    """As if the files had been written long ago: of one just written, caches keep little."""
    for file in (file for file in folder.rglob("*") if file.is_file()):
        os.utime(file, ns=(file.stat().st_mtime_ns - 3_600_000_000_000,) * 2)


@asynccontextmanager
async def running(photos: Path, environ: dict[str, str]) -> AsyncIterator[Running]:
    given = settings.load(
        {
            "EDGE_ORIGIN_URL": str(photos),
            "EDGE_ADMIN_TOKEN": TOKEN,
            "EDGE_SERVER_THREADS": "2",
            "EDGE_MODELS_FETCHED": "",
            "EDGE_MODELS_BACKEND": "onnxruntime",
            "EDGE_CACHE_TIER_TIMEOUT": "10",
        }
        | environ
    )
    async with app.connect(given) as parts:
        config = uvicorn.Config(
            parts.asgi,
            host="127.0.0.1",
            port=0,
            http=serving.protocol_of(parts),
            log_config=None,
            lifespan="off",
        )
        server = _Server(config)
        task = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 - uvicorn offers no event to wait for
            await asyncio.sleep(0.005)
        port = server.servers[0].sockets[0].getsockname()[1]
        base = f"http://127.0.0.1:{port}"
        # Authorities, of which plain HTTP has none, take 30 ms to read.
        async with httpx.AsyncClient(base_url=base, timeout=180, verify=False) as http:
            http.headers.clear()
            yield Running(http, parts, photos, port)
        server.ending.set()
        await task


@pytest.fixture
async def serve(photos: Path) -> AsyncIterator[Serve]:
    """`await serve(EDGE_QUERY_STRICT="1")` gives a running server with those settings."""
    async with AsyncExitStack() as stack:

        async def start(origin: Path | None = None, **environ: str) -> Running:
            return await stack.enter_async_context(running(origin or photos, environ))

        yield start


class _Server(uvicorn.Server):
    """Ends as soon as it is asked to, where uvicorn's own looks every tenth of a second; pytest
    keeps its signal handlers."""

    capture_signals = staticmethod(nullcontext)

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ending = asyncio.Event()

    async def main_loop(self) -> None:
        count = 0
        while not self.ending.is_set():
            await self.on_tick(count)
            count += 1
            with suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    await self.ending.wait()

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.005)
        for server in self.servers:
            await server.wait_closed()
