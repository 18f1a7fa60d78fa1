"""What a photo does to its decoder costs that one request: over HTTP, with the real processes."""

import asyncio
import os
import signal
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from PIL import Image

from edge.rendering.source import libraries
from edge.rendering.source.decoders import messages
from edge.rendering.source.decoders.pool import possible
from tests.running import Serve, photo, photos, serve  # noqa: F401

pytestmark = pytest.mark.skipif(not possible(), reason="no files in memory here")


def pids() -> list[int]:
    """The decoders that wait for work."""
    current = libraries._current
    assert current is not None
    return [worker._process.pid for worker in current.workers._idle]


async def test_a_decoder_that_is_ended_costs_one_request(
    photos: Path,  # noqa: F811
    serve: Serve,  # noqa: F811
    monkeypatch,
):
    photo(300, 200).save(photos / "a.tif")
    running = await serve(EDGE_CACHE_MEMORY_BYTES="0", EDGE_DECODE_WORKERS="1")
    assert (await running.get("/a.tif?w=100&fm=jpg")).status_code == 200
    (pid,) = pids()
    send, sent = messages.send, Event()

    def sending(*message: Any) -> None:
        send(*message)
        sent.set()

    monkeypatch.setattr(messages, "send", sending)
    os.kill(pid, signal.SIGSTOP)  # so that it cannot be done before it is ended
    asking = asyncio.create_task(running.get("/a.tif?w=110&fm=jpg"))
    assert await asyncio.to_thread(sent.wait, 120)
    os.kill(pid, signal.SIGSEGV)
    os.kill(pid, signal.SIGCONT)
    broken = await asking
    assert broken.status_code == 422
    assert broken.json()["type"].endswith("original-corrupt")
    assert (await running.get("/a.tif?w=120&fm=jpg")).status_code == 200
    assert await running.metric('edge_decoders_replaced_total{reason="died"}') == 1
    assert (await running.get("/sku/123.jpg?w=100")).status_code == 200


async def test_a_picture_that_takes_too_long_is_a_422(photos: Path, serve: Serve):  # noqa: F811
    Image.new("RGB", (9000, 8000)).save(photos / "slow.tif", compression="tiff_lzw")
    running = await serve(EDGE_DECODE_SECONDS="0.1", EDGE_DECODE_WORKERS="1")
    late = await running.get("/slow.tif?w=100&fm=jpg")
    assert late.status_code == 422
    assert "too long" in late.json()["detail"]
    assert await running.metric('edge_decoders_replaced_total{reason="late"}') == 1


async def test_what_does_not_fit_the_memory_is_a_422_that_says_so(
    photos: Path,  # noqa: F811
    serve: Serve,  # noqa: F811
):
    Image.new("RGB", (9000, 8000)).save(photos / "large.webp", lossless=True)
    running = await serve(EDGE_LIMITS_MEMORY_BYTES="500MiB")
    refused = await running.get("/large.webp?w=100&fm=jpg")
    assert refused.status_code == 422
    assert "EDGE_LIMITS_MEMORY_BYTES" in refused.text
    assert (await running.get("/sku/123.jpg?w=100")).status_code == 200


async def test_readiness_says_what_decodes(serve: Serve):  # noqa: F811
    running = await serve()
    told = (await running.get("/-/readyz")).json()["decoders"]
    assert set(told) == {"jpeg", "png", "webp", "avif", "gif", "tiff", "heic"}
    assert "worker process" in told["tiff"]
    assert "worker process" not in told["jpeg"]
