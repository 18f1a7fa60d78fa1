"""Real edge processes, one real Triton, one real Redis: over HTTP, and when Triton fails.

Two Tritons: one serves the shipped upscalers and is never harmed; the other a slow network with a
short queue, quick to start again, and is killed, frozen and crowded.
"""

import asyncio
import io
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.models import networks
from tests.models.servers import TritonServer, installation
from tests.replicas import Replica, Start, start
from tests.running import photo

__all__ = ["start"]

ROOT = Path(__file__).parent.parent
SHIPPED = ROOT / "triton_models"
BOTTLE = ROOT / "edge" / "samples" / "bottle.jpg"
QUEUE = 8
"""Requests that may wait for the slow network: two pictures' worth, as many as are in call of
each at once."""
CROWD = 32
OPEN = "edge_triton_breaker_open"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonServer]:
    """The upscalers as they are shipped, on a Triton that stays well."""
    folder = tmp_path_factory.mktemp("shipped")
    for name in ("upscale_x2", "upscale_x4"):
        shutil.copytree(SHIPPED / name, folder / name)
    server = TritonServer(installation(), folder, folder.parent / "shipped.log").start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def fragile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonServer]:
    """A slow upscaler by 2, one tile a run; `upscale_x4` is here but is loaded by no Triton."""
    folder = tmp_path_factory.mktemp("fragile")
    networks.convolved(
        folder, "upscale_x2", 256, radius=8, overlap=0, scale=2, repeats=8, batch=1, queue=QUEUE
    )
    networks.nearest(folder, "upscale_x4", 64, 4)
    (folder / "upscale_x4/1/model.onnx").write_bytes(b"no network")
    server = TritonServer(installation(), folder, folder.parent / "fragile.log").start()
    yield server
    server.stop()


def on(server: TritonServer, **environ: str) -> dict[str, str]:
    """The settings of an edge that runs its networks there, and keeps nothing of what they made."""
    return {
        "EDGE_TRITON_URL": server.url,
        "EDGE_MODELS_FOLDER": str(server.repository),
        "EDGE_LIMITS_NETWORK_RUNNING": str(CROWD),
        "EDGE_CACHE_ENLARGED_BYTES": "0",
        **environ,
    }


def pixels(answer: httpx.Response) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB"), int)


def check_refused(answer: httpx.Response, slug: str = "model-unavailable") -> dict:
    """A typed 503 that says when to come again and that nobody may keep."""
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert int(answer.headers["retry-after"]) >= 1
    problem = answer.json()
    assert problem["type"] == f"/-/problems/{slug}"
    return problem


async def running_renders(replica: Replica, count: int) -> None:
    """Until so many renders hold a place for networks."""
    for _ in range(6000):
        if await replica.metric('edge_admission_running{cost="network"}') >= count:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{count} renders never ran at once")


async def until_it_is_served(replica: Replica, url: str, seconds: float) -> httpx.Response:
    """Ask as a CDN does, again and again; every refusal on the way is a typed one."""
    for _ in range(int(seconds)):
        answer = await replica.http.get(url)
        if answer.status_code == 200:
            return answer
        check_refused(answer, answer.json()["type"].rpartition("/")[2])
        await asyncio.sleep(int(answer.headers["retry-after"]))
    raise AssertionError(f"{url}: no picture after {seconds} s, but {answer.text}")


@asynccontextmanager
async def classical_traffic(replica: Replica) -> AsyncIterator[list[int]]:
    """Someone asks for new renditions that need no network, all the while; each must be served."""
    statuses: list[int] = []

    async def delivery_request() -> None:
        for width in range(20, 2000):
            answer = await replica.http.get(f"/sku/456.png?w={width}&fm=jpg&up=off")
            statuses.append(answer.status_code)
            await asyncio.sleep(0.05)

    asking = asyncio.create_task(delivery_request())
    try:
        yield statuses
    finally:
        asking.cancel()
        await asyncio.wait([asking])
    assert len(statuses) > 3
    assert set(statuses) == {200}


async def cached(replica: Replica, url: str) -> str | None:
    """The tier that holds the rendition."""
    return (await replica.http.get(f"/-/explain{url}")).json()["cached"]


class TestTheSamePicture:
    """A rendition does not tell where its networks ran."""

    async def test_as_embedded(self, start: Start, shipped: TritonServer, photos: Path):
        shutil.copy(BOTTLE, photos / "bottle.jpg")
        there = await start(**on(shipped))
        here = await start(EDGE_MODELS_FOLDER=str(shipped.repository))
        # One level where the graphs round differently; JPEG makes a few more of it.
        for query, levels in (("w=1200&up=2&fm=png", 1), ("fmt=amazon&w=2048", 8)):
            answers = [await each.http.get(f"/bottle.jpg?{query}") for each in (there, here)]
            first, second = map(pixels, answers)
            assert np.abs(first - second).max() <= levels
            assert np.abs(first - second).mean() < 0.1
        for model in ("upscale_x2", "upscale_x4"):
            ran = 'edge_model_requests_total{{model="{}",outcome="ok",runtime="{}"}}'
            assert await there.metric(ran.format(model, "triton")) > 0
            assert await here.metric(ran.format(model, "embedded")) > 0


