"""Without the product chain nothing is lost but speed: the networks run one by one."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc as grpc

from edge.images import Original
from edge.models import triton_shm
from edge.models.embedded import EmbeddedModels
from edge.models.triton import TritonModels
from edge.rendering.chain import client as chain_client
from edge.rendering.drawing import Rendered
from edge.telemetry import Metrics
from tests.models.servers import TritonServer, installation
from tests.rendering.chain import served
from tests.rendering.chain.photos import original, plain
from tests.rendering.chain.served import CHAIN, Shop

pytestmark = pytest.mark.slow

QUERY = "fmt=amazon&w=1000&fm=png"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonServer]:
    """Small networks and the chain."""
    folder = served.add_chain(served.small_networks(tmp_path_factory.mktemp("served")))
    server = TritonServer(installation(), folder, tmp_path_factory.mktemp("log") / "log").start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def photo() -> Original:
    return original(plain((300, 260)))


@pytest.fixture(scope="module")
def here(server: TritonServer, photo: Original) -> Rendered:
    """The picture made in this process."""

    async def made() -> Rendered:
        async with served.shop(EmbeddedModels(server.repository), None, Metrics()) as shop:
            return await shop.made(photo, QUERY)

    return asyncio.run(made())


@pytest.fixture
async def shop(server: TritonServer) -> AsyncIterator[Shop]:
    async with served.on_triton(server) as shop:
        yield shop


def same(one: Rendered, other: Rendered) -> bool:
    return bool(np.abs(served.pixels(one) - served.pixels(other)).max() <= 2)


async def by_the_networks(shop: Shop, photo: Original, here: Rendered, *outcomes: str) -> None:
    """The picture comes, is the same, and the chain's part in it had one of these outcomes."""
    assert same(await shop.made(photo, QUERY), here)
    assert sum(shop.count("edge_chain_pictures_total", outcome=word) for word in outcomes) == 1
    assert shop.count("edge_chain_pictures_total", outcome="made") == 0
    assert shop.count("edge_model_requests_total", model="matting", outcome="ok") > 0
    assert shop.count("edge_model_requests_total", model="upscale_x4", outcome="ok") > 0


async def test_a_repository_without_it_is_served_by_the_networks(
    photo: Original, here: Rendered, tmp_path: Path
) -> None:
    """Readiness says so where the chain is required."""
    folder = served.small_networks(tmp_path / "networks")
    other = TritonServer(installation(), folder, tmp_path / "log")
    other.launch()
    await other.ready()
    try:
        async with served.on_triton(other) as shop:
            state = await shop.client.state()
            assert not state.ready
            assert "one by one" in state.detail
            await by_the_networks(shop, photo, here, "absent")
    finally:
        other.stop()


async def test_another_version_is_never_asked_for_a_picture(
    server: TritonServer, photo: Original, here: Rendered
) -> None:
    """It would be kept under this version's name."""
    async with served.on_triton(server, version="another") as shop:
        assert "another version" in (await shop.client.state()).detail
        await by_the_networks(shop, photo, here, "absent")


async def test_other_networks_there_are_never_asked_for_a_picture(
    server: TritonServer, photo: Original, tmp_path: Path
) -> None:
    """Their digests are in the names of the pictures."""
    folder = served.small_networks(tmp_path)
    served.networks.luminance_matte(folder, side=96)
    metrics = Metrics()
    models = TritonModels(server.url, folder, metrics=metrics)
    async with served.shop(models, served.TritonChain(models), metrics) as shop:
        assert "another networks" in (await shop.client.state()).detail


async def test_a_version_that_changes_under_way_is_refused(
    shop: Shop, server: TritonServer, photo: Original, here: Rendered
) -> None:
    """The handshake was that of the one before; the message itself says who asks."""
    assert (await shop.client.state()).ready
    shop.client._version = "newer"
    await by_the_networks(shop, photo, here, "absent")


def instances(server: TritonServer) -> list[int]:
    """The processes that run the chain."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().split(b"\0")
        except OSError:
            continue
        model = str(server.repository / CHAIN / "1").encode()
        if b"stub" in command[0] and any(part.startswith(model) for part in command):
            found.append(int(entry.parent.name))
    return found


async def test_no_picture_waits_for_another_s_end(
    shop: Shop, server: TritonServer, photo: Original
) -> None:
    """By Triton's own count: as many executions of the chain as requests, of one size as well."""
    assert (await shop.client.state()).ready
    photos = [original(plain((300, 260), level=200 + index)) for index in range(12)]
    before = served.requests(server, CHAIN), served.runs(server, CHAIN)
    await asyncio.gather(*(shop.made(photo, QUERY) for photo in photos))
    asked = served.requests(server, CHAIN) - before[0]
    assert asked == shop.count("edge_chain_pictures_total", outcome="made") == len(photos)
    assert served.runs(server, CHAIN) - before[1] == asked


