"""A real Triton that dies, freezes or forgets: typed errors within a bound, then work as before."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.arrays import Tensor
from edge.deadline import Deadline
from edge.errors import DeadlineExceeded, ModelUnavailable
from edge.models import triton_shm as shm
from edge.models.triton import TritonModels
from tests.models import networks
from tests.models.conftest import noise
from tests.models.servers import TritonServer, installation

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shm.FOLDER.is_dir(), reason="no /dev/shm: not a Linux"),
]

TILE = noise(32, 32)[None]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonServer]:
    folder = tmp_path_factory.mktemp("served")
    networks.nearest(folder, "tiny", 32, 2, overlap=4)
    networks.convolved(folder, "slow", 256, radius=8, overlap=0, repeats=12, batch=1)
    log = tmp_path_factory.mktemp("log") / "log"
    server = TritonServer(installation(), folder, log).start()
    yield server
    server.stop()


@pytest.fixture(params=["inline", "shared"])
async def models(
    request: pytest.FixtureRequest, server: TritonServer
) -> AsyncIterator[TritonModels]:
    models = TritonModels(server.url, server.repository, shared_memory=request.param == "shared")
    yield models
    await models.close()


@pytest.fixture
async def sharing(server: TritonServer) -> AsyncIterator[TritonModels]:
    models = TritonModels(server.url, server.repository, shared_memory=True)
    yield models
    await models.close()


async def enlarged(models: TritonModels, seconds: float = 10) -> Tensor:
    answer = await models.infer("tiny", {"image": TILE}, deadline=Deadline.after(seconds))
    return answer["enlarged"]


async def until_it_works(models: TritonModels, seconds: float) -> None:
    """Ask as callers do, again and again, until an answer comes."""
    for _ in range(int(seconds / 0.2)):
        try:
            assert np.array_equal(await enlarged(models, 2), TILE.repeat(2, 1).repeat(2, 2))
        except (ModelUnavailable, DeadlineExceeded):
            await asyncio.sleep(0.2)
        else:
            return
    raise AssertionError(f"no answer after {seconds} s")


async def test_killed_in_the_middle_and_started_again(
    models: TritonModels, server: TritonServer
) -> None:
    """Those under way get a typed error at once, so do those who come, until Triton is back."""
    await until_it_works(models, 120)
    big = {"image": noise(256, 256)[None]}
    under_way = [
        asyncio.create_task(models.infer("slow", big, deadline=Deadline.after(60)))
        for _ in range(4)
    ]
    await asyncio.sleep(0.1)
    loop = asyncio.get_running_loop()
    server.kill()
    start = loop.time()
    answers = await asyncio.gather(*under_way, return_exceptions=True)
    assert loop.time() - start < 30, "none waits for its deadline"
    assert any(isinstance(each, ModelUnavailable) for each in answers)
    assert all(isinstance(each, ModelUnavailable | dict) for each in answers), answers
    for _ in range(20):
        start = loop.time()
        with pytest.raises(ModelUnavailable):
            await enlarged(models, 30)
        assert loop.time() - start < 15
    assert models.breaker.open
    server.launch()
    await server.ready()
    await until_it_works(models, 120)
    assert not models.breaker.open


async def test_a_triton_that_is_told_to_stop_is_away_not_without_its_models(
    models: TritonModels, server: TritonServer
) -> None:
    """It unloads its models before it goes; whoever asks meanwhile is told to come again."""
    await until_it_works(models, 120)
    stopping = asyncio.create_task(asyncio.to_thread(server.stop))
    errors: list[Exception] = []
    while not stopping.done():
        try:
            await enlarged(models, 2)
        except ModelUnavailable as error:
            errors.append(error)
        await asyncio.sleep(0.005)
    assert errors
    assert await stopping == 0
    server.launch()
    await server.ready()
    await until_it_works(models, 120)


async def test_frozen_and_thawed(models: TritonModels, server: TritonServer) -> None:
    """A server that accepts and says nothing costs one deadline each, then the breaker opens."""
    await until_it_works(models, 120)
    loop = asyncio.get_running_loop()
    server.freeze()
    try:
        for _ in range(3):
            with pytest.raises(DeadlineExceeded):
                await enlarged(models, 1.1)
        assert models.breaker.open
        start = loop.time()
        for _ in range(10):
            with pytest.raises(ModelUnavailable):
                await enlarged(models, 30)
        assert loop.time() - start < 60, "ten deadlines would be 300"
    finally:
        server.thaw()
    await until_it_works(models, 120)


async def test_shared_memory_is_really_used(sharing: TritonModels, server: TritonServer) -> None:
    assert np.array_equal(await enlarged(sharing), TILE.repeat(2, 1).repeat(2, 2))
    (region,) = await known_regions(server)
    assert region.startswith(shm.PREFIX)
    assert (shm.FOLDER / region).exists()


async def test_closing_removes_the_region_here_and_there(
    sharing: TritonModels, server: TritonServer
) -> None:
    await enlarged(sharing)
    (region,) = await known_regions(server)
    await sharing.close()
    assert not (shm.FOLDER / region).exists()
    assert await known_regions(server) == []


async def test_a_region_that_triton_forgot_costs_no_request(
    sharing: TritonModels, server: TritonServer
) -> None:
    await enlarged(sharing)
    await manage(server, "unregister_system_shared_memory")
    for _ in range(3):
        assert np.array_equal(await enlarged(sharing), TILE.repeat(2, 1).repeat(2, 2))
    assert len(await known_regions(server)) == 1, "it was registered again"


async def test_a_refused_region_costs_no_request(
    sharing: TritonModels, server: TritonServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A region that Triton cannot see, as from another container: tensors go inline."""
    real = shm.Region.make
    monkeypatch.setattr(shm.Region, "make", lambda *_: real(folder=tmp_path))
    assert np.array_equal(await enlarged(sharing), TILE.repeat(2, 1).repeat(2, 2))
    assert await known_regions(server) == []


async def test_too_little_shared_memory_costs_no_request(
    sharing: TritonModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shm.Region.make
    monkeypatch.setattr(shm.Region, "make", lambda *_: real(slots=2**24))
    assert np.array_equal(await enlarged(sharing), TILE.repeat(2, 1).repeat(2, 2))
    assert not list(shm.FOLDER.glob(f"{shm.PREFIX}{os.getpid()}-*"))


async def test_more_requests_than_slots_go_inline(sharing: TritonModels) -> None:
    answers = await asyncio.gather(*(enlarged(sharing) for _ in range(4 * shm.SLOTS)))
    assert all(np.array_equal(each, TILE.repeat(2, 1).repeat(2, 2)) for each in answers)


async def test_a_slot_is_not_lent_again_while_triton_may_still_write_into_it(
    sharing: TritonModels,
) -> None:
    """The caller leaves in the middle of a run; the run goes on and writes its answer later."""
    await enlarged(sharing)
    assert sharing._memory is not None
    region = sharing._memory._region
    assert region is not None
    assert region.free == shm.SLOTS
    big = {"image": noise(256, 256)[None]}
    gone = asyncio.create_task(sharing.infer("slow", big, deadline=Deadline.after(30)))
    await asyncio.sleep(0.1)
    gone.cancel()
    await asyncio.wait([gone])
    assert region.free == shm.SLOTS - 1


async def known_regions(server: TritonServer) -> list[str]:
    status = await manage(server, "get_system_shared_memory_status")
    return sorted(status.regions)


async def manage(server: TritonServer, verb: str):
    import tritonclient.grpc.aio as grpc

    async with grpc.InferenceServerClient(server.url.removeprefix("grpc://")) as client:
        return await getattr(client, verb)()
