"""The networks on a real Triton: the same results, batches across callers, honest errors."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.deadline import Deadline
from edge.errors import (
    DeadlineExceeded,
    ModelContractBroken,
    ModelMissing,
    ModelUnavailable,
    SettingsError,
)
from edge.models.base import Priority
from edge.models.embedded import EmbeddedModels
from edge.models.matting import coarse_matte
from edge.models.repository import Repository
from edge.models.selftest import probe, record
from edge.models.triton import TritonModels
from tests.models import networks
from tests.models.conftest import noise
from tests.models.enlarging import upscale
from tests.models.servers import TritonServer, free_ports, installation

SHIPPED = Path(__file__).parents[2] / "triton_models"
NAMES = Repository(SHIPPED).names()

pytestmark = pytest.mark.slow

ONE = {"image": noise(256, 256)[None]}
"""A request for the slow model."""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is shipped, and beside it networks made to be batched, slow, full or broken."""
    folder = tmp_path_factory.mktemp("served")
    for name in NAMES:
        shutil.copytree(SHIPPED / name, folder / name)
    networks.nearest(folder, "tiny", 32, 2, overlap=4, delay=30_000)
    networks.convolved(
        folder, "slow", 256, radius=8, overlap=0, repeats=6, batch=1, queue=2, delay=0
    )
    networks.convolved(
        folder, "slower", 256, radius=8, overlap=0, repeats=16, batch=1, queue=10, delay=0
    )
    for name in ("slow", "slower"):
        asyncio.run(store_answer(folder, name))
    networks.nearest(folder, "broken", 32, 2)
    (folder / "broken/1/model.onnx").write_bytes(b"not a network")
    if not (folder / "matting").exists():
        networks.luminance_matte(folder)
    return folder


async def store_answer(folder: Path, name: str) -> None:
    """Write down what the embedded runtime answers; Triton's answer is held against it."""
    models = EmbeddedModels(folder, threads=1)
    await record(models, Repository(folder), name)
    await models.close()


@pytest.fixture(scope="module")
def server(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonServer]:
    server = TritonServer(
        installation(), repository, tmp_path_factory.mktemp("log") / "log"
    ).start()
    yield server
    assert server.stop() == 0


@pytest.fixture(params=["inline", "shared"])
async def models(
    request: pytest.FixtureRequest, server: TritonServer
) -> AsyncIterator[TritonModels]:
    """The door to that server, once with tensors in the messages, once through shared memory."""
    models = TritonModels(server.url, server.repository, shared_memory=request.param == "shared")
    yield models
    await models.close()


@pytest.fixture
async def inline(server: TritonServer) -> AsyncIterator[TritonModels]:
    models = TritonModels(server.url, server.repository)
    yield models
    await models.close()


def test_every_shipped_config_is_loaded_by_the_real_server(server: TritonServer) -> None:
    """With its priorities, queue policy and warm-up; and a broken model takes no other down."""
    ready = {state.name: state.ready for state in server.states}
    assert set(NAMES) <= set(ready)
    assert {name for name, state in ready.items() if not state} == {"broken"}


@pytest.mark.parametrize("name", NAMES)
async def test_a_shipped_network_answers_as_it_does_embedded(
    models: TritonModels, name: str, deadline: Deadline
) -> None:
    embedded = EmbeddedModels(SHIPPED, threads=1)
    spec = models.spec(name)
    inputs = {key: np.repeat(array, 3, 0) for key, array in probe(spec).items()}
    here = await embedded.infer(name, inputs, deadline=deadline)
    there = await models.infer(name, inputs, deadline=deadline)
    for tensor in spec.outputs:
        difference = here[tensor.name].astype(int) - there[tensor.name]
        assert np.abs(difference).max() <= 1
        assert np.ptp(here[tensor.name]) > 50, "a flat answer would prove nothing"
    await embedded.close()


async def test_a_picture_is_enlarged_pixel_by_pixel(
    models: TritonModels, deadline: Deadline
) -> None:
    image = noise(61, 90)
    enlarged = await upscale(models, image, 2, deadline, model="tiny")
    assert np.array_equal(enlarged, image.repeat(2, 0).repeat(2, 1))


