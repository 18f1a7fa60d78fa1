"""One photo fanned out to all presets over HTTP: one matte, each tile enlarged once, in one process
and in a fleet."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from edge.app import SAMPLES
from edge.images import Size
from edge.models.tiles import Tiling
from tests.models import networks
from tests.parts import RedisServer
from tests.rendering.matting.test_segment import plain, scene
from tests.replicas import Start, start
from tests.running import TOKEN, Running, running

__all__ = ["start"]

TWELVE = (
    "amazon", "amazon-alt", "walmart", "faire", "ebay", "shopify", "shopify-cutout", "thumb",
    "etsy", "instagram", "tiktok", "display",
)  # fmt: skip
FOUR = tuple(
    f"matte=on&{image_request}"
    for image_request in ("fmt=png", "w=300&bg=fff", "w=90&bg=red", "h=200&fit=product")
)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A repository of quick networks of all roles."""
    folder = tmp_path_factory.mktemp("triton_models")
    networks.nearest(folder, "upscale_x2", 64, 2, overlap=4)
    networks.nearest(folder, "upscale_x4", 64, 4, overlap=4)
    networks.luminance_matte(folder)
    return str(folder)


@pytest.fixture(params=["plain background", "network"])
def shot(request: pytest.FixtureRequest, photos: Path) -> str:
    """The URL of a photo whose subject is found on one way or the other."""
    image = plain() if request.param == "plain background" else dark_ball()
    image.save(photos / "shot.png")
    return "/shot.png"


