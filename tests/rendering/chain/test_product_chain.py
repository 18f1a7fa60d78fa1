"""Whole pictures by the product chain on a real Triton: the same pictures, and one request each."""

from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest

from edge.models.embedded import EmbeddedModels
from edge.rendering.drawing import Rendered
from edge.telemetry import Metrics
from tests.models.servers import TritonServer, installation
from tests.rendering.chain import served
from tests.rendering.chain.photos import PHOTOS, original
from tests.rendering.chain.served import CHAIN, SHIPPED

pytestmark = pytest.mark.slow

LEVELS = 2
"""By so much a picture of the chain may differ from the one made in this process."""

QUERIES = {"amazon": "fmt=amazon&w=1200&fm=png", "etsy": "fmt=etsy&w=1200&fm=png"}


@pytest.fixture(scope="module", params=["off", "on"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TritonServer]:
    """The shipped networks and the chain, whose pixel work the processor or the graphs do."""
    folder = tmp_path_factory.mktemp("served")
    served.add_chain(served.shipped_networks(folder), graphs=request.param)
    log = tmp_path_factory.mktemp("log") / "log"
    server = TritonServer(installation(), folder, log).start()
    yield server
    server.stop()


@cache
def photo(kind: str):
    return original(PHOTOS[kind]())


_EMBEDDED: dict[tuple[str, str], Rendered] = {}


async def embedded(kind: str, query: str) -> Rendered:
    """The same picture made in this process, once for both servers."""
    if (kind, query) not in _EMBEDDED:
        models = EmbeddedModels(SHIPPED)
        async with served.shop(models, None, Metrics()) as shop:
            _EMBEDDED[kind, query] = await shop.made(photo(kind), query)
    return _EMBEDDED[kind, query]


@pytest.mark.parametrize("preset", QUERIES)
@pytest.mark.parametrize("kind", PHOTOS)
async def test_a_picture_is_that_of_the_embedded_chain_and_takes_one_request(
    kind: str, preset: str, server: TritonServer
) -> None:
    """Pixels within two levels, the same verdict, the same plan; Triton has counted one request
    for the picture, and edge has asked no network by itself."""
    here = await embedded(kind, QUERIES[preset])
    async with served.on_triton(server) as shop:
        assert (await shop.client.state()).ready
        before = served.requests(server, CHAIN)
        there = await shop.made(photo(kind), QUERIES[preset])
        assert served.requests(server, CHAIN) - before == 1
        asked = shop.count("edge_model_requests_total")
        assert asked == shop.count("edge_model_requests_total", model=CHAIN) == 2, "and a handshake"
        assert shop.count("edge_chain_pictures_total", outcome="made") == 1
    one, other = served.pixels(here), served.pixels(there)
    assert one.shape == other.shape
    assert np.abs(one - other).max() <= LEVELS
    assert here.report
    assert there.report
    assert here.report.compliance == there.report.compliance
    assert here.plan == there.plan
    assert here.analysis == there.analysis
    assert here.rendition.reported.models == there.rendition.reported.models


async def test_a_see_through_background_and_a_shadow_are_the_same(server: TritonServer) -> None:
    framed = "matte=on&w=900&h=700&fit=product&up=auto&fm=png"
    for query in (f"bg=transparent&{framed}", f"bg=f0f0f0&shadow=1&{framed}"):
        here = await embedded("plain", query)
        async with served.on_triton(server) as shop:
            there = await shop.made(photo("plain"), query)
            assert shop.count("edge_chain_pictures_total", outcome="made") == 1
        one, other = served.pixels(here), served.pixels(there)
        assert one.shape == other.shape
        assert np.abs(one - other).max() <= LEVELS