async def test_mattes_are_those_of_the_embedded_runtime(
    models: TritonModels, repository: Path, deadline: Deadline
) -> None:
    embedded = EmbeddedModels(repository, threads=1)
    image = noise(300, 400)
    alphas = [await coarse_matte(runtime, image, deadline) for runtime in (embedded, models)]
    assert np.abs(alphas[0].astype(int) - alphas[1]).max() <= 1
    await embedded.close()


async def test_pictures_of_mixed_sizes_share_batches(
    models: TritonModels, server: TritonServer
) -> None:
    """By Triton's own count: far fewer executions than tiles, and fewer than requests."""
    names = "nv_inference_count", "nv_inference_exec_count", "nv_inference_request_success"
    before = [server.metric(name, "tiny") for name in names]
    pictures = [noise(20 + 7 * i, 90 - 5 * i, seed=i) for i in range(16)]
    enlarged = await asyncio.gather(
        *(upscale(models, each, 2, Deadline.after(60), model="tiny") for each in pictures)
    )
    for small, large in zip(pictures, enlarged, strict=True):
        assert np.array_equal(large, small.repeat(2, 0).repeat(2, 1)), "no tile went astray"
    await asyncio.sleep(3)  # Triton refreshes its metrics every two seconds
    tiles, runs, requests = (
        server.metric(name, "tiny") - old for name, old in zip(names, before, strict=True)
    )
    assert tiles > 80
    assert runs < tiles / 3
    assert runs < requests / 1.5


async def test_readiness_is_an_answer_to_a_known_question(inline: TritonModels) -> None:
    states = {state.name: state for state in await inline.states()}
    assert states["upscale_x2"].ready
    assert not states["broken"].ready
    assert "broken" in states["broken"].detail


async def test_a_model_that_triton_does_not_serve_is_missing(
    models: TritonModels, deadline: Deadline
) -> None:
    with pytest.raises(ModelMissing) as caught:
        await models.infer("broken", {"image": noise(32, 32)[None]}, deadline=deadline)
    assert caught.value.param == "broken"
    with pytest.raises(ModelMissing):
        await models.infer("nowhere", {}, deadline=deadline)
    assert not models.breaker.open


async def test_a_folder_that_differs_from_the_servers_is_a_broken_contract(
    server: TritonServer, tmp_path: Path, deadline: Deadline
) -> None:
    networks.nearest(tmp_path, "tiny", 16, 2)
    models = TritonModels(server.url, tmp_path)
    with pytest.raises(ModelContractBroken, match="tiny"):
        await models.infer("tiny", {"image": noise(16, 16)[None]}, deadline=deadline)
    await models.close()


async def test_a_full_queue_is_unavailable_at_once_and_the_others_are_served(
    models: TritonModels,
) -> None:
    answers = await asyncio.gather(
        *(models.infer("slow", ONE, deadline=Deadline.after(60)) for _ in range(24)),
        return_exceptions=True,
    )
    refused = [each for each in answers if isinstance(each, ModelUnavailable)]
    served = [each for each in answers if isinstance(each, dict)]
    assert len(refused) + len(served) == 24
    assert len(refused) >= 5
    assert len(served) >= 2, "as many as the queue holds"
    assert not models.breaker.open, "a server that refuses is not a dead one"


async def test_a_deadline_is_kept_while_the_network_runs(models: TritonModels) -> None:
    typical = min([await seconds_of_a_slow_run(models) for _ in range(3)])
    await run_out_of_time(models, typical * 0.3)
    with pytest.raises(DeadlineExceeded):
        await models.infer("slow", ONE, deadline=Deadline.after(0))


async def test_a_deadline_is_kept_in_the_queue(models: TritonModels) -> None:
    typical = min([await seconds_of_a_slow_run(models) for _ in range(3)])
    ahead = [
        asyncio.create_task(models.infer("slow", ONE, deadline=Deadline.after(60)))
        for _ in range(2)
    ]
    await asyncio.sleep(typical * 0.1)
    await run_out_of_time(models, typical * 0.5)
    for answer in await asyncio.gather(*ahead):
        assert answer["enlarged"].shape == (1, 256, 256, 3), "those ahead are not disturbed"


