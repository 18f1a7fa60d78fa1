"""Sixty pictures at once by the chain: none fails, none is another's, each is the one made here."""

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest

from edge.models.embedded import EmbeddedModels
from edge.rendering.drawing import Rendered
from edge.telemetry import Metrics
from tests.models.servers import TritonServer, installation
from tests.rendering.chain import served
from tests.rendering.chain.photos import cut_out, original, plain, scene
from tests.rendering.chain.served import CHAIN, Shop

pytestmark = pytest.mark.slow

CROWD = 60
QUERY = "matte=on&bg=ffffff&w=320&h=320&fit=product&up=auto&fm=png"
KINDS = (plain, scene, cut_out)
SIZES = ((150, 130), (130, 150), (125, 125), (150, 150))
LEVELS = 2


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonServer]:
    """Small networks, and the chain with its pixel work done by the graphs."""
    folder = served.small_networks(tmp_path_factory.mktemp("served"))
    served.add_chain(folder, graphs="on")
    server = TritonServer(installation(), folder, tmp_path_factory.mktemp("log") / "log").start()
    yield server
    server.stop()


@pytest.mark.parametrize("shared", [False, True], ids=["inline", "shared memory"])
async def test_all_are_made_and_none_is_another_s(server: TritonServer, shared: bool) -> None:
    """Twelve different photos, each five times, none of which is kept. What a slow machine does not
    get done within half of a request's time is made by the networks."""
    kinds = [original(kind(size), f"{kind.__name__}{size}") for kind in KINDS for size in SIZES]
    photos = kinds * (CROWD // len(kinds))
    async with served.shop(EmbeddedModels(server.repository), None, Metrics()) as here:
        wanted = [served.pixels(await here.made(each, QUERY)) for each in kinds]
    async with served.on_triton(server, shared=shared) as shop:
        assert (await shop.client.state()).ready
        before = served.requests(server, CHAIN)
        made = await at_once(shop, photos)
        by_chain = shop.count("edge_chain_pictures_total", outcome="made")
        assert shop.count("edge_chain_pictures_total") == CROWD
        assert by_chain == served.requests(server, CHAIN) - before > 0, "late ones: by the networks"
    for place, picture in enumerate(made):
        found = served.pixels(picture)
        assert found.shape == wanted[place % len(kinds)].shape
        assert np.abs(found - wanted[place % len(kinds)]).max() <= LEVELS


async def at_once(shop: Shop, photos: list) -> list[Rendered]:
    return list(await asyncio.gather(*(shop.made(each, QUERY) for each in photos)))
