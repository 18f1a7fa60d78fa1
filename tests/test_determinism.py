"""The same photo, request and networks give the same bytes: in other processes, on other
servers."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from edge.app import SAMPLES

PLAIN = "w=500&h=400&fit=cover&g=subject&sharp=auto&fm=webp"
CHAIN = "fmt=amazon&w=1000"
ENLARGED = "w=900&up=auto&fm=jpg"


async def rendered(photo: Path, query: str, into: Path, threads: str) -> bytes:
    """What a process of its own makes."""
    command = (sys.executable, "-m", "edge", "render", str(photo), query, "-o", str(into))
    process = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, "EDGE_SERVER_THREADS": threads, "EDGE_MODELS_THREADS": threads}
    )
    assert await process.wait() == 0
    return await asyncio.to_thread(into.read_bytes)


@pytest.mark.slow
@pytest.mark.parametrize("query", [PLAIN, CHAIN, ENLARGED])
async def test_two_processes_make_the_same_bytes(tmp_path, query):
    """With as many threads, and with another number of them."""
    suffix = ".webp" if "webp" in query else ".jpg"
    made = {
        await rendered(SAMPLES / "bottle.jpg", query, tmp_path / f"{index}{suffix}", threads)
        for index, threads in enumerate("112")
    }
    assert len(made) == 1


@pytest.mark.parametrize("query", [PLAIN, CHAIN, ENLARGED])
async def test_two_servers_without_a_cache_give_the_same_etag(serve, query):
    url = f"/bottle.jpg?{query}"
    found = []
    for threads in ("1", "2"):
        server = await serve(
            EDGE_ORIGIN_URL="", EDGE_CACHE_MEMORY_BYTES="0", EDGE_SERVER_THREADS=threads
        )
        for _ in range(2):
            answer = await server.get(url)
            assert "fwd=uri-miss" in answer.headers["cache-status"]
            found.append((answer.headers["etag"], answer.content))
    assert len(set(found)) == 1


async def test_what_else_is_made_at_the_same_time_changes_nothing(serve):
    alone = await serve(EDGE_ORIGIN_URL="", EDGE_CACHE_MEMORY_BYTES="0")
    crowd = await serve(EDGE_ORIGIN_URL="", EDGE_CACHE_MEMORY_BYTES="0")
    urls = [f"/{name}.jpg?{ENLARGED}" for name in ("bottle", "chair", "mug")]
    together = await asyncio.gather(*(crowd.get(url) for url in urls))
    for url, answer in zip(urls, together, strict=True):
        assert (await alone.get(url)).headers["etag"] == answer.headers["etag"]