class TestWhenTritonFails:
    async def test_killed_in_the_middle_and_started_again(
        self, start: Start, fragile: TritonServer, redis_url: str, tmp_path: Path
    ):
        """Those under way are refused at once, nothing is kept, and work resumes by itself."""
        store = tmp_path / "store"
        tiers = {"EDGE_CACHE_REDIS_URL": redis_url, "EDGE_CACHE_STORE_URL": str(store)}
        replica = await start(**on(fragile, **tiers))
        urls = [f"/sku/123.jpg?w=1200&up=2&fm=jpg&q={q}" for q in (80, 81)]
        async with classical_traffic(replica):
            under_way = [asyncio.create_task(replica.http.get(url)) for url in urls]
            await running_renders(replica, 2)
            await asyncio.sleep(0.3)
            assert not any(each.done() for each in under_way), "too quick to be killed in between"
            fragile.kill()
            for answer in await asyncio.gather(*under_way):
                assert check_refused(answer)["param"] == "upscale_x2"
            for _ in range(4):
                check_refused(await asyncio.wait_for(replica.http.get(urls[0]), 20))
            assert await replica.metric(OPEN) == 1
            assert [await cached(replica, url) for url in urls] == [None, None]
            fragile.launch()
            await fragile.ready()
            bodies = {(await until_it_is_served(replica, url, 120)).content for url in urls}
            assert len(bodies) == 2
        assert await replica.metric(OPEN) == 0
        again = await replica.http.get(urls[0])
        assert again.content in bodies
        assert again.headers["cache-status"].startswith("edge; hit")
        assert await replica.metric('edge_requests_total{route="image",status="500"') == 0

    async def test_frozen_and_thawed(self, start: Start, fragile: TritonServer):
        """One deadline is lost each, then the breaker spares the callers; no cache hears of it."""
        replica = await start(**on(fragile, EDGE_SERVER_DEADLINE="4"))
        url = "/sku/789.webp?w=500&up=2&fm=jpg&q={}"
        await until_it_is_served(replica, "/sku/789.webp?w=600&up=2&fm=jpg", 120)
        async with classical_traffic(replica):
            fragile.freeze()
            try:
                check_refused(await replica.http.get(url.format(60)), "model-late")
                for q in (61, 62):
                    assert (await replica.http.get(url.format(q))).status_code == 503
                assert await replica.metric(OPEN) == 1
                loop = asyncio.get_running_loop()
                asked = loop.time()
                for q in range(60, 70):
                    check_refused(await replica.http.get(url.format(q)))
                assert loop.time() - asked < 20, "ten callers were spared their four seconds"
                assert await cached(replica, url.format(60)) is None
            finally:
                fragile.thaw()
            await until_it_is_served(replica, url.format(60), 120)
        assert await replica.metric(OPEN) == 0

    async def test_its_queue_full(self, start: Start, fragile: TritonServer, photos: Path):
        """Who finds no place is refused at once; the server lives, so the breaker stays closed.

        Triton stands still until the whole crowd has asked it, so that they come at one moment.
        """
        for number in range(CROWD):
            photo(200, 200, number).save(photos / f"{number}.jpg", quality=90)
        replica = await start(**on(fragile))
        await until_it_is_served(replica, "/0.jpg?w=400&up=2&fm=jpg", 120)
        urls = [f"/{number}.jpg?w=399&up=2&fm=jpg" for number in range(CROWD)]
        async with classical_traffic(replica):
            fragile.freeze()
            try:
                crowd = [asyncio.create_task(replica.http.get(url)) for url in urls]
                await running_renders(replica, CROWD)
                await asyncio.sleep(3)  # small photos are soon decoded, and then ask
            finally:
                fragile.thaw()
            answers = await asyncio.gather(*crowd)
            refused = [each for each in answers if each.status_code != 200]
            for answer in refused:
                assert "queue" in check_refused(answer)["detail"]
            # One runs, and Triton fetches some ahead of it; nobody else has a place.
            assert CROWD - 2 * QUEUE <= len(refused) <= CROWD - QUEUE
            assert await replica.metric(OPEN) == 0
            for url in urls:
                await until_it_is_served(replica, url, 120)

    async def test_of_sixty_at_once_each_is_served_or_refused_before_it_is_late(
        self, start: Start, shipped: TritonServer, photos: Path
    ):
        """A Triton that lives and has too much to do opens no breaker, and nothing is made in vain
        but, at most, what runs at once."""
        for number in range(60):
            photo(200, 200, number).save(photos / f"{number}.jpg", quality=90)
        at_once = 8
        more = {"EDGE_LIMITS_NETWORK_RUNNING": str(at_once), "EDGE_SERVER_DEADLINE": "12"}
        replica = await start(**on(shipped) | more)
        urls = [f"/{number}.jpg?w=399&up=2&fm=jpg" for number in range(60)]
        answers = await asyncio.gather(*(replica.http.get(url) for url in urls))
        served = [each for each in answers if each.status_code == 200]
        refused = [each for each in answers if each.status_code == 503]
        busy = [each for each in refused if each.json()["type"].endswith("/busy")]
        assert served
        assert len(served) + len(busy) >= 60 - at_once, [each.text for each in answers]
        assert await replica.metric(OPEN) == 0
        assert await replica.renders() == len(served)

    async def test_a_model_that_triton_could_not_load_is_named(
        self, start: Start, fragile: TritonServer
    ):
        replica = await start(**on(fragile))
        answer = await replica.http.get("/sku/789.webp?w=1500&up=4&fm=jpg")
        assert check_refused(answer, "model-missing")["param"] == "upscale_x4"
        assert await replica.metric(OPEN) == 0
        await until_it_is_served(replica, "/sku/789.webp?w=700&up=2&fm=jpg", 120)

    async def test_a_model_that_no_folder_has_is_named(self, start: Start, fragile: TritonServer):
        replica = await start(**on(fragile))
        answer = await replica.http.get("/sku/123.jpg?matte=on&bg=fff&w=300&fm=jpg")
        assert check_refused(answer, "model-missing")["param"] == "matting"


