"""Render processes in a server: the same pictures, and what ends one of them costs one request."""

import asyncio
import os
import signal
from pathlib import Path
from threading import Event

import pytest

from edge.app import rendering
from edge.rendering.engine import processes
from edge.rendering.engine.processes import RenderProcesses
from tests.parts import idle_pids
from tests.running import Serve, photo, photos, running, serve, settle  # noqa: F401

WITH = {"EDGE_SERVER_PROCESSES": "1", "EDGE_CACHE_MEMORY_BYTES": "0"}


@pytest.fixture
def opened(monkeypatch) -> list[RenderProcesses]:
    """Those of the servers of this test."""
    found: list[RenderProcesses] = []

    def open_them(*given) -> RenderProcesses:
        found.append(RenderProcesses(*given))
        return found[-1]

    monkeypatch.setattr(rendering, "RenderProcesses", open_them)
    return found


async def idle(opened: list[RenderProcesses]) -> int:
    """The process, once it has nothing to do."""
    for _ in range(6000):
        if pids := idle_pids(opened[0]):
            return pids[0]
        await asyncio.sleep(0.01)
    raise AssertionError("it does not come up")


def seconds_of(pid: int) -> int:
    """Ticks of processor that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


@pytest.mark.parametrize(
    "asked",
    [
        "/sku/123.jpg?w=200",
        "/sku/123.jpg?w=200&fm=webp&sharp=auto",
        "/sku/123.jpg?w=120&h=120&fit=cover&fm=avif",
        "/sku/456.png?w=200&fm=png&rot=90",
        "/sku/789.webp?trim=auto&fm=jpg&w=100",
        "/sku/a.tif?w=80&fm=jpg",
        "/sku/123.jpg?preset=shopify",
        "/sku/123.jpg?w=900&up=2&fm=jpg",
        "/sku/123.jpg?fmt=thumb",
        "/sku/123.jpg?fmt=ruled",
    ],
)
async def test_a_picture_is_the_same_to_the_byte(
    opened,
    caplog,
    serve: Serve,  # noqa: F811
    photos: Path,  # noqa: F811
    asked: str,
):
    photo(200, 160, 3).save(photos / "sku" / "a.tif")
    settle(photos)
    ruled = '[ruled]\nversion = "1"\nw = 300\n[ruled.rules]\nbytes_max = 90000\n'
    (photos / "presets.toml").write_text(ruled)
    own = {"EDGE_PRESETS_FILE": str(photos / "presets.toml")}
    without, server = await serve(**own), await serve(**WITH, **own)
    await idle(opened)
    caplog.clear()
    one, other = await without.get(asked), await server.get(asked)
    assert "cannot be sent" not in caplog.text
    assert one.status_code == other.status_code == 200, one.text[:300]
    assert one.content == other.content
    stages = [part.partition(";")[0] for part in other.headers["server-timing"].split(", ")]
    assert stages == [part.partition(";")[0] for part in one.headers["server-timing"].split(", ")]


async def test_the_process_makes_it(opened, serve: Serve):  # noqa: F811
    server = await serve(**WITH)
    pid = await idle(opened)
    before = seconds_of(pid)
    for width in range(300, 330):
        assert (await server.get(f"/sku/123.jpg?w={width}&fm=webp")).status_code == 200
    assert seconds_of(pid) > before


async def test_what_cannot_be_read_is_the_same_refusal(opened, serve: Serve, photos: Path):  # noqa: F811
    whole = (photos / "sku" / "456.png").read_bytes()
    (photos / "sku" / "cut.png").write_bytes(whole[: len(whole) // 2])
    settle(photos)
    without, server = await serve(), await serve(**WITH)
    await idle(opened)
    one, other = await without.get("/sku/cut.png?w=90"), await server.get("/sku/cut.png?w=90")
    assert one.status_code == other.status_code == 422
    assert one.json() | {"instance": ""} == other.json() | {"instance": ""}


async def test_a_process_that_is_killed_is_a_503_to_one_and_nothing_to_the_next(
    opened,
    monkeypatch,
    serve: Serve,  # noqa: F811
):
    server = await serve(**WITH)
    pid = await idle(opened)
    ask, asked = processes._Process.ask, Event()

    def asking_it(process: processes._Process, message: bytes) -> None:
        asked.set()  # it was found alive
        ask(process, message)

    monkeypatch.setattr(processes._Process, "ask", asking_it)
    os.kill(pid, signal.SIGSTOP)  # so that it cannot be done before it is killed
    asking = asyncio.create_task(server.get("/sku/456.png?w=800&fm=avif"))
    assert await asyncio.to_thread(asked.wait, 120)
    os.kill(pid, signal.SIGKILL)
    broken = await asking
    assert broken.status_code == 503
    assert int(broken.headers["retry-after"]) >= 1
    assert broken.json()["type"].endswith("/busy")
    assert (await server.get("/sku/123.jpg?w=99")).status_code == 200, "by a thread meanwhile"
    other = await idle(opened)
    assert other != pid
    assert (await server.get("/sku/456.png?w=800&fm=avif")).status_code == 200
    assert await server.metric('edge_processes_replaced_total{reason="died"}') == 1


async def test_an_end_of_the_server_is_the_end_of_its_processes(opened, photos: Path):  # noqa: F811
    async with running(photos, WITH):
        pid = await idle(opened)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
