"""Several Tritons behind one name: each gets its share, and the loss of one is not an outage."""

import asyncio
from collections.abc import Iterator

import pytest

from edge.deadline import Deadline
from edge.errors import ModelUnavailable
from edge.models.triton import TritonModels
from tests.models import networks
from tests.models.conftest import noise
from tests.models.servers import TritonServer, installation

pytestmark = pytest.mark.slow

ONE = {"image": noise(32, 32)[None]}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[TritonServer]]:
    folder = tmp_path_factory.mktemp("served")
    networks.nearest(folder, "upscale_x2", 32, 2, overlap=4, delay=0)
    servers = [
        TritonServer(installation(), folder, folder.parent / f"triton-{n}.log").start()
        for n in range(2)
    ]
    yield servers
    for server in servers:
        server.stop()


async def test_requests_go_to_each_in_turn_and_past_one_that_is_lost(
    pair: list[TritonServer],
) -> None:
    addresses = ",".join(f"127.0.0.1:{server.ports.grpc}" for server in pair)
    models = TritonModels(f"grpc://ipv4:{addresses}", pair[0].repository)
    try:
        await models.infer("upscale_x2", ONE, deadline=Deadline.after(30))
        await asyncio.sleep(3)  # both are connected, and that one is counted
        before = [each.metric("nv_inference_count", "upscale_x2") for each in pair]
        for _ in range(20):
            await models.infer("upscale_x2", ONE, deadline=Deadline.after(30))
        await asyncio.sleep(3)  # Triton refreshes its metrics every two seconds
        counts = [
            each.metric("nv_inference_count", "upscale_x2") - old
            for each, old in zip(pair, before, strict=True)
        ]
        assert sum(counts) == 20
        assert min(counts) >= 8, counts
        pair[0].kill()
        await served_again(models)
        for _ in range(5):
            await models.infer("upscale_x2", ONE, deadline=Deadline.after(30))
    finally:
        await models.close()


async def served_again(models: TritonModels) -> None:
    """At most the requests that were on their way to the lost one fail, each in a typed way."""
    for _ in range(1200):
        try:
            await models.infer("upscale_x2", ONE, deadline=Deadline.after(30))
            return
        except ModelUnavailable:
            await asyncio.sleep(0.1)
    raise AssertionError("the one that is left does not serve")