class TestAFleet:
    async def test_one_render_per_key_by_tritons_own_count(
        self, start: Start, shipped: TritonServer, redis_url: str, photos: Path
    ):
        """Three replicas, three keys, all asked at once: every tile is computed once."""
        sizes = {"a": (150, 190), "b": (390, 180), "c": (390, 390)}
        for number, (name, size) in enumerate(sizes.items()):
            photo(*size, number).save(photos / f"{name}.jpg", quality=90)
        replicas = [await start(**on(shipped, EDGE_CACHE_REDIS_URL=redis_url)) for _ in range(3)]
        before = shipped.metric("nv_inference_count", "upscale_x2")
        urls = [f"/{name}.jpg?w={size[0] * 2}&up=2&fm=webp" for name, size in sizes.items()]
        asked = [(replica, url) for url in urls for replica in replicas for _ in range(4)]
        answers = await asyncio.gather(*(replica.http.get(url) for replica, url in asked))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.content for answer in answers}) == len(urls)
        assert sum([await each.renders() for each in replicas]) == len(urls)
        await asyncio.sleep(3)  # Triton refreshes its metrics every two seconds
        tiles = shipped.metric("nv_inference_count", "upscale_x2") - before
        alone = await start(**on(shipped))  # without Redis: it makes each picture by itself
        for url in urls:
            assert (await alone.http.get(url)).status_code == 200
        await asyncio.sleep(3)
        again = shipped.metric("nv_inference_count", "upscale_x2") - before - tiles
        assert tiles == again > 0, "as many tiles as one replica asks for, each once"

    async def test_a_replica_killed_in_the_middle_of_its_render_harms_nobody(
        self, start: Start, fragile: TritonServer, redis_url: str
    ):
        doomed, heir, idle = [
            await start(**on(fragile, EDGE_CACHE_REDIS_URL=redis_url)) for _ in range(3)
        ]
        url = "/sku/123.jpg?w=1200&up=2&fm=jpg&q=90"
        lost = asyncio.create_task(doomed.http.get(url))
        await running_renders(doomed, 1)
        waiting = [asyncio.create_task(each.http.get(url)) for each in (heir, heir, idle)]
        await asyncio.sleep(0.3)
        assert not lost.done(), "the render was too quick to be killed in the middle"
        doomed.process.kill()
        with pytest.raises(httpx.TransportError):
            await lost
        answers = await asyncio.gather(*waiting)
        assert [answer.status_code for answer in answers] == [200] * 3
        assert len({answer.content for answer in answers}) == 1
        assert await heir.renders() + await idle.renders() == 1
        assert await heir.metric(OPEN) == 0

    async def test_pictures_of_mixed_sizes_share_batches(
        self, start: Start, shipped: TritonServer, photos: Path
    ):
        """By Triton's own count, with a shipped upscaler and the requests of two replicas."""
        for number in range(16):
            photo(110 + 25 * number, 390 - 14 * number, number).save(photos / f"{number}.jpg")
        replicas = [await start(**on(shipped)) for _ in range(2)]
        names = "nv_inference_count", "nv_inference_exec_count", "nv_inference_request_success"
        before = [shipped.metric(name, "upscale_x2") for name in names]
        answers = await asyncio.gather(
            *(
                replicas[number % 2].http.get(f"/{number}.jpg?w={220 + 50 * number}&up=2&fm=jpg")
                for number in range(16)
            )
        )
        assert {answer.status_code for answer in answers} == {200}
        await asyncio.sleep(3)  # Triton refreshes its metrics every two seconds
        tiles, runs, requests = (
            shipped.metric(name, "upscale_x2") - old
            for name, old in zip(names, before, strict=True)
        )
        assert tiles >= 40
        assert runs < tiles / 2.5
        assert runs < requests / 1.5