async def test_the_next_preset_brings_its_matte_along(
    shop: Shop, server: TritonServer, photo: Original, here: Rendered
) -> None:
    """What one picture has found, the next does not look for, nor is it sent where nothing is left
    to enlarge."""
    tags = ("original:jug",)
    assert (await shop.client.state()).ready
    before = served.requests(server, "matting")
    await shop.made(photo, "fmt=etsy&w=1000&fm=png", tags)
    found = served.requests(server, "matting")
    assert found > before
    assert same(await shop.made(photo, QUERY, tags), here)
    assert shop.count("edge_chain_pictures_total", outcome="made") == 2
    await shop.made(photo, "bg=ffffff&matte=on&fm=png", tags)
    assert shop.count("edge_chain_pictures_total", outcome="made") == 2
    assert served.requests(server, "matting") == found


async def test_those_who_ask_at_once_share_the_search(
    shop: Shop, server: TritonServer, photo: Original
) -> None:
    """Presets of one photo: its subject is looked for once, with the first one's picture."""
    queries = [f"fmt=amazon&w={1000 + index}&fm=png" for index in range(4)]
    assert (await shop.client.state()).ready
    before = served.requests(server, "matting")
    await shop.made(photo, QUERY)
    once = served.requests(server, "matting") - before
    await asyncio.gather(*(shop.made(photo, query, ("original:jug",)) for query in queries))
    assert served.requests(server, "matting") - before == 2 * once
    assert shop.count("edge_chain_pictures_total", outcome="made") == 1 + len(queries)


@pytest.mark.skipif(not triton_shm.FOLDER.is_dir(), reason="no /dev/shm: not a Linux")
async def test_pixels_go_through_shared_memory(
    server: TritonServer, photo: Original, here: Rendered
) -> None:
    """Triton knows a region as large as the pictures' slots, and both tensors lay in one."""
    async with served.on_triton(server, shared=True) as shop:
        memory, lent = shop.models._pictures, []
        take = memory.slot

        async def slot(lengths: list[int]) -> object:
            lent.append(await take(lengths))
            return lent[-1]

        memory.slot = slot
        assert same(await shop.made(photo, QUERY), here)
        assert shop.count("edge_chain_pictures_total", outcome="made") == 1
        assert len(lent) == 2, "the handshake and the picture"
        assert all(lent)
        client = grpc.InferenceServerClient(server.url.removeprefix("grpc://"))
        known = client.get_system_shared_memory_status(as_json=True)["regions"]
        client.close()
        slots, size = triton_shm.PICTURE_SLOTS
        assert str(slots * size) in [region["byte_size"] for region in known.values()]


async def test_killed_and_started_again(
    server: TritonServer, photo: Original, here: Rendered, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Triton leaves a chain whose processes have died as it is; the networks beside it serve, until
    Triton is started anew and the chain is found again, by itself."""
    monkeypatch.setattr(chain_client, "ABSENT_SECONDS", 0.2)
    async with served.on_triton(server) as shop:
        assert (await shop.client.state()).ready
        killed = instances(server)
        assert killed
        for process in killed:
            os.kill(process, signal.SIGKILL)
        await by_the_networks(shop, photo, here, "failed")
        assert not (await shop.client.state()).ready
        server.kill()
        server.launch()
        await server.ready()
        for _ in range(600):
            if (await shop.client.state()).ready:
                break
            await asyncio.sleep(0.2)
        assert same(await shop.made(photo, QUERY), here)
        assert shop.count("edge_chain_pictures_total", outcome="made") == 1


async def test_frozen_it_leaves_time_for_the_networks(
    shop: Shop, server: TritonServer, photo: Original, here: Rendered,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """It has a share of the time that is left; here a small one, and all the rest is ample. Triton
    may notice before that is over."""
    monkeypatch.setattr(chain_client, "SHARE", 0.02)
    assert (await shop.client.state()).ready
    frozen = instances(server)
    assert frozen
    for process in frozen:
        os.kill(process, signal.SIGSTOP)
    try:
        await by_the_networks(shop, photo, here, "late", "failed")
    finally:
        server.kill()  # what a Triton makes of frozen processes is not for the next test