async def run_out_of_time(models: TritonModels, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    start = loop.time()
    with pytest.raises(DeadlineExceeded):
        await models.infer("slow", ONE, deadline=Deadline.after(seconds))
    assert loop.time() - start < seconds + 20


async def seconds_of_a_slow_run(models: TritonModels) -> float:
    """Of the slow model, after whatever an earlier test left in its queue."""
    loop = asyncio.get_running_loop()
    while True:
        start = loop.time()
        try:
            await models.infer("slow", ONE, deadline=Deadline.after(60))
        except ModelUnavailable:
            await asyncio.sleep(0.1)
        else:
            return loop.time() - start


async def test_the_urgent_overtake_in_triton_s_queue(
    inline: TritonModels, server: TritonServer
) -> None:
    """Asked for after eight prewarming requests, the visitor's overtakes those still queued.

    Triton stands still between the first answer and the visitor's request, so that few more of
    them are done meanwhile. What had left the queue by then, fetched ahead or begun before it stood
    still, comes first; how many those are depends on the machine, and on a busy one it may be all
    of them: so it is tried again. In the order of their coming, the visitor's would always be last.
    """
    for _ in range(5):
        order = await visitor_after_prewarming(inline, server)
        assert len(order) == 9
        if order.index("visitor") <= 6:
            return
    pytest.fail(f"the visitor's came last each time, as here: {order}")


async def visitor_after_prewarming(inline: TritonModels, server: TritonServer) -> list[str]:
    """Who was answered, in that order."""
    order: list[str] = []
    begun = asyncio.Event()

    async def ask(name: str, priority: Priority) -> None:
        await inline.infer("slower", ONE, deadline=Deadline.after(120), priority=priority)
        order.append(name)
        begun.set()

    prewarming = [asyncio.create_task(ask(f"prewarm{i}", Priority.PREWARM)) for i in range(8)]
    await begun.wait()
    server.freeze()
    visitor = asyncio.create_task(ask("visitor", Priority.INTERACTIVE))
    await asyncio.sleep(0.3)  # its request is on the way
    server.thaw()
    await asyncio.gather(visitor, *prewarming)
    return order


async def test_no_more_requests_are_in_flight_than_allowed(server: TritonServer) -> None:
    models = TritonModels(server.url, server.repository, in_flight=1)
    answers = await asyncio.gather(
        *(models.infer("slow", ONE, deadline=Deadline.after(60)) for _ in range(6))
    )
    assert len(answers) == 6, "the queue of two would have refused some"
    await models.close()


async def test_a_batch_over_the_largest_goes_in_pieces(
    models: TritonModels, deadline: Deadline
) -> None:
    tiles = np.stack([noise(32, 32, seed=i) for i in range(19)])
    answer = await models.infer("tiny", {"image": tiles}, deadline=deadline)
    assert np.array_equal(answer["enlarged"], tiles.repeat(2, 1).repeat(2, 2))


async def test_a_cancelled_caller_harms_nobody(models: TritonModels, deadline: Deadline) -> None:
    gone = asyncio.create_task(models.infer("slow", ONE, deadline=deadline))
    await asyncio.sleep(0.05)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    tile = noise(32, 32)[None]
    answer = await models.infer("tiny", {"image": tile}, deadline=deadline)
    assert np.array_equal(answer["enlarged"], tile.repeat(2, 1).repeat(2, 2))


async def test_nobody_listening_is_unavailable_within_a_bound(repository: Path) -> None:
    models = TritonModels(f"grpc://127.0.0.1:{free_ports(1)[0]}", repository)
    loop = asyncio.get_running_loop()
    start = loop.time()
    with pytest.raises(ModelUnavailable):
        await models.infer("tiny", {"image": noise(32, 32)[None]}, deadline=Deadline.after(30))
    assert loop.time() - start < 20
    state = next(each for each in await models.states() if each.name == "tiny")
    assert not state.ready
    await models.close()


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "127.0.0.1:8001", "grpc://"])
def test_a_url_that_is_not_tritons_is_refused_at_start(url: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="grpc://host:port"):
        TritonModels(url, tmp_path)