def dark_ball() -> Image.Image:
    image = scene(with_subject=False).point(lambda level: level // 2 + 128)
    ImageDraw.Draw(image).ellipse((200, 300, 400, 500), fill=(20, 40, 60))
    return image


async def mattes(server: Running) -> dict[str, float]:
    """How many came from where."""
    text = (await server.http.get("/-/metrics")).text.splitlines()
    lines = [line for line in text if line.startswith('edge_mattes_total{source="')]
    return {line.split('"')[1]: float(line.rpartition(" ")[2]) for line in lines}


async def purge(server: Running, path: str) -> None:
    answer = await server.http.post(
        "/-/purge", json={"original": path}, headers={"authorization": f"Bearer {TOKEN}"}
    )
    assert answer.status_code == 200


async def fan_out(server: Running, urls: list[str], *, at_once: bool) -> list[bytes]:
    if at_once:
        answers = await asyncio.gather(*(server.get(url) for url in urls))
    else:
        answers = [await server.get(url) for url in urls]
    assert [answer.status_code for answer in answers] == [200] * len(urls)
    return [answer.content for answer in answers]


@pytest.mark.slow
async def test_twelve_presets_of_one_photo_cost_one_matting_and_one_upscale(
    tmp_path: Path,
) -> None:
    """With the shipped networks; in turn and all at once, and to the same bytes."""
    shutil.copy(SAMPLES / "bottle.jpg", tmp_path)
    urls = [f"/bottle.jpg?fmt={preset}" for preset in TWELVE]
    environ = {"EDGE_SERVER_DEADLINE": "300", "EDGE_LIMITS_NETWORK_RUNNING": "12"}
    bodies = []
    for at_once, order in ((False, urls), (True, urls[::-1])):
        async with running(tmp_path, environ) as server:
            server.http.timeout = 300
            made = dict(zip(order, await fan_out(server, order, at_once=at_once), strict=True))
            bodies.append([made[url] for url in urls])
            sources = await mattes(server)
            assert sources["made"] == 1
            assert sum(sources.values()) >= 8
            tiling = Tiling.of(Size(600, 800), 224, 12, 104)
            most = tiling.rows * tiling.columns
            for scale in (2, 4):
                of = f'edge_upscale_tiles_total{{model="upscale_x{scale}_photo",source="m'
                assert 0 < await server.metric(of) <= most, "no cell is enlarged twice"
            kept = await server.metric(
                'edge_upscale_tiles_total{model="upscale_x4_photo",source="k'
            )
            assert kept > most
    assert bodies[0] == bodies[1], "what is kept, and who came first, does not show in a byte"


@pytest.mark.parametrize("at_once", [False, True], ids=["in turn", "at once"])
async def test_one_matting_whatever_finds_the_subject(serve, tiny, shot, at_once) -> None:
    server = await serve(EDGE_MODELS_FOLDER=tiny)
    urls = [f"{shot}?{image_request}" for image_request in FOUR]
    bodies = await fan_out(server, urls, at_once=at_once)
    sources = await mattes(server)
    assert sources.pop("made") == 1
    assert sum(sources.values()) == 3
    assert set(sources) <= ({"joined", "memory"} if at_once else {"memory"})
    looks = await server.metric('edge_model_batch_sum{model="matting"')
    assert looks <= 2, "one look, and one more where that is doubted"
    alone = [
        await fan_out(await serve(EDGE_MODELS_FOLDER=tiny), [url], at_once=False) for url in urls
    ]
    assert [[body] for body in bodies] == alone


async def test_a_purged_photo_is_cut_out_anew_and_a_changed_one_too(
    serve, tiny, photos, shot
) -> None:
    server = await serve(EDGE_MODELS_FOLDER=tiny, EDGE_ORIGIN_REMEMBER="0")
    await fan_out(server, [f"{shot}?{image_request}" for image_request in FOUR[:2]], at_once=False)
    await purge(server, "/sku/123.jpg")
    await fan_out(server, [f"{shot}?{FOUR[2]}"], at_once=False)
    assert (await mattes(server))["made"] == 1
    await purge(server, shot)
    await fan_out(server, [f"{shot}?{image_request}" for image_request in FOUR], at_once=False)
    assert (await mattes(server))["made"] == 2
    Image.open(photos / "shot.png").transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(
        photos / "shot.png"
    )
    await fan_out(server, [f"{shot}?{image_request}" for image_request in FOUR], at_once=False)
    assert (await mattes(server))["made"] == 3


async def restarted(
    photos: Path, environ: dict[str, str], first: str, second: str, between: Callable[[], None]
) -> dict[str, float]:
    """Where the second process found the matte that the first one made."""
    async with running(photos, environ) as server:
        await fan_out(server, [first], at_once=False)
        assert await mattes(server) == {"made": 1}
    between()
    async with running(photos, environ) as server:
        await fan_out(server, [second], at_once=False)
        return await mattes(server)


async def test_it_is_found_after_a_restart_and_not_where_it_was_damaged(
    photos, tiny, shot, tmp_path
) -> None:  # fmt: skip
    store = tmp_path / "store"
    environ = {"EDGE_MODELS_FOLDER": tiny, "EDGE_CACHE_STORE_URL": str(store)}
    urls = [f"{shot}?{image_request}" for image_request in FOUR]
    assert await restarted(photos, environ, *urls[:2], lambda: None) == {"folder": 1}

    def damage() -> None:
        for file in store.rglob("*"):
            if file.is_file() and ".sqlite" not in file.name:
                body = bytearray(file.read_bytes())
                body[-20] ^= 0xFF
                file.write_bytes(body)

    shutil.rmtree(store)
    assert await restarted(photos, environ, urls[2], urls[3], damage) == {"made": 1}


async def test_without_redis_everybody_makes_their_own(
    serve, tiny, shot, redis_server: RedisServer
) -> None:
    server = await serve(
        EDGE_MODELS_FOLDER=tiny,
        EDGE_CACHE_REDIS_URL=redis_server.url,
        EDGE_CACHE_MEMORY_BYTES="0",
        EDGE_CACHE_TIER_TIMEOUT="0.3",
    )
    redis_server.kill()
    await fan_out(server, [f"{shot}?{image_request}" for image_request in FOUR], at_once=False)
    assert (await mattes(server))["made"] == 4


async def test_explain_says_whether_it_would_come_from_a_tier(serve, tiny, shot) -> None:
    server = await serve(EDGE_MODELS_FOLDER=tiny)
    asked = [
        await server.get(f"/-/explain{shot}?{image_request}")
        for image_request in (FOUR[0], FOUR[1], "w=50")
    ]
    assert [answer.json()["matte"] for answer in asked] == [
        {"cached": None},
        {"cached": "memory"},
        None,
    ]
    looks = [answer.json()["analysis"] for answer in asked[:2]]
    assert looks[0] == looks[1]
    await fan_out(server, [f"{shot}?{FOUR[2]}"], at_once=False)
    assert (await mattes(server))["made"] == 1, "explaining has made it, and it was kept"


async def test_a_purge_forgets_what_was_enlarged(serve, tiny, shot) -> None:
    server = await serve(EDGE_MODELS_FOLDER=tiny)
    tiles = 'edge_upscale_tiles_total{model="upscale_x2",source='
    await fan_out(server, [f"{shot}?up=2&fm=jpg", f"{shot}?up=2&fm=webp"], at_once=False)
    once = await server.metric(f'{tiles}"made"')
    assert once == await server.metric(f'{tiles}"kept"') > 0
    assert await server.metric("edge_enlarged_bytes") > 1200 * 1600 * 3
    await purge(server, shot)
    assert await server.metric("edge_enlarged_bytes") == 0
    await fan_out(server, [f"{shot}?up=2&fm=jpg"], at_once=False)
    assert await server.metric(f'{tiles}"made"') == 2 * once


@pytest.mark.slow
@pytest.mark.parametrize("at_once", [False, True], ids=["in turn", "at once"])
async def test_one_matting_in_the_whole_fleet(
    start: Start, redis_url: str, tiny: str, shot: str, at_once: bool
) -> None:
    environ = {"EDGE_CACHE_REDIS_URL": redis_url, "EDGE_MODELS_FOLDER": tiny}
    replicas = [await start(**environ) for _ in range(2)]
    urls = [f"{shot}?{image_request}" for image_request in FOUR]
    asking = [replicas[i % 2].http.get(url) for i, url in enumerate(urls)]
    answers = (
        await asyncio.gather(*asking)
        if at_once
        else [await delivery_request for delivery_request in asking]
    )
    assert [answer.status_code for answer in answers] == [200] * 4
    made = [await each.metric('edge_mattes_total{source="made"') for each in replicas]
    assert sum(made) == 1
    assert sum([await each.metric("edge_mattes_total{") for each in replicas]) == 4
    asked = [await each.metric('edge_model_batch_sum{model="matting"') for each in replicas]
    assert sum(asked) <= 2, "one look, and one more where that is doubted"
    await replicas[0].http.post(
        "/-/purge", json={"original": shot}, headers={"authorization": f"Bearer {TOKEN}"}
    )
    again = await replicas[0].http.get(f"{shot}?w=77&matte=on")
    assert again.status_code == 200
    assert sum([await each.metric('edge_mattes_total{source="made"') for each in replicas]) == 2
