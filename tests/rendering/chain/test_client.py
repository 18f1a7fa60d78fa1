"""What a chain may answer, and what edge makes of it: never an error for whoever asked."""

import json
from collections.abc import AsyncIterator

import numpy as np
import pytest

from edge.deadline import Deadline
from edge.errors import EdgeError, ModelLate, ModelMissing, ModelUnavailable
from edge.models.embedded import EmbeddedModels
from edge.rendering.chain.host import ChainHost
from edge.rendering.engine.threads import EngineThreads
from edge.rendering.networks import of_chain
from edge.rendering.render import RENDER_VERSION
from edge.telemetry import Metrics
from tests.parts import Clock
from tests.rendering.chain import served
from tests.rendering.chain.photos import cut_out, original, plain

QUERY = "fmt=amazon&w=1000&fm=png"
PHOTO = original(plain((150, 130)))


class HostChain:
    """The chain's own side in this process, with what may go wrong on the way."""

    def __init__(self, host: ChainHost) -> None:
        self.host = host
        self.asked = 0
        self.failure: EdgeError | None = None
        self.told: bytes | None = None

    async def ask(self, asked: bytes, photo: list, room: int, **_: object) -> tuple:
        handshake = b"handshake" in asked
        if not handshake:
            self.asked += 1
            if self.failure:
                raise self.failure
        whole = np.concatenate([part.reshape(-1) for part in photo] or [np.zeros(1, np.uint8)])
        told, pixels = await self.host.answer(asked, whole)
        assert handshake or pixels.nbytes <= room
        return (told if handshake or self.told is None else self.told), pixels[0]


@pytest.fixture
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple]:
    folder = served.small_networks(tmp_path_factory.mktemp("networks"))
    models, engine = EmbeddedModels(folder, threads=1), EngineThreads(2)
    chain = HostChain(ChainHost(RENDER_VERSION, models, engine))
    async with served.shop(models, chain, Metrics()) as shop:
        yield chain, shop
    engine.close()


async def test_a_picture_comes_from_the_chain_and_is_the_same(stage: tuple) -> None:
    chain, shop = stage
    made = await shop.made(PHOTO, QUERY)
    assert chain.asked == 1
    chain.failure = ModelUnavailable("gone")
    alone = await shop.made(PHOTO, QUERY)
    assert np.array_equal(served.pixels(made), served.pixels(alone))
    assert made.report.compliance == alone.report.compliance


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [(ModelMissing, "absent"), (ModelLate, "late"), (ModelUnavailable, "failed")],
)
async def test_a_failure_is_counted_and_rests_the_chain(
    failure: type[EdgeError], outcome: str, stage: tuple, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain, shop = stage
    clock = Clock()
    monkeypatch.setattr("edge.breaker.time", clock)
    chain.failure = failure("as it happens")
    assert (await shop.made(PHOTO, QUERY)).report
    assert shop.count("edge_chain_pictures_total", outcome=outcome) == 1
    assert (await shop.made(PHOTO, QUERY)).report
    assert chain.asked == 1, "it is left alone for a while"
    chain.failure = None
    clock.now += 31
    assert (await shop.made(PHOTO, QUERY)).report
    assert chain.asked == 2, "and then asked again"


@pytest.mark.parametrize(
    "told",
    [b"", b"nonsense", b"[]", b"null", b'{"entry":null}', b'{"entry":"x","picture":null}',
     b'{"entry":null,"picture":{"size":[9,9],"mode":"P"},"timings":[]}',
     b'{"entry":null,"picture":7,"timings":[]}',
     b'{"entry":null,"picture":null,"plan":"","steps":0,"graphs":false,"timings":[]}'],
)  # fmt: skip
async def test_an_answer_that_makes_no_sense_harms_nobody(told: bytes, stage: tuple) -> None:
    chain, shop = stage
    chain.told = told
    assert (await shop.made(PHOTO, QUERY)).report
    assert chain.asked == 1


async def test_another_plan_than_ours_is_not_taken(stage: tuple) -> None:
    chain, shop = stage
    honest = chain.host.answer

    async def lying(asked: bytes, photo: np.ndarray) -> tuple:
        told, pixels = await honest(asked, photo)
        words = json.loads(told)
        return json.dumps(words | {"plan": "[]"} if "plan" in words else words).encode(), pixels

    chain.host.answer = lying
    made = await shop.made(PHOTO, QUERY)
    chain.failure = ModelUnavailable("gone")
    assert np.array_equal(served.pixels(made), served.pixels(await shop.made(PHOTO, QUERY)))


async def test_explain_says_who_makes_the_picture(stage: tuple) -> None:
    chain, shop = stage
    transform = served.read(QUERY, served.PRESETS).transform
    assert (await shop.client.state()).ready
    told = await shop.renderer.explain(PHOTO, transform, deadline=Deadline.after(60))
    assert told["chain"] == "by the product chain"
    chain.failure = ModelUnavailable("it is on fire")
    await shop.made(PHOTO, QUERY)
    told = await shop.renderer.explain(PHOTO, transform, deadline=Deadline.after(60))
    assert told["chain"] == "it is on fire"


async def test_a_reduced_decode_is_not_sent(stage: tuple) -> None:
    """The chain would begin with other pixels."""
    chain, shop = stage
    large = original(plain((2600, 1000), scale=0.3))
    await shop.made(large, "bg=ffffff&matte=on&w=300&h=300&fm=png")
    assert chain.asked == 0


async def test_an_enlarged_photo_with_its_own_alpha_is_cut_out_by_it(stage: tuple) -> None:
    """By the chain, and by the networks one by one: white shows where the alpha is empty."""
    chain, shop = stage
    photo = original(cut_out((150, 170)))
    by_chain = served.pixels(await shop.made(photo, QUERY))
    assert chain.asked == 1
    chain.failure = ModelUnavailable("gone")
    alone = served.pixels(await shop.made(photo, QUERY))
    assert np.abs(by_chain - alone).max() <= 2
    white = (alone == 255).all(axis=2)
    assert 0.3 < white.mean() < 0.9
    rows, columns = np.flatnonzero(~white.all(axis=1)), np.flatnonzero(~white.all(axis=0))
    framed = ~white[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    assert framed.mean() < 0.9, "its shape, not its frame"


def test_networks_are_named_with_their_digests(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = served.small_networks(tmp_path_factory.mktemp("networks"))
    models = EmbeddedModels(folder, threads=1)
    assert [name for name, _ in of_chain(models)] == ["matting", "upscale_x2", "upscale_x4"]
